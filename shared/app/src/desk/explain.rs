//! Explains a user's state, in sentences and in fields.

mod code;
mod elsewhere;
mod kept;
mod ways;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use offramp_domain::settings::{LeaveDates, RestoreDeletedOn};
use offramp_domain::{
    Access, AtEnd, Cause, Counted, EmployeeId, Entry, GroundKind, GroundState, HrWord, Lifecycle,
    Policy, Schedule, SourceId, Status, User, Whose,
};
use serde::Serialize;

use crate::ports::SourceState;
use crate::rules;
use crate::when::{instant, spoken};

pub use code::Code;
pub use elsewhere::Elsewhere;
pub use kept::asks_for_the_past;

/// Why a user is in their present state.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The user.
    pub employee_id: EmployeeId,
    /// The status of the user.
    pub status: Status,
    /// Whether the user may log in.
    pub access: Access,
    /// HR's last statement; `None` if HR made none.
    pub hr: Option<HrWord>,
    /// The newest instant in the HR record. An event with only older statements is stale.
    pub hr_as_of: Option<String>,
    /// Every reason, the decisive one first.
    pub reasons: Vec<Reason>,
    /// What happens next by itself; `None` if nothing does.
    pub next: Option<Next>,
    /// What would change the state.
    pub would_change: Vec<String>,
    /// The same as sentences.
    pub text: Vec<String>,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reason {
    /// A stable word for the reason.
    pub code: Code,
    /// The reason as a sentence.
    pub detail: String,
}

/// The next change that happens by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Next {
    /// A stable word: `deactivated`, `cards_terminated`, `access_ends`, `objectives_reopened`.
    pub what: &'static str,
    /// When it happens. It may be a few minutes later.
    pub at: String,
}

/// The facts for an explanation, beside the user.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The policy, read with the user.
    pub policy: &'a Policy,
    /// The admins with access.
    pub admins: &'a BTreeSet<EmployeeId>,
    /// The user's source and its state; `None` if the user has none.
    pub source: Option<(&'a SourceId, SourceState)>,
    /// The newest history entries, newest first. Empty unless [`asks_for_the_past`].
    pub past: &'a [Entry],
    /// The present.
    pub now: DateTime<Utc>,
}

impl Known<'_> {
    /// True if the source is in this state.
    fn is(&self, state: SourceState) -> bool {
        self.source.is_some_and(|(_, is)| is == state)
    }

    fn spoken(&self, at: DateTime<Utc>) -> String {
        spoken(at, &self.policy.settings.time_zone)
    }

    /// True if the organisation would have no admin with access without this user.
    fn is_last_admin(&self, user: &User) -> bool {
        user.is_acting_admin() && !self.admins.iter().any(|admin| *admin != user.employee_id)
    }
}

/// Explains a user.
#[must_use]
pub fn explain(user: &User, known: Known<'_>) -> Explanation {
    let stored = user;
    let Known { policy, now, .. } = known;
    let user = user.as_of(policy);
    let mut reasons = Vec::new();
    let word = user.hr_word();
    let excluded = excluded(&user, policy);
    let left_out = excluded.is_some();
    match user.lifecycle() {
        Lifecycle::Active if user.access_at(now) == Access::Revoked => {
            reasons.push(Reason {
                code: Code::LeaveDate,
                detail: "The leave date has come; the timer is about to act on it.".to_owned(),
            });
        }
        Lifecycle::Active => reasons.extend(kept::here(&user, stored, known, left_out)),
        _ => reasons.extend(gone(&user, known)),
    }
    if !user.pending.is_done() {
        reasons.push(Reason {
            code: Code::Unfinished,
            detail: "Cards, objectives or the notice to the admins are still being worked on."
                .to_owned(),
        });
    }
    if let Some(excluded) = excluded {
        // If a user is active although HR says otherwise, the sync rule is the decisive reason.
        let decisive = user.status() == Status::Active && word != Some(HrWord::Active);
        reasons.insert(if decisive { 0 } else { reasons.len() }, excluded);
    }
    reasons.extend(also(&user, known));
    reasons.extend(leave(&user, policy));
    if user.at_end() == AtEnd::Delete {
        reasons.push(Reason {
            code: Code::DeletedAtEnd,
            detail: "At the end they are deleted, as a list of leavers asked.".to_owned(),
        });
    }
    let upcoming = upcoming(&user, now);
    let mut text: Vec<String> = reasons.iter().map(|reason| reason.detail.clone()).collect();
    text.extend(upcoming.and_then(|(what, at)| untold(what, &known.spoken(at))));
    Explanation {
        status: user.status(),
        access: user.access_at(now),
        hr: word,
        hr_as_of: user.hr.as_ref().map(|record| instant(record.latest())),
        would_change: ways::would_change(&user, known, left_out),
        employee_id: user.employee_id,
        reasons,
        next: upcoming.map(|(what, at)| Next {
            what,
            at: instant(at),
        }),
        text,
    }
}

/// Why the user is not active.
fn gone(user: &User, known: Known<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, detail| reasons.push(Reason { code, detail });
    match user.lifecycle() {
        Lifecycle::Active => {}
        Lifecycle::Scheduled(schedule) => {
            let (code, detail) = grace(&schedule, ended_at(user, known.now), known);
            add(code, detail);
        }
        Lifecycle::Deactivated(deactivation) => add(
            Code::Deactivated,
            format!(
                "{} They were deactivated on {}.",
                why(deactivation.cause),
                known.spoken(deactivation.at)
            ),
        ),
        Lifecycle::Deleted { at } => add(Code::DeletedByHand, deleted(at, known)),
    }
    if let Some(postponed) = user.grounds.postponed() {
        let first = user.grounds.first_due().unwrap_or(postponed.until);
        add(
            Code::EndPostponed,
            format!(
                "An admin postponed the end of their cards, which was announced for {}: {}",
                known.spoken(first),
                postponed.reason
            ),
        );
    }
    let is_out = !matches!(user.lifecycle(), Lifecycle::Active);
    if let Some(held) = user.hold.as_ref().filter(|_| is_out) {
        let stopped = match held.what {
            Counted::Return | Counted::LookAlike => {
                "HR says active again, but a safeguard stopped their return"
            }
            Counted::Departure(_) | Counted::LastAdmin(_) => {
                "HR's word against them does not count yet, since a safeguard stopped it"
            }
        };
        reasons.push(Reason {
            code: Code::Held,
            detail: format!(
                "{stopped}: the hold {} waits for an admin's answer.",
                held.hold
            ),
        });
    }
    reasons
}

/// When access ended in the grace period; `None` if the user keeps it until the deactivation.
fn ended_at(user: &User, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // A leave date ends access when its day begins, even if its timer has not fired yet.
    let begun = user.leave.plan.map(|plan| plan.at).filter(|at| *at <= now);
    let ended = user.grounds.access_ended_at();
    ended.into_iter().chain(begun).min()
}

/// What happens in a grace period, and what has happened. `ended` is when access ended; `None` if it has not.
fn grace(schedule: &Schedule, ended: Option<DateTime<Utc>>, known: Known<'_>) -> (Code, String) {
    let (why, due) = (why(schedule.cause), known.spoken(schedule.due_at));
    let ended = ended.map(|at| known.spoken(at));
    match (schedule.waits_until, ended) {
        (Some(_), Some(ended)) => (
            Code::WaitingForHold,
            format!(
                "{why} Access ended on {ended}. The grace period ended on {due}, but a hold of the HR source is open: until an admin answers it their cards stay alive."
            ),
        ),
        (Some(_), None) => (
            Code::WaitingForHold,
            format!(
                "{why} The grace period ended on {due}, but a hold of the HR source is open: until an admin answers it they keep access, and their cards stay alive."
            ),
        ),
        (None, Some(ended)) => (
            Code::WaitingForTimer,
            format!(
                "{why} Access ended on {ended}; on {due} the user is deactivated and their cards are terminated."
            ),
        ),
        (None, None) => (
            Code::WaitingForTimer,
            format!(
                "{why} They keep access, but no rights of an admin, until {due}; then the user is deactivated and their cards are terminated."
            ),
        ),
    }
}

/// The grounds that stand beside the decisive one.
fn also(user: &User, known: Known<'_>) -> Vec<Reason> {
    let in_force = user
        .grounds
        .in_order()
        .filter(|(_, ground)| ground.counts());
    in_force
        .skip(1)
        .map(|(kind, ground)| {
            let stands = match kind {
                GroundKind::Hr => "HR says inactive",
                GroundKind::Missing => "They were missing from the last snapshot",
                GroundKind::LeaveDate => "Their leave date has come",
                GroundKind::Admin => "An admin ended their access",
                GroundKind::Deleted => "An admin deleted them",
            };
            Reason {
                code: Code::AlsoStands,
                detail: format!(
                    "{stands}, since {}: that stands by itself.",
                    known.spoken(ground.since)
                ),
            }
        })
        .collect()
}

fn deleted(at: DateTime<Utc>, known: Known<'_>) -> String {
    let back = match known.policy.settings.restore_deleted_on {
        RestoreDeletedOn::AnyChange => {
            "any change of the HR record that says active brings them back"
        }
        RestoreDeletedOn::Reactivation => "HR's word changing to active brings them back",
        RestoreDeletedOn::Never => "only an admin brings them back",
    };
    format!("An admin deleted them on {}; {back}.", known.spoken(at))
}

fn excluded(user: &User, policy: &Policy) -> Option<Reason> {
    let record = user.hr.as_ref()?;
    match rules::of(policy).includes(&user.employee_id, record) {
        Ok(true) => None,
        Ok(false) => Some(Reason {
            code: Code::ExcludedByRule,
            detail: "The sync rule leaves this employee out: the sync never touches them."
                .to_owned(),
        }),
        Err(error) => Some(Reason {
            code: Code::RuleFails,
            detail: format!(
                "The sync rule cannot be evaluated on this employee, so the sync does not touch them: {error}."
            ),
        }),
    }
}

fn leave(user: &User, policy: &Policy) -> Option<Reason> {
    let (date, whose) = user.leave_date()?;
    let (said, _) = user.leave_date_as_said(&policy.settings)?;
    let last_day_in = said != date;
    let owner = match whose {
        Whose::Admin => "An admin",
        Whose::Hr => "HR",
    };
    let ground = user.grounds.get(GroundKind::LeaveDate);
    let acted = ground.is_some_and(|ground| {
        let waits = ground.state == GroundState::Held && user.hold.is_none();
        ground.is_about(date) && !waits
    });
    let (code, rest) = match (policy.settings.leave_dates, whose) {
        (LeaveDates::Ignore, _) => (Code::LeaveDateIgnored, "the settings ignore leave dates"),
        (LeaveDates::Manual, Whose::Hr) => (
            Code::LeaveDateIgnored,
            "by the settings only an admin's date counts",
        ),
        _ if acted => (Code::LeaveDatePassed, "it has come and was acted on"),
        _ if user.held => (
            Code::LeaveDateHeld,
            "it has come, but ends nothing for the last admin",
        ),
        _ if user.access() != Access::Granted => (
            Code::LeaveDatePlanned,
            match last_day_in {
                true => "after that day it stands against their access by itself",
                false => "from that day on it stands against their access by itself",
            },
        ),
        _ if last_day_in => (Code::LeaveDatePlanned, "access ends when that day is over"),
        _ => (Code::LeaveDatePlanned, "access ends when that day begins"),
    };
    Some(Reason {
        code,
        detail: format!("{owner} set the leave date {said}; {rest}."),
    })
}

/// The next change that happens by itself, and its instant.
fn upcoming(user: &User, now: DateTime<Utc>) -> Option<(&'static str, DateTime<Utc>)> {
    let pending = (!user.pending.is_done())
        .then_some(user.pending.due)
        .flatten();
    let plan = user
        .leave
        .plan
        .map(|plan| plan.at)
        .filter(|_| user.access() == Access::Granted);
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
    .map(|(what, at)| (what, at.max(now)))
}

/// A sentence about the next change, if no reason mentions it. The schedule and the leave date already mention the end
/// of a grace period and the beginning of the date.
fn untold(what: &str, at: &str) -> Option<String> {
    match what {
        "cards_terminated" => Some(format!("That is finished on {at} at the latest.")),
        "objectives_reopened" => Some(format!(
            "Objectives that were closed when they left are open again on {at} at the latest."
        )),
        _ => None,
    }
}

/// True if a hold keeps the user's grace period open.
fn waits(user: &User) -> bool {
    matches!(user.lifecycle(), Lifecycle::Scheduled(schedule) if schedule.waits_until.is_some())
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Hr => "HR says inactive.",
        Cause::Missing => "They were missing from a snapshot.",
        Cause::LeaveDate => "Their leave date has come.",
        Cause::Admin => "An admin did it by hand.",
    }
}
