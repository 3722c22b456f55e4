//! HR sources, as clients see them.

use std::collections::BTreeMap;

use offramp_domain::decide::Outcome;
use offramp_domain::{EmployeeId, EventId, Health, HoldId, SnapshotId, SourceId, SourceSync};
use serde::Serialize;

use offramp_app::desk::sources::SourceFacts;
use offramp_app::inbound::pulse::listening;
use offramp_app::ports::{HandingOver, Rejection, Source, SourceState};
use offramp_app::when::instant;

/// A source. It has the member `secret` only if that secret was just created.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Source))]
#[allow(missing_docs)]
pub struct SourceView {
    pub source: String,
    pub state: SourceState,
    pub health: Health,
    pub hold_id: Option<HoldId>,
    pub last_delivery_at: Option<String>,
    pub silent_after_hours: Option<u32>,
    /// When the source falls silent if it delivers nothing more.
    pub silent_at: Option<String>,
    pub active_people: Option<u32>,
    /// The grace period of the source. What is null is the organisation's.
    pub deactivation_sync: SourceSync,
    /// What the source would have done while in observation: the number of records by outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<BTreeMap<Outcome, u64>>,
    /// The hand-over of its people that is going on; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handing_over: Option<HandingOverView>,
    pub secrets: Vec<SecretView>,
    pub created_at: String,
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A hand-over that is going on.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HandingOver))]
#[allow(missing_docs)]
pub struct HandingOverView {
    pub to: SourceId,
    pub since: String,
    /// Who is still to be given, where an admin named them; absent where it is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_ids: Option<Vec<EmployeeId>>,
}

impl HandingOverView {
    fn of(pending: &HandingOver) -> Self {
        let named = pending.employee_ids.as_ref();
        Self {
            to: pending.to.clone(),
            since: instant(pending.since),
            employee_ids: named.map(|ids| ids.iter().cloned().collect()),
        }
    }
}

/// A live secret, without its value.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Secret))]
#[allow(missing_docs)]
pub struct SecretView {
    pub version: u64,
    pub created_at: String,
}

impl SourceView {
    /// The view of a source. `secret` is a new secret, which is shown this once.
    #[must_use]
    pub fn of(source: &Source, facts: SourceFacts, secret: Option<String>) -> Self {
        let SourceFacts {
            breaker,
            pulse,
            would,
            deactivation_sync,
            now,
        } = facts;
        let listening = listening(source, &breaker);
        Self {
            source: source.source.to_string(),
            state: source.state,
            health: pulse.health(&listening, now),
            hold_id: breaker.hold,
            last_delivery_at: pulse.last_at.map(instant),
            silent_after_hours: source.silent_after_hours,
            silent_at: pulse.silent_at(&listening).map(instant),
            active_people: breaker.base.map(|base| base.active),
            deactivation_sync,
            would,
            handing_over: source.handing_over.as_ref().map(HandingOverView::of),
            secrets: source
                .secrets
                .iter()
                .map(|one| SecretView {
                    version: one.version,
                    created_at: instant(one.created_at),
                })
                .collect(),
            created_at: instant(source.created_at),
            version: source.version,
            secret,
        }
    }
}

/// A rejected record, or a warning: a field of a record that could not be read and keeps its old value, while the rest of
/// the record counts.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Rejection))]
#[allow(missing_docs)]
pub struct RejectionView {
    pub at: String,
    pub employee_id: Option<EmployeeId>,
    pub event_id: Option<EventId>,
    pub occurred_at: Option<String>,
    pub snapshot_id: Option<SnapshotId>,
    /// True if the record counts without `field`.
    pub warning: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub reason: String,
}

impl RejectionView {
    /// The view of a rejection.
    #[must_use]
    pub fn of(rejection: Rejection) -> Self {
        Self {
            at: instant(rejection.at),
            employee_id: rejection.employee_id,
            event_id: rejection.event_id,
            occurred_at: rejection.occurred_at.map(instant),
            snapshot_id: rejection.snapshot_id,
            warning: rejection.field.is_some(),
            field: rejection.field,
            reason: rejection.reason,
        }
    }
}

/// A page of rejected records.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Rejections))]
#[allow(missing_docs)]
pub struct RejectionsView {
    pub rejections: Vec<RejectionView>,
    pub next_cursor: Option<String>,
}
