//! Notices, and the mails that they become.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{DigestMinute, Notice, NoticeKey, OrgId};

use super::Committed;
use crate::Fault;

/// Whether a message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// By the caller, now.
    Won,
    /// It was sent, or refused for good.
    Settled,
    /// By somebody else, who may be about to send it.
    Live,
}

/// One digest: the notices that one run has stamped, and no other run stamps into. So whoever was
/// mailed one was mailed all of it, and a notice that comes while a run is retried is in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestId(String);

impl DigestId {
    /// A fresh one, of a run for that minute.
    #[must_use]
    pub fn new(minute: DigestMinute) -> Self {
        let run = uuid::Uuid::new_v4().simple();
        Self(format!("{}#{run}", crate::when::instant(minute.start())))
    }

    /// One that was stored.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Notices that one call stamps at most: a transaction has at most 100 items.
pub const NOTICES_PER_STAMP: usize = 100;

/// A notice with the digest that has taken it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it is.
    pub key: NoticeKey,
    /// What it tells.
    pub notice: Notice,
    /// The digest that stamped it.
    pub digest: Option<DigestId>,
}

/// Notices that are not mailed yet, and who has been mailed.
pub trait Notices: Send + Sync {
    /// Every notice of the organisation that is not mailed yet; a consistent read.
    fn unsent(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Outgoing>, Fault>> + Send;
    /// Puts up to [`NOTICES_PER_STAMP`] notices into a digest in one transaction: all of them, or
    /// none where one is in another digest or was withdrawn.
    fn stamp(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
        digest: &DigestId,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Removes mailed notices.
    fn remove(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Claims the right to mail one recipient one digest until an instant. `holder` tells one's own claim.
    fn claim(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Result<Claim, Fault>> + Send;
    /// Settles a claim: the message was accepted (its id) or refused for good.
    fn settle(
        &self,
        org: &OrgId,
        digest: &DigestId,
        recipient: &str,
        result: &str,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A message to one person.
#[derive(Debug, Clone)]
pub struct Message {
    /// To whom.
    pub to: offramp_domain::Email,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Accepted, with its id.
    Accepted(String),
    /// Refused for good: this address, or this message.
    Refused,
}

/// SES.
pub trait Mailer: Send + Sync {
    /// Sends one message to one person.
    fn send(&self, message: &Message) -> impl Future<Output = Result<Sent, Fault>> + Send;
}
