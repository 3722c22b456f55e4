//! Breakers, the holds that they make, and the runs that they let through.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{
    Actor, Breaker, Hold, HoldId, HoldState, Notice, OrgId, Roll, Run, RunId, SourceId,
};
use serde::{Deserialize, Serialize};

use super::{Committed, Page};
use crate::Fault;

/// Whose roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollOf {
    /// Those whom a hold keeps.
    Hold(HoldId),
    /// Those whom a run has moved.
    Run(RunId),
}

impl RollOf {
    /// The hold's or the run's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Hold(hold) => hold.as_str(),
            Self::Run(run) => run.as_str(),
        }
    }
}

/// An answer to a hold, for the audit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedAnswer))]
pub struct Answer {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// Which hold.
    pub hold: HoldId,
    /// The hold's version after it.
    pub version: u64,
    /// What was answered.
    pub answer: HoldState,
    /// How many people it was for.
    pub people: u32,
}

/// One transaction around a breaker: all of it, or nothing. More than a few parts of a roll are
/// written before it; without it they are of no account.
#[derive(Debug, Clone, Default)]
pub struct BreakerCommit<'a> {
    /// The breaker of a source as it will be, conditional on the `rev` before its own.
    pub breaker: Option<(&'a SourceId, &'a Breaker)>,
    /// The hold as it will be, conditional on its version before; 0 where there must be none.
    pub hold: Option<(&'a Hold, u64)>,
    /// A new run.
    pub run: Option<&'a Run>,
    /// Who is in the hold, or moved by the run.
    pub rolls: Vec<(RollOf, Roll)>,
    /// What the admins are told.
    pub notices: Vec<Notice>,
    /// What the audit is told.
    pub answer: Option<&'a Answer>,
}

/// Breakers, holds and runs.
pub trait Breakers: Send + Sync {
    /// The breaker of a source; a consistent read.
    fn breaker(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Breaker, Fault>> + Send;
    /// One transaction.
    fn commit_breaker(
        &self,
        org: &OrgId,
        commit: &BreakerCommit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// A hold; a consistent read.
    fn hold(
        &self,
        org: &OrgId,
        hold: &HoldId,
    ) -> impl Future<Output = Result<Option<Hold>, Fault>> + Send;
    /// Holds, the newest first.
    fn holds(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Hold>, Fault>> + Send;
    /// A run; a consistent read.
    fn run(
        &self,
        org: &OrgId,
        run: &RunId,
    ) -> impl Future<Output = Result<Option<Run>, Fault>> + Send;
    /// Runs, the newest first.
    fn runs(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Run>, Fault>> + Send;
    /// Writes down that a run was taken back.
    fn put_run(&self, org: &OrgId, run: &Run) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Parts of a roll in the order of joining; a consistent read.
    fn roll(
        &self,
        org: &OrgId,
        of: &RollOf,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Roll>, Fault>> + Send;
}
