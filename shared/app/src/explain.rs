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
pub struct Explanation {
    /// Whom it is about.
    pub employee_id: EmployeeId,
    /// The state.
    pub status: Status,
    /// Whether they may log in.
    pub access: Access,
    /// What HR last said; `None` where it never spoke of them.
    pub hr: Option<HrWord>,
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
pub struct Reason {
    /// A stable word.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    let user = user.settled(policy.epoch);
    let mut reasons = Vec::new();
    let mut add = |code, detail: String| reasons.push(Reason { code, detail });
    let zone = &policy.settings.time_zone;
    let word = user.hr_word();
    match &user.lifecycle {
        Lifecycle::Active if user.access_at(now) == Access::Revoked => {
            add(
                "leave_date",
                "The leave date has come; the timer is about to act on it.".to_owned(),
            );
        }
        Lifecycle::Active => here(&user, stored, policy, &mut add),
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
    if let Some(excluded) = excluded(&user, policy) {
        reasons.push(excluded);
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
        would_change: would_change(&user, policy),
        employee_id: user.employee_id,
        reasons,
        next,
        text,
    }
}

/// Why somebody is still here.
fn here(user: &User, stored: &User, policy: &Policy, add: &mut impl FnMut(&'static str, String)) {
    match user.hr_word() {
        None => add(
            "by_hand",
            "An admin added them by hand; HR has never spoken of them.".to_owned(),
        ),
        Some(HrWord::Active) => add("active_in_hr", "HR says active.".to_owned()),
        Some(word) => {
            let said = match word {
                HrWord::Missing => "They were missing from the last snapshot",
                _ => "HR says inactive",
            };
            if user.held {
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
            } else {
                add(
                    "unchanged",
                    format!(
                        "{said}, but the record has not changed since an admin, or the end of the sync, kept them."
                    ),
                );
            }
        }
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
        ("deactivated", user.due_at()),
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

fn would_change(user: &User, policy: &Policy) -> Vec<&'static str> {
    let sync = policy.settings.deactivation_sync.enabled;
    match &user.lifecycle {
        Lifecycle::Active if user.hr_word() == Some(HrWord::Active) && sync => {
            vec![
                "HR marking them inactive",
                "a leave date",
                "an admin deactivating or deleting them",
            ]
        }
        Lifecycle::Active if sync && user.hr.is_some() => {
            vec![
                "any change of the HR record that still says inactive",
                "a leave date",
                "an admin deactivating or deleting them",
            ]
        }
        Lifecycle::Active => vec!["a leave date", "an admin deactivating or deleting them"],
        Lifecycle::Scheduled(schedule) if schedule.cause.is_sync() => vec![
            "HR marking them active",
            "an admin restoring them",
            "an admin turning the deactivation sync off",
            "a sync rule that leaves them out",
        ],
        Lifecycle::Scheduled(schedule) if schedule.cause == Cause::LeaveDate => {
            vec![
                "an admin restoring them",
                "the leave date being moved or removed",
            ]
        }
        Lifecycle::Scheduled(_) => vec!["an admin restoring them"],
        Lifecycle::Deactivated(_) if matches!(user.origin, Origin::Manual) => {
            vec!["an admin restoring them"]
        }
        Lifecycle::Deactivated(_) => {
            vec![
                "an admin restoring them",
                "HR's word changing from inactive or missing to active",
            ]
        }
        Lifecycle::Deleted { .. } => match policy.settings.restore_deleted_on {
            RestoreDeletedOn::Never => vec!["an admin restoring them"],
            RestoreDeletedOn::AnyChange => {
                vec![
                    "an admin restoring them",
                    "any change of the HR record that says active",
                ]
            }
            RestoreDeletedOn::Reactivation => {
                vec!["an admin restoring them", "HR's word changing to active"]
            }
        },
    }
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Hr => "HR says inactive.",
        Cause::Missing => "They were missing from a snapshot.",
        Cause::LeaveDate => "Their leave date has come.",
        Cause::Admin => "An admin did it by hand.",
    }
}
