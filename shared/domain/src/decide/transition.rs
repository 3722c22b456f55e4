//! What follows from a change of the grounds: generation, timers, notices, and the work of a deactivation or a return.

use chrono::{DateTime, Utc};

use super::change::{Draft, whole_second};
use super::context::FINISH_AFTER;
use crate::breaker::Counted;
use crate::digest::{DigestMinute, Notice, NoticeKind};
use crate::employee::Field;
use crate::grounds::Grounds;
use crate::hold::Held;
use crate::ids::Generation;
use crate::lifecycle::{Access, Lifecycle, Pending, Reopening, Schedule};
use crate::settings::{Invitations, Objectives};
use crate::timer::Timer;
use crate::user::User;

impl Draft<'_> {
    /// Changes the grounds. Every change of the state goes through here: timers, notices and pending work follow from
    /// the state before and the state after.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Grounds)) {
        let (before, had) = (self.user.lifecycle(), self.user.access());
        change(&mut self.user.grounds);
        self.delete_at_end();
        let after = self.user.lifecycle();
        if before.status() == after.status() {
            if let (Lifecycle::Scheduled(before), Lifecycle::Scheduled(after)) = (&before, &after) {
                self.goes_on((before, had), after);
            }
            return;
        }
        self.enter(&before, &after);
    }

    /// Enters a state of another status, and drops the plans of the previous one.
    fn enter(&mut self, before: &Lifecycle, after: &Lifecycle) {
        if let Lifecycle::Scheduled(schedule) = before {
            let user = self.user.clone();
            self.unschedule(schedule, &user);
        }
        self.drop_notice();
        let left = self.user.generation;
        // The finishing timer stays, because the issuer may be cancelling a card at this moment. Cancelled cards that no
        // notice has reported still count.
        self.user.pending = Pending {
            cancelled: self.user.pending.cancelled,
            ..Pending::default()
        };
        self.makes_work = false;
        self.user.generation = left.next();
        self.user.held = false;
        // Whom a hold keeps stays in it when their access ends on another ground: HR's word waits for the answer, and
        // would be lost if the other ground went away. Who is back waits for no return.
        let is_back = matches!(after, Lifecycle::Active);
        let waits = |held: &Held| !is_back || held.what != Counted::Return;
        self.user.hold = self.user.hold.take().filter(waits);
        match after {
            Lifecycle::Scheduled(schedule) => self.scheduled(schedule),
            Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. } => {
                // Objectives stay to be opened until they are open, or until the next deactivation closes them again.
                self.user.reopening = None;
                self.begin_termination();
            }
            Lifecycle::Active => self.returned(before, left),
        }
    }

    /// The grace period has begun: its timer is armed and the admins are told.
    fn scheduled(&mut self, schedule: &Schedule) {
        self.tell(NoticeKind::Scheduled {
            cause: schedule.cause,
            due_at: schedule.due_at,
            active_cards: self.user.active_cards,
        });
        self.user.notice = self.notice.as_ref().map(Notice::key);
        self.arm.push(self.grace_timer(schedule.fires_at()));
    }

    /// Access is given back. A user who had lost their account, and not only access during a grace period, is invited
    /// as the settings say. The objectives that the deactivation closed are then opened again.
    fn returned(&mut self, before: &Lifecycle, left: Generation) {
        if !before.is_over() || self.takes_back {
            return;
        }
        let due = whole_second(self.ctx.now + FINISH_AFTER);
        self.user.reopening = Some(Reopening {
            generation: left,
            due,
        });
        self.arm.push(self.finish_timer(due));
        if self.invites() {
            self.tell(NoticeKind::invited(true));
        }
    }

    /// Drops the notice of a state that does not last, and its digest timer.
    fn drop_notice(&mut self) {
        if self.notice.take().is_some() {
            let digest = |timer: &Timer| matches!(timer, Timer::Digest { .. });
            self.arm.retain(|timer| !digest(timer));
        }
    }

    /// Drops the timer and the notice of a schedule of `user`.
    pub(super) fn unschedule(&mut self, schedule: &Schedule, user: &User) {
        self.drop_timer(schedule, user);
        self.user.notice = None;
    }

    fn drop_timer(&mut self, schedule: &Schedule, user: &User) {
        let timer = Timer::Deactivate {
            org: self.ctx.org.clone(),
            employee_id: user.employee_id.clone(),
            source: user.origin.source().cloned(),
            generation: user.generation,
            due: schedule.fires_at(),
        };
        // A timer that this change was about to arm is simply not armed.
        let armed = self.arm.len();
        self.arm.retain(|other| other.name() != timer.name());
        if self.arm.len() == armed {
            self.disarm.push(timer);
        }
    }

    /// The grace period goes on: with another end, or with another access than the user `had`, of which the admins are
    /// told; or with another look of its timer. Where the other end has passed already, the timer looks soon: none is
    /// armed for the past.
    pub(super) fn goes_on(&mut self, (before, had): (&Schedule, Access), after: &Schedule) {
        if before.fires_at() != after.fires_at() {
            let soonest = whole_second(self.ctx.now + FINISH_AFTER);
            let fires = after.fires_at().max(soonest);
            if fires != after.fires_at() {
                self.user.grounds.wait(fires);
            }
            let user = self.user.clone();
            self.drop_timer(before, &user);
            self.arm.push(self.grace_timer(fires));
        }
        if before.due_at != after.due_at || had != self.user.access() {
            self.drop_notice();
            self.tell(NoticeKind::Scheduled {
                cause: after.cause,
                due_at: after.due_at,
                active_cards: self.user.active_cards,
            });
            self.user.notice = self.notice.as_ref().map(Notice::key);
        }
    }

    fn begin_termination(&mut self) {
        let due = whole_second(self.ctx.now + FINISH_AFTER);
        let objectives = self.ctx.policy.settings.objectives != Objectives::Keep;
        self.user.pending = Pending {
            cards: true,
            objectives,
            notice: true,
            due: Some(due),
            cancelled: self.user.pending.cancelled,
        };
        self.arm.push(self.finish_timer(due));
        self.makes_work = true;
    }

    fn grace_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Deactivate {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            source: self.user.origin.source().cloned(),
            generation: self.user.generation,
            due,
        }
    }

    pub(super) fn finish_timer(&self, due: DateTime<Utc>) -> Timer {
        Timer::Finish {
            org: self.ctx.org.clone(),
            employee_id: self.user.employee_id.clone(),
            generation: self.user.generation,
            due,
            swept: false,
        }
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
            self.arm_digest();
        }
        self.notice = Some(notice);
    }

    pub(super) fn arm_digest(&mut self) {
        self.arm.push(Timer::Digest {
            org: self.ctx.org.clone(),
            minute: DigestMinute::of(self.ctx.now),
        });
    }

    /// True if returning users are invited.
    pub(super) fn invites(&self) -> bool {
        self.ctx.policy.settings.invitations != Invitations::None
    }
}
