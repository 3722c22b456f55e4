//! When sources have spoken, what an observed one would have done, and what was rejected.

use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Word;
use offramp_domain::{EmployeeId, EventId, Notice, OrgId, Pulse, SnapshotId, SourceId};
use serde::{Deserialize, Serialize};

use super::{Committed, Page};
use crate::Fault;

/// Pulses of sources.
pub trait Pulses: Send + Sync {
    /// The pulse of a source, or the default where none is stored; a consistent read.
    fn pulse(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Pulse, Fault>> + Send;
    /// Writes the pulse, conditional on the `rev` before its own, with what the admins are told of it.
    fn put_pulse(
        &self,
        org: &OrgId,
        source: &SourceId,
        pulse: &Pulse,
        notice: Option<&Notice>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// What observed sources would have done.
pub trait Observed: Send + Sync {
    /// How often each outcome; a consistent read.
    fn would(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<BTreeMap<Word, u64>, Fault>> + Send;
    /// Counts more of them; those of one snapshot once, however often they are said.
    fn add_would(
        &self,
        org: &OrgId,
        source: &SourceId,
        counts: &BTreeMap<Word, u64>,
        of: Option<&SnapshotId>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Begins anew.
    fn forget_would(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A record that was rejected: where it was, and why; never what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// When it was rejected.
    pub at: DateTime<Utc>,
    /// Whom it was about, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The sender's name of the event, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The instant that it spoke of, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// The snapshot that it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<SnapshotId>,
    /// Why, in a sentence that is safe to show.
    pub reason: String,
}

/// What was rejected, kept for a while.
pub trait Rejections: Send + Sync {
    /// Keeps what was rejected at one instant, in as few items as it fits; the last comes first when it is read.
    fn put_rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        at: DateTime<Utc>,
        rejections: &[Rejection],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// A page of them, the newest first; a consistent read.
    fn rejections(
        &self,
        org: &OrgId,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Rejection>, Fault>> + Send;
}
