//! The immutable history of a user.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::employee::Field;
use crate::ids::{CardId, EmployeeId, GivenReason, HoldId, Login, SourceId};
use crate::lifecycle::{Access, AtEnd, Cause, Role, Status};

/// A change in the history of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Happening {
    /// The user was created.
    Created,
    /// Profile fields changed.
    Updated,
    /// A deactivation was scheduled, or access ended during the grace period. `access` says if access is kept until the
    /// deactivation.
    Scheduled {
        /// When the grace period ends.
        due_at: DateTime<Utc>,
    },
    /// The user was deactivated.
    Deactivated,
    /// The user is active again, after a grace period or a deactivation.
    Reactivated,
    /// An admin deleted the user.
    Deleted,
    /// A deleted user was restored.
    Restored,
    /// The role or the login changed.
    RoleChanged {
        /// The new role. An auditor's is `member` here, as the releases before auditors can read it.
        role: Role,
        /// True if the new role is `auditor`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        auditor: bool,
        /// The login that counts from now on; `None` if it did not change, or if there is none any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Login>,
    },
    /// An admin confirmed that the address of the user is theirs, and not that of somebody whom an admin put out.
    AddressConfirmed,
    /// An admin had the user invited by mail.
    Invited,
    /// A machine would have ended the access of the last admin, and did not.
    Held,
    /// A safeguard stopped a machine from ending the user's access, or from restoring the user.
    Stopped {
        /// The hold that the user is in.
        hold: HoldId,
    },
    /// A hold was answered, and the user stays as they are.
    Kept {
        /// The hold that the user was in.
        hold: HoldId,
    },
    /// The grace period continues, because a hold was open at its end or was rejected.
    Postponed {
        /// When the grace period ends, or when the timer looks at the hold again.
        until: DateTime<Utc>,
    },
    /// An admin moved the end of the grace period.
    DueMoved {
        /// The new end of the grace period.
        due_at: DateTime<Utc>,
        /// Why, in the admin's words.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        reason: GivenReason,
    },
    /// An admin set, moved or removed the leave date.
    LeaveDateSet {
        /// The new leave date, as the admin said it; `None` if it was removed.
        leave_date: Option<NaiveDate>,
        /// The first day without access; `None` if that is the date that the admin said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_day_out: Option<NaiveDate>,
    },
    /// Objectives were closed with a deactivation.
    ObjectivesClosed {
        /// How many objectives were closed.
        count: u32,
    },
    /// Objectives were opened again.
    ObjectivesReopened {
        /// How many objectives were opened.
        count: u32,
        /// How many objectives could not be opened, since an admin had deleted them.
        lost: u32,
    },
    /// Cards were cancelled at the issuer.
    CardsTerminated {
        /// The cancelled cards.
        cards: Vec<CardId>,
    },
    /// All work of a deactivation or deletion is done.
    Finished {
        /// How many cards were cancelled in all.
        cards: u32,
    },
    /// An admin gave the user to another HR source.
    HandedOver {
        /// The source that had the user. The JSON name is not `from`, because an entry is one flat object that has a `from` of
        /// its own.
        #[serde(rename = "handed_from")]
        from: SourceId,
        /// The source that has the user from now on. The JSON name is not `to`, for the same reason.
        #[serde(rename = "handed_to")]
        to: SourceId,
    },
    /// A card was added to the user.
    CardAdded {
        /// The new card.
        card: CardId,
    },
    /// A card was given to another user.
    CardGiven {
        /// The card that was given away.
        card: CardId,
        /// The new owner. The JSON name is not `to`, because an entry is one flat object that has a `to` of its own.
        #[serde(rename = "given_to")]
        to: EmployeeId,
    },
    /// A card was received from another user.
    CardTaken {
        /// The received card.
        card: CardId,
        /// The former owner. The JSON name is not `from`, for the same reason.
        #[serde(rename = "taken_from")]
        from: EmployeeId,
    },
    /// A card was frozen.
    CardFrozen {
        /// The frozen card.
        card: CardId,
    },
    /// A card was thawed.
    CardThawed {
        /// The thawed card.
        card: CardId,
    },
}

impl Happening {
    /// True if the entry's status and cause tell the whole change.
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

/// Why HR's statement that a person has left had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Ignored {
    /// The deactivation sync was off.
    SyncOff,
    /// The source was in observation.
    Observing,
    /// The settings ignored people who are missing from a snapshot.
    Missing,
}

/// One change of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HistoryEntry))]
pub struct Entry {
    /// The user's version after the change.
    pub version: u64,
    /// When the change was decided.
    pub at: DateTime<Utc>,
    /// The person or machine that caused the change.
    pub by: Actor,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
    /// The status before the change; `None` if the user did not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Status>,
    /// The status after the change.
    pub to: Status,
    /// `granted` if the user keeps access during the grace period. `None` if the status says whether they have access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Why the user is not active; `None` if the user is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What happens at the end, where this change says more than a deactivation. Absent where it says nothing of it.
    // Releases before it ignore it.
    #[serde(default, skip_serializing_if = "AtEnd::is_deactivate")]
    pub then: AtEnd,
    /// The profile fields that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Why HR's statement had no effect; `None` if it took effect or HR stated no departure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignored>,
}
