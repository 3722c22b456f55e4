//! Digests: one mail to each admin, with all notices since the last digest.
//!
//! A mail is sent as nearly once as possible. A notice is stamped into one digest, and only the run that made a digest
//! stamps notices into it. Each message is claimed for a digest and a recipient before it is sent, and settled after. A
//! second mail is sent only if SES accepted a message and that was not recorded. More than [`NOTICES_PER_STAMP`]
//! notices are stamped in several transactions. A run that dies between two of them leaves two mails, of different
//! people.
//!
//! Calls that do not need each other's answers are made together. First the notices and the admins are read. Then the
//! notices are stamped, the messages are claimed, and the people are read. Then up to `LETTERS_AT_ONCE` messages are
//! sent, and each is settled when SES has answered. A claim expires without effect if its message is not sent.
//!
//! Of a digest with invitations, the limit on invitations is asked before a message is sent. It is asked once, and a later
//! run finds what was granted.
//!
//! All admins read the same mail, so it is composed once. A message is composed when it is sent, and none begins without
//! the time to be settled. The rest is [`Error::Unfinished`]: the next run finds the settled messages and sends the
//! others.

mod invited;
mod letters;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{join3, try_join, try_join_all};
use futures_util::stream::{self, StreamExt};
use offramp_domain::{DigestMinute, EmployeeId, NoticeKey, NoticeKind};

use crate::backoff::{pauses, until_won};
use crate::metrics::Metric;
use crate::ports::{
    Breakers, Claim, Committed, DigestId, Lookalikes, Mailer, Message, NOTICES_PER_STAMP, Notices,
    Outgoing, Sent, Users,
};
use crate::{Deadline, Error, Fault, Ports, Result, Tenant};
use letters::{Letter, Letters, invite};
use rows::People;

/// How long a claim is live. It is longer than a function's 30 seconds, and shorter than the 60 seconds after which
/// Lambda retries a failed run.
const CLAIM: TimeDelta = TimeDelta::seconds(45);
/// How many messages are claimed, sent and settled at once. Few organisations have more admins, so a digest to fifty
/// takes as many calls in a row as a digest to two. SES refuses and drops the messages beyond its rate for a second,
/// and the [`Mailer`] sends them again.
const LETTERS_AT_ONCE: usize = 50;
/// A message begins only if this much time is left. Ten thousand messages take longer than a run, and a message that SES
/// accepted must still be settled. It takes milliseconds, or up to seven seconds if SES throttles.
const LETTER_TIME: Duration = Duration::from_secs(8);
/// Mailed notices are deleted only while this much time is left, so many at a time. The next run deletes the others.
const REMOVAL_TIME: Duration = Duration::from_secs(3);
const REMOVED_TOGETHER: usize = 400;
/// How many transactions stamp notices at once.
const STAMPS_AT_ONCE: usize = 4;

/// The result of a digest timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mailed {
    /// How many messages SES accepted from this run.
    pub sent: u32,
    /// How many messages SES refused for good.
    pub refused: u32,
}

/// Mails every notice that is not mailed yet. A stamped notice is mailed in its digest, the rest in a new digest of
/// `minute`. `holder` identifies the claims of this run.
///
/// # Errors
/// Any fault, after the other messages were tried. Also [`Error::Unfinished`] if the time did not suffice, and while
/// another run holds a claim. Lambda runs this one again, and the sweep continues after that.
pub async fn mail<P: Ports, M>(
    tenant: &Tenant<'_, P>,
    mailer: &M,
    minute: DigestMinute,
    holder: &str,
    deadline: Deadline,
) -> Result<Mailed>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers + Lookalikes,
{
    let (mut mailed, mut failed) = (Mailed::default(), None);
    for mut taken in taken(tenant, minute, holder).await? {
        let (digest, notices) = (&taken.digest, &taken.notices);
        if let Err(error) = invited::decide(tenant, digest, notices, &mut taken.people).await {
            failed = failed.or(Some(error));
            continue;
        }
        let one = Digest {
            tenant: *tenant,
            mailer,
            letters: Letters::new(tenant.org, &taken.people, tenant.clock.now()),
            digest: taken.digest,
            holder,
            claims: taken.claims,
            deadline,
        };
        match one.mail(&taken.notices).await {
            Ok(done) => {
                mailed.sent += done.sent;
                mailed.refused += done.refused;
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(mailed), Err)
}

/// The claimed messages of a digest, by the name of the message, each with the result of claiming it.
type Claims = BTreeMap<String, std::result::Result<Claim, Fault>>;

/// A digest with the data of its messages.
struct Taken {
    digest: DigestId,
    notices: Vec<Outgoing>,
    people: People,
    claims: Claims,
}

/// All unsent notices, in digests. A notice without a digest goes into a new digest of this run. In an older digest
/// some admins would not see it, because they have been mailed already.
async fn taken<P: Ports>(
    tenant: &Tenant<'_, P>,
    minute: DigestMinute,
    holder: &str,
) -> Result<Vec<Taken>>
where
    P::Store: Users + Notices + Breakers + Lookalikes,
{
    let own = &DigestId::new(minute);
    until_won(|| async move {
        let unsent = tenant.store.unsent(tenant.org);
        let (unsent, loaded) = try_join(unsent, tenant.store.load(tenant.org, &[])).await?;
        let fresh = unsent.iter().filter(|one| one.digest.is_none());
        let fresh: Vec<_> = fresh.map(|one| one.key.clone()).collect();
        let mut digests: BTreeMap<DigestId, Vec<Outgoing>> = BTreeMap::new();
        for one in unsent {
            let digest = one.digest.clone().unwrap_or_else(|| own.clone());
            digests.entry(digest).or_default().push(one);
        }
        let stamped = async {
            let stamps = fresh.chunks(NOTICES_PER_STAMP);
            let stamps = stamps.map(|keys| tenant.store.stamp(tenant.org, keys, own));
            let mut stamps = stream::iter(stamps).buffer_unordered(STAMPS_AT_ONCE);
            let mut all = Committed::Done;
            while let Some(stamped) = stamps.next().await {
                if stamped? == Committed::Conflict {
                    all = Committed::Conflict;
                }
            }
            Ok::<_, Fault>(all)
        };
        let admins = &loaded.admins;
        let people = digests
            .values()
            .map(|one| rows::people(tenant, one, admins));
        let claims = digests.iter().map(|(digest, notices)| {
            let wanted = expected(notices, admins);
            claimed(tenant, digest, wanted, holder)
        });
        let claims = stream::iter(claims).buffered(1).collect::<Vec<_>>();
        let (stamped, people, claims) = join3(stamped, try_join_all(people), claims).await;
        if stamped? == Committed::Done {
            let of = |((digest, notices), (people, claims))| Taken {
                digest,
                notices,
                people,
                claims,
            };
            let made = people?.into_iter().zip(claims);
            return Ok(Some(digests.into_iter().zip(made).map(of).collect()));
        }
        // A notice was withdrawn, or another run stamped one first.
        Ok(None)
    })
    .await
}

/// The names of the messages that a digest is likely to have, at most [`LETTERS_AT_ONCE`]. Any other message is claimed
/// when it is sent.
fn expected(notices: &[Outgoing], admins: &BTreeSet<EmployeeId>) -> Vec<String> {
    let of = |one: &Outgoing| one.notice.employee_id.clone();
    let named = notices.iter().filter(|one| !one.key.kind.is_power());
    let named: BTreeSet<EmployeeId> = named.filter_map(of).collect();
    let is_told = |one: &Outgoing| !matches!(one.notice.kind, NoticeKind::Invited { .. });
    let told = notices.iter().any(is_told);
    let told = admins.iter().filter(|id| told && !named.contains(*id));
    let invited = notices.iter().filter(|one| one.notice.kind.invites());
    let invited: BTreeSet<String> = invited.filter_map(of).map(|id| invite(&id)).collect();
    let all = told.map(ToString::to_string).chain(invited);
    all.take(LETTERS_AT_ONCE).collect()
}

/// Claims messages at once. A fault concerns only its own message.
async fn claimed<P: Ports>(
    tenant: &Tenant<'_, P>,
    digest: &DigestId,
    wanted: Vec<String>,
    holder: &str,
) -> Claims
where
    P::Store: Notices,
{
    let claims = wanted.into_iter().map(|claim| async move {
        let won = self::claim(tenant, digest, &claim, holder).await;
        (claim, won)
    });
    let claims = stream::iter(claims).buffer_unordered(LETTERS_AT_ONCE);
    claims.collect().await
}

async fn claim<P: Ports>(
    tenant: &Tenant<'_, P>,
    digest: &DigestId,
    claim: &str,
    holder: &str,
) -> std::result::Result<Claim, Fault>
where
    P::Store: Notices,
{
    let now = tenant.clock.now();
    let store = &tenant.store;
    store
        .claim(tenant.org, digest, claim, holder, now, now + CLAIM)
        .await
}

struct Digest<'a, P: Ports, M> {
    tenant: Tenant<'a, P>,
    mailer: &'a M,
    letters: Letters<'a>,
    digest: DigestId,
    holder: &'a str,
    claims: Claims,
    deadline: Deadline,
}

impl<'a, P: Ports, M> Digest<'a, P, M>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers + Lookalikes,
{
    async fn mail(mut self, notices: &[Outgoing]) -> Result<Mailed> {
        let mut mailed = Mailed::default();
        let mut failed = None;
        let letters: Vec<_> = self
            .letters
            .of()
            .into_iter()
            .map(|letter| (self.claims.remove(&letter.claim), letter))
            .collect();
        let sent = letters
            .into_iter()
            .map(|(claim, letter)| self.send(letter, claim));
        let mut sent = stream::iter(sent).buffer_unordered(LETTERS_AT_ONCE);
        while let Some(sent) = sent.next().await {
            match sent {
                Ok(Some(Sent::Accepted(_))) => mailed.sent += 1,
                Ok(Some(Sent::Refused)) => mailed.refused += 1,
                Ok(None) => {}
                // A fault says more than that the time did not suffice.
                Err(error @ Error::Unfinished(_)) => failed = failed.or(Some(error)),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            let (org, digest) = (self.tenant.org, self.digest.as_str());
            tracing::info!(%org, digest, sent = mailed.sent, "a digest is not finished");
            return Err(error);
        }
        self.remove(notices).await?;
        Ok(mailed)
    }

    /// Deletes the notices of a digest that everybody has.
    async fn remove(&self, notices: &[Outgoing]) -> Result<()> {
        let keys: Vec<NoticeKey> = notices.iter().map(|one| one.key.clone()).collect();
        for keys in keys.chunks(REMOVED_TOGETHER) {
            if !self.deadline.leaves(REMOVAL_TIME) {
                return Err(Error::Unfinished("mailed notices are left to delete"));
            }
            self.tenant.store.remove(self.tenant.org, keys).await?;
        }
        Ok(())
    }

    /// Sends a message if this run holds its claim. `claim` is the result of an earlier claim; `None` if the message is
    /// not claimed yet.
    async fn send(
        &self,
        letter: Letter<'a>,
        claim: Option<std::result::Result<Claim, Fault>>,
    ) -> Result<Option<Sent>> {
        let recipient = letter.to.name();
        let Some(to) = self.letters.address(letter.to) else {
            tracing::warn!(org = %self.tenant.org, recipient, "somebody to be mailed has no e-mail address");
            return Ok(None);
        };
        if !self.deadline.leaves(LETTER_TIME) {
            return Err(Error::Unfinished("mails of a digest are left"));
        }
        let claim = match claim {
            Some(claim) => claim,
            None => self::claim(&self.tenant, &self.digest, &letter.claim, self.holder).await,
        };
        match claim? {
            Claim::Won => {}
            Claim::Settled => return Ok(None),
            Claim::Live => return Err(Error::Unfinished("another run is mailing this digest")),
        }
        let mail = self.letters.compose(&letter.content);
        let message = Message {
            to,
            subject: &mail.subject,
            text: &mail.text,
            html: &mail.html,
        };
        let sent = self.mailer.send(&message).await?;
        let (result, metric) = match &sent {
            Sent::Accepted(id) => (id.as_str(), Metric::MailsSent),
            Sent::Refused => ("refused", Metric::MailsRefused),
        };
        self.tenant.meter.record(metric, 1_u32);
        self.settle(&letter.claim, result).await?;
        tracing::info!(org = %self.tenant.org, recipient, digest = self.digest.as_str(), result, "mailed a digest");
        Ok(Some(sent))
    }

    /// Records that a message has been sent, and tries until that succeeds. A run that does not know it would send the
    /// message again.
    async fn settle(&self, claim: &str, result: &str) -> Result<()> {
        let mut last = None;
        for pause in pauses() {
            let now = self.tenant.clock.now();
            let store = &self.tenant.store;
            match store
                .settle(self.tenant.org, &self.digest, claim, result, now)
                .await
            {
                Ok(()) => return Ok(()),
                Err(fault) if fault.retryable => last = Some(fault),
                Err(fault) => return Err(fault.into()),
            }
            pause.wait().await;
        }
        Err(last.map_or(Error::Busy, Error::Fault))
    }
}
