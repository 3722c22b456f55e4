//! Where in the lifecycle a user is: status, cause, grace period, leave date, and the work that is left.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, Generation, RunId, SourceId};

/// Where in the lifecycle somebody is, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Status {
    /// Has access.
    Active,
    /// In the grace period: no access, cards alive.
    DeactivationScheduled,
    /// No access, no cards.
    Deactivated,
    /// Deleted by hand.
    Deleted,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Active,
        Self::DeactivationScheduled,
        Self::Deactivated,
        Self::Deleted,
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DeactivationScheduled => "deactivation_scheduled",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }
}

/// Why somebody is scheduled or deactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Cause {
    /// HR said inactive.
    Hr,
    /// Missing from a snapshot.
    Missing,
    /// Their leave date came.
    LeaveDate,
    /// An admin.
    Admin,
}

impl Cause {
    /// Whether the sync did it, so that the sync, or turning it off, undoes it.
    #[must_use]
    pub fn is_sync(self) -> bool {
        matches!(self, Self::Hr | Self::Missing)
    }
}

/// What a user may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    /// Watches and corrects.
    Admin,
    /// Everybody else.
    #[default]
    Member,
}

/// Who brought the user here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An HR source; only it may speak of this employee.
    Source(SourceId),
    /// An admin, by hand. The first source that speaks of them adopts them.
    Manual,
}

impl Origin {
    /// The source, where one speaks of this employee.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        match self {
            Self::Source(source) => Some(source),
            Self::Manual => None,
        }
    }
}

/// A planned deactivation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Why.
    pub cause: Cause,
    /// When it was planned.
    pub at: DateTime<Utc>,
    /// When the grace period ends, to the second.
    pub due_at: DateTime<Utc>,
    /// The sync's epoch when it was planned.
    pub epoch: Epoch,
    /// The run that planned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The grace period is over, and a hold is open: when a machine looks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<DateTime<Utc>>,
}

impl Schedule {
    /// When its timer fires.
    #[must_use]
    pub fn fires_at(&self) -> DateTime<Utc> {
        self.waits_until.unwrap_or(self.due_at)
    }
}

/// A deactivation that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deactivation {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// Where in the lifecycle somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Lifecycle {
    /// Has access.
    Active,
    /// In the grace period.
    Scheduled(Schedule),
    /// Deactivated.
    Deactivated(Deactivation),
    /// Deleted by hand. The HR record of that moment is the user's.
    Deleted {
        /// Since when.
        at: DateTime<Utc>,
    },
}

/// What a deactivation or deletion still has to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pending {
    /// Cards are alive, or may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cards: bool,
    /// Objectives are open that the settings want closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub objectives: bool,
    /// The admins are not yet told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notice: bool,
    /// When the finishing timer fires; also where the sweep takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    /// Cards cancelled so far.
    #[serde(default)]
    pub cancelled: u32,
}

impl Pending {
    /// Whether anything is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.cards && !self.objectives && !self.notice
    }
}

/// Objectives that a deactivation closed, and that its end opens again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopening {
    /// The generation of the deactivation.
    pub generation: Generation,
    /// When the sweep takes over.
    pub due: DateTime<Utc>,
}

/// When somebody leaves, and what is planned for it. Survives changes of the lifecycle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Leave {
    /// The date that an admin set; it wins over HR's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<NaiveDate>,
    /// What is armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<LeavePlan>,
    /// Counts plans.
    #[serde(default)]
    pub count: u64,
    /// The date that has ended access: an admin who restores the person is not overruled by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<NaiveDate>,
}

impl Leave {
    /// Whether there has never been one.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// An armed leave date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeavePlan {
    /// The first day without access.
    pub date: NaiveDate,
    /// Its beginning in the time zone that it was planned in, to the second.
    pub at: DateTime<Utc>,
}

/// Whose leave date it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Whose {
    /// An admin's.
    Admin,
    /// HR's.
    Hr,
}

/// Whether somebody may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Access {
    /// They may.
    Granted,
    /// They may not.
    Revoked,
}
