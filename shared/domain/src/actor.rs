//! The person or machine that causes a change.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{EmployeeId, EventId, RunId, SourceId, Subject};

/// The kind of value in the subject claim of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// An employee id.
    EmployeeId,
    /// An e-mail address.
    Email,
}

/// The person or machine that caused a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Actor {
    /// An HR source.
    Hr {
        /// The source that sent the event.
        source: SourceId,
        /// The event's id in the HR system. For an absence it is the snapshot's id. `None` if the event had no id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event_id: Option<EventId>,
        /// When the statement became true in the HR system.
        occurred_at: DateTime<Utc>,
    },
    /// An admin.
    Admin {
        /// The subject claim of the admin's token.
        subject: Subject,
        /// The admin's employee id; `None` for the bootstrap identity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        employee_id: Option<EmployeeId>,
    },
    /// A machine that the organisation has registered.
    Service {
        /// The subject claim of the machine's token.
        subject: Subject,
    },
    /// A timer, or the sweep in place of a timer.
    Timer {
        /// What the timer was armed for.
        kind: TimerKind,
        /// When the timer was due, to the second.
        due: DateTime<Utc>,
    },
    /// The end of an epoch: an admin turned the deactivation sync off.
    SyncTurnedOff,
    /// An admin changed the sync rule.
    RuleChanged,
    /// An admin changed which leave dates count, or the time zone.
    SettingsChanged,
    /// An admin undid a run.
    RunUndone {
        /// The run that was undone.
        run: RunId,
        /// The subject claim of the admin's token; `None` if the stored run does not name an admin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Subject>,
        /// The admin's employee id; `None` for the bootstrap identity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        employee_id: Option<EmployeeId>,
    },
    /// An operator of the stack who invoked a function directly. IAM authorised the call, no token did. CloudTrail
    /// names the operator by the request id.
    Operator {
        /// Lambda's request id of the invocation.
        request_id: String,
    },
}

impl Actor {
    /// True if both are the same admin: the same employee where both have an id, else the same subject.
    #[must_use]
    pub fn is_same_admin(&self, other: &Self) -> bool {
        let admin = |actor: &Self| match actor {
            Self::Admin {
                subject,
                employee_id,
            } => Some((subject.clone(), employee_id.clone())),
            _ => None,
        };
        match (admin(self), admin(other)) {
            (Some((_, Some(one))), Some((_, Some(other)))) => one == other,
            (Some((one, _)), Some((other, _))) => one == other,
            _ => self == other,
        }
    }

    /// True if this is an admin, and one of these people.
    #[must_use]
    pub fn is_among(&self, admins: &BTreeSet<EmployeeId>) -> bool {
        matches!(self, Self::Admin { employee_id: Some(id), .. } if admins.contains(id))
    }

    /// True if the actor is the admin with this id.
    #[must_use]
    pub fn is_admin(&self, id: &EmployeeId) -> bool {
        matches!(self, Self::Admin { employee_id: Some(own), .. } if own == id)
    }
}

/// The occasion on which a timer, or the sweep, acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum TimerKind {
    /// The end of a grace period.
    Deactivate,
    /// The remaining work of a deactivation or deletion.
    Finish,
    /// The beginning of a leave date.
    Leave,
    /// The sweep, in place of a timer.
    Sweep,
}
