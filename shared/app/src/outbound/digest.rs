//! Digests: one mail to each admin, with all notices since the last digest.
//!
//! A mail is sent as nearly once as possible. A notice is stamped into one digest, and only the run that made a digest
//! stamps notices into it. Each message is claimed for a digest and a recipient before it is sent, and settled after. A
//! second mail is sent only if SES accepted a message and that was not recorded. More than [`NOTICES_PER_STAMP`]
//! notices are stamped in several transactions. A run that dies between two of them leaves two mails, of different
//! people.

mod rows;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use offramp_domain::{Access, DigestMinute, EmployeeId, Role, User};

use crate::backoff::pauses;
use crate::metrics::Metric;
use crate::outbound::mail;
use crate::outbound::mail::{Reader, Row};
use crate::ports::{
    Breakers, Claim, Committed, DigestId, Mailer, Message, NOTICES_PER_STAMP, Notices, Outgoing,
    Sent, Users,
};
use crate::{Error, Ports, Result, Tenant};

/// How long a claim is live. It is longer than a function's 30 seconds, and shorter than the 60 seconds after which
/// Lambda retries a failed run.
const CLAIM: TimeDelta = TimeDelta::seconds(45);

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
    let mut digests: BTreeMap<DigestId, Vec<Outgoing>> = BTreeMap::new();
    for one in stamped(tenant, minute).await? {
        if let Some(digest) = one.digest.clone() {
            digests.entry(digest).or_default().push(one);
        }
    }
    let mut mailed = Mailed::default();
    for (digest, notices) in digests {
        let one = Digest {
            tenant: *tenant,
            mailer,
            digest,
            holder,
        };
        let done = one.mail(&notices).await?;
        mailed.sent += done.sent;
        mailed.refused += done.refused;
    }
    Ok(mailed)
}

/// Every unsent notice, each with its digest. A notice without a digest goes into a new digest of this run. It cannot
/// go into an older one, because some admins may have been mailed that one.
async fn stamped<P: Ports>(tenant: &Tenant<'_, P>, minute: DigestMinute) -> Result<Vec<Outgoing>>
where
    P::Store: Notices,
{
    let digest = DigestId::new(minute);
    for pause in pauses() {
        let mut unsent = tenant.store.unsent(tenant.org).await?;
        let mut taken = true;
        let mut fresh: Vec<&mut Outgoing> = unsent
            .iter_mut()
            .filter(|one| one.digest.is_none())
            .collect();
        for chunk in fresh.chunks_mut(NOTICES_PER_STAMP) {
            let keys: Vec<_> = chunk.iter().map(|one| one.key.clone()).collect();
            match tenant.store.stamp(tenant.org, &keys, &digest).await? {
                Committed::Done => chunk
                    .iter_mut()
                    .for_each(|one| one.digest = Some(digest.clone())),
                Committed::Conflict => taken = false,
            }
        }
        if taken {
            return Ok(unsent);
        }
        // A notice was withdrawn, or another run was quicker.
        pause.wait().await;
    }
    Err(Error::Busy)
}

struct Digest<'a, P: Ports, M> {
    tenant: Tenant<'a, P>,
    mailer: &'a M,
    digest: DigestId,
    holder: &'a str,
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
    async fn mail(&self, notices: &[Outgoing]) -> Result<Mailed> {
        let mut mailed = Mailed::default();
        let mut failed = None;
        for letter in self.letters(notices).await? {
            match self.send(&letter).await {
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

    /// Sends one message, if this run wins the claim; `None` if it was sent before, or if the user has no address.
    async fn send(&self, letter: &Letter) -> Result<Option<Sent>> {
        let id = &letter.to.employee_id;
        let Some(to) = letter.to.email() else {
            tracing::warn!(org = %self.tenant.org, employee_id = %id, "somebody to be mailed has no e-mail address");
            return Ok(None);
        };
        let now = self.tenant.clock.now();
        let store = &self.tenant.store;
        match store
            .claim(
                self.tenant.org,
                &self.digest,
                &letter.claim,
                self.holder,
                now,
                now + CLAIM,
            )
            .await?
        {
            Claim::Won => {}
            Claim::Settled => return Ok(None),
            Claim::Live => return Err(Error::Unfinished("another run is mailing this digest")),
        }
        let mail = letter.mail.clone();
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
    async fn letters(&self, notices: &[Outgoing]) -> Result<Vec<Letter>> {
        let now = self.tenant.clock.now();
        let people = rows::people(&self.tenant, notices).await?;
        let here = |id: &EmployeeId| {
            let user = people.users.get(id)?.settled(&people.policy);
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
                    claim: format!("invite#{id}"),
                    to,
                    mail: mail::invitation(self.tenant.org, back),
                });
            }
        }
        Ok(letters)
    }
}
