//! The pulses of sources, the shadow counts of sources in observation, and rejections.

use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::{EmployeeId, EventId, Notice, OrgId, Pulse, Refusals, SnapshotId, SourceId};
use serde::{Deserialize, Serialize};

use super::{Committed, Page};
use crate::Fault;

/// Reads and writes the pulses of sources.
pub trait Pulses: Send + Sync {
    /// The pulse of a source, read consistently. It is the default if none is stored.
    fn pulse(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Pulse, Fault>> + Send;
    /// Writes the pulse, conditional on the previous `rev`, together with the notice to the admins.
    fn put_pulse(
        &self,
        org: &OrgId,
        source: &SourceId,
        pulse: &Pulse,
        notice: Option<&Notice>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// Reads and writes the shadow counts of sources in observation: what they would have done.
pub trait Observed: Send + Sync {
    /// The number of records by outcome, read consistently.
    fn would(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<BTreeMap<Outcome, u64>, Fault>> + Send;
    /// Adds to the counts. The counts of one snapshot are added once, however often the call is made.
    fn add_would(
        &self,
        org: &OrgId,
        source: &SourceId,
        counts: &BTreeMap<Outcome, u64>,
        of: Option<&SnapshotId>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Deletes the counts.
    fn forget_would(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A record that was rejected, or a field of one that could not be read: where it came from and why, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it was rejected.
    pub at: DateTime<Utc>,
    /// The employee; `None` if the id could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The sender's id of the event; `None` if it has none or the id could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The instant of the statement; `None` if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// The snapshot that contained the record; `None` for an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<SnapshotId>,
    /// The field that keeps its old value, if the rest of the record counts: then this is a warning. `None` if the whole
    /// record was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The reason, in a sentence that is safe to show to a client.
    pub reason: String,
}

/// Reads and writes rejections, which are kept for a limited time, and of whom admins were told.
pub trait Rejections: Send + Sync {
    /// Stores the rejections of one instant, in as few items as possible.
    fn put_rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        at: DateTime<Utc>,
        rejections: &[Rejection],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// A page of rejections, the newest first, read consistently.
    fn rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Rejection>, Fault>> + Send;
    /// Of whom admins were told, for a source, read consistently. It is the default if nothing is stored.
    fn refusals(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Refusals, Fault>> + Send;
    /// The same for several sources, in one consistent read. A source of which nothing is stored is left out.
    fn refusals_of(
        &self,
        org: &OrgId,
        sources: &[SourceId],
    ) -> impl Future<Output = Result<Vec<(SourceId, Refusals)>, Fault>> + Send;
    /// Writes of whom admins are told, conditional on the previous `rev`, together with at most
    /// [`offramp_domain::refused::MOST_AT_ONCE`] notices and one of all others.
    fn put_refusals(
        &self,
        org: &OrgId,
        source: &SourceId,
        refusals: &Refusals,
        notices: &[Notice],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}
