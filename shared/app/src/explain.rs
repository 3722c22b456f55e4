//! Why somebody is here, or gone: in sentences and in fields.

use chrono::{DateTime, Utc};
use offramp_domain::settings::{LeaveDates, RestoreDeletedOn};
use offramp_domain::{
    Access, Cause, EmployeeId, HrWord, Lifecycle, Origin, Policy, Status, User, Whose,
};
use serde::Serialize;

use crate::sync_rules;
use crate::when::{instant, spoken};

/// Why a user is in the state that they are in.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// Whom it is about.
    pub employee_id: EmployeeId,
    /// The state.
    pub status: Status,
    /// Whether they may log in.
    pub access: Access,
    /// What HR last said; `None` where it never spoke of them.
    pub hr: Option<HrWord>,
    /// The instant of HR's newest word: an event that is older in all that it says is stale.
    pub hr_as_of: Option<String>,
    /// Every reason, the decisive one first.
    pub reasons: Vec<Reason>,
    /// What happens next by itself; `None` where nothing does.
    pub next: Option<Next>,
    /// What would change it.
    pub would_change: Vec<&'static str>,
    /// The same in sentences.
    pub text: Vec<String>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reason {
    /// A stable word.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Next {
    /// A stable word: `deactivated`, `cards_terminated`, `access_ends`, `objectives_reopened`.
    pub what: &'static str,
    /// When, at the latest a few minutes later.
    pub at: String,
}

/// Explains a user.
#[must_use]
pub fn explain(user: &User, policy: &Policy, now: DateTime<Utc>) -> Explanation {
    let stored = user;
    let user = user.settled(policy);
    let mut reasons = Vec::new();
    let mut add = |code, detail: String| reasons.push(Reason { code, detail });
    let zone = &policy.settings.time_zone;
    let word = user.hr_word();
    let excluded = excluded(&user, policy);
    let left_out = excluded.is_some();
    match &user.lifecycle {
        Lifecycle::Active if user.access_at(now) == Access::Revoked => {
            add(
                "leave_date",
                "The leave date has come; the timer is about to act on it.".to_owned(),
            );
        }
        Lifecycle::Active => here(&user, stored, policy, left_out, &mut add),
        Lifecycle::Scheduled(schedule) if schedule.waits_until.is_some() => add(
            "waiting_for_hold",
            format!(
                "{} Access ended on {}. The grace period ended on {}, but a hold of the HR source is open: until an admin answers it their cards stay alive.",
                why(schedule.cause),
                spoken(schedule.at, zone),
                spoken(schedule.due_at, zone)
            ),
        ),
        Lifecycle::Scheduled(schedule) => add(
            "waiting_for_timer",
            format!(
                "{} Access ended on {}; on {} the user is deactivated and their cards are terminated.",
                why(schedule.cause),
                spoken(schedule.at, zone),
                spoken(schedule.due_at, zone)
            ),
        ),
        Lifecycle::Deactivated(deactivation) => add(
            "deactivated",
            format!(
                "{} They were deactivated on {}.",
                why(deactivation.cause),
                spoken(deactivation.at, zone)
            ),
        ),
        Lifecycle::Deleted { at } => add("deleted_by_hand", deleted(*at, policy)),
    }
    if !user.pending.is_done() {
        add(
            "unfinished",
            "Cards, objectives or the notice to the admins are still being worked on.".to_owned(),
        );
    }
    if let Some(excluded) = excluded {
        // Whoever is here although HR says otherwise is here because of the rule before all else.
        let decisive = user.status() == Status::Active && word != Some(HrWord::Active);
        reasons.insert(if decisive { 0 } else { reasons.len() }, excluded);
    }
    leave(&user, policy, &mut reasons);
    let next = next(&user, now);
    let mut text: Vec<String> = reasons.iter().map(|reason| reason.detail.clone()).collect();
    if let Some(next) = &next {
        text.push(format!(
            "Next, at {}: {}.",
            next.at,
            next.what.replace('_', " ")
        ));
    }
    Explanation {
        status: user.status(),
        access: user.access_at(now),
        hr: word,
        hr_as_of: user.hr.as_ref().map(|record| instant(record.latest())),
        would_change: would_change(&user, policy, left_out),
        employee_id: user.employee_id,
        reasons,
        next,
        text,
    }
}

/// Why somebody is still here; whom the rule leaves out is told by the rule.
fn here(
    user: &User,
    stored: &User,
    policy: &Policy,
    left_out: bool,
    add: &mut impl FnMut(&'static str, String),
) {
    let said = match user.hr_word() {
        None => {
            return add(
                "by_hand",
                "An admin added them by hand; HR has never spoken of them.".to_owned(),
            );
        }
        Some(HrWord::Active) if user.held || user.hold.is_some() => "Their leave date has come",
        Some(HrWord::Active) => {
            return add("active_in_hr", active(user, &policy.settings.time_zone));
        }
        Some(HrWord::Missing) => "They were missing from the last snapshot",
        Some(HrWord::Inactive) => "HR says inactive",
    };
    if let Some(held) = user.hold.as_ref().filter(|_| !user.held) {
        add(
            "held",
            format!(
                "{said}, but a safeguard stopped it: hold {} waits for an admin's answer.",
                held.hold
            ),
        );
    } else if user.held {
        add(
            "held",
            format!("{said}, but they are the last admin with access: held."),
        );
    } else if stored.generation != user.generation {
        add(
            "sync_turned_off",
            format!(
                "{said}, but an admin turned the deactivation sync off, which undid the schedule."
            ),
        );
    } else if !policy.settings.deactivation_sync.enabled {
        add(
            "sync_off",
            format!("{said}, but the deactivation sync is off."),
        );
    } else if !left_out {
        add(
            "unchanged",
            format!(
                "{said}, but the record has not changed since an admin, or the end of the sync, kept them."
            ),
        );
    }
}

fn active(user: &User, zone: &str) -> String {
    match &user.hr {
        Some(record) => format!(
            "HR says active, as of {}; whatever it says of an earlier time is stale and changes nothing.",
            spoken(record.latest(), zone)
        ),
        None => "HR says active.".to_owned(),
    }
}

fn deleted(at: DateTime<Utc>, policy: &Policy) -> String {
    let back = match policy.settings.restore_deleted_on {
        RestoreDeletedOn::AnyChange => {
            "any change of the HR record that says active brings them back"
        }
        RestoreDeletedOn::Reactivation => "HR's word changing to active brings them back",
        RestoreDeletedOn::Never => "only an admin brings them back",
    };
    format!(
        "An admin deleted them on {}; {back}.",
        spoken(at, &policy.settings.time_zone)
    )
}

fn excluded(user: &User, policy: &Policy) -> Option<Reason> {
    let record = user.hr.as_ref()?;
    match sync_rules::of(policy).includes(&user.employee_id, record) {
        Ok(true) => None,
        Ok(false) => Some(Reason {
            code: "excluded_by_rule",
            detail: "The sync rule leaves this employee out: the sync never touches them."
                .to_owned(),
        }),
        Err(error) => Some(Reason {
            code: "rule_fails",
            detail: format!(
                "The sync rule cannot be evaluated on this employee, so the sync does not touch them: {error}."
            ),
        }),
    }
}

fn leave(user: &User, policy: &Policy, reasons: &mut Vec<Reason>) {
    let Some((date, whose)) = user.leave_date() else {
        return;
    };
    let owner = match whose {
        Whose::Admin => "An admin",
        Whose::Hr => "HR",
    };
    let (code, rest) = match (policy.settings.leave_dates, whose) {
        (LeaveDates::Ignore, _) => ("leave_date_ignored", "the settings ignore leave dates"),
        (LeaveDates::Manual, Whose::Hr) => (
            "leave_date_ignored",
            "by the settings only an admin's date counts",
        ),
        _ if user.leave.acted == Some(date) => {
            ("leave_date_passed", "it has come and was acted on")
        }
        _ if user.held => (
            "leave_date_held",
            "it has come, but ends nothing for the last admin",
        ),
        _ => ("leave_date_planned", "access ends when that day begins"),
    };
    reasons.push(Reason {
        code,
        detail: format!("{owner} set the leave date {date}; {rest}."),
    });
}

fn next(user: &User, now: DateTime<Utc>) -> Option<Next> {
    let pending = (!user.pending.is_done())
        .then_some(user.pending.due)
        .flatten();
    let plan = user
        .leave
        .plan
        .map(|plan| plan.at)
        .filter(|_| user.status() == Status::Active);
    [
        ("cards_terminated", pending),
        ("deactivated", user.due_at().filter(|_| !waits(user))),
        ("access_ends", plan),
        (
            "objectives_reopened",
            user.reopening.map(|reopening| reopening.due),
        ),
    ]
    .into_iter()
    .filter_map(|(what, at)| Some((what, at?)))
    .min_by_key(|(_, at)| *at)
    .map(|(what, at)| Next {
        what,
        at: instant(at.max(now)),
    })
}

/// Whether a hold keeps somebody's grace period open.
fn waits(user: &User) -> bool {
    matches!(&user.lifecycle, Lifecycle::Scheduled(schedule) if schedule.waits_until.is_some())
}

fn would_change(user: &User, policy: &Policy, left_out: bool) -> Vec<&'static str> {
    // Nothing that HR says changes whom the rule leaves out.
    let hr = |way| (!left_out).then_some(way);
    let restored = Some("an admin restoring them");
    let mut ways = match &user.lifecycle {
        Lifecycle::Active => here_until(user, policy, left_out),
        Lifecycle::Scheduled(schedule) if schedule.cause.is_sync() => vec![
            hr("HR marking them active"),
            restored,
            Some("an admin turning the deactivation sync off"),
            hr("a sync rule that leaves them out"),
        ],
        Lifecycle::Scheduled(schedule) if schedule.cause == Cause::LeaveDate => {
            vec![restored, Some("the leave date being moved or removed")]
        }
        Lifecycle::Scheduled(_) => vec![restored],
        Lifecycle::Deactivated(_) if matches!(user.origin, Origin::Manual) => vec![restored],
        Lifecycle::Deactivated(_) => vec![
            restored,
            hr("HR's word changing from inactive or missing to active"),
        ],
        Lifecycle::Deleted { .. } => {
            let back = match policy.settings.restore_deleted_on {
                RestoreDeletedOn::Never => None,
                RestoreDeletedOn::AnyChange => hr("any change of the HR record that says active"),
                RestoreDeletedOn::Reactivation => hr("HR's word changing to active"),
            };
            vec![restored, back]
        }
    };
    if left_out {
        ways.push(Some(
            "a sync rule that does not leave them out, and then a change of the HR record",
        ));
    }
    ways.into_iter().flatten().collect()
}

/// What would end the access of somebody who is here.
fn here_until(user: &User, policy: &Policy, left_out: bool) -> Vec<Option<&'static str>> {
    let on = policy.settings.deactivation_sync.enabled;
    let by_hr = match user.hr_word() {
        None => None,
        Some(_) if left_out => None,
        Some(_) if user.hold.is_some() && !user.held => {
            Some("an admin approving the hold, or HR marking them active")
        }
        Some(_) if user.held => {
            Some("another admin with access, and then a change of the HR record")
        }
        Some(HrWord::Active) if on => Some("HR marking them inactive"),
        Some(HrWord::Active) => {
            Some("the deactivation sync being turned on, and then HR marking them inactive")
        }
        Some(_) if on => Some("any change of the HR record that still says inactive"),
        Some(_) => Some(
            "the deactivation sync being turned on, and then a change of the HR record that still says inactive",
        ),
    };
    let date = match policy.settings.leave_dates {
        LeaveDates::Ignore => None,
        LeaveDates::Manual | LeaveDates::All => Some("a leave date"),
    };
    vec![by_hr, date, Some("an admin deactivating or deleting them")]
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Hr => "HR says inactive.",
        Cause::Missing => "They were missing from a snapshot.",
        Cause::LeaveDate => "Their leave date has come.",
        Cause::Admin => "An admin did it by hand.",
    }
}
