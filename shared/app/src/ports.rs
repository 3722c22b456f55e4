//! What the use cases need from the world: narrow, in domain types.
//!
//! One trait per capability, so that a function's IAM policy can be read off the ports it names.
//! Every method may fail with a [`Fault`]; whether the work was done is then unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{
    Card, CardId, Change, DigestMinute, EmployeeId, Entry, Generation, Notice, NoticeKey, OrgId,
    Policy, SourceId, Status, Timer, User,
};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// People that one consistent read takes, beside policy and admins: a batch has at most 100 keys.
pub const USERS_PER_READ: usize = 98;

/// What a decision is made on, read consistently in one call.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Settings and epoch.
    pub policy: Policy,
    /// The admins with access.
    pub admins: BTreeSet<EmployeeId>,
    /// Those of the asked who exist.
    pub users: BTreeMap<EmployeeId, User>,
}

/// Whether a conditional write took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// It did.
    Done,
    /// Something it was conditional on has changed: read again and decide again.
    Conflict,
}

/// What happens to a card in the same transaction as its owner's change.
#[derive(Debug, Clone)]
pub enum CardWrite {
    /// A new card.
    Add(Card),
    /// The issuer has cancelled it.
    Cancelled {
        /// Whose.
        owner: EmployeeId,
        /// Which.
        card: CardId,
    },
    /// Another status; conditional on its being changeable.
    Status {
        /// The card with its new status.
        card: Card,
    },
    /// Another owner; conditional on its being changeable and the old owner's.
    Give {
        /// The card with its new owner.
        card: Card,
        /// Whose it was.
        from: EmployeeId,
    },
}

/// What a `POST` with an `Idempotency-Key` answered, kept for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Identifies key and caller.
    pub key: String,
    /// Identifies the request.
    pub request: String,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
    /// The answer's version.
    pub version: Option<u64>,
}

/// One transaction: all of it, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Commit<'a> {
    /// Changes of users; at most two.
    pub changes: Vec<&'a Change>,
    /// Changes of cards.
    pub cards: Vec<CardWrite>,
    /// The receipt of an idempotent request.
    pub receipt: Option<Receipt>,
}

/// Users, read and written consistently.
pub trait Users: Send + Sync {
    /// Policy, admins and up to [`USERS_PER_READ`] users in one consistent batch read.
    fn load(
        &self,
        org: &OrgId,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<Loaded, Fault>> + Send;
    /// One transaction, conditional on each user's `rev`.
    fn commit(
        &self,
        org: &OrgId,
        commit: &Commit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// One page of something.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<String>,
}

/// The directory: finding users by what is known of them. Eventually consistent: read the user to be sure.
pub trait Directory: Send + Sync {
    /// Ids of users of the stored statuses, by folded name, from `after` on; of those whose name begins with `prefix`.
    fn people(
        &self,
        org: &OrgId,
        statuses: &[Status],
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded e-mail address begins with `prefix`.
    fn by_email(
        &self,
        org: &OrgId,
        prefix: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded id begins with `prefix`.
    fn by_id(
        &self,
        org: &OrgId,
        prefix: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
    /// Ids of users with exactly this address, folded: one query.
    fn with_email(
        &self,
        org: &OrgId,
        email: &str,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}

/// A user's past.
pub trait Histories: Send + Sync {
    /// Entries with a version below `before`, newest first.
    fn history(
        &self,
        org: &OrgId,
        id: &EmployeeId,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Fault>> + Send;
}

/// The record of the cards.
pub trait Cards: Send + Sync {
    /// Every card of an owner, cancelled ones too; a consistent read.
    fn cards_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Card>, Fault>> + Send;
    /// A card; a consistent read.
    fn card(
        &self,
        org: &OrgId,
        card: &CardId,
    ) -> impl Future<Output = Result<Option<Card>, Fault>> + Send;
    /// Writes down that the issuer is about to be told: conditional on the owner's deactivation still
    /// standing in that generation, and on each card being theirs. At most 90 cards.
    fn begin_cancelling(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        generation: Generation,
        cards: &[CardId],
        due: DateTime<Utc>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// One cancellation at the issuer. Sent again with the same key, it is the same cancellation.
#[derive(Debug, Clone)]
pub struct CancelOrder<'a> {
    /// Whose organisation.
    pub org: &'a OrgId,
    /// Our card.
    pub card_id: &'a CardId,
    /// The issuer's name for it.
    pub external_id: Option<&'a str>,
    /// The same for every try of this cancellation: a card is cancelled once.
    pub idempotency_key: String,
}

/// What an issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerAnswer {
    /// Cancelled now.
    Cancelled,
    /// It was cancelled before: as good.
    AlreadyCancelled,
}

/// Who issued the cards. May be slow and may fail; a retryable fault is tried again by the
/// finishing timer, Lambda's retries and the sweep, a permanent one ends as a dead letter.
pub trait CardIssuer: Send + Sync {
    /// Cancels a card for ever.
    fn cancel(
        &self,
        order: &CancelOrder<'_>,
    ) -> impl Future<Output = Result<IssuerAnswer, Fault>> + Send;
}

/// Timers of Scheduler.
pub trait Timers: Send + Sync {
    /// Arms it; one that is armed already stays.
    fn arm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes it; one that is gone is gone.
    fn disarm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
}

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

/// A notice with the digest that has taken it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it is.
    pub key: NoticeKey,
    /// What it tells.
    pub notice: Notice,
    /// The digest that stamped it.
    pub digest: Option<DigestMinute>,
}

/// Notices that are not mailed yet, and who has been mailed.
pub trait Notices: Send + Sync {
    /// Every notice of the organisation that is not mailed yet; a consistent read.
    fn unsent(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Outgoing>, Fault>> + Send;
    /// Puts a notice into a digest, unless it is in one or was withdrawn.
    fn stamp(
        &self,
        org: &OrgId,
        key: &NoticeKey,
        digest: DigestMinute,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Removes mailed notices.
    fn remove(
        &self,
        org: &OrgId,
        keys: &[NoticeKey],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Claims the right to mail one admin one digest until an instant. `holder` tells one's own claim.
    fn claim(
        &self,
        org: &OrgId,
        digest: DigestMinute,
        admin: &EmployeeId,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Result<Claim, Fault>> + Send;
    /// Settles a claim: the message was accepted (its id) or refused for good.
    fn settle(
        &self,
        org: &OrgId,
        digest: DigestMinute,
        admin: &EmployeeId,
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

/// A pending confirmation of a change of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Opaque to the client.
    pub token: String,
    /// The version that it was asked for.
    pub version: u64,
    /// Identifies the settings that would be.
    pub change: String,
    /// Until when.
    pub expires: DateTime<Utc>,
}

/// A change of the settings, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: offramp_domain::Actor,
    /// Before.
    pub from: Policy,
    /// After.
    pub to: Policy,
}

/// Settings.
pub trait Policies: Send + Sync {
    /// The policy as it is; the default where nobody has set anything. A consistent read.
    fn policy(&self, org: &OrgId) -> impl Future<Output = Result<Policy, Fault>> + Send;
    /// Replaces the policy, conditional on its version, with the entry and the notices of the change.
    fn commit_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Keeps a confirmation until it expires.
    fn put_confirmation(
        &self,
        org: &OrgId,
        confirmation: &Confirmation,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Finds a confirmation, expired or not.
    fn confirmation(
        &self,
        org: &OrgId,
        token: &str,
    ) -> impl Future<Output = Result<Option<Confirmation>, Fault>> + Send;
}

/// What a source may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Its records are kept; nobody is deactivated, restored or mailed about.
    Observing,
    /// It is acted on.
    Active,
    /// Nothing is taken from it.
    Disabled,
}

/// A webhook secret, sealed by KMS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Counts the secrets of the source.
    pub version: u64,
    /// Ciphertext, base64.
    pub sealed: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedSecret(version {})", self.version)
    }
}

/// An HR integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub source: SourceId,
    /// What it may do.
    pub state: SourceState,
    /// At most two that verify, the newest last.
    pub secrets: Vec<SealedSecret>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// The `ETag`.
    pub version: u64,
}

/// HR integrations.
pub trait Sources: Send + Sync {
    /// One source; a consistent read.
    fn source(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Option<Source>, Fault>> + Send;
    /// Every source of an organisation.
    fn sources(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Source>, Fault>> + Send;
    /// Writes a source, conditional on the version before; 0 where there must be none.
    fn put_source(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// What a sealed secret is bound to.
#[derive(Debug, Clone)]
pub struct SealContext<'a> {
    /// Organisation.
    pub org: &'a OrgId,
    /// Source.
    pub source: &'a SourceId,
    /// Version of the secret.
    pub version: u64,
}

/// The half of KMS that `admin` has.
pub trait Seals: Send + Sync {
    /// Encrypts a secret; base64.
    fn seal(
        &self,
        context: &SealContext<'_>,
        secret: &[u8],
    ) -> impl Future<Output = Result<String, Fault>> + Send;
}

/// The half of KMS that `hr-sync` has.
pub trait Unseals: Send + Sync {
    /// Decrypts a secret. Kept in memory by context and ciphertext.
    fn unseal(
        &self,
        context: &SealContext<'_>,
        sealed: &str,
    ) -> impl Future<Output = Result<Vec<u8>, Fault>> + Send;
}

/// Receipts of idempotent requests.
pub trait Receipts: Send + Sync {
    /// What a key answered; a consistent read.
    fn receipt(
        &self,
        org: &OrgId,
        key: &str,
    ) -> impl Future<Output = Result<Option<Receipt>, Fault>> + Send;
}

/// Something that is overdue or half done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A user who is due, or whose deactivation is not finished, or whose card is being cancelled.
    User {
        /// Organisation.
        org: OrgId,
        /// Whose.
        employee_id: EmployeeId,
    },
    /// A notice that is not mailed.
    Notice {
        /// Organisation.
        org: OrgId,
        /// Its minute.
        minute: DigestMinute,
    },
}

/// The index of what is overdue.
pub trait Overdue: Send + Sync {
    /// What was due before an instant, oldest first within each shard; at most `limit` of each shard.
    fn overdue(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Work>, Fault>> + Send;
}
