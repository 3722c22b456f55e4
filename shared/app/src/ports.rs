//! The ports: what the use cases need from the outside world, in types of the domain.
//!
//! Each capability is one trait, so that a function's IAM policy can be read off the ports that it names. A new
//! capability of the table is a trait here, and its implementation is in `shared/aws/src/table`. Another service is
//! also a type of [`crate::Ports`]. Every method may fail with a [`Fault`]. Then it is unknown whether the work was
//! done.

mod addresses;
mod archive;
mod breaker;
mod cards;
mod feeds;
mod health;
mod inbound;
mod machines;
mod mail;
mod objectives;
mod organisation;
mod roster;
pub mod snapshots;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use offramp_domain::{
    Breaker, Change, EmployeeId, Entry, Hold, Logins, Objective, OrgId, Policy, Roll, RunId,
    SourceId, Status, Timer, User,
};
use serde::{Deserialize, Serialize};

use crate::Fault;

pub use addresses::*;
pub use archive::*;
pub use breaker::*;
pub use cards::*;
pub use feeds::*;
pub use health::*;
pub use inbound::*;
pub use machines::*;
pub use mail::*;
pub use objectives::*;
pub use organisation::*;
pub use roster::*;
pub use snapshots::{Chunk, ChunkId, SnapshotCommit, Snapshots};
pub use work::*;

/// How many people one consistent read takes beside policy, admins and a breaker. A batch has at most 100 keys.
pub const USERS_PER_READ: usize = 97;

/// The facts of a decision, read consistently in one call. Facts that concern many people are shared among them.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The policy: settings, sync rule and epoch.
    pub policy: Arc<Policy>,
    /// The admins with access.
    pub admins: Arc<BTreeSet<EmployeeId>>,
    /// The logins that name admins and auditors.
    pub logins: Arc<Logins>,
    /// The requested users that exist.
    pub users: BTreeMap<EmployeeId, User>,
    /// The breaker of the source. It is the default if none is stored, and `None` if no source was given.
    pub breaker: Option<Arc<Breaker>>,
    /// Of requested people who do not exist, somebody who is here and whom they look like ([`Lookalikes`]).
    pub alike: BTreeMap<EmployeeId, EmployeeId>,
}

impl Loaded {
    /// The same without look-alikes, whom no client sees.
    #[must_use]
    pub fn as_seen(mut self) -> Self {
        self.users.retain(|_, user| user.look_alike.is_none());
        self
    }

    /// The same policy, admins and breaker, with one person.
    #[must_use]
    pub fn only(&self, id: &EmployeeId) -> Self {
        Self {
            policy: self.policy.clone(),
            admins: self.admins.clone(),
            logins: self.logins.clone(),
            breaker: self.breaker.clone(),
            alike: self.alike.clone(),
            users: self
                .users
                .get_key_value(id)
                .map(|(id, user)| (id.clone(), user.clone()))
                .into_iter()
                .collect(),
        }
    }
}

/// The result of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// The write took place.
    Done,
    /// A condition failed, and nothing was written. The caller reads again and decides again.
    Conflict,
}

/// The answer to a `POST` with an `Idempotency-Key`. It is kept for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Identifies the key and the caller.
    pub key: String,
    /// Identifies the content of the request.
    pub request: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub body: String,
    /// The version in the answer's `ETag`; `None` if the answer has none.
    pub version: Option<u64>,
}

/// The hold that people join, and the part of its roll that lists them.
#[derive(Debug, Clone)]
pub struct HoldJoin {
    /// The hold after they have joined. The write is conditional on the version before it, and on nothing else: whatever
    /// answers or closes a hold changes its version.
    pub hold: Hold,
    /// The people. Their roll number is the version of `hold`.
    pub roll: Roll,
}

/// A transaction, which is written as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit<'a> {
    /// The changes of users.
    pub changes: Vec<&'a Change>,
    /// The holds that some of these users join, each once.
    pub joins: Vec<HoldJoin>,
    /// The changes of cards.
    pub cards: Vec<CardWrite>,
    /// Objectives, each conditional on the version before. Their owner is among the changes.
    pub objectives: Vec<Objective>,
    /// The receipt of an idempotent request.
    pub receipt: Option<Receipt>,
    /// True if the committer does the work that the changes leave. Otherwise the table's stream hands it to
    /// `terminate`.
    pub own_work: bool,
}

/// Reads and writes users consistently.
pub trait Users: Breakers {
    /// Reads the policy, the admins, up to [`USERS_PER_READ`] users, and the breaker of `source`. It is one consistent
    /// batch read.
    fn load_of(
        &self,
        org: &OrgId,
        source: Option<&SourceId>,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<Loaded, Fault>> + Send;
    /// The same without a breaker, and without look-alikes, whom no client sees.
    fn load(
        &self,
        org: &OrgId,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<Loaded, Fault>> + Send {
        async {
            let loaded = self.load_of(org, None, ids).await?;
            Ok(loaded.as_seen())
        }
    }
    /// One user, read consistently and without the policy.
    fn one(
        &self,
        org: &OrgId,
        id: &EmployeeId,
    ) -> impl Future<Output = Result<Option<User>, Fault>> + Send;
    /// Writes one transaction, conditional on each user's `rev`.
    fn commit(
        &self,
        org: &OrgId,
        commit: &Commit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The entries of the page.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// Finds users by their properties. The lists are eventually consistent, so the caller reads a user before it relies on
/// them.
pub trait Directory: Send + Sync {
    /// Ids of users with one of the stored `statuses` and a folded name that begins with `prefix`. They sort by name
    /// and begin after the cursor `after`.
    fn people(
        &self,
        org: &OrgId,
        statuses: &[Status],
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users with a leave date up to and including `until`. They sort by date and begin after the cursor
    /// `after`.
    fn leaving(
        &self,
        org: &OrgId,
        until: Option<NaiveDate>,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded e-mail address begins with `prefix`. They sort by address and begin after the cursor
    /// `after`.
    fn by_email(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users whose folded id begins with `prefix`. They sort by id and begin after the cursor `after`.
    fn by_id(
        &self,
        org: &OrgId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Ids of users with exactly this folded address. It takes one query for each 97.
    fn with_email(
        &self,
        org: &OrgId,
        email: &str,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}

/// Finds people whom an unknown employee may be. The answers are eventually consistent, and need not be here any more.
pub trait Lookalikes: Send + Sync {
    /// Everybody whose id has one of these likenesses ([`EmployeeId::likeness`]). It reads the index of ids as a whole:
    /// about 100 bytes for each person of the organisation.
    fn alike(
        &self,
        org: &OrgId,
        likenesses: &BTreeSet<String>,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
    /// Up to 97 people with exactly this folded address. It takes one query.
    fn at_address(
        &self,
        org: &OrgId,
        email: &str,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}

/// An audited change in an organisation.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditEntry))]
pub enum Audited {
    /// A change of a user.
    User {
        /// The id of the user.
        employee_id: EmployeeId,
        /// The entry in the user's history.
        #[serde(flatten)]
        entry: Box<Entry>,
    },
    /// A hold was answered by an admin, or emptied because HR took its statements back.
    Hold(Answer),
    /// A change of the settings or of the sync rule.
    Settings {
        /// When the change was made.
        at: DateTime<Utc>,
        /// The admin who made it.
        by: offramp_domain::Actor,
        /// The policy before the change.
        from: Box<Policy>,
        /// The policy after the change.
        to: Box<Policy>,
    },
    /// An admin undid a run.
    Run {
        /// When the run was undone.
        at: DateTime<Utc>,
        /// The admin who undid it.
        by: offramp_domain::Actor,
        /// The id of the run. The history entries of its users name it too.
        run_id: RunId,
        /// How many users became active again.
        affected: u32,
        /// True if not everybody was counted: `affected` is the least.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// A source was created or changed, or received a new secret.
    Source(SourceEntry),
    /// A machine was registered or removed.
    Machine(MachineEntry),
    /// A person's data was erased.
    Erasure(Erasure),
}

/// Reads reports.
pub trait Reports: Send + Sync {
    /// Ids of users with possible drift (HR and the stored user may disagree), by id. The list is eventually
    /// consistent.
    fn drifting(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<EmployeeId>, Fault>> + Send;
    /// Changes between two instants, oldest first, after the cursor `after`.
    fn audit(
        &self,
        org: &OrgId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Audited>, Fault>> + Send;
}

/// Reads the history of users.
pub trait Histories: Send + Sync {
    /// Entries with a version below `before`, the newest first.
    fn history(
        &self,
        org: &OrgId,
        id: &EmployeeId,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Fault>> + Send;
}

/// Arms and disarms timers.
pub trait Timers: Send + Sync {
    /// Arms a timer. A timer that is armed already stays as it is.
    fn arm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes a timer. A timer that no longer exists is no error.
    fn disarm(&self, timer: &Timer) -> impl Future<Output = Result<(), Fault>> + Send;
}
