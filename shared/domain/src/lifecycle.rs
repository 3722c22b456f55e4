//! The lifecycle of a user: status, cause, grace period, leave date, and pending work.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::ids::{Epoch, Generation, RunId, SourceId};

/// The status of a user, as clients see it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// The user has access.
    Active,
    /// The grace period runs: the cards are alive, and access has ended unless the grounds keep it until the end.
    DeactivationScheduled,
    /// Access has ended, and the cards are cancelled or about to be.
    Deactivated,
    /// An admin deleted the user.
    Deleted,
}

impl Status {
    /// Every status, in the order of the enum.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a user is scheduled or deactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Cause {
    /// HR stated inactive.
    Hr,
    /// The user was missing from a snapshot.
    Missing,
    /// The leave date was reached.
    LeaveDate,
    /// An admin decided it.
    Admin,
}

impl Cause {
    /// True if the sync caused it. Then the sync, or turning the sync off, also undoes it.
    #[must_use]
    pub fn is_sync(self) -> bool {
        matches!(self, Self::Hr | Self::Missing)
    }
}

/// The role of a user in Offramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    /// An admin, who may use the admin API.
    Admin,
    /// An auditor, who may read what an admin may read, and change nothing.
    Auditor,
    /// Any other user.
    #[default]
    Member,
}

impl Role {
    /// True if the role opens the admin API. Such a person is named by a login.
    #[must_use]
    pub fn signs_in(self) -> bool {
        self != Self::Member
    }

    /// The role as the releases before auditors wrote it, and whether it is an auditor's. They read an auditor as a
    /// member.
    #[must_use]
    pub(crate) fn stored(self) -> (Self, bool) {
        match self {
            Self::Auditor => (Self::Member, true),
            role => (role, false),
        }
    }

    /// The role of a stored one. What an older release has made an admin is no auditor any more.
    #[must_use]
    pub(crate) fn of_stored(role: Self, auditor: bool) -> Self {
        match (role, auditor) {
            (Self::Member, true) => Self::Auditor,
            (role, _) => role,
        }
    }
}

/// The origin of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An HR source. No other source may make statements about this employee.
    Source(SourceId),
    /// An admin added the user. The first source that makes a statement about the user adopts them.
    Manual,
}

impl Origin {
    /// The source that made statements about this employee; `None` for a user that an admin added.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        match self {
            Self::Source(source) => Some(source),
            Self::Manual => None,
        }
    }
}

/// A scheduled deactivation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Why the deactivation is scheduled.
    pub cause: Cause,
    /// When it was scheduled.
    pub at: DateTime<Utc>,
    /// When the grace period ends, to the second.
    pub due_at: DateTime<Utc>,
    /// The epoch at the time of scheduling.
    pub epoch: Epoch,
    /// The run that scheduled it; `None` if no run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// When the timer looks again at a hold that was open at the end of the grace period; `None` if no hold keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<DateTime<Utc>>,
}

impl Lifecycle {
    /// The status of a user in this state.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Active => Status::Active,
            Self::Scheduled(_) => Status::DeactivationScheduled,
            Self::Deactivated(_) => Status::Deactivated,
            Self::Deleted { .. } => Status::Deleted,
        }
    }

    /// The grace period; `None` if none runs.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Scheduled(schedule) => Some(schedule),
            _ => None,
        }
    }

    /// True if the account was ended: the user is deactivated or deleted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Deactivated(_) | Self::Deleted { .. })
    }
}

impl Schedule {
    /// When the timer of this schedule fires, to the second.
    #[must_use]
    pub fn fires_at(&self) -> DateTime<Utc> {
        self.waits_until.unwrap_or(self.due_at)
    }
}

/// A deactivation in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deactivation {
    /// Why the user was deactivated.
    pub cause: Cause,
    /// When the user was deactivated.
    pub at: DateTime<Utc>,
    /// The version of the policy that a machine decided it on. `None` if an admin decided it. A later policy may still
    /// take the deactivation back until the first card is touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<u64>,
}

/// The state of a user, as [`crate::Grounds::lifecycle`] derives it from the grounds against their access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Lifecycle {
    /// The user has access.
    Active,
    /// The grace period runs.
    Scheduled(Schedule),
    /// The user is deactivated.
    Deactivated(Deactivation),
    /// An admin deleted the user. The HR record of that moment stays with the user (a tombstone).
    Deleted {
        /// When the user was deleted.
        at: DateTime<Utc>,
    },
}

/// The pending work of a deactivation or deletion.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pending {
    /// Cards may be alive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cards: bool,
    /// The settings want objectives closed, and some may be open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub objectives: bool,
    /// The admins have not been told yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notice: bool,
    /// When the finishing timer fires. The sweep takes over after that instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    /// How many cards were cancelled so far, and not reported to the admins yet. It outlasts a return of the user.
    #[serde(default)]
    pub cancelled: u32,
}

impl Pending {
    /// True if nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.cards && !self.objectives && !self.notice
    }
}

/// Objectives to open again, since the deactivation that closed them has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopening {
    /// The generation of the deactivation that closed them.
    pub generation: Generation,
    /// When the finishing timer fires. The sweep takes over after that instant.
    pub due: DateTime<Utc>,
}

/// What becomes of a leaver's account at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AtEnd {
    /// The user is deactivated.
    #[default]
    Deactivate,
    /// The user is deleted, as an admin deletes.
    Delete,
}

impl AtEnd {
    /// True unless a list of leavers asked for more than a deactivation.
    #[must_use]
    pub fn is_deactivate(&self) -> bool {
        *self == Self::Deactivate
    }
}

/// The leave date of a user and its plan. It survives changes of the lifecycle. A date that has begun is a ground
/// ([`crate::GroundKind::LeaveDate`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leave {
    /// The date that an admin set. It takes precedence over HR's date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<NaiveDate>,
    /// What happens at the end that the date of `by_hand` brings.
    // Releases before it drop it: then the user is deactivated.
    #[serde(default, skip_serializing_if = "AtEnd::is_deactivate")]
    pub then: AtEnd,
    /// The plan for which the leave timer is armed; `None` if no leave timer is armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<LeavePlan>,
    /// When the next reminder of the plan is due, to the second; `None` if none is, or if there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<DateTime<Utc>>,
    /// How many plans there have been. A leave timer or a reminder acts only for the plan with this number.
    #[serde(default)]
    pub count: u64,
}

impl Leave {
    /// True if there has never been a leave date or a plan.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A leave date for which a timer is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeavePlan {
    /// The first day without access.
    pub date: NaiveDate,
    /// The beginning of that day in the organisation's time zone, to the second.
    pub at: DateTime<Utc>,
}

/// The author of a leave date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Whose {
    /// An admin set the date.
    Admin,
    /// HR sent the date.
    Hr,
}

/// Whether a user may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Access {
    /// The user may log in.
    Granted,
    /// The user may not log in.
    Revoked,
}
