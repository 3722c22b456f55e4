//! What can happen to a user.

use chrono::{DateTime, NaiveDate, Utc};

use crate::actor::Actor;
use crate::employee::{Field, HrEvent};
use crate::ids::{CardId, EmployeeId, Generation, HoldId, SnapshotId, SourceId};
use crate::lifecycle::Role;

/// What can happen to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// HR says something.
    Hr {
        /// Which source.
        source: SourceId,
        /// What.
        event: HrEvent,
    },
    /// The snapshot of a source, as of an instant, does not have somebody whom it knows.
    Missing {
        /// Which source.
        source: SourceId,
        /// Which snapshot.
        snapshot: SnapshotId,
        /// The instant that it speaks of.
        at: DateTime<Utc>,
    },
    /// An admin lets somebody go whom a safeguard had stopped.
    Approve {
        /// Who.
        by: Actor,
        /// The hold.
        hold: HoldId,
        /// The version that the admin has read: whoever joined later stays held.
        until: u64,
    },
    /// An admin keeps somebody whom a safeguard had stopped.
    Keep {
        /// Who.
        by: Actor,
        /// The hold.
        hold: HoldId,
        /// The version that the admin has read.
        until: u64,
    },
    /// An admin adds somebody by hand.
    Add {
        /// Who.
        by: Actor,
        /// Whom.
        employee_id: EmployeeId,
        /// The fields, canonical.
        profile: std::collections::BTreeMap<Field, String>,
        /// As what.
        role: Role,
    },
    /// An admin wants somebody deactivated at once.
    DeactivateNow {
        /// Who.
        by: Actor,
    },
    /// An admin deletes somebody.
    Delete {
        /// Who.
        by: Actor,
    },
    /// An admin brings somebody back.
    Restore {
        /// Who.
        by: Actor,
    },
    /// An admin gives somebody a role.
    SetRole {
        /// Who.
        by: Actor,
        /// Which.
        role: Role,
    },
    /// An admin sets, moves or removes a leave date.
    SetLeaveDate {
        /// Who.
        by: Actor,
        /// Which.
        date: Option<NaiveDate>,
    },
    /// An admin hands somebody in as a leaver: the grace period begins, whatever the settings say.
    Leave {
        /// Who.
        by: Actor,
    },
    /// The beginning of a leave date.
    LeaveDue {
        /// The plan that the timer was armed for.
        plan: u64,
        /// The second that it was armed for.
        due: DateTime<Utc>,
    },
    /// Objectives of a deactivated or deleted user are closed.
    ObjectivesClosed {
        /// The generation of the deactivation.
        generation: Generation,
        /// How many.
        count: u32,
        /// Whether that was all.
        all: bool,
        /// Who.
        by: Actor,
    },
    /// Objectives that a deactivation had closed are open again.
    ObjectivesReopened {
        /// The generation of the deactivation.
        generation: Generation,
        /// How many.
        count: u32,
        /// How many could not be brought back.
        lost: u32,
        /// Whether that was all.
        all: bool,
        /// Who.
        by: Actor,
    },
    /// The end of a grace period.
    Due {
        /// The generation that the timer was armed for.
        generation: Generation,
        /// The second that it was armed for.
        due: DateTime<Utc>,
    },
    /// Cards of a deactivated or deleted user were cancelled at the issuer.
    CardsCancelled {
        /// Which.
        cards: Vec<CardId>,
        /// Who.
        by: Actor,
    },
    /// Every card of a deactivated or deleted user is cancelled.
    Finished {
        /// The generation of the deactivation.
        generation: Generation,
        /// Who.
        by: Actor,
    },
    /// The sync was turned off some time ago: what is stored catches up.
    Tidy,
    /// A card was added to the user or taken away.
    CardsCounted {
        /// Who.
        by: Actor,
        /// What, for the history.
        what: crate::history::Happening,
        /// How many more or fewer cards that are alive.
        difference: i32,
    },
}

impl Event {
    /// The source that speaks.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        match self {
            Self::Hr { source, .. } | Self::Missing { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether a machine makes it happen, so that the breaker of the user's source has a say. What an
    /// admin does, or has confirmed, is exempt.
    #[must_use]
    pub fn is_a_machines(&self) -> bool {
        matches!(
            self,
            Self::Hr { .. } | Self::Missing { .. } | Self::Due { .. } | Self::LeaveDue { .. }
        )
    }
}
