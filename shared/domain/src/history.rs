//! The immutable account of what happened to a user.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::employee::Field;
use crate::ids::{CardId, EmployeeId, HoldId};
use crate::lifecycle::{Cause, Role, Status};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Happening {
    /// The user came to be.
    Created,
    /// Fields changed.
    Updated,
    /// A deactivation was planned; access is gone.
    Scheduled {
        /// When the grace period ends.
        due_at: DateTime<Utc>,
    },
    /// Deactivated.
    Deactivated,
    /// Active again, from the grace period or a deactivation.
    Reactivated,
    /// Deleted by hand.
    Deleted,
    /// Back from a deletion.
    Restored,
    /// A new role.
    RoleChanged {
        /// Which.
        role: Role,
    },
    /// A machine would have deactivated the last admin, and did not.
    Held,
    /// A machine would have ended the access of somebody, or brought them back, and a safeguard stopped it.
    Stopped {
        /// The hold that they are in.
        hold: HoldId,
    },
    /// An admin answered a hold, and they stay as they are.
    Kept {
        /// The hold that they were in.
        hold: HoldId,
    },
    /// The grace period goes on: a hold was open at its end, or was rejected.
    Postponed {
        /// When it ends, or is looked at again.
        until: DateTime<Utc>,
    },
    /// An admin set, moved or removed the leave date.
    LeaveDateSet {
        /// Which; `None` where it was removed.
        leave_date: Option<NaiveDate>,
    },
    /// Objectives were closed with a deactivation.
    ObjectivesClosed {
        /// How many.
        count: u32,
    },
    /// Objectives were opened again.
    ObjectivesReopened {
        /// How many.
        count: u32,
        /// How many could not be brought back.
        lost: u32,
    },
    /// Cards were terminated.
    CardsTerminated {
        /// Which.
        cards: Vec<CardId>,
    },
    /// Everything that a deactivation or deletion had to do is done.
    Finished {
        /// Cards terminated in all.
        cards: u32,
    },
    /// A card was added.
    CardAdded {
        /// Which.
        card: CardId,
    },
    /// A card went to somebody else.
    CardGiven {
        /// Which.
        card: CardId,
        /// To whom. Not `to`: an entry is one flat object, and has a `to` of its own.
        #[serde(rename = "given_to")]
        to: EmployeeId,
    },
    /// A card came from somebody else.
    CardTaken {
        /// Which.
        card: CardId,
        /// From whom. Not `from`, likewise.
        #[serde(rename = "taken_from")]
        from: EmployeeId,
    },
    /// A card was frozen.
    CardFrozen {
        /// Which.
        card: CardId,
    },
    /// A card was thawed.
    CardThawed {
        /// Which.
        card: CardId,
    },
}

impl Happening {
    /// Whether the status after it, and its cause, say all of it.
    #[must_use]
    pub fn is_of_the_lifecycle(&self) -> bool {
        matches!(
            self,
            Self::Created
                | Self::Updated
                | Self::Scheduled { .. }
                | Self::Deactivated
                | Self::Reactivated
                | Self::Deleted
                | Self::Restored
                | Self::Held
                | Self::Stopped { .. }
                | Self::LeaveDateSet { .. }
        )
    }
}

/// Why HR's word that somebody is gone was not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Ignored {
    /// The deactivation sync was off.
    SyncOff,
    /// The source was only observed.
    Observing,
    /// The settings ignored missing people.
    Missing,
}

/// One change of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HistoryEntry))]
pub struct Entry {
    /// The user's version after it.
    pub version: u64,
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// Who or what caused it.
    pub by: Actor,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
    /// Before; `None` where there was nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Status>,
    /// After.
    pub to: Status,
    /// Why, where the status is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The shown fields that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Why HR's word that they are gone was not acted on, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignored>,
}
