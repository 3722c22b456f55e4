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

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures_util::future::{join3, try_join, try_join_all};
use futures_util::stream::{self, StreamExt};
use offramp_domain::{Access, DigestMinute, EmployeeId, NoticeKind, Role, User};

use crate::backoff::{pauses, until_won};
use crate::metrics::Metric;
use crate::outbound::mail;
use crate::outbound::mail::{Reader, Row};
use crate::ports::{
    Breakers, Claim, Committed, DigestId, Mailer, Message, NOTICES_PER_STAMP, Notices, Outgoing,
    Sent, Users,
};
use crate::{Error, Fault, Ports, Result, Tenant};
use rows::People;

/// How long a claim is live. It is longer than a function's 30 seconds, and shorter than the 60 seconds after which
/// Lambda retries a failed run.
const CLAIM: TimeDelta = TimeDelta::seconds(45);
/// How many messages are claimed, sent and settled at once. Few organisations have more admins, so a digest to fifty
/// takes as many calls in a row as a digest to two. SES refuses and drops the messages beyond its rate for a second,
/// and the [`Mailer`] sends them again.
const LETTERS_AT_ONCE: usize = 50;

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
/// Any fault, after the other messages were tried. Also [`Error::Unfinished`] while another run holds a claim, so that
/// Lambda runs this one again in case that one dies.
pub async fn mail<P: Ports, M>(
    tenant: &Tenant<'_, P>,
    mailer: &M,
    minute: DigestMinute,
    holder: &str,
) -> Result<Mailed>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers,
{
    let mut mailed = Mailed::default();
    for taken in taken(tenant, minute, holder).await? {
        let one = Digest {
            tenant: *tenant,
            mailer,
            digest: taken.digest,
            holder,
            claims: taken.claims,
        };
        let done = one.mail(&taken.notices, &taken.people).await?;
        mailed.sent += done.sent;
        mailed.refused += done.refused;
    }
    Ok(mailed)
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
    P::Store: Users + Notices + Breakers,
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
            let mut all = Committed::Done;
            for keys in fresh.chunks(NOTICES_PER_STAMP) {
                if tenant.store.stamp(tenant.org, keys, own).await? == Committed::Conflict {
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
    let named: BTreeSet<EmployeeId> = notices.iter().filter_map(of).collect();
    let is_told = |one: &Outgoing| !matches!(one.notice.kind, NoticeKind::Invited { .. });
    let told = notices.iter().any(is_told);
    let told = admins.iter().filter(|id| told && !named.contains(*id));
    let invited = notices.iter().filter(|one| one.notice.kind.invites());
    let invited: BTreeSet<String> = invited.filter_map(of).map(|id| invite(&id)).collect();
    let all = told.map(ToString::to_string).chain(invited);
    all.take(LETTERS_AT_ONCE).collect()
}

/// The name of an invitation among the messages of a digest.
fn invite(id: &EmployeeId) -> String {
    format!("invite#{id}")
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
    digest: DigestId,
    holder: &'a str,
    claims: Claims,
}

/// One message of a digest.
struct Letter {
    to: User,
    /// Identifies the message within its digest.
    claim: String,
    mail: mail::Mail,
}

impl<P: Ports, M> Digest<'_, P, M>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers,
{
    async fn mail(mut self, notices: &[Outgoing], people: &People) -> Result<Mailed> {
        let mut mailed = Mailed::default();
        let mut failed = None;
        let letters = self.letters(notices, people);
        let letters: Vec<_> = letters
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
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let keys: Vec<_> = notices.iter().map(|one| one.key.clone()).collect();
        self.tenant.store.remove(self.tenant.org, &keys).await?;
        Ok(mailed)
    }

    /// Sends a message if this run holds its claim. `claim` is the result of an earlier claim; `None` if the message is
    /// not claimed yet.
    async fn send(
        &self,
        letter: Letter,
        claim: Option<std::result::Result<Claim, Fault>>,
    ) -> Result<Option<Sent>> {
        let id = &letter.to.employee_id;
        let Some(to) = letter.to.email() else {
            tracing::warn!(org = %self.tenant.org, employee_id = %id, "somebody to be mailed has no e-mail address");
            return Ok(None);
        };
        let claim = match claim {
            Some(claim) => claim,
            None => self::claim(&self.tenant, &self.digest, &letter.claim, self.holder).await,
        };
        match claim? {
            Claim::Won => {}
            Claim::Settled => return Ok(None),
            Claim::Live => return Err(Error::Unfinished("another run is mailing this digest")),
        }
        let mail = letter.mail;
        let message = Message {
            to,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
        };
        let sent = self.mailer.send(&message).await?;
        let (result, metric) = match &sent {
            Sent::Accepted(id) => (id.as_str(), Metric::MailsSent),
            Sent::Refused => ("refused", Metric::MailsRefused),
        };
        self.tenant.meter.record(metric, 1_u32);
        self.settle(&letter.claim, result).await?;
        tracing::info!(org = %self.tenant.org, employee_id = %id, digest = self.digest.as_str(), result, "mailed a digest");
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

    /// The messages of a digest. Admins are told everything, managers only the leave dates of their people, and invited
    /// users only of the invitation. A digest does not go to a person without access, or to one that it names.
    fn letters(&self, notices: &[Outgoing], people: &People) -> Vec<Letter> {
        let now = self.tenant.clock.now();
        let here = |id: &EmployeeId| {
            let user = people.users.get(id)?.as_of(&people.policy);
            (user.access_at(now) == Access::Granted).then_some(user)
        };
        let zone = &people.policy.settings.time_zone;
        let told: Vec<Row> = people.rows.iter().map(|(row, _)| row.clone()).collect();
        let named = |id: &EmployeeId| {
            people
                .rows
                .iter()
                .any(|(row, _)| row.id.as_deref() == Some(id.as_str()))
        };
        let mut letters = Vec::new();
        let mut tell = |id: &EmployeeId, rows: &[Row], reader: Reader| {
            let Some(to) = here(id) else { return };
            let is_admin = to.role == Role::Admin;
            if rows.is_empty() || named(id) || (reader == Reader::Admin && !is_admin) {
                return;
            }
            let letter = mail::Letter {
                org: self.tenant.org,
                zone,
                to: reader,
            };
            letters.push(Letter {
                claim: id.to_string(),
                to,
                mail: mail::digest(rows, letter),
            });
        };
        for admin in &people.admins {
            tell(admin, &told, Reader::Admin);
        }
        let mut managers: BTreeMap<&EmployeeId, Vec<Row>> = BTreeMap::new();
        for (row, manager) in &people.rows {
            if let Some(manager) = manager
                && !people.admins.contains(manager)
            {
                managers.entry(manager).or_default().push(row.clone());
            }
        }
        for (manager, rows) in &managers {
            tell(manager, rows, Reader::Manager);
        }
        let mut invited: BTreeMap<&EmployeeId, bool> = BTreeMap::new();
        for one in notices.iter().filter(|one| one.notice.kind.invites()) {
            if let Some(id) = &one.notice.employee_id {
                *invited.entry(id).or_default() |= one.notice.kind.is_return();
            }
        }
        for (id, back) in invited {
            if let Some(to) = here(id) {
                letters.push(Letter {
                    claim: invite(id),
                    to,
                    mail: mail::invitation(self.tenant.org, back),
                });
            }
        }
        letters
    }
}
