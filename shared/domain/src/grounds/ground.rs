//! One ground: a reason against a person's access.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, RunId};
use crate::lifecycle::{AtEnd, Cause, Whose};

/// The kind of a reason against a person's access. There is at most one ground of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum GroundKind {
    /// HR states inactive.
    Hr,
    /// The person was missing from the last snapshot.
    Missing,
    /// The leave date that counts has begun: an admin's date if there is one, else HR's.
    LeaveDate,
    /// An admin deactivated the person, or a list of leavers named them without a date.
    Admin,
    /// An admin deleted the person.
    Deleted,
}

impl GroundKind {
    /// The cause of a deactivation on this ground. A deletion is an admin's.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Self::Hr => Cause::Hr,
            Self::Missing => Cause::Missing,
            Self::LeaveDate => Cause::LeaveDate,
            Self::Admin | Self::Deleted => Cause::Admin,
        }
    }

    /// True if a ground of this kind is HR's word, and not an admin's. `date` is the leave date of the ground.
    #[must_use]
    pub fn is_of_hr(self, date: Option<LeaveGround>) -> bool {
        match self {
            Self::Hr | Self::Missing => true,
            Self::LeaveDate => date.is_none_or(|date| date.by == Whose::Hr),
            Self::Admin | Self::Deleted => false,
        }
    }
}

impl From<Cause> for GroundKind {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Hr => Self::Hr,
            Cause::Missing => Self::Missing,
            Cause::LeaveDate => Self::LeaveDate,
            Cause::Admin => Self::Admin,
        }
    }
}

/// Whether a ground counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum GroundState {
    /// The ground counts.
    InForce,
    /// A safeguard waits for an admin's answer. Until then the ground does not count.
    Held,
    /// An admin said no. The repetition of the word changes nothing.
    Refused,
    /// An admin restored the person in spite of the ground.
    Overridden,
    /// The word was heard and not acted on, because of the policy.
    Ignored,
}

/// One reason against a person's access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Whether the ground counts.
    pub state: GroundState,
    /// When the ground began.
    pub since: DateTime<Utc>,
    /// When the ground ends the cards, to the second; `None` unless it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// True if the ground leaves the person their access until the deactivation, as the settings said when it began.
    // Releases before it drop it. For them access has ended, which is the safe side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_access: bool,
    /// The epoch of the policy that the ground was decided on.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub epoch: Epoch,
    /// The run that the ground came with; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// True if an admin's approval of a hold let the ground through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved: bool,
    /// What happens at the end, where a list of leavers named the person without a date.
    // Releases before it drop it: then the person is deactivated.
    #[serde(default, skip_serializing_if = "AtEnd::is_deactivate")]
    pub then: AtEnd,
    /// The leave date that has begun, and its author; `None` for every other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<LeaveGround>,
    /// Why the word was not acted on; `None` unless the ground is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<IgnoredBy>,
}

/// Why a word was heard and not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum IgnoredBy {
    /// The deactivation sync was off, or was turned off before the deactivation.
    SyncOff,
    /// The source was in observation.
    Observing,
    /// The setting `on_missing` was `ignore`.
    OnMissing,
    /// By the setting `leave_dates` the date did not count.
    LeaveDates,
    /// The sync rule left the employee out.
    Rule,
    /// An admin undid the run.
    RunUndone,
    /// A safeguard stopped the run, and no answer of an admin named the person: their access had ended already, or it
    /// ended on another ground meanwhile.
    Stopped,
    /// An earlier release recorded no reason.
    Unknown,
}

/// The leave date of a ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveGround {
    /// The first day without access.
    pub date: NaiveDate,
    /// The author of the date. [`Whose::Hr`] unless an admin set it.
    pub by: Whose,
}

impl Ground {
    /// A ground that does not count.
    #[must_use]
    pub fn idle(state: GroundState, since: DateTime<Utc>) -> Self {
        Self {
            state,
            since,
            due_at: None,
            keeps_access: false,
            epoch: Epoch::default(),
            run: None,
            approved: false,
            then: AtEnd::Deactivate,
            date: None,
            why: None,
        }
    }

    /// A ground that is not acted on.
    #[must_use]
    pub fn ignored(why: IgnoredBy, since: DateTime<Utc>) -> Self {
        Self {
            why: Some(why),
            ..Self::idle(GroundState::Ignored, since)
        }
    }

    /// A ground in force that ends the cards at `due_at`.
    #[must_use]
    pub fn in_force(since: DateTime<Utc>, due_at: DateTime<Utc>, epoch: Epoch) -> Self {
        Self {
            due_at: Some(due_at),
            epoch,
            ..Self::idle(GroundState::InForce, since)
        }
    }

    /// True if the ground counts.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.state == GroundState::InForce
    }

    /// True if the ground counts, and ends access before the deactivation.
    #[must_use]
    pub fn ends_access(&self) -> bool {
        self.counts() && !self.keeps_access
    }

    /// True if the ground is about this leave date. A ground of an earlier release may not say which date it is about.
    #[must_use]
    pub fn is_about(&self, date: NaiveDate) -> bool {
        self.date.is_none_or(|of| of.date == date)
    }

    /// The same ground in a state in which it does not count.
    #[must_use]
    pub fn without_force(self, state: GroundState) -> Self {
        Self {
            state,
            due_at: None,
            keeps_access: false,
            ..self
        }
    }
}
