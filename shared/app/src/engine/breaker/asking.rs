//! What is asked of the breaker: in whose name, and under which names of ours.

use offramp_domain::{Figures, HoldId, RunId, RunKind, SourceId, Tripped};

/// One delivery, snapshot or approval, and what the breaker has said to it.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Whose people.
    pub source: SourceId,
    /// Its name.
    pub run: RunId,
    /// What it is.
    pub kind: RunKind,
    /// What the snapshot itself has tripped, with its figures.
    pub tripped: Option<(Tripped, Figures)>,
}

impl Asking {
    /// A delivery of events.
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

/// A fresh name; of two, the later one sorts after the earlier.
#[must_use]
pub fn new_run() -> RunId {
    named("run", RunId::new)
}

pub(super) fn new_hold() -> HoldId {
    named("hold", HoldId::new)
}

/// A fresh name of a kind; of two, the later one sorts after the earlier.
pub(crate) fn named<I, E>(kind: &str, id: impl Fn(String) -> std::result::Result<I, E>) -> I {
    loop {
        if let Ok(id) = id(format!("{kind}_{}", uuid::Uuid::now_v7().simple())) {
            return id;
        }
    }
}
