//! Objectives.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, Generation, Objective, ObjectiveId, OrgId};

use super::{Committed, Page, Receipt};
use crate::Fault;

/// The most objectives that one transaction writes, beside a condition on their owner.
pub const OBJECTIVES_PER_WRITE: usize = 50;
/// The most objectives that one batch read takes.
pub const OBJECTIVES_PER_READ: usize = 100;

/// The condition on the owner in a write of objectives. It is in the same transaction, beside each objective's `rev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// No condition, because an admin makes the change.
    None,
    /// The owner's lifecycle is in this generation.
    Owner(Generation),
    /// The owner's deactivation of this generation is in effect and has objectives to close.
    Closing(Generation),
    /// The objectives that this generation had closed are still to be opened again.
    Reopening(Generation),
}

/// Reads and writes objectives.
pub trait Objectives: Send + Sync {
    /// Every objective of an owner, including tombstones, oldest first, read consistently.
    fn objectives_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
    /// The next objectives of an owner after `after`, including tombstones, oldest first, read consistently.
    fn objectives_after(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        after: Option<&ObjectiveId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
    /// An objective, including a tombstone, read consistently.
    fn objective(
        &self,
        org: &OrgId,
        objective: &ObjectiveId,
    ) -> impl Future<Output = Result<Option<Objective>, Fault>> + Send;
    /// Adds an objective, conditional on its owner's generation, together with the receipt of the request.
    fn add_objective(
        &self,
        org: &OrgId,
        objective: &Objective,
        owner: Generation,
        receipt: Option<(&Receipt, DateTime<Utc>)>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes the new states of objectives of one owner, each conditional on the previous `rev`. It takes at most
    /// [`OBJECTIVES_PER_WRITE`] and writes all of them or none.
    fn put_objectives(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        objectives: &[Objective],
        fence: Fence,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Deletes an objective for good, conditional on its `rev`.
    fn remove_objective(
        &self,
        org: &OrgId,
        objective: &Objective,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// The index of the open objectives of all owners.
pub trait Board: Send + Sync {
    /// Owners and ids of open objectives, oldest first, after the cursor `after`. The index is eventually consistent,
    /// so the caller reads the objective and its owner before it relies on them.
    fn open_objectives(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<(EmployeeId, ObjectiveId)>, Fault>> + Send;
    /// The requested objectives that exist, in one consistent batch read of at most [`OBJECTIVES_PER_READ`].
    fn objectives(
        &self,
        org: &OrgId,
        ids: &[(EmployeeId, ObjectiveId)],
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
}
