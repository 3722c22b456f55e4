//! Builds a [`Change`] from a user before and after. The counters, the history entry, the notice, the timers and the
//! change of the admins follow from the difference.

use chrono::{DateTime, Utc};

use super::context::{Context, FINISH_AFTER, Gate};
use super::decision::{AdminsChange, Answered, Change, Decision, Outcome, differing};
use crate::actor::Actor;
use crate::breaker::Counted;
use crate::digest::{DigestMinute, Notice, NoticeKind};
use crate::employee::Field;
use crate::history::{Entry, Happening, Ignored};
use crate::hold::Held;
use crate::lifecycle::{
    Cause, Deactivation, Lifecycle, Pending, Reopening, Role, Schedule, Status,
};
use crate::settings::{Behaviour, Invitations, Objectives, Undone};
use crate::timer::Timer;
use crate::user::User;

/// A change of a user before it is written.
pub(super) struct Draft<'a> {
    pub(super) ctx: &'a Context<'a>,
    stored: Option<&'a User>,
    pub(super) user: User,
    notice: Option<Notice>,
    pub(super) arm: Vec<Timer>,
    pub(super) disarm: Vec<Timer>,
    /// The actor who ended the schedule that is still stored; `None` if the policy has ended none.
    ended_by: Option<Actor>,
    counted: Option<Counted>,
    ignored: Option<Ignored>,
    makes_work: bool,
}

impl<'a> Draft<'a> {
    /// A change of a known user. `settled` is the stored user as of the policy.
    pub(super) fn of(ctx: &'a Context<'a>, stored: &'a User, settled: User) -> Self {
        let ended_by = (settled.generation != stored.generation).then(|| ended_by(stored, ctx));
        let ended = ended_by.is_some();
        let mut draft = Self {
            ctx,
            ended_by,
            counted: None,
            ignored: None,
            makes_work: false,
            stored: Some(stored),
            user: settled,
            notice: None,
            arm: Vec::new(),
            disarm: Vec::new(),
        };
        if ended {
            draft.unschedule(stored);
        }
        draft
    }

    /// A new user.
    pub(super) fn new(ctx: &'a Context<'a>, user: User) -> Self {
        Self {
            ctx,
            ended_by: None,
            counted: None,
            ignored: None,
            makes_work: false,
            stored: None,
            user,
            notice: None,
            arm: Vec::new(),
            disarm: Vec::new(),
        }
    }

    /// The user so far.
    pub(super) fn so_far(&self) -> &User {
        &self.user
    }

    /// The user, for further changes.
    pub(super) fn user(&mut self) -> &mut User {
        &mut self.user
    }

    /// Schedules the deactivation for the end of the grace period.
    pub(super) fn schedule(&mut self, cause: Cause) {
        let days = self.ctx.policy.settings.deactivation_sync.delay_days;
        let due_at = whole_second(self.ctx.now + self.ctx.day * i32::from(days));
        self.enter(Lifecycle::Scheduled(Schedule {
            cause,
            at: self.ctx.now,
            due_at,
            epoch: self.ctx.policy.epoch,
            run: match self.ctx.gate {
                Gate::Open { run } => run.clone(),
                Gate::Held { .. } => None,
            },
            waits_until: None,
        }));
        self.tell(NoticeKind::Scheduled {
            cause,
            due_at,
            active_cards: self.user.active_cards,
        });
        self.user.notice = self.notice.as_ref().map(Notice::key);
        self.arm.push(self.timer_at(due_at));
    }

    /// Ends access and begins to cancel the cards. The finishing timer is armed before the commit.
    pub(super) fn deactivate(&mut self, cause: Cause) {
        self.enter(Lifecycle::Deactivated(Deactivation {
            cause,
            at: self.ctx.now,
        }));
        self.begin_termination();
    }

    /// Calls `schedule` or `deactivate`, as the settings say.
    pub(super) fn end(&mut self, cause: Cause) {
        match self.ctx.policy.settings.deactivation_sync.behaviour {
            Behaviour::Delayed => self.schedule(cause),
            Behaviour::Immediate => self.deactivate(cause),
        }
    }

    /// Records that the breaker counts this change. Returns whether the change may happen; otherwise the user joins the
    /// hold.
    pub(super) fn counts(&mut self, what: Counted) -> bool {
        self.counted = Some(what);
        match self.ctx.gate {
            Gate::Open { .. } => true,
            Gate::Held { hold, seq } => {
                self.user.hold = Some(Held {
                    hold: hold.clone(),
                    seq: *seq,
                    what,
                });
                false
            }
        }
    }

    /// Records in the history entry why HR's statement had no effect.
    pub(super) fn ignores(&mut self, why: Ignored) {
        self.ignored = Some(why);
    }

    /// True if the user is already in the open hold. Then a new event does not change the hold.
    pub(super) fn waits_in_hold(&self) -> bool {
        let (Some(breaker), Some(held)) = (self.ctx.breaker, &self.user.hold) else {
            return false;
        };
        breaker.hold.as_ref() == Some(&held.hold) && held.seq > breaker.answered
    }

    /// Arms the timer of the grace period again, for `until`. If `is_end`, the grace period also ends at that instant.
    pub(super) fn postpone(&mut self, until: DateTime<Utc>, is_end: bool) {
        if let Lifecycle::Scheduled(schedule) = &mut self.user.lifecycle {
            if is_end {
                schedule.due_at = until;
                schedule.waits_until = None;
            } else {
                schedule.waits_until = Some(until);
            }
            let timer = self.timer_at(until);
            self.arm.push(timer);
        }
    }

    /// Deletes the user. Cards that a deactivation has cancelled, and no notice has reported, still count.
    pub(super) fn delete(&mut self) {
        let cancelled = self.user.pending.cancelled;
        self.enter(Lifecycle::Deleted { at: self.ctx.now });
        self.begin_termination();
        self.user.pending.cancelled = cancelled;
    }

    /// Gives access back, and drops the rest of a deactivation's work. A user who had lost their account, and not only
    /// access during a grace period, is invited as the settings say. The objectives that the deactivation closed are
    /// then opened again.
    pub(super) fn activate(&mut self) {
        let generation = self.user.generation;
        let lost = matches!(
            self.user.lifecycle,
            Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. }
        );
        self.enter(Lifecycle::Active);
        if lost {
            let due = whole_second(self.ctx.now + FINISH_AFTER);
            self.user.reopening = Some(Reopening { generation, due });
            self.arm.push(self.finish_timer(due));
            if self.invites() {
                self.tell(NoticeKind::Invited { back: true });
            }
        }
    }

    /// True if returning users are invited.
    pub(super) fn invites(&self) -> bool {
        self.ctx.policy.settings.invitations != Invitations::None
    }

    /// Adds the notice of this change, and the timer of its digest.
    pub(super) fn tell(&mut self, kind: NoticeKind) {
        let notice = Notice {
            at: self.ctx.now,
            kind,
            employee_id: Some(self.user.employee_id.clone()),
            name: self.user.get(Field::Name).map(str::to_owned),
            generation: self.user.generation,
        };
        if self.notice.is_none() {
            self.arm.push(Timer::Digest {
                org: self.ctx.org.clone(),
                minute: DigestMinute::of(notice.at),
            });
        }
        self.notice = Some(notice);
    }

    /// All work of the deactivation or deletion is done, so its timer may be deleted.
    pub(super) fn finished(&mut self) {
        if let Some(due) = self.user.pending.due {
            self.disarm.push(self.finish_timer(due));
        }
        self.user.pending = Pending::default();
    }

    /// A decision with a visible change and its history entry.
    pub(super) fn commit(mut self, answer: Answered, by: &Actor, what: Happening) -> Decision {
        match self.leave_date() {
            Some(moved) => {
                let answered = self.answered_of(&moved);
                // If the happening is visible nowhere else, it stays in the entry. The entry's `from`, `to` and `cause`
                // then tell the effect of the leave date.
                let told = if what.is_of_the_lifecycle() {
                    moved
                } else {
                    what
                };
                self.build(answered, Some((by, told)))
            }
            None => self.build(answer, Some((by, what))),
        }
    }

    /// A decision on the leave date alone. It has an entry only if the leave date changed the lifecycle.
    pub(super) fn commit_leave(mut self, by: &Actor) -> Decision {
        match self.leave_date() {
            Some(moved) => {
                let answered = self.answered_of(&moved);
                self.build(answered, Some((by, moved)))
            }
            None => self.build(Answered::of(Outcome::Unchanged), None),
        }
    }

    fn answered_of(&self, moved: &Happening) -> Answered {
        let outcome = match moved {
            Happening::Scheduled { .. } => Outcome::Scheduled,
            Happening::Held | Happening::Stopped { .. } => Outcome::Held,
            Happening::Deactivated => Outcome::Deactivated,
            _ => Outcome::Reactivated,
        };
        Answered {
            outcome,
            due_at: self.user.due_at(),
            reason: Some("leave date".to_owned()),
        }
    }

    /// A decision with a change that clients do not see, such as a newer instant or a hash.
    pub(super) fn commit_silently(self, answered: Answered) -> Decision {
        self.build(answered, None)
    }

    /// The objectives are open again, so the timer may be deleted.
    pub(super) fn reopened(&mut self) {
        if let Some(reopening) = self.user.reopening.take() {
            self.disarm.push(self.finish_timer(reopening.due));
        }
    }

    /// Enters a new state of the lifecycle. Every change of the lifecycle goes through here. It drops the plans of the
    /// previous state.
    fn enter(&mut self, lifecycle: Lifecycle) {
        let leaving = self.user.clone();
        self.unschedule(&leaving);
        // The notice of a state that does not last is dropped, and so is its digest timer.
        if self.notice.take().is_some() {
            let digest = |timer: &Timer| matches!(timer, Timer::Digest { .. });
            self.arm.retain(|timer| !digest(timer));
        }
        // The finishing timer stays, because the issuer may be cancelling a card at this moment.
        self.user.pending = Pending::default();
        self.makes_work = false;
        // Objectives stay to be opened until they are open, or until the next deactivation closes them again.
        if matches!(
            lifecycle,
            Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. }
        ) {
            self.user.reopening = None;
        }
        self.user.lifecycle = lifecycle;
        self.user.generation = leaving.generation.next();
        self.user.held = false;
        self.user.hold = None;
    }

    /// Drops the timer and the notice of a schedule.
    fn unschedule(&mut self, scheduled: &User) {
        if let Lifecycle::Scheduled(schedule) = &scheduled.lifecycle {
            self.disarm.push(Timer::Deactivate {
                org: self.ctx.org.clone(),
                employee_id: scheduled.employee_id.clone(),
                source: scheduled.origin.source().cloned(),
                generation: scheduled.generation,
                due: schedule.fires_at(),
            });
        }
        self.user.notice = None;
    }

    fn begin_termination(&mut self) {
        let due = whole_second(self.ctx.now + FINISH_AFTER);
        let objectives = self.ctx.policy.settings.objectives != Objectives::Keep;
        self.user.pending = Pending {
            cards: true,
            objectives,
            notice: true,
            due: Some(due),
            cancelled: 0,
        };
        self.arm.push(self.finish_timer(due));
        self.makes_work = true;
    }

    fn timer_at(&self, due: DateTime<Utc>) -> Timer {
        Timer::Deactivate {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            source: self.user.origin.source().cloned(),
            generation: self.user.generation,
            due,
        }
    }

    fn finish_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Finish {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            generation: self.user.generation,
            due,
            swept: false,
        }
    }

    fn build(mut self, answered: Answered, visible: Option<(&Actor, Happening)>) -> Decision {
        let admins = match (
            self.stored.is_some_and(listed_admin),
            self.user.is_acting_admin(),
        ) {
            (false, true) => AdminsChange::Join,
            (true, false) => AdminsChange::Leave,
            _ => AdminsChange::None,
        };
        let withdraw = self
            .stored
            .and_then(|stored| stored.notice.clone())
            .filter(|key| self.user.notice.as_ref() != Some(key));
        self.user.rev += 1;
        let ended_by = self.ended_by.take();
        let entry = visible
            .or(ended_by.as_ref().map(|by| (by, Happening::Reactivated)))
            .map(|(by, happening)| {
                self.user.version += 1;
                Entry {
                    version: self.user.version,
                    at: self.ctx.now,
                    by: by.clone(),
                    happening,
                    from: self.stored.map(User::status),
                    to: self.user.status(),
                    cause: self.user.cause(),
                    fields: match self.stored {
                        Some(stored) => differing(stored, &self.user),
                        None => self.user.profile.keys().copied().collect(),
                    },
                    ignored: self.ignored,
                }
            });
        Decision {
            answered,
            counted: self.counted,
            change: Some(Box::new(Change {
                base_rev: self.stored.map(|stored| stored.rev),
                user: self.user,
                entry,
                arm: self.arm,
                disarm: self.disarm,
                notice: self.notice,
                withdraw,
                admins,
                makes_work: self.makes_work,
            })),
        }
    }
}

/// The actor who ended a schedule that is still stored: the undoing of its run, or else the end of an epoch.
pub(super) fn ended_by(stored: &User, ctx: &Context<'_>) -> Actor {
    let undoing = match &stored.lifecycle {
        Lifecycle::Scheduled(Schedule { run: Some(run), .. }) => ctx.policy.undoing(run),
        _ => None,
    };
    undoing.map_or(Actor::SyncTurnedOff, Undone::actor)
}

/// True if the stored set of admins contains the user. The set follows the stored status, not an epoch.
fn listed_admin(stored: &User) -> bool {
    stored.status() == Status::Active && stored.is_acting_admin()
}

/// An instant without its fraction of a second. Timers are named and armed to the second.
pub(super) fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// Restores a deleted user as a member, and tells the admins.
pub(super) fn bring_back(draft: &mut Draft<'_>) {
    draft.activate();
    draft.user().role = Role::Member;
    show(draft.user());
    let invited = draft.invites();
    draft.tell(NoticeKind::Restored { invited });
}

/// Copies the HR record into the profile. A field that HR never sent keeps its value. An admin keeps an address that HR
/// clears, because an admin without an address could not sign in or be mailed.
pub(super) fn show(user: &mut User) {
    let admin = user.role == Role::Admin;
    let Some(record) = &user.hr else { return };
    for (field, value) in record.sent() {
        match value {
            Some(value) => user.profile.insert(field, value.to_owned()),
            None if admin && field == Field::Email => None,
            None => user.profile.remove(&field),
        };
    }
}
