//! The stable words of reasons.

use serde::Serialize;

/// The stable word of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ReasonCode))]
pub enum Code {
    /// Active: HR says active.
    ActiveInHr,
    /// Active: an admin added the user, and HR has made no statement about them.
    ByHand,
    /// A safeguard stopped HR's change, or the user is the last admin.
    Held,
    /// Active: the deactivation sync is off.
    SyncOff,
    /// Active: an admin turned the deactivation sync off, which ended the schedule.
    SyncTurnedOff,
    /// Active: an admin undid the run that had scheduled the user.
    RunUndone,
    /// Active: the source is in observation.
    Observing,
    /// The source is disabled, so nothing is accepted from it.
    SourceDisabled,
    /// Active: the deactivation sync was off when HR's statement came.
    IgnoredWhileOff,
    /// Active: the source was in observation when HR's statement came.
    IgnoredWhileObserving,
    /// Active: the settings ignored that the user was missing.
    MissingIgnored,
    /// Active: the hold with the user was answered, and the user stays.
    HoldAnswered,
    /// Active: an admin gave the user access again.
    ReactivatedByAdmin,
    /// Active: a sync rule that left the user out ended the schedule.
    LeftOutBefore,
    /// Active: a change of which leave dates count ended the schedule.
    SettingsChanged,
    /// Active: the sync did not act on HR's statement when it came.
    Unchanged,
    /// The sync rule leaves the user out.
    ExcludedByRule,
    /// The sync rule cannot be evaluated on the user.
    RuleFails,
    /// The leave date has been reached, and its timer is about to act.
    LeaveDate,
    /// The user is in the grace period.
    WaitingForTimer,
    /// The grace period is over, and a hold keeps the cards alive.
    WaitingForHold,
    /// An admin postponed the end of the cards.
    EndPostponed,
    /// Another ground stands beside the decisive one. It stays in force when that one goes.
    AlsoStands,
    /// The user is deactivated.
    Deactivated,
    /// An admin deleted the user.
    DeletedByHand,
    /// The address was that of somebody whom an admin deleted or put out, so access by the address alone is revoked.
    AddressOfDeleted,
    /// Another source than the user's called them inactive, and was not heard. A hand-over would move them.
    SaidByAnotherSource,
    /// The work of a deactivation or deletion is not finished.
    Unfinished,
    /// The settings ignore the leave date.
    LeaveDateIgnored,
    /// The leave date was acted on.
    LeaveDatePassed,
    /// The leave date has been reached, but does not end the access of the last admin.
    LeaveDateHeld,
    /// Access ends on the leave date.
    LeaveDatePlanned,
    /// At the end the user is deleted, as a list of leavers asked.
    DeletedAtEnd,
}
