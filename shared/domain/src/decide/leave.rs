//! Leave dates: which date counts, and what happens when its day begins.

use chrono::{DateTime, NaiveDate, Utc};

use super::by_hand::not_on_self;
use super::change::{Draft, Moved, whole_second};
use super::context::{Context, FINISH_AFTER, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use crate::actor::{Actor, TimerKind};
use crate::breaker::Counted;
use crate::employee::{Field, plausible_leave_date};
use crate::grounds::{Ground, GroundKind, GroundState, IgnoredBy, LeaveGround};
use crate::history::Happening;
use crate::lifecycle::{AtEnd, Cause, LeavePlan, Lifecycle, Whose};
use crate::settings::LeaveDates;
use crate::timer::Timer;
use crate::user::User;

/// The reason in an answer about a leave date.
const LEAVE_DATE: &str = "leave date";

/// The leave date that counts. An admin's date takes precedence. HR's date counts if the settings say so and the sync
/// rule includes the employee. A date before the start date never counts.
pub(super) fn counting(user: &User, ctx: &Context<'_>) -> Option<LeaveGround> {
    let (date, by) = user.leave_date()?;
    let counts = match (ctx.policy.settings.leave_dates, by) {
        (LeaveDates::Ignore, _) | (LeaveDates::Manual, Whose::Hr) => false,
        (LeaveDates::Manual | LeaveDates::All, Whose::Admin) => true,
        (LeaveDates::All, Whose::Hr) => user
            .hr
            .as_ref()
            .is_none_or(|record| ctx.rule.includes(&user.employee_id, record) == Ok(true)),
    };
    (counts && !is_before_start(user, date)).then_some(LeaveGround { date, by })
}

/// True if a leave date is before the start date: it belongs to an employment that is over.
fn is_before_start(user: &User, date: NaiveDate) -> bool {
    starts(user).is_some_and(|start| date < start)
}

/// The start date of a user, if it is known.
fn starts(user: &User) -> Option<NaiveDate> {
    user.get(Field::StartDate)?.parse().ok()
}

/// True if the leave date that counts has been reached.
pub(super) fn has_come(user: &User, ctx: &Context<'_>) -> bool {
    come(user, ctx).is_some()
}

/// The leave date that counts, if it has been reached.
pub(super) fn come(user: &User, ctx: &Context<'_>) -> Option<LeaveGround> {
    counting(user, ctx).filter(|date| begins(date, ctx) <= ctx.now)
}

/// The first instant of the day of a leave date, to the second.
fn begins(date: &LeaveGround, ctx: &Context<'_>) -> DateTime<Utc> {
    whole_second(ctx.zone.start_of_day(date.date))
}

/// Sets, moves or removes an admin's leave date. The settings say what `said` means. `then` is what happens at the end;
/// `None` leaves that as it is, if a date stays.
pub(super) fn set(
    stored: &User,
    settled: User,
    by: &Actor,
    (said, then): (Option<NaiveDate>, Option<AtEnd>),
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    let means = ctx.policy.settings.leave_date_is;
    let date = said.map(|said| means.first_day_out(said));
    not_on_self(by, stored)?;
    if matches!(settled.lifecycle(), Lifecycle::Deleted { .. }) {
        return Err(Refusal::Deleted);
    }
    let then = match date {
        Some(_) => then.unwrap_or(settled.leave.then),
        None => AtEnd::Deactivate,
    };
    if settled.leave.by_hand == date && settled.leave.then == then {
        return Ok(nothing(Answered {
            due_at: settled.due_at(),
            ..Answered::of(Outcome::Unchanged)
        }));
    }
    if let Some(said) = said {
        let today = ctx.zone.day_of(ctx.now);
        plausible_leave_date(said, starts(&settled), today).map_err(Refusal::LeaveDate)?;
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().leave.by_hand = date;
    draft.user().leave.then = then;
    // A new date is a new request. That an admin overrode or refused an earlier date does not apply to it.
    if date.is_some() && !draft.so_far().grounds.counts(GroundKind::LeaveDate) {
        draft.change(|grounds| grounds.remove(GroundKind::LeaveDate));
    }
    if is_last_admin(draft.so_far(), ctx) && has_come(draft.so_far(), ctx) {
        return Err(Refusal::LastAdmin);
    }
    let happening = Happening::LeaveDateSet {
        leave_date: said,
        first_day_out: date.filter(|date| said != Some(*date)),
    };
    draft.leave_date(By::Admin);
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
    let planned = match planned(&settled, plan) {
        Ok(planned) => planned,
        Err(reason) => return no_op(reason),
    };
    if due < planned.at {
        return no_op("the leave date begins at another second");
    }
    let Some(ctx) = &ctx.at_timer(due) else {
        return no_op("the timer is early");
    };
    let by = Actor::Timer {
        kind: TimerKind::Leave,
        due,
    };
    let mut draft = Draft::of(ctx, stored, settled);
    draft.leave_date(By::Machine);
    let decision = draft.commit_date(&by);
    match &decision.change {
        Some(change) if change.moves(stored) => decision,
        _ => no_op("the leave date has begun already"),
    }
}

/// The leave plan that a timer was armed for, or why the timer does nothing.
pub(super) fn planned(settled: &User, plan: u64) -> Result<LeavePlan, &'static str> {
    match settled.leave.plan {
        None => Err("no leave date is planned"),
        Some(_) if settled.leave.count != plan => {
            Err("the leave date has changed since the timer was armed")
        }
        Some(planned) => Ok(planned),
    }
}

/// Whose word or change moves a leave date. The breaker is asked about a machine's only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Admin,
    Machine,
}

impl Draft<'_> {
    /// Brings the ground `leave_date` in line with the date. A date that counts and has been reached begins. A date
    /// that was moved or removed takes its ground away, and no other. A date that lies ahead is planned.
    ///
    /// A sync rule that fails on the user neither ends nor gives anything: then HR's date stays as it was.
    pub(super) fn leave_date(&mut self, by: By) {
        let by_hr = self.user.leave.by_hand.is_none();
        let fails = |record| {
            let rule = self.ctx.rule;
            rule.includes(&self.user.employee_id, record).is_err()
        };
        if by_hr && self.user.hr.as_ref().is_some_and(fails) {
            return;
        }
        self.date_begins();
        self.date_goes(by);
        self.plan_date();
    }

    /// Begins the leave date, if it counts and has been reached.
    pub(super) fn date_begins(&mut self) {
        let Some(date) = come(&self.user, self.ctx) else {
            return;
        };
        let known = self.user.grounds.get(GroundKind::LeaveDate).cloned();
        match known.filter(|ground| ground.is_about(date.date)) {
            // The same day, and perhaps another author: what an admin overrode stays overridden.
            Some(ground) if !self.is_open(&ground) => {
                if ground.counts() && ground.date != Some(date) {
                    self.change(|grounds| grounds.redate(date));
                }
            }
            // Another date that has been reached, too: the end that was announced for the earlier one stands.
            None if self.user.grounds.counts(GroundKind::LeaveDate) => {
                self.change(|grounds| grounds.redate(date));
            }
            _ => {
                if let Some(happening) = self.leave_now(date) {
                    let why = Some(LEAVE_DATE);
                    self.moved = Some(Moved { happening, why });
                }
            }
        }
    }

    /// True if the same date may begin although there is a ground for it: it is held and in no hold, as a release wrote it
    /// that opened none for the last admin; or by the settings or the rule it did not count before.
    fn is_open(&self, ground: &Ground) -> bool {
        match ground.state {
            GroundState::Held => self.user.hold.is_none(),
            GroundState::Ignored => {
                matches!(ground.why, Some(IgnoredBy::LeaveDates | IgnoredBy::Rule))
            }
            GroundState::InForce | GroundState::Refused | GroundState::Overridden => false,
        }
    }

    /// Takes the ground of a date away that was moved or removed. A date that the policy does not count any more is
    /// ignored, unless the deactivation has taken place.
    pub(super) fn date_goes(&mut self, by: By) {
        let Some(ground) = self.user.grounds.get(GroundKind::LeaveDate) else {
            return;
        };
        let counts = counting(&self.user, self.ctx);
        if come(&self.user, self.ctx).is_some_and(|date| ground.is_about(date.date)) {
            return;
        }
        let stated = self.user.leave_date();
        let stated = stated
            .is_some_and(|(date, _)| ground.is_about(date) && !is_before_start(&self.user, date));
        if !stated {
            self.take_away(by, Some(LEAVE_DATE), |grounds| {
                grounds.remove(GroundKind::LeaveDate)
            });
        } else if self.user.lifecycle().is_over() || !ground.counts() {
            // What the policy changes is for people who are not deactivated yet.
        } else if counts.is_some() {
            self.take_away(by, Some(LEAVE_DATE), |grounds| {
                grounds.remove(GroundKind::LeaveDate)
            });
        } else {
            let why = match self.ctx.policy.settings.leave_dates {
                LeaveDates::All => IgnoredBy::Rule,
                LeaveDates::Manual | LeaveDates::Ignore => IgnoredBy::LeaveDates,
            };
            self.take_away(by, Some(LEAVE_DATE), |grounds| {
                grounds.ignore(GroundKind::LeaveDate, why)
            });
        }
    }

    /// Plans the date that lies ahead.
    pub(super) fn plan_date(&mut self) {
        let counts = counting(&self.user, self.ctx);
        let deleted = matches!(self.user.lifecycle(), Lifecycle::Deleted { .. });
        let plan = counts
            .map(|date| (date, begins(&date, self.ctx)))
            .filter(|(date, at)| {
                let known = self.user.grounds.get(GroundKind::LeaveDate);
                let acted = known.is_some_and(|ground| ground.is_about(date.date));
                !deleted && !acted && self.ctx.now < *at
            });
        self.plan(plan.map(|(date, at)| LeavePlan {
            date: date.date,
            at,
        }));
    }

    /// Records that an admin has restored a user after the leave date, so that the date does not end access again.
    /// A date that a safeguard held is refused by the restore, and stays so.
    pub(super) fn overrule_leave_date(&mut self) {
        if let Some(date) = come(&self.user, self.ctx) {
            let known = self.user.grounds.get(GroundKind::LeaveDate);
            let refused = |ground: &Ground| ground.state == GroundState::Refused;
            if known.is_some_and(|ground| refused(ground) && ground.is_about(date.date)) {
                return;
            }
            self.note(GroundKind::LeaveDate, GroundState::Overridden, Some(date));
        }
    }

    /// Acts on a leave date that has been reached.
    fn leave_now(&mut self, date: LeaveGround) -> Option<Happening> {
        let ctx = self.ctx;
        let by_hr = date.by == Whose::Hr;
        let not_acted_on = match by_hr {
            true if ctx.observing => Some(IgnoredBy::Observing),
            true if !ctx.policy.settings.deactivation_sync.enabled => Some(IgnoredBy::SyncOff),
            _ => None,
        };
        if let Some(why) = not_acted_on {
            let ground = Ground {
                date: Some(date),
                ..Ground::ignored(why, ctx.now)
            };
            self.change(|grounds| grounds.set(GroundKind::LeaveDate, ground));
            return None;
        }
        if !matches!(self.user.lifecycle(), Lifecycle::Active) {
            self.begin(GroundKind::LeaveDate, Some(date));
            return None;
        }
        if is_last_admin(&self.user, ctx) {
            // Whoever set the date: nobody has said that the organisation shall have no admin. Somebody who is in a hold
            // already waits there.
            self.note(GroundKind::LeaveDate, GroundState::Held, Some(date));
            if !self.waits_in_hold() {
                self.counts(Counted::LastAdmin(Cause::LeaveDate));
            }
            let before = std::mem::replace(&mut self.user.held, true);
            return (!before).then_some(Happening::Held);
        }
        // An admin's own date is an admin's decision, so the breaker is not asked.
        if by_hr && (self.waits_in_hold() || !self.counts(Counted::Departure(Cause::LeaveDate))) {
            self.note(GroundKind::LeaveDate, GroundState::Held, Some(date));
            let held = self.user.hold.as_ref()?;
            return Some(Happening::Stopped {
                hold: held.hold.clone(),
            });
        }
        if !self.begin(GroundKind::LeaveDate, Some(date)) {
            return None;
        }
        Some(match (self.user.due_at(), self.user.lifecycle()) {
            (Some(due_at), _) => Happening::Scheduled { due_at },
            (None, Lifecycle::Deleted { .. }) => Happening::Deleted,
            (None, _) => Happening::Deactivated,
        })
    }

    /// Replaces the leave plan and its timer if they differ.
    pub(super) fn plan(&mut self, plan: Option<LeavePlan>) {
        if self.user.leave.plan == plan {
            self.plan_reminder(false);
            return;
        }
        self.disarm_reminder();
        if let Some(old) = self.user.leave.plan {
            let old = self.leave_timer(old.at);
            self.disarm.push(old);
        }
        let known = self.user.leave.plan.map(|plan| plan.date);
        self.user.leave.plan = plan;
        if let Some(new) = plan {
            self.user.leave.count += 1;
            // No timer is armed for an instant that is almost here. Access ends with the day even without it.
            let soonest = whole_second(self.ctx.now + FINISH_AFTER);
            let timer = self.leave_timer(new.at.max(soonest));
            self.arm.push(timer);
        }
        let fresh = plan.is_some_and(|plan| known != Some(plan.date));
        self.arm_reminder(self.next_reminder(fresh));
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
