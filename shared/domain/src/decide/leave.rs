//! Leave dates: which date counts, and what happens when its day begins.

use chrono::{DateTime, NaiveDate, Utc};

use super::by_hand::not_on_self;
use super::change::{Draft, whole_second};
use super::context::{CLOCK_SKEW, Context, FINISH_AFTER, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use crate::actor::{Actor, TimerKind};
use crate::breaker::Counted;
use crate::employee::HrWord;
use crate::history::Happening;
use crate::lifecycle::{Cause, LeavePlan, Lifecycle, Whose};
use crate::settings::LeaveDates;
use crate::timer::Timer;
use crate::user::User;

/// The leave date that counts. An admin's date takes precedence. HR's date counts if the settings say so and the sync
/// rule does not exclude the employee.
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

/// True if the leave date that counts has been reached.
pub(super) fn has_come(user: &User, ctx: &Context<'_>) -> bool {
    come(user, ctx).is_some()
}

/// The leave date that counts, if it has been reached.
fn come(user: &User, ctx: &Context<'_>) -> Option<NaiveDate> {
    counting(user, ctx).filter(|date| whole_second(ctx.zone.start_of_day(*date)) <= ctx.now)
}

/// Sets, moves or removes an admin's leave date.
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
        return Ok(nothing(Answered {
            outcome: Outcome::Unchanged,
            due_at,
            reason: None,
        }));
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().leave.by_hand = date;
    // A new date is a new request. The overruling of an earlier date does not apply to it.
    if date.is_some() {
        draft.user().leave.acted = None;
    }
    if is_last_admin(draft.so_far(), ctx) && has_come(draft.so_far(), ctx) {
        return Err(Refusal::LastAdmin);
    }
    let happening = Happening::LeaveDateSet { leave_date: date };
    Ok(draft.commit(Answered::of(Outcome::Updated), by, happening))
}

/// Begins the leave date, if the plan is still the one that the timer was armed for.
pub(super) fn due(
    stored: &User,
    settled: User,
    plan: u64,
    due: DateTime<Utc>,
    ctx: &Context<'_>,
) -> Decision {
    let no_op = |reason: &'static str| nothing(Answered::because(Outcome::Unchanged, reason));
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
        kind: TimerKind::Leave,
        due,
    };
    // A timer may fire a little early, as at the end of a grace period. It then counts as in time.
    let ctx = &Context {
        now: ctx.now.max(due),
        ..*ctx
    };
    let decision = Draft::of(ctx, stored, settled).commit_leave(&by);
    match &decision.change {
        Some(change) if change.moves(stored) => decision,
        _ => no_op("access has ended before the leave date"),
    }
}

impl Draft<'_> {
    /// Brings the lifecycle in line with the leave date. A date that counts and has been reached ends access. A date
    /// that was moved or removed takes back what it had begun. A date that lies ahead is planned.
    pub(super) fn leave_date(&mut self) -> Option<Happening> {
        let counts = counting(&self.user, self.ctx);
        let begins = counts.map(|date| whole_second(self.ctx.zone.start_of_day(date)));
        let come = begins.is_some_and(|begins| begins <= self.ctx.now);
        let of_date = self.user.cause() == Some(Cause::LeaveDate);
        let moved = match &self.user.lifecycle {
            Lifecycle::Scheduled(_) if of_date && come => {
                self.user.leave.acted = counts;
                None
            }
            Lifecycle::Scheduled(_) if of_date && counts != self.user.leave.acted => {
                self.user.leave.acted = None;
                self.activate();
                Some(Happening::Reactivated)
            }
            Lifecycle::Active if come && self.user.leave.acted != counts => self.leave_now(counts),
            _ => None,
        };
        if !come
            && !matches!(
                self.user.hr_word(),
                Some(HrWord::Inactive | HrWord::Missing)
            )
        {
            self.user.held = false;
        }
        // The sync, or an epoch, can reactivate a user that the sync has scheduled. So the plan of such a user stays
        // when the date is reached, to be acted on then.
        let open = match &self.user.lifecycle {
            Lifecycle::Deleted { .. } => false,
            Lifecycle::Scheduled(schedule) => !come || schedule.cause.is_sync(),
            Lifecycle::Active | Lifecycle::Deactivated(_) => !come,
        };
        let plan = match (counts, begins) {
            (Some(date), Some(at)) if open && self.user.leave.acted != counts => {
                Some(LeavePlan { date, at })
            }
            _ => None,
        };
        self.plan(plan);
        moved
    }

    /// Records that an admin has restored a user after the leave date, so that the date does not end access again.
    pub(super) fn overrule_leave_date(&mut self) {
        if let Some(date) = come(&self.user, self.ctx) {
            self.user.leave.acted = Some(date);
        }
    }

    /// Acts on the leave date of an active user.
    fn leave_now(&mut self, date: Option<NaiveDate>) -> Option<Happening> {
        if is_last_admin(&self.user, self.ctx) {
            let before = std::mem::replace(&mut self.user.held, true);
            return (!before).then_some(Happening::Held);
        }
        // An admin's own date is an admin's decision, so the breaker is not asked.
        let by_hr = self.user.leave.by_hand.is_none();
        if by_hr && !self.counts(Counted::Departure(Cause::LeaveDate)) {
            self.user.leave.acted = date;
            let held = self.user.hold.as_ref()?;
            return Some(Happening::Stopped {
                hold: held.hold.clone(),
            });
        }
        self.end(Cause::LeaveDate);
        self.user.leave.acted = date;
        Some(match self.user.due_at() {
            Some(due_at) => Happening::Scheduled { due_at },
            None => Happening::Deactivated,
        })
    }

    /// Replaces the leave plan and its timer if they differ.
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
            // No timer is armed for an instant that is almost here. Access ends with the day even without it.
            let soonest = whole_second(self.ctx.now + FINISH_AFTER);
            let timer = self.leave_timer(new.at.max(soonest));
            self.arm.push(timer);
        }
    }

    fn leave_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Leave {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            source: self.user.origin.source().cloned(),
            plan: self.user.leave.count,
            due,
        }
    }
}
