//! Explains why a user is active.

use offramp_domain::{
    Actor, Entry, Ground, GroundKind, GroundState, Happening, HrWord, Ignored, IgnoredBy,
    Lifecycle, Policy, Status, User,
};

use super::{Code, Known, Reason};
use crate::ports::SourceState;

/// True if only the history says why the user is active: HR does not say active, and no present setting or hold
/// explains it.
#[must_use]
pub fn asks_for_the_past(user: &User, policy: &Policy, source: Option<SourceState>) -> bool {
    let settled = user.as_of(policy);
    settled.status() == Status::Active
        && matches!(settled.hr_word(), Some(HrWord::Inactive | HrWord::Missing))
        && settled.generation == user.generation
        && !settled.held
        && settled.hold.is_none()
        && policy.settings.deactivation_sync.enabled
        && source != Some(SourceState::Observing)
}

/// Why the user is still active. If the sync rule leaves the user out, that reason is given elsewhere.
pub(super) fn here(user: &User, stored: &User, known: Known<'_>, left_out: bool) -> Vec<Reason> {
    let reason = |code, detail: String| vec![Reason { code, detail }];
    let said = match user.hr_word() {
        None => {
            let detail = "An admin added them by hand; HR has never spoken of them.";
            return reason(Code::ByHand, detail.to_owned());
        }
        Some(HrWord::Active) if user.held || user.hold.is_some() => "Their leave date has come",
        Some(HrWord::Active) => return reason(Code::ActiveInHr, active(user, known)),
        Some(HrWord::Missing) => "They were missing from the last snapshot",
        Some(HrWord::Inactive) => "HR says inactive",
    };
    if user.held || user.hold.is_some() {
        return reason(Code::Held, format!("{said}, but {}.", held(user, known)));
    }
    if stored.generation != user.generation {
        let (code, ended) = match stored.lifecycle() {
            Lifecycle::Scheduled(schedule) => match &schedule.run {
                Some(run) if known.policy.is_undone(run) => (
                    Code::RunUndone,
                    format!("an admin took back the run {run}, which had scheduled them"),
                ),
                _ => (Code::SyncTurnedOff, turned_off()),
            },
            _ => (Code::SyncTurnedOff, turned_off()),
        };
        return reason(code, format!("{said}, but {ended}."));
    }
    let mut reasons = Vec::new();
    if !known.policy.settings.deactivation_sync.enabled {
        let detail = format!("{said}, but the deactivation sync is off.");
        reasons.extend(reason(Code::SyncOff, detail));
    }
    match known.source {
        Some((source, SourceState::Observing)) => reasons.extend(reason(
            Code::Observing,
            format!("{said}, but the source {source} is only observed: it deactivates nobody."),
        )),
        _ if left_out || !reasons.is_empty() => {}
        _ => reasons.push(before(said, user, known)),
    }
    if let Some((source, SourceState::Disabled)) = known.source {
        let detail = format!("The source {source} is disabled: nothing is taken from it.");
        reasons.extend(reason(Code::SourceDisabled, detail));
    }
    reasons
}

fn active(user: &User, known: Known<'_>) -> String {
    match &user.hr {
        Some(record) => format!(
            "HR says active, as of {}; whatever it says of an earlier time is stale and changes nothing.",
            known.spoken(record.latest())
        ),
        None => "HR says active.".to_owned(),
    }
}

/// What stopped the change, and which answer it waits for.
fn held(user: &User, known: Known<'_>) -> String {
    let stopped = match (user.held, known.is_last_admin(user)) {
        (false, _) => "a safeguard stopped it",
        (true, true) => "they are the last admin with access",
        (true, false) => "they were the last admin with access",
    };
    match &user.hold {
        Some(held) => format!(
            "{stopped}: the hold {} waits for an admin's answer",
            held.hold
        ),
        None => format!("{stopped}: held"),
    }
}

fn turned_off() -> String {
    "an admin turned the deactivation sync off, which ended their schedule".to_owned()
}

/// Why HR's word did not end the user's access: the state of its ground, with the history entry that tells when.
fn before(said: &str, user: &User, known: Known<'_>) -> Reason {
    let ground = [GroundKind::Missing, GroundKind::Hr]
        .into_iter()
        .find_map(|kind| user.grounds.get(kind));
    let stands = ground.map(stays);
    for entry in known.past {
        if let Some((code, what)) = keeps(entry)
            && stands.is_none_or(|(by_ground, _)| agrees(by_ground, code))
        {
            let when = known.spoken(entry.at);
            return Reason {
                code,
                detail: format!(
                    "{said}, but {what} (on {when}), and the record has not changed since."
                ),
            };
        }
        if entry.from != Some(Status::Active) {
            // The user was not active before this entry.
            break;
        }
    }
    let (code, what) = stands.unwrap_or((Code::Unchanged, UNTOLD));
    Reason {
        code,
        detail: format!("{said}, but {what}, and HR has said nothing else since."),
    }
}

/// True if a history entry tells the same as the ground, and perhaps more exactly.
fn agrees(by_ground: Code, by_entry: Code) -> bool {
    by_ground == by_entry
        || matches!(
            (by_ground, by_entry),
            (Code::Unchanged, _)
                | (Code::IgnoredWhileOff, Code::SyncTurnedOff)
                | (
                    Code::HoldAnswered,
                    Code::RunUndone | Code::ReactivatedByAdmin
                )
        )
}

const UNTOLD: &str = "the sync did not act on that when it came";

/// Why a ground does not count.
fn stays(ground: &Ground) -> (Code, &'static str) {
    match (ground.state, ground.why) {
        (GroundState::Refused, _) => (Code::HoldAnswered, "an admin said no to it"),
        (GroundState::Overridden, _) => (
            Code::ReactivatedByAdmin,
            "an admin gave them their access back",
        ),
        (_, Some(IgnoredBy::SyncOff)) => {
            (Code::IgnoredWhileOff, "the deactivation sync was off then")
        }
        (_, Some(IgnoredBy::Observing)) => (
            Code::IgnoredWhileObserving,
            "the source was only observed when that came",
        ),
        (_, Some(IgnoredBy::OnMissing)) => {
            (Code::MissingIgnored, "the settings ignored missing people")
        }
        (_, Some(IgnoredBy::LeaveDates)) => (
            Code::SettingsChanged,
            "by the settings the leave date did not count",
        ),
        (_, Some(IgnoredBy::Rule)) => (Code::LeftOutBefore, "the sync rule left them out"),
        (_, Some(IgnoredBy::RunUndone)) => (Code::RunUndone, "an admin took its run back"),
        _ => (Code::Unchanged, UNTOLD),
    }
}

/// What an entry says about the user's staying; `None` if it says nothing.
fn keeps(entry: &Entry) -> Option<(Code, String)> {
    let told = |code, what: &str| Some((code, what.to_owned()));
    match entry.ignored {
        Some(Ignored::SyncOff) => {
            return told(
                Code::IgnoredWhileOff,
                "the deactivation sync was off when that came",
            );
        }
        Some(Ignored::Observing) => {
            return told(
                Code::IgnoredWhileObserving,
                "the source was only observed when that came",
            );
        }
        Some(Ignored::Missing) => {
            return told(
                Code::MissingIgnored,
                "the settings ignored missing people when that came",
            );
        }
        None => {}
    }
    match (&entry.happening, &entry.by) {
        (Happening::Kept { hold }, _) => Some((
            Code::HoldAnswered,
            format!("an admin answered the hold {hold}, and they stay"),
        )),
        (Happening::Reactivated, Actor::RunUndone { run, .. }) => Some((
            Code::RunUndone,
            format!("an admin took back the run {run}, which had scheduled them"),
        )),
        (Happening::Reactivated, Actor::SyncTurnedOff) => Some((Code::SyncTurnedOff, turned_off())),
        (Happening::Reactivated, Actor::SettingsChanged) => told(
            Code::SettingsChanged,
            "a change of what leave dates count ended their schedule",
        ),
        (
            Happening::Reactivated | Happening::Restored,
            Actor::Admin { .. } | Actor::Service { .. } | Actor::Operator { .. },
        ) => told(
            Code::ReactivatedByAdmin,
            "an admin gave them their access back",
        ),
        // HR, a timer or a changed rule reactivates a user that HR does not call active only if the sync rule leaves
        // the user out.
        (Happening::Reactivated, _) => told(
            Code::LeftOutBefore,
            "a sync rule that left them out ended their schedule",
        ),
        _ => None,
    }
}
