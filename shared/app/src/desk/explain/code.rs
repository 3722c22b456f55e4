//! The words that reasons have.

use serde::Serialize;

/// A reason's stable word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ReasonCode))]
pub enum Code {
    /// Here, and HR says active.
    ActiveInHr,
    /// Here by an admin; HR has never spoken of them.
    ByHand,
    /// A safeguard stopped HR's word, or the last admin's leaving.
    Held,
    /// Here: the deactivation sync is off.
    SyncOff,
    /// Here: an admin turned the deactivation sync off, which ended their schedule.
    SyncTurnedOff,
    /// Here: an admin took back the run that had scheduled them.
    RunUndone,
    /// Here: the source is only observed.
    Observing,
    /// Nothing is taken from the source.
    SourceDisabled,
    /// Here: the deactivation sync was off when HR's word came.
    IgnoredWhileOff,
    /// Here: the source was only observed when HR's word came.
    IgnoredWhileObserving,
    /// Here: the settings ignored that they were missing.
    MissingIgnored,
    /// Here: an admin answered the hold that they were in, and they stay.
    HoldAnswered,
    /// Here: an admin gave them their access back.
    ReactivatedByAdmin,
    /// Here: a sync rule that left them out ended their schedule.
    LeftOutBefore,
    /// Here: a change of what leave dates count ended their schedule.
    SettingsChanged,
    /// Here: the sync did not act on HR's word when it came.
    Unchanged,
    /// The sync rule leaves them out.
    ExcludedByRule,
    /// The sync rule cannot be evaluated on them.
    RuleFails,
    /// The leave date has come, and is about to be acted on.
    LeaveDate,
    /// In the grace period.
    WaitingForTimer,
    /// The grace period is over, and a hold keeps their cards alive.
    WaitingForHold,
    /// Deactivated.
    Deactivated,
    /// An admin deleted them.
    DeletedByHand,
    /// Something of a deactivation or deletion is still to be done.
    Unfinished,
    /// The leave date counts for nothing, by the settings.
    LeaveDateIgnored,
    /// The leave date was acted on.
    LeaveDatePassed,
    /// The leave date has come, and ends nothing for the last admin.
    LeaveDateHeld,
    /// Access ends with the leave date.
    LeaveDatePlanned,
}
