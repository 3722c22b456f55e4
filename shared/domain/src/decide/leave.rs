//! Leave dates: whose counts, and what their day brings.

use chrono::{DateTime, NaiveDate, Utc};

use super::by_hand::not_on_self;
use super::change::{Draft, whole_second};
use super::hr::is_last_admin;
use super::{CLOCK_SKEW, Context, Decision, FINISH_AFTER, Outcome, Refusal, Word, nothing};
use crate::event::Actor;
use crate::history::Happening;
use crate::settings::LeaveDates;
use crate::timer::Timer;
use crate::user::{Cause, LeavePlan, Lifecycle, User, Whose};

/// The leave date that counts: an admin's as long as there is one, HR's where the settings say so
/// and the rule lets the sync touch the employee.
fn counting(user: &User, ctx: &Context<'_>) -> Option<NaiveDate> {
    let (date, whose) = user.leave_date()?;
    let counts = match (ctx.policy.settings.leave_dates, whose) {
        (LeaveDates::Ignore, _) | (LeaveDates::Manual, Whose::Hr) => false,
        (LeaveDates::Manual | LeaveDates::All, Whose::Admin) => true,
        (LeaveDates::All, Whose::Hr) => user
            .hr
            .as_ref()
            .is_none_or(|record| ctx.rule.includes(&user.employee_id, record) != Ok(false)),
    };
    counts.then_some(date)
}

/// Whether a leave date that counts has come.
pub(super) fn has_come(user: &User, ctx: &Context<'_>) -> bool {
    counting(user, ctx).is_some_and(|date| ctx.zone.start_of_day(date) <= ctx.now)
}

/// An admin sets, moves or removes the date.
pub(super) fn set(
    stored: &User,
    settled: User,
    by: &Actor,
    date: Option<NaiveDate>,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    if matches!(settled.lifecycle, Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    if settled.leave.by_hand == date {
        let due_at = settled.due_at();
        return Ok(nothing(Outcome {
            word: Word::Unchanged,
            due_at,
            reason: None,
        }));
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().leave.by_hand = date;
    if is_last_admin(draft.so_far(), ctx) && has_come(draft.so_far(), ctx) {
        return Err(Refusal::LastAdmin);
    }
    let happening = Happening::LeaveDateSet { leave_date: date };
    Ok(draft.commit(Outcome::of(Word::Updated), by, happening))
}

/// The beginning of a leave date, if the plan still is the one that the timer was armed for.
pub(super) fn due(
    stored: &User,
    settled: User,
    plan: u64,
    due: DateTime<Utc>,
    ctx: &Context<'_>,
) -> Decision {
    let no_op = |reason: &'static str| nothing(Outcome::because(Word::Unchanged, reason));
    let Some(planned) = settled.leave.plan else {
        return no_op("no leave date is planned");
    };
    if settled.leave.count != plan {
        return no_op("the leave date has changed since the timer was armed");
    }
    if due < planned.at {
        return no_op("the leave date begins at another second");
    }
    if ctx.now + CLOCK_SKEW < due {
        return no_op("the timer is early");
    }
    let by = Actor::Timer {
        kind: "leave".to_owned(),
        due,
    };
    Draft::of(ctx, stored, settled).commit_leave(&by)
}

impl Draft<'_> {
    /// Holds the user against their leave date: one that counts and has come ends access, one that
    /// was moved or removed takes back what it had begun, one that lies ahead is planned.
    pub(super) fn leave_date(&mut self) -> Option<Happening> {
        let counts = counting(&self.user, self.ctx);
        let begins = counts.map(|date| whole_second(self.ctx.zone.start_of_day(date)));
        let come = begins.is_some_and(|begins| begins <= self.ctx.now);
        let moved = match &self.user.lifecycle {
            Lifecycle::Scheduled(schedule)
                if schedule.cause == Cause::LeaveDate
                    && counts != self.user.leave.acted
                    && !come =>
            {
                self.user.leave.acted = None;
                self.activate();
                Some(Happening::Reactivated)
            }
            Lifecycle::Active if come && self.user.leave.acted != counts => self.leave_now(counts),
            _ => {
                if come {
                    self.user.leave.acted = counts;
                }
                None
            }
        };
        let ahead = !come && !matches!(self.user.lifecycle, Lifecycle::Deleted { .. });
        let plan = match (counts, begins) {
            (Some(date), Some(at)) if ahead => Some(LeavePlan { date, at }),
            _ => None,
        };
        self.plan(plan);
        moved
    }

    /// The day has come for somebody who is active.
    fn leave_now(&mut self, date: Option<NaiveDate>) -> Option<Happening> {
        if is_last_admin(&self.user, self.ctx) {
            let before = std::mem::replace(&mut self.user.held, true);
            return (!before).then_some(Happening::Held);
        }
        self.end(Cause::LeaveDate);
        self.user.leave.acted = date;
        Some(match self.user.due_at() {
            Some(due_at) => Happening::Scheduled { due_at },
            None => Happening::Deactivated,
        })
    }

    /// Replaces the leave plan and its timer, where they differ.
    fn plan(&mut self, plan: Option<LeavePlan>) {
        if self.user.leave.plan == plan {
            return;
        }
        if let Some(old) = self.user.leave.plan {
            let old = self.leave_timer(old.at);
            self.disarm.push(old);
        }
        self.user.leave.plan = plan;
        if let Some(new) = plan {
            self.user.leave.count += 1;
            // None is armed for a moment that has almost come; access ends with the day all the same.
            let soonest = whole_second(self.ctx.now + FINISH_AFTER);
            let timer = self.leave_timer(new.at.max(soonest));
            self.arm.push(timer);
        }
    }

    fn leave_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Leave {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            plan: self.user.leave.count,
            due,
        }
    }
}
