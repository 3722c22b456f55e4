//! Reminders of a leave date that lies ahead.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::change::{Draft, whole_second};
use super::context::{CLOCK_SKEW, Context, FINISH_AFTER, is_last_admin};
use super::decision::{Answered, Decision, Outcome, nothing};
use super::leave::{counting, planned};
use crate::digest::NoticeKind;
use crate::lifecycle::{Access, Role, Whose};
use crate::timer::Timer;
use crate::user::User;

/// How long before the leave date of an admin the other admins are told, in days, whatever the settings say: while there
/// is time to name another.
const ADMIN_LEAVES: u16 = 7;

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
    // The settings want this reminder, or only the other admins are told.
    let wanted = draft.wants_reminder(planned.date, remind_at);
    draft.disarm_reminder();
    draft.user().leave.remind_at = None;
    draft.plan_reminder(false);
    let user = draft.so_far();
    let acts = counting(user, ctx).is_some_and(|date| {
        let by_hr = date.by == Whose::Hr;
        date.date == planned.date && (!by_hr || ctx.policy.settings.deactivation_sync.enabled)
    });
    let reason = if !acts || user.access_at(ctx.now) == Access::Revoked {
        "the leave date ends no access"
    } else if !wanted && !user.is_acting_admin() {
        "the user is no admin any more"
    } else if draft.notice.is_some() {
        // A change makes one notice. A policy that moved the end of this user's cards is told with it.
        "the admins are told of another end"
    } else {
        let active_cards = user.active_cards;
        draft.tell(NoticeKind::LeavesSoon {
            date: planned.date,
            active_cards,
            admins_only: !wanted,
        });
        match wanted {
            true => "the admins and the manager are reminded",
            false => "the other admins are told",
        }
    };
    draft.commit_silently(Answered::because(Outcome::Unchanged, reason))
}

impl Draft<'_> {
    /// Plans the next reminder of the leave plan, if it differs from the planned one. `fresh` as for
    /// [`Self::next_reminder`].
    pub(super) fn plan_reminder(&mut self, fresh: bool) {
        let next = self.next_reminder(fresh);
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
    /// otherwise the reminder that was just sent would be planned again. If the date of an admin is `fresh` and near, it
    /// is told at once, unless another admin has set it.
    pub(super) fn next_reminder(&self, fresh: bool) -> Option<DateTime<Utc>> {
        let plan = self.user.leave.plan?;
        let passed = self.ctx.now + CLOCK_SKEW;
        let owed = self.user.leave.remind_at.filter(|at| *at <= passed);
        let days = &self.ctx.policy.settings.reminders.before_leave_days;
        let by_settings = days.iter().filter_map(|days| self.before(plan.date, *days));
        // The status is looked at when the reminder is due: access may end and come back before.
        let of_admin = (self.user.role == Role::Admin)
            .then(|| self.before(plan.date, ADMIN_LEAVES))
            .flatten();
        let known = self.user.leave.by_hand.is_some() && !is_last_admin(&self.user, self.ctx);
        let told_now = of_admin.filter(|_| fresh && !known && passed < plan.at);
        by_settings
            .chain(of_admin)
            .filter(|at| *at > passed || owed == Some(*at))
            .chain(told_now)
            .min()
    }

    /// True if the settings want a reminder of a leave date at this instant.
    fn wants_reminder(&self, date: NaiveDate, at: DateTime<Utc>) -> bool {
        let days = &self.ctx.policy.settings.reminders.before_leave_days;
        let mut instants = days.iter().filter_map(|days| self.before(date, *days));
        instants.any(|instant| instant == at)
    }

    /// The beginning of the day so many days before a date, to the second.
    fn before(&self, date: NaiveDate, days: u16) -> Option<DateTime<Utc>> {
        let day = date.checked_sub_days(Days::new(days.into()))?;
        Some(whole_second(self.ctx.zone.start_of_day(day)))
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
