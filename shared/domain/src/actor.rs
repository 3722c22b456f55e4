//! Who or what causes a change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{EmployeeId, EventId, RunId, SourceId, Subject};

/// Who or what caused a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Actor {
    /// An HR source.
    Hr {
        /// Which.
        source: SourceId,
        /// Its name for the event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event_id: Option<EventId>,
        /// When it became true there.
        occurred_at: DateTime<Utc>,
    },
    /// An admin.
    Admin {
        /// As the token names them.
        subject: Subject,
        /// The employee they are; `None` for the bootstrap identity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        employee_id: Option<EmployeeId>,
    },
    /// A machine with a token.
    Service {
        /// As the token names it.
        subject: Subject,
    },
    /// A timer, or the sweep in its place.
    Timer {
        /// Its kind.
        kind: TimerKind,
        /// When it was due.
        due: DateTime<Utc>,
    },
    /// The end of an epoch: an admin turned the sync off.
    SyncTurnedOff,
    /// An admin changed the sync rule.
    RuleChanged,
    /// An admin changed what leave dates count, or the time zone.
    SettingsChanged,
    /// An admin took a run back.
    RunUndone {
        /// Which.
        run: RunId,
        /// The admin, as the token named them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Subject>,
        /// The employee they are; `None` for the bootstrap identity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        employee_id: Option<EmployeeId>,
    },
    /// Whoever operates the stack invoked a function by hand: IAM let them, no token did. Who that was,
    /// CloudTrail knows by the request.
    Operator {
        /// Lambda's name for the invocation.
        request_id: String,
    },
}

/// What a machine that acts by the clock acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum TimerKind {
    /// The end of a grace period.
    Deactivate,
    /// The rest of a deactivation or deletion.
    Finish,
    /// A leave date.
    Leave,
    /// The sweep, in the place of a timer.
    Sweep,
}
