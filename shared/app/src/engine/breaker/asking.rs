//! A question to the breaker, and the ids of new runs and holds.

use offramp_domain::settings::OnMissing;
use offramp_domain::{Cause, Counted, Figures, HoldId, RunId, RunKind, SourceId, Tripped};

/// A question to the breaker: which run asks, for which source.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The source whose people the run affects.
    pub source: SourceId,
    /// The id of the run.
    pub run: RunId,
    /// What caused the run: a delivery, a snapshot or an approval.
    pub kind: RunKind,
    /// The safeguard that the snapshot itself trips, with its figures; `None` if the snapshot trips none, or outside a
    /// snapshot.
    pub tripped: Option<(Tripped, Figures)>,
}

impl RunRequest {
    /// A question for a delivery of events, with a new run id.
    #[must_use]
    pub fn delivery(source: &SourceId) -> Self {
        Self {
            source: source.clone(),
            run: new_run(),
            kind: RunKind::Delivery,
            tripped: None,
        }
    }
}

/// A new run id. Ids sort by the time of their creation.
#[must_use]
pub fn new_run() -> RunId {
    named("run", RunId::new)
}

pub(super) fn new_hold() -> HoldId {
    named("hold", HoldId::new)
}

/// A new id, `{kind}_` and a UUID of version 7. Ids of one kind sort by the time of their creation.
fn named<I, E>(kind: &str, id: impl Fn(String) -> std::result::Result<I, E>) -> I {
    loop {
        if let Ok(id) = id(format!("{kind}_{}", uuid::Uuid::now_v7().simple())) {
            return id;
        }
    }
}

/// The question about one person. If the settings ask an admin about missing people first, a missing person is never
/// simply admitted, whatever the settings were when their snapshot was compared.
pub(super) fn asking_first(
    asking: &RunRequest,
    on_missing: OnMissing,
    counted: Counted,
) -> RunRequest {
    let first = on_missing == OnMissing::Hold && counted == Counted::Departure(Cause::Missing);
    let rule = (Tripped::OnMissing, Figures::default());
    RunRequest {
        tripped: asking.tripped.or(first.then_some(rule)),
        ..asking.clone()
    }
}
