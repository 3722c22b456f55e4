//! Breakers, the holds that they open, and the runs that they admit.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{
    Actor, Breaker, Hold, HoldId, HoldState, Notice, OrgId, Roll, Run, RunId, SourceId,
};
use serde::{Deserialize, Serialize};

use super::{Committed, Page};
use crate::Fault;

/// The owner of a roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollOf {
    /// The roll of a hold: the people that it keeps.
    Hold(HoldId),
    /// The roll of a run: the people that it affected.
    Run(RunId),
}

impl RollOf {
    /// The id of the hold or the run.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Hold(hold) => hold.as_str(),
            Self::Run(run) => run.as_str(),
        }
    }
}

/// An audited answer to a hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedAnswer))]
pub struct Answer {
    /// When the answer was given.
    pub at: DateTime<Utc>,
    /// The actor who answered.
    pub by: Actor,
    /// The id of the hold.
    pub hold: HoldId,
    /// The version of the hold after the answer.
    pub version: u64,
    /// The answer, or the final state of a hold that emptied.
    pub answer: HoldState,
    /// How many people the answer covered.
    pub people: u32,
    /// The admin who approved the same before, where two are needed; `None` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Actor>,
}

/// A transaction around a breaker, which is written as a whole or not at all. If a roll has more than a few parts, they
/// are written before the transaction. Without the transaction they have no effect.
#[derive(Debug, Clone, Default)]
pub struct BreakerCommit<'a> {
    /// The new state of a source's breaker, conditional on the previous `rev`.
    pub breaker: Option<(&'a SourceId, &'a Breaker)>,
    /// The new state of the hold, and the version that the write is conditional on; `None` if no such hold may exist yet.
    pub hold: Option<(&'a Hold, Option<u64>)>,
    /// The new state of a run, conditional on the previous `rev`; a new run has the `rev` 0.
    pub run: Option<&'a Run>,
    /// The people that the run affects.
    pub rolls: Vec<(RollOf, Roll)>,
    /// The notices to the admins.
    pub notices: Vec<Notice>,
    /// The answer for the audit.
    pub answer: Option<&'a Answer>,
}

/// Reads and writes breakers, holds and runs.
pub trait Breakers: Send + Sync {
    /// The breaker of a source, read consistently. It is the default if none is stored.
    fn breaker(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Breaker, Fault>> + Send;
    /// Writes one transaction.
    fn commit_breaker(
        &self,
        org: &OrgId,
        commit: &BreakerCommit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// A hold, read consistently.
    fn hold(
        &self,
        org: &OrgId,
        hold: &HoldId,
    ) -> impl Future<Output = Result<Option<Hold>, Fault>> + Send;
    /// Holds, the newest first, after the cursor `after`.
    fn holds(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Hold>, Fault>> + Send;
    /// A run, read consistently.
    fn run(
        &self,
        org: &OrgId,
        run: &RunId,
    ) -> impl Future<Output = Result<Option<Run>, Fault>> + Send;
    /// Runs, the newest first, after the cursor `after`.
    fn runs(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Run>, Fault>> + Send;
    /// Parts of a roll in the order of joining, read consistently.
    fn roll(
        &self,
        org: &OrgId,
        of: &RollOf,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Roll>, Fault>> + Send;
}
