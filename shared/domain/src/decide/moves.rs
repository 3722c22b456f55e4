//! How a decision moves the grounds against a user: what begins to count, what is only noted, what is taken away.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::change::{Draft, Moved};
use super::context::Gate;
use super::held;
use super::leave::By;
use crate::breaker::Counted;
use crate::employee::Field;
use crate::grounds::{Ground, GroundKind, GroundState, Grounds, LeaveGround};
use crate::history::Happening;
use crate::hold::Held;
use crate::ids::RunId;
use crate::lifecycle::{Deactivation, Lifecycle};
use crate::settings::{AccessDuringGrace, Behaviour};

/// Somebody whose start date is at most this far away joins, and does not return.
const JOINER: TimeDelta = TimeDelta::days(7);

impl Draft<'_> {
    /// A ground begins to count. Behaviour and delay say when it ends the cards: those of the source for what HR says,
    /// those of the organisation for what an admin says. It ends them at once if the end has taken place already.
    /// Returns false if an admin has undone the run that brings the ground: then it does not count.
    pub(super) fn begin(&mut self, kind: GroundKind, date: Option<LeaveGround>) -> bool {
        let (ctx, origin) = (self.ctx, self.user.origin.source());
        let source = origin.filter(|_| kind.is_of_hr(date));
        let due_at = match ctx.policy.sync_of(source).behaviour {
            Behaviour::Delayed => ctx.grace_end(ctx.now, source),
            Behaviour::Immediate => ctx.now,
        };
        self.begin_at(kind, due_at, date)
    }

    /// As [`Self::begin`], with the end of the cards.
    pub(super) fn begin_at(
        &mut self,
        kind: GroundKind,
        due_at: DateTime<Utc>,
        date: Option<LeaveGround>,
    ) -> bool {
        let now = self.ctx.now;
        let run = self.run();
        let undone = run
            .as_ref()
            .is_some_and(|run| self.ctx.policy.is_undone(run));
        let announced = self.announced.filter(|_| kind != GroundKind::LeaveDate);
        let due_at = match self.user.lifecycle().is_over() {
            true => now,
            false => announced.map_or(due_at, |announced| announced.max(due_at)),
        };
        let keeps_access = matches!(kind, GroundKind::Hr | GroundKind::Missing)
            && self.ctx.policy.settings.access_during_grace == AccessDuringGrace::Kept;
        let ground = Ground {
            keeps_access,
            run,
            approved: self.approved,
            date,
            ..Ground::in_force(now, due_at, self.ctx.policy.epoch_of(kind))
        };
        if undone {
            let state = match self.approved {
                true => GroundState::Refused,
                false => GroundState::Ignored,
            };
            self.change(|grounds| grounds.set(kind, ground.without_force(state)));
            return false;
        }
        let end = Deactivation {
            cause: kind.cause(),
            at: now,
            policy: Some(self.ctx.policy.version),
        };
        self.change(|grounds| {
            grounds.set(kind, ground);
            if kind == GroundKind::LeaveDate {
                grounds.cut_postponement(due_at);
            }
            if due_at <= now {
                grounds.end(end);
            }
        });
        true
    }

    /// The run that admitted the person; `None` if there is none.
    fn run(&self) -> Option<RunId> {
        match self.ctx.gate {
            Gate::Open { run } => run.clone(),
            Gate::Held { .. } | Gate::Stopped => None,
        }
    }

    /// Records a ground that does not count.
    pub(super) fn note(&mut self, kind: GroundKind, state: GroundState, date: Option<LeaveGround>) {
        let ground = Ground {
            date,
            ..Ground::idle(state, self.ctx.now)
        };
        self.change(|grounds| grounds.set(kind, ground));
    }

    /// Records that the breaker counts this change. Returns whether the change may happen; otherwise the user joins the
    /// hold.
    pub(super) fn counts(&mut self, what: Counted) -> bool {
        self.counted = Some(what);
        match self.ctx.gate {
            // The caller asks about the person before it commits.
            Gate::Open { .. } | Gate::Stopped => true,
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

    /// True if the user is already in the open hold. Then a new event does not change the hold.
    pub(super) fn waits_in_hold(&self) -> bool {
        let (Some(breaker), Some(held)) = (self.ctx.breaker, &self.user.hold) else {
            return false;
        };
        breaker.is_open_for(&held.hold, held.seq)
    }

    /// Arms the timer of the grace period again, for `until`. If `is_end`, the grace period also ends at that instant.
    pub(super) fn postpone(&mut self, until: DateTime<Utc>, is_end: bool) {
        self.change(|grounds| match is_end {
            true => grounds.postpone(until),
            false => grounds.wait(until),
        });
    }

    /// Takes a reason against the user away. A machine's change that gives an account back is weighed by the breaker;
    /// if the breaker holds it, nothing changes.
    pub(super) fn take_away(
        &mut self,
        by: By,
        why: Option<&'static str>,
        change: impl FnOnce(&mut Grounds),
    ) {
        let mut after = self.user.grounds.clone();
        change(&mut after);
        let before = self.user.lifecycle();
        let back =
            !matches!(before, Lifecycle::Active) && matches!(after.lifecycle(), Lifecycle::Active);
        if back && before.is_over() && by == By::Machine && !self.may_return() {
            self.moved = self.user.hold.as_ref().map(|held| Moved {
                happening: Happening::Stopped {
                    hold: held.hold.clone(),
                },
                why: Some(held::STOPPED),
            });
            return;
        }
        self.change(|grounds| *grounds = after);
        if back {
            let happening = Happening::Reactivated;
            self.moved = Some(Moved { happening, why });
        }
    }

    /// True if the user may return. The breaker counts returns, but not those of joiners, whose start date is near.
    pub(super) fn may_return(&mut self) -> bool {
        let today = self.ctx.now.date_naive();
        let starts: Option<NaiveDate> = self
            .user
            .get(Field::StartDate)
            .and_then(|start| start.parse().ok());
        let joins = starts.is_some_and(|start| (start - today).abs() <= JOINER);
        let waits = self
            .user
            .hold
            .as_ref()
            .is_some_and(|held| held.what == Counted::Return);
        joins || (!(waits && self.waits_in_hold()) && self.counts(Counted::Return))
    }
}
