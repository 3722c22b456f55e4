//! Objectives.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, Generation, Objective, ObjectiveId, OrgId};

use super::{Committed, Page, Receipt};
use crate::Fault;

/// Objectives that one transaction writes: beside them it has a condition on their owner.
pub const OBJECTIVES_PER_WRITE: usize = 50;
/// Objectives that one batch reads.
pub const OBJECTIVES_PER_READ: usize = 100;

/// What a write of objectives is conditional on, in the same transaction, beside each one's `rev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// Nothing: an admin says so.
    None,
    /// The owner's lifecycle is still in that generation.
    Owner(Generation),
    /// The owner's deactivation of that generation still stands and has objectives to close.
    Closing(Generation),
    /// What that generation had closed is still to be opened again.
    Reopening(Generation),
}

/// The record of the objectives.
pub trait Objectives: Send + Sync {
    /// Every objective of an owner, tombstones too, oldest first; a consistent read.
    fn objectives_of(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
    /// The next objectives of an owner after one, tombstones too, oldest first; a consistent read.
    fn objectives_after(
        &self,
        org: &OrgId,
        owner: &EmployeeId,
        after: Option<&ObjectiveId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
    /// An objective, a tombstone too; a consistent read.
    fn objective(
        &self,
        org: &OrgId,
        objective: &ObjectiveId,
    ) -> impl Future<Output = Result<Option<Objective>, Fault>> + Send;
    /// A new objective, conditional on its owner's generation; with the receipt of the request.
    fn add_objective(
        &self,
        org: &OrgId,
        objective: &Objective,
        owner: Generation,
        receipt: Option<(&Receipt, DateTime<Utc>)>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Objectives of one owner as they will be, each conditional on the `rev` before its own; at most
    /// [`OBJECTIVES_PER_WRITE`]. All of them or none.
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

/// The index of the open objectives, whoever owns them.
pub trait Board: Send + Sync {
    /// Owners and ids of open objectives, oldest first, after a position. Eventually consistent:
    /// read the objective and its owner to be sure.
    fn open_objectives(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<(EmployeeId, ObjectiveId)>, Fault>> + Send;
    /// Those of the asked that are there; at most [`OBJECTIVES_PER_READ`], one consistent batch read.
    fn objectives(
        &self,
        org: &OrgId,
        ids: &[(EmployeeId, ObjectiveId)],
    ) -> impl Future<Output = Result<Vec<Objective>, Fault>> + Send;
}
