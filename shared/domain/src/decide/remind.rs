//! Reminders of a leave date that lies ahead.

use chrono::{DateTime, Days, Utc};

use super::change::{Draft, whole_second};
use super::context::{CLOCK_SKEW, Context, FINISH_AFTER};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::leave::{counting, planned};
use crate::digest::NoticeKind;
use crate::lifecycle::{Access, Whose};
use crate::timer::Timer;
use crate::user::User;

/// Tells the admins and the manager that the user leaves soon, and plans the next reminder. Nobody is told of a user
/// whose access has ended already.
pub(super) fn due(
    stored: &User,
    settled: User,
    plan: u64,
    due: DateTime<Utc>,
    ctx: &Context<'_>,
) -> Decision {
    let no_op = |reason: &'static str| nothing(Answered::because(Outcome::Unchanged, reason));
    let planned = match planned(&settled, plan) {
        Ok(planned) => planned,
        Err(reason) => return no_op(reason),
    };
    let Some(remind_at) = settled.leave.remind_at else {
        return no_op("no reminder of the leave date is left");
    };
    if due < remind_at {
        return no_op("the next reminder is at another second");
    }
    let Some(ctx) = &ctx.at_timer(due) else {
        return no_op("the timer is early");
    };
    let mut draft = Draft::of(ctx, stored, settled);
    draft.disarm_reminder();
    draft.user().leave.remind_at = None;
    draft.plan_reminder();
    let user = draft.so_far();
    let acts = counting(user, ctx).is_some_and(|date| {
        let by_hr = date.by == Whose::Hr;
        date.date == planned.date && (!by_hr || ctx.policy.settings.deactivation_sync.enabled)
    });
    let reason = if !acts || user.access_at(ctx.now) == Access::Revoked {
        "the leave date ends no access"
    } else if draft.notice.is_some() {
        // A change makes one notice. A policy that moved the end of this user's cards is told with it.
        "the admins are told of another end"
    } else {
        let active_cards = user.active_cards;
        draft.tell(NoticeKind::LeavesSoon {
            date: planned.date,
            active_cards,
        });
        "the admins and the manager are reminded"
    };
    draft.commit_silently(Answered::because(Outcome::Unchanged, reason))
}

impl Draft<'_> {
    /// Plans the next reminder of the leave plan, if it differs from the planned one.
    pub(super) fn plan_reminder(&mut self) {
        let next = self.next_reminder();
        if next != self.user.leave.remind_at {
            self.disarm_reminder();
            self.arm_reminder(next);
        }
    }

    /// Records the next reminder, and arms its timer. A reminder whose instant has passed is served soon.
    pub(super) fn arm_reminder(&mut self, next: Option<DateTime<Utc>>) {
        self.user.leave.remind_at = next;
        if let Some(at) = next {
            let soonest = whole_second(self.ctx.now + FINISH_AFTER);
            let timer = self.remind_timer(at.max(soonest));
            self.arm.push(timer);
        }
    }

    /// Takes back the timer of the planned reminder.
    pub(super) fn disarm_reminder(&mut self) {
        if let Some(at) = self.user.leave.remind_at {
            let timer = self.remind_timer(at);
            self.disarm.push(timer);
        }
    }

    /// The next reminder: the earliest that lies ahead. One that was planned and whose timer has not fired yet is still
    /// owed. A timer may fire early by the clocks' difference, so a reminder that is nearer than that counts as passed:
    /// otherwise the reminder that was just sent would be planned again.
    pub(super) fn next_reminder(&self) -> Option<DateTime<Utc>> {
        let plan = self.user.leave.plan?;
        let passed = self.ctx.now + CLOCK_SKEW;
        let owed = self.user.leave.remind_at.filter(|at| *at <= passed);
        let days = &self.ctx.policy.settings.reminders.before_leave_days;
        days.iter()
            .filter_map(|days| plan.date.checked_sub_days(Days::new((*days).into())))
            .map(|date| whole_second(self.ctx.zone.start_of_day(date)))
            .filter(|at| *at > passed || owed == Some(*at))
            .min()
    }

    fn remind_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Remind {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            plan: self.user.leave.count,
            due,
        }
    }
}
