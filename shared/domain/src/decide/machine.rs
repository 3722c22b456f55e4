//! The decisions on timers, and on the work that they start.

use chrono::{DateTime, TimeDelta, Utc};

use super::change::{Draft, by_policy, ended_by, whole_second};
use super::context::{CLOCK_SKEW, Context, FINISH_AFTER};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use super::leave::By;
use crate::actor::{Actor, TimerKind};
use crate::breaker::Keeps;
use crate::digest::NoticeKind;
use crate::grounds::{GroundKind, IgnoredBy};
use crate::history::Happening;
use crate::ids::{CardId, Generation};
use crate::lifecycle::{Cause, Deactivation, Lifecycle};
use crate::user::User;

/// How long a timer waits before it looks at an open hold again.
pub(super) const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// Ends the grace period, if the user is still in the one that the timer was armed for.
pub(super) fn due(
    stored: &User,
    settled: User,
    generation: Generation,
    due: DateTime<Utc>,
    ctx: &Context<'_>,
) -> Decision {
    if settled.generation != generation {
        return no_op("the user has changed since the timer was armed");
    }
    let at = match settled.lifecycle() {
        Lifecycle::Scheduled(schedule) if schedule.fires_at() == due => schedule.at,
        Lifecycle::Scheduled(_) => return no_op("the user is due at another second"),
        _ => return no_op("the user is not scheduled"),
    };
    if ctx.now + CLOCK_SKEW < due {
        return no_op("the timer is early");
    }
    let by = Actor::Timer {
        kind: TimerKind::Deactivate,
        due,
    };
    // If the sync rule cannot be evaluated, nothing changes. The cards stay alive until it can be, or until an admin
    // decides.
    if rule_fails(&settled, ctx) {
        return no_op("the sync rule fails on this employee");
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.leave_out();
    draft.date_goes(By::Admin);
    let still = draft.so_far().lifecycle();
    match still.schedule() {
        None => return draft.commit(left_out(), &by, Happening::Reactivated),
        Some(schedule) if schedule.due_at > ctx.now + CLOCK_SKEW => {
            let until = schedule.due_at;
            draft.postpone(until, true);
            let answered = Answered {
                due_at: Some(until),
                reason: Some("another ground ends the cards later".to_owned()),
                ..Answered::of(Outcome::Updated)
            };
            return draft.commit(answered, &by, Happening::Postponed { until });
        }
        Some(_) => {}
    }
    if let Some((until, is_end)) = kept(draft.so_far(), at, ctx) {
        draft.postpone(until, is_end);
        let answered = Answered {
            due_at: draft.so_far().due_at(),
            reason: Some("a hold of the source keeps the grace period".to_owned()),
            ..Answered::of(Outcome::Held)
        };
        return draft.commit(answered, &by, Happening::Postponed { until });
    }
    draft.grace_over();
    draft.commit(
        Answered::of(Outcome::Deactivated),
        &by,
        Happening::Deactivated,
    )
}

/// Looks at the policy and the breaker once more before the first card of a deactivation is touched. What a machine
/// ended is taken back if no ground stands any more, or if the breaker keeps the grace period.
pub(super) fn reconsider(
    stored: &User,
    settled: User,
    generation: Generation,
    ctx: &Context<'_>,
) -> Decision {
    let (Lifecycle::Deactivated(end), true) =
        (settled.lifecycle(), settled.generation == generation)
    else {
        return no_op("the user is not in this deactivation");
    };
    if end.policy.is_none() {
        return no_op("an admin decided it");
    }
    if !settled.pending.cards || settled.pending.cancelled > 0 {
        return no_op("cards have been touched");
    }
    let mut before_end = settled.clone();
    before_end.grounds.take_back_end();
    let by = ended_by(&before_end, ctx);
    let decided = before_end.grounds.clone();
    let before_end = before_end.as_of(ctx.policy);
    let mut draft = Draft::of(ctx, stored, settled);
    draft.takes_back = true;
    let after = before_end.grounds.clone();
    let keeps = after.lifecycle().schedule().and_then(|schedule| {
        let kept = kept(&before_end, schedule.at, ctx);
        let later = schedule.due_at > ctx.now + CLOCK_SKEW;
        kept.or(later.then_some((schedule.due_at, true)))
    });
    match (after.lifecycle(), keeps) {
        (Lifecycle::Active, _) => {
            draft.change(|grounds| *grounds = after);
            let answered = Answered::of(Outcome::Reactivated);
            draft.commit(answered, &by, Happening::Reactivated)
        }
        (_, Some((until, is_end))) => {
            // No policy has ended a ground: it is the breaker that keeps the cards, as at the end of a grace period.
            let by = match after == decided {
                true => Actor::Timer {
                    kind: TimerKind::Finish,
                    due: draft.so_far().pending.due.unwrap_or(ctx.now),
                },
                false => by,
            };
            draft.change(|grounds| {
                *grounds = after;
                match is_end {
                    true => grounds.postpone(until),
                    false => grounds.wait(until),
                }
            });
            let answered = Answered {
                due_at: draft.so_far().due_at(),
                reason: Some("a hold of the source keeps the grace period".to_owned()),
                ..Answered::of(Outcome::Held)
            };
            draft.commit(answered, &by, Happening::Postponed { until })
        }
        _ => no_op("the deactivation stands"),
    }
}

/// Until when the breaker keeps the user's cards alive, and whether the grace period ends at that instant. `None` if
/// the breaker does not keep them: what an admin has ended by their own word it never does.
fn kept(user: &User, scheduled: DateTime<Utc>, ctx: &Context<'_>) -> Option<(DateTime<Utc>, bool)> {
    let by_hand = user.grounds.due_by_hand();
    if by_hand.is_some_and(|due| due <= ctx.now + CLOCK_SKEW) {
        return None;
    }
    let answered = match ctx.breaker?.keeps(&user.employee_id, scheduled)? {
        Keeps::UntilAnswered => {
            let look = ctx.now + LOOK_AGAIN;
            let until = by_hand.map_or(look, |due| due.min(look));
            return Some((whole_second(until), false));
        }
        Keeps::AGracePeriodFrom(answered) => answered,
    };
    let until = kept_until(user, answered, ctx);
    (ctx.now + CLOCK_SKEW < until).then(|| (whole_second(until.max(ctx.now + FINISH_AFTER)), true))
}

/// The end of the whole grace period that a rejection at the instant `answered` promises. What an admin has ended ends
/// when they have said.
pub(super) fn kept_until(user: &User, answered: DateTime<Utc>, ctx: &Context<'_>) -> DateTime<Utc> {
    let until = ctx.grace_end(answered, user.origin.source());
    let by_hand = user.grounds.due_by_hand();
    by_hand.map_or(until, |due| due.min(until))
}

/// Records that the issuer has cancelled cards. This happens in any state of the owner.
pub(super) fn cards_cancelled(
    stored: &User,
    settled: User,
    cards: &[CardId],
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    let count = u32::try_from(cards.len()).unwrap_or(u32::MAX);
    let mut draft = Draft::of(ctx, stored, settled);
    let user = draft.user();
    user.active_cards = user.active_cards.saturating_sub(count);
    // The cards of a user who has returned meanwhile are reported when the work on the return is done.
    if !user.pending.is_done() || user.reopening.is_some() {
        user.pending.cancelled = user.pending.cancelled.saturating_add(count);
    }
    let happening = Happening::CardsTerminated {
        cards: cards.to_vec(),
    };
    draft.commit(Answered::of(Outcome::Updated), by, happening)
}

/// Finishes a deactivation, every card of which is cancelled and every objective closed. The admins are told.
pub(super) fn finished(
    stored: &User,
    settled: User,
    generation: Generation,
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    if settled.generation != generation || settled.pending.is_done() {
        return no_op("nothing is pending for this deactivation");
    }
    // The caller has cancelled the cards. Only the user says whether objectives are still open.
    if settled.pending.objectives {
        return no_op("objectives are still open");
    }
    let cause = settled.cause().unwrap_or(Cause::Admin);
    let cards = settled.pending.cancelled;
    let mut draft = Draft::of(ctx, stored, settled);
    draft.tell(NoticeKind::Terminated { cause, cards });
    draft.finished();
    draft.commit(
        Answered::of(Outcome::Deactivated),
        by,
        Happening::Finished { cards },
    )
}

/// Brings the stored user in line with the policy: an epoch that has ended, a sync rule that now excludes the user,
/// leave dates that count differently or begin at another instant.
pub(super) fn tidy(stored: &User, settled: User, ctx: &Context<'_>) -> Decision {
    let ended = stored.lifecycle() != settled.lifecycle() || stored.access() != settled.access();
    let mut draft = Draft::of(ctx, stored, settled);
    let left_out_now = draft.leave_out();
    draft.leave_date(By::Admin);
    if ended {
        let after = draft.so_far().lifecycle();
        let outcome = match after {
            Lifecycle::Active => Outcome::Reactivated,
            _ => Outcome::Updated,
        };
        let answered = Answered {
            due_at: draft.so_far().due_at(),
            ..Answered::of(outcome)
        };
        return draft.commit(answered, &ended_by(stored, ctx), by_policy(&after));
    }
    if left_out_now {
        let happening = by_policy(&draft.so_far().lifecycle());
        return draft.commit(left_out(), &Actor::RuleChanged, happening);
    }
    let decision = draft.commit_date(&Actor::SettingsChanged);
    match &decision.change {
        Some(change) if change.moves(stored) => decision,
        _ => no_op("the user is as the policy says"),
    }
}

impl Draft<'_> {
    /// The sync rule leaves the user out: HR's grounds of a user who is not deactivated yet are ignored. Returns true if
    /// that changes the state. A rule that fails on the user changes nothing.
    pub(super) fn leave_out(&mut self) -> bool {
        let user = self.so_far();
        let excluded = user
            .hr
            .as_ref()
            .is_some_and(|record| self.ctx.rule.includes(&user.employee_id, record) == Ok(false));
        if !excluded || user.lifecycle().schedule().is_none() {
            return false;
        }
        let before = user.lifecycle();
        self.change(|grounds| {
            for kind in [GroundKind::Hr, GroundKind::Missing] {
                if grounds.counts(kind) {
                    grounds.ignore(kind, IgnoredBy::Rule);
                }
            }
        });
        self.so_far().lifecycle() != before
    }

    /// The grace period is over: access and cards end.
    fn grace_over(&mut self) {
        let Some(schedule) = self.so_far().lifecycle().schedule().cloned() else {
            return;
        };
        let end = Deactivation {
            cause: schedule.cause,
            at: self.ctx.now,
            policy: Some(self.ctx.policy.version),
        };
        self.change(|grounds| grounds.end(end));
    }
}

/// True if the sync rule fails on a user against whom only HR's words stand.
fn rule_fails(user: &User, ctx: &Context<'_>) -> bool {
    let fails = |record| ctx.rule.includes(&user.employee_id, record).is_err();
    let mut in_force = user.grounds.iter().filter(|(_, ground)| ground.counts());
    user.hr.as_ref().is_some_and(fails) && in_force.all(|(kind, ground)| kind.is_of_hr(ground.date))
}

fn left_out() -> Answered {
    Answered::because(Outcome::Excluded, "the sync rule leaves this employee out")
}

/// Records that objectives of a deactivated user were closed.
pub(super) fn objectives_closed(
    stored: &User,
    settled: User,
    generation: Generation,
    (count, all): (u32, bool),
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    if settled.generation != generation || !settled.pending.objectives {
        return no_op("no objectives are pending for this deactivation");
    }
    let mut draft = Draft::of(ctx, stored, settled);
    draft.user().pending.objectives = !all;
    if count == 0 {
        return draft.commit_silently(Answered::of(Outcome::Updated));
    }
    draft.commit(
        Answered::of(Outcome::Updated),
        by,
        Happening::ObjectivesClosed { count },
    )
}

/// Records that objectives which a deactivation had closed were opened again.
pub(super) fn objectives_reopened(
    stored: &User,
    settled: User,
    generation: Generation,
    (count, lost, all): (u32, u32, bool),
    by: &Actor,
    ctx: &Context<'_>,
) -> Decision {
    if settled
        .reopening
        .is_none_or(|reopening| reopening.generation != generation)
    {
        return no_op("nothing is to be opened again");
    }
    let mut draft = Draft::of(ctx, stored, settled);
    if all {
        draft.reopened();
        let cards = std::mem::take(&mut draft.user().pending.cancelled);
        if cards > 0 {
            let cause = Cause::Admin;
            draft.tell(NoticeKind::Terminated { cause, cards });
        }
    }
    if count == 0 && lost == 0 {
        return draft.commit_silently(Answered::of(Outcome::Updated));
    }
    draft.commit(
        Answered::of(Outcome::Updated),
        by,
        Happening::ObjectivesReopened { count, lost },
    )
}

/// Records that a user's number of cards changed. Cards are added to active users only. During the grace period a card
/// may still be taken away.
pub(super) fn cards_counted(
    stored: &User,
    settled: User,
    by: &Actor,
    what: &Happening,
    difference: i32,
    ctx: &Context<'_>,
) -> Result<Decision, Refusal> {
    if difference > 0 && !settled.is_active_at(ctx.now) {
        return Err(Refusal::NotActive);
    }
    let mut draft = Draft::of(ctx, stored, settled);
    let user = draft.user();
    user.active_cards = user.active_cards.saturating_add_signed(difference);
    Ok(draft.commit(Answered::of(Outcome::Updated), by, what.clone()))
}

fn no_op(reason: &'static str) -> Decision {
    nothing(Answered::because(Outcome::Unchanged, reason))
}
