//! Snapshots, as clients see them.

use std::collections::{BTreeMap, BTreeSet};

use offramp_domain::decide::Outcome;
use offramp_domain::{HoldId, RunId, Snapshot, SnapshotId, SnapshotState, Step};
use serde::Serialize;

use super::VerdictView;
use offramp_app::ports::ROSTER_SHARDS;
use offramp_app::when::instant;

/// How many steps of a snapshot are done, of how many.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // the names are the contract's
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Progress))]
pub struct ProgressView {
    pub done: u32,
    pub of: u32,
}

/// A snapshot.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Snapshot))]
#[allow(missing_docs)]
pub struct SnapshotView {
    pub snapshot_id: SnapshotId,
    pub state: SnapshotState,
    pub occurred_at: String,
    pub expected_employees: Option<u64>,
    pub dry_run: bool,
    pub progress: ProgressView,
    pub employees: u64,
    pub summary: BTreeMap<Outcome, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<BTreeMap<Outcome, u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    /// The holds that keep people whom it would have moved.
    pub holds: Vec<HoldId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<VerdictView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl SnapshotView {
    /// The view of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let (done, of) = snapshot.step.progress(ROSTER_SHARDS);
        let ended = [Outcome::Scheduled, Outcome::Deactivated]
            .iter()
            .any(|word| snapshot.summary.contains_key(word));
        let applies = matches!(snapshot.step, Step::Apply { .. } | Step::Done);
        let did = !snapshot.dry_run && (applies || snapshot.again > 0);
        let said = &snapshot.said;
        let said = [&said.hold, &said.missing, &said.returns];
        let said = said.into_iter().flatten().map(|(hold, _)| hold);
        let holds: BTreeSet<&HoldId> = said.chain(&snapshot.holds).collect();
        Self {
            snapshot_id: snapshot.snapshot.clone(),
            state: snapshot.state,
            occurred_at: instant(snapshot.occurred_at),
            expected_employees: snapshot.expected,
            dry_run: snapshot.dry_run,
            progress: ProgressView { done, of },
            employees: snapshot.employees,
            summary: snapshot.summary.clone(),
            would: snapshot.observing.then(|| snapshot.would.clone()),
            run_id: (did && ended).then(|| snapshot.run.clone()),
            holds: holds.into_iter().cloned().collect(),
            breaker: snapshot.verdict.clone().map(VerdictView::stored),
            problem: snapshot.problem.clone(),
        }
    }
}
