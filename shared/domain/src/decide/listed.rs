//! What a list of leavers does to a user, and the deletion that it may ask for at the end.

use super::by_hand::{self, not_on_self};
use super::change::{Draft, Moved};
use super::context::{Context, is_last_admin};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use super::leave;
use crate::actor::Actor;
use crate::event::Departure;
use crate::grounds::{Ground, GroundKind, Grounds};
use crate::history::Happening;
use crate::lifecycle::{Access, AtEnd, Lifecycle, Status};
use crate::user::User;

/// A list of leavers names the user. For somebody who has left, or has lost access and is leaving, it changes nothing: it
/// plants no date on them, and adds no ground. Only a date that moves may give them back what an earlier date has taken.
pub(super) fn leave(
    stored: &User,
    settled: User,
    by: &Actor,
    (how, then): (Departure, AtEnd),
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    not_on_self(by, stored)?;
    let (status, access, due_at) = (settled.status(), settled.access(), settled.due_at());
    let unchanged = Answered {
        due_at,
        ..Answered::of(Outcome::Unchanged)
    };
    match (how, status) {
        (_, Status::Deleted) | (Departure::Now | Departure::Grace, Status::Deactivated) => {
            Ok(nothing(unchanged))
        }
        (Departure::Now, _) => by_hand::deactivate_now(stored, settled, by, then, ctx),
        (Departure::Grace, Status::DeactivationScheduled) if access == Access::Revoked => {
            Ok(nothing(unchanged))
        }
        (Departure::Grace, _) => grace(stored, settled, by, then, ctx),
        (Departure::On(date), _) => {
            let mut decision = leave::set(stored, settled, by, (Some(date), Some(then)), ctx)?;
            let after = decision.change.as_ref().map(|change| &change.user);
            let is_here = |user: &User| user.status() == Status::Active;
            if status == Status::Active || after.is_some_and(is_here) {
                return Ok(decision);
            }
            let ends = |user: &User| user.access() == Access::Revoked;
            if access == Access::Granted && after.is_some_and(ends) {
                // The date ends the access that the grace period had kept.
                decision.answered.outcome = Outcome::Scheduled;
                return Ok(decision);
            }
            Ok(nothing(unchanged))
        }
    }
}

/// Begins the grace period of a leaver. Where one runs that has kept their access, the access ends, and the end that was
/// announced stands.
fn grace(
    stored: &User,
    settled: User,
    by: &Actor,
    then: AtEnd,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if is_last_admin(&settled, ctx) {
        return Err(Refusal::LastAdmin);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    let due_at = ctx.grace_end(ctx.now, None);
    draft.begin_list(due_at, then);
    let due_at = draft.so_far().due_at().unwrap_or(ctx.now);
    let answered = Answered {
        due_at: Some(due_at),
        ..Answered::of(Outcome::Scheduled)
    };
    Ok(draft.commit(answered, by, Happening::Scheduled { due_at }))
}

impl Draft<'_> {
    /// The ground of a list begins, with what happens at its end.
    fn begin_list(&mut self, due_at: chrono::DateTime<chrono::Utc>, then: AtEnd) {
        self.begin_at(GroundKind::Admin, due_at, None);
        self.change(|grounds| {
            if let Some(ground) = grounds.get(GroundKind::Admin).cloned() {
                grounds.set(GroundKind::Admin, Ground { then, ..ground });
            }
        });
    }

    /// Deletes the user whose end has come, if a list of leavers asked for it and what it said still stands. It is as if
    /// an admin deleted them.
    pub(super) fn delete_at_end(&mut self) {
        let user = &self.user;
        if !matches!(user.lifecycle(), Lifecycle::Deactivated(_)) || !asks_to_delete(user) {
            return;
        }
        let (now, end) = (self.ctx.now, self.end_by_hand());
        let deleted = Ground::in_force(now, now, self.ctx.policy.epoch);
        self.forget_then();
        self.user.grounds.set(GroundKind::Deleted, deleted);
        self.user.grounds.end(end);
        self.plan(None);
        self.moved = Some(Moved {
            happening: Happening::Deleted,
            why: None,
        });
    }

    /// Nothing but a deactivation is asked for any longer.
    pub(super) fn forget_then(&mut self) {
        self.user.leave.then = AtEnd::Deactivate;
        self.user.grounds.forget_then();
    }

    /// What the change newly says of the end.
    pub(super) fn new_at_end(&self) -> AtEnd {
        let before = self.stored.map_or(AtEnd::Deactivate, User::at_end);
        match self.user.at_end() {
            after if after != before => after,
            _ => AtEnd::Deactivate,
        }
    }
}

/// True if a list asked for a deletion on a ground that is in force.
fn asks_to_delete(user: &User) -> bool {
    let grounds: &Grounds = &user.grounds;
    let listed = grounds.get(GroundKind::Admin);
    let dated = grounds.get(GroundKind::LeaveDate).filter(|ground| {
        let of_hand = |date| ground.is_about(date);
        user.leave.by_hand.is_some_and(of_hand)
    });
    let asks = |ground: &Ground, then: AtEnd| ground.counts() && then == AtEnd::Delete;
    listed.is_some_and(|ground| asks(ground, ground.then))
        || dated.is_some_and(|ground| asks(ground, user.leave.then))
}
