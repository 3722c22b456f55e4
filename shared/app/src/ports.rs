//! What the use cases need from the world: narrow, in domain types.
//!
//! One trait per capability, so that a function's IAM policy can be read off the ports it names. A new capability of the
//! table is a trait here and its implementation in `shared/aws/src/table`; another service is also a type of
//! [`crate::Ports`].
//! Every method may fail with a [`Fault`]; whether the work was done is then unknown.

mod archive;
mod breaker;
mod cards;
mod feeds;
mod health;
mod inbound;
mod mail;
mod objectives;
mod organisation;
mod roster;
pub mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use offramp_domain::{
    Breaker, Change, DigestMinute, EmployeeId, Entry, HoldId, Objective, OrgId, Policy, RunId,
    SnapshotId, SourceId, Status, Timer, User,
};
use serde::{Deserialize, Serialize};

use crate::Fault;

pub use archive::*;
pub use breaker::*;
pub use cards::*;
pub use feeds::*;
pub use health::*;
pub use inbound::*;
pub use mail::*;
pub use objectives::*;
pub use organisation::*;
pub use roster::*;
pub use snapshots::{Chunk, SnapshotCommit, Snapshots};

/// People that one consistent read takes, beside policy, admins and a breaker: a batch has at most 100 keys.
pub const USERS_PER_READ: usize = 97;

/// What a decision is made on, read consistently in one call. What is read for many people is shared among them.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Settings and epoch.
    pub policy: Arc<Policy>,
    /// The admins with access.
    pub admins: Arc<BTreeSet<EmployeeId>>,
    /// The requested users that exist.
    pub users: BTreeMap<EmployeeId, User>,
    /// The source's breaker: the default where none is stored, `None` where no source was given.
    pub breaker: Option<Arc<Breaker>>,
}

impl Loaded {
    /// The same policy, admins and breaker, and one person.
    #[must_use]
    pub fn only(&self, id: &EmployeeId) -> Self {
        Self {
            policy: self.policy.clone(),
            admins: self.admins.clone(),
            breaker: self.breaker.clone(),
            users: self
                .users
                .get_key_value(id)
                .map(|(id, user)| (id.clone(), user.clone()))
                .into_iter()
                .collect(),
        }
    }
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
    /// Changes of users. A transaction has 100 items at most. Changes of one person are decided one after the other and
    /// stand in that order: together they are one write of the user, with the entry of each.
    pub changes: Vec<&'a Change>,
    /// Changes of cards.
    pub cards: Vec<CardWrite>,
    /// Objectives, each conditional on the version before. Their owner is among the changes.
    pub objectives: Vec<Objective>,
    /// The receipt of an idempotent request.
    pub receipt: Option<Receipt>,
    /// The committer itself goes on with the work that the changes make; otherwise it is handed to `terminate`, by
    /// the table's stream.
    pub own_work: bool,
}

/// Users, read and written consistently.
pub trait Users: Send + Sync {
    /// Policy, admins and up to [`USERS_PER_READ`] users in one consistent batch read, and the breaker of
    /// a source.
    fn load_of(
        &self,
        org: &OrgId,
        source: Option<&SourceId>,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<Loaded, Fault>> + Send;
    /// The same without a breaker.
    fn load(
        &self,
        org: &OrgId,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<Loaded, Fault>> + Send {
        self.load_of(org, None, ids)
    }
    /// One user; a consistent read of that item alone.
    fn one(
        &self,
        org: &OrgId,
        id: &EmployeeId,
    ) -> impl Future<Output = Result<Option<User>, Fault>> + Send;
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
    /// Ids of users who have a leave date, by date, from `after` on, up to and with `until`.
    fn leaving(
        &self,
        org: &OrgId,
        until: Option<NaiveDate>,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded e-mail address begins with `prefix`, by address, from `after` on.
    fn by_email(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded id begins with `prefix`, by id, from `after` on.
    fn by_id(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users with exactly this address, folded: one query.
    fn with_email(
        &self,
        org: &OrgId,
        email: &str,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}

/// One change in an organisation.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditEntry))]
pub enum Audited {
    /// Of a user.
    User {
        /// Whose.
        employee_id: EmployeeId,
        /// What.
        #[serde(flatten)]
        entry: Box<Entry>,
    },
    /// Of a hold: an admin answered it, or HR took it back.
    Hold(Answer),
    /// Of the settings or the sync rule.
    Settings {
        /// When.
        at: DateTime<Utc>,
        /// Who.
        by: offramp_domain::Actor,
        /// Before.
        from: Box<Policy>,
        /// After.
        to: Box<Policy>,
    },
    /// Of a run: an admin took it back.
    Run {
        /// When.
        at: DateTime<Utc>,
        /// Who.
        by: offramp_domain::Actor,
        /// Which. The entries of its people name it as well.
        run_id: RunId,
        /// How many people were active again by it.
        affected: u32,
    },
    /// Of a source: it was made, switched or given another secret.
    Source(SourceEntry),
    /// Somebody was erased.
    Erasure(Erasure),
}

/// What reports are made of.
pub trait Reports: Send + Sync {
    /// Ids of users for whom HR and what is stored disagree, by id. Eventually consistent.
    fn drifting(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Changes between two instants, oldest first, from `after` on.
    fn audit(
        &self,
        org: &OrgId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Audited>, Fault>> + Send;
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

/// Timers of Scheduler.
pub trait Timers: Send + Sync {
    /// Arms it; one that is armed already stays.
    fn arm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes it; one that is gone is gone.
    fn disarm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
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
    /// A hold that nobody has answered.
    Hold {
        /// Organisation.
        org: OrgId,
        /// Which.
        hold: HoldId,
    },
    /// A snapshot on which there is work.
    Snapshot {
        /// Organisation.
        org: OrgId,
        /// Source.
        source: SourceId,
        /// Which.
        snapshot: SnapshotId,
    },
    /// A source that is to be looked at.
    Source {
        /// Organisation.
        org: OrgId,
        /// Which.
        source: SourceId,
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
