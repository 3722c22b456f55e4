//! Notices, and the mails that contain them.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{DigestMinute, Grant, Invited, Notice, NoticeKey, OrgId};

use super::Committed;
use crate::Fault;

/// The result of claiming a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The caller may send the message now.
    Won,
    /// The message was sent, or was refused for good.
    Settled,
    /// Another process holds the claim and may be about to send the message.
    Live,
}

/// One digest: the notices that one run has stamped. No other run adds to it. So a recipient of a digest has received
/// all of its notices, and a notice that arrives during a retry goes into another digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestId(String);

impl DigestId {
    /// A new id, for a run that mails the digest of `minute`.
    #[must_use]
    pub fn new(minute: DigestMinute) -> Self {
        let run = uuid::Uuid::new_v4().simple();
        Self(format!("{}#{run}", crate::when::instant(minute.start())))
    }

    /// The id in its stored form.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The stored form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most notices that one call stamps. A transaction has at most 100 items.
pub const NOTICES_PER_STAMP: usize = 100;

/// A notice and the digest that contains it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The key of the notice.
    pub key: NoticeKey,
    /// The content of the notice.
    pub notice: Notice,
    /// The digest that stamped the notice; `None` if no digest has.
    pub digest: Option<DigestId>,
}

/// The counted invitations of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountedInvitations {
    /// The number of writes; 0 if none was ever counted.
    pub rev: u64,
    /// The invitations within the window.
    pub invited: Invited,
}

/// Reads and writes the notices that are not mailed yet, and the claims on messages.
pub trait Notices: Send + Sync {
    /// Every notice of the organisation that is not mailed yet, read consistently.
    fn unsent(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Outgoing>, Fault>> + Send;
    /// Puts up to [`NOTICES_PER_STAMP`] notices into a digest in one transaction. It writes nothing if one of them is
    /// in another digest or was withdrawn.
    fn stamp(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
        digest: &DigestId,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Deletes mailed notices.
    fn remove(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Claims the right to mail a digest to one recipient until the instant `until`. A claim by the same `holder` is
    /// won again.
    fn claim(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Result<Claim, Fault>> + Send;
    /// Settles a claim. `result` is the id of the accepted message, or says that it was refused for good.
    fn settle(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        result: &str,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// The counted invitations of the organisation, read consistently.
    fn invited(
        &self,
        org: &OrgId,
    ) -> impl Future<Output = Result<CountedInvitations, Fault>> + Send;
    /// The invitations that a digest was granted, read consistently; `None` if it was granted none yet.
    fn grant(
        &self,
        org: &OrgId,
        digest: &DigestId,
    ) -> impl Future<Output = Result<Option<Grant>, Fault>> + Send;
    /// Grants a digest its invitations and counts them, in one transaction. `counted` has the `rev` that was read, and the
    /// invitations after the grant. It writes nothing if another digest was counted since, or if this one has its grant.
    fn grants(
        &self,
        org: &OrgId,
        digest: &DigestId,
        grant: &Grant,
        counted: (u64, &Invited),
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// A message to one person.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The recipient.
    pub to: offramp_domain::Email,
    /// The subject, in one line.
    pub subject: &'a str,
    /// The body as plain text.
    pub text: &'a str,
    /// The same body as HTML.
    pub html: &'a str,
}

/// The result of sending a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The mail service accepted the message. The text is its id.
    Accepted(String),
    /// The mail service refused the address or the message for good.
    Refused,
}

/// Sends mails.
pub trait Mailer: Send + Sync {
    /// Sends one message to one person.
    fn send(&self, message: &Message<'_>) -> impl Future<Output = Result<Sent, Fault>> + Send;
}
