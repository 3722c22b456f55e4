//! The decisions on timers, and on the work that they start.

use chrono::{DateTime, TimeDelta, Utc};

use super::change::{Draft, ended_by, whole_second};
use super::context::{CLOCK_SKEW, Context, FINISH_AFTER};
use super::decision::{Answered, Decision, Outcome, Refusal, nothing};
use crate::actor::{Actor, TimerKind};
use crate::breaker::Keeps;
use crate::digest::NoticeKind;
use crate::history::Happening;
use crate::ids::{CardId, Generation};
use crate::lifecycle::{Access, Cause, Lifecycle};
use crate::user::User;

/// How long a timer waits before it looks at an open hold again.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

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
    let (cause, at) = match &settled.lifecycle {
        Lifecycle::Scheduled(schedule) if schedule.fires_at() == due => {
            (schedule.cause, schedule.at)
        }
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
    let excluded = match excluded(&settled, ctx) {
        Ok(excluded) => excluded,
        Err(_) => return no_op("the sync rule fails on this employee"),
    };
    let mut draft = Draft::of(ctx, stored, settled);
    if excluded {
        draft.activate();
        return draft.commit(left_out(), &by, Happening::Reactivated);
    }
    if let Some((until, is_end)) = kept(draft.so_far(), at, ctx) {
        draft.postpone(until, is_end);
        let answered = Answered {
            outcome: Outcome::Held,
            due_at: draft.so_far().due_at(),
            reason: Some("a hold of the source keeps the grace period".to_owned()),
        };
        return draft.commit(answered, &by, Happening::Postponed { until });
    }
    draft.deactivate(cause);
    draft.commit(
        Answered::of(Outcome::Deactivated),
        &by,
        Happening::Deactivated,
    )
}

/// Until when the breaker keeps the user's cards alive, and whether the grace period ends at that instant. `None` if
/// the breaker does not keep them.
fn kept(user: &User, scheduled: DateTime<Utc>, ctx: &Context<'_>) -> Option<(DateTime<Utc>, bool)> {
    let days = ctx.policy.settings.deactivation_sync.delay_days;
    let grace = ctx.day * i32::from(days);
    match ctx.breaker?.keeps(&user.employee_id, scheduled, grace)? {
        Keeps::UntilAnswered => Some((whole_second(ctx.now + LOOK_AGAIN), false)),
        Keeps::Until(until) if ctx.now + CLOCK_SKEW < until => {
            Some((whole_second(until.max(ctx.now + FINISH_AFTER)), true))
        }
        Keeps::Until(_) => None,
    }
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
    if !user.pending.is_done() {
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
    let epoch_ended = stored.generation != settled.generation;
    let excluded = excluded(&settled, ctx) == Ok(true);
    let mut draft = Draft::of(ctx, stored, settled);
    if epoch_ended {
        return draft.commit(
            Answered::of(Outcome::Reactivated),
            &ended_by(stored, ctx),
            Happening::Reactivated,
        );
    }
    if excluded {
        draft.activate();
        return draft.commit(left_out(), &Actor::RuleChanged, Happening::Reactivated);
    }
    let decision = draft.commit_leave(&Actor::SettingsChanged);
    match &decision.change {
        Some(change) if change.moves(stored) => decision,
        _ => no_op("the user is as the policy says"),
    }
}

/// True if the sync rule now excludes a user that the sync has scheduled.
fn excluded(user: &User, ctx: &Context<'_>) -> Result<bool, String> {
    match (&user.lifecycle, &user.hr) {
        (Lifecycle::Scheduled(schedule), Some(record)) if schedule.cause.is_sync() => ctx
            .rule
            .includes(&user.employee_id, record)
            .map(|included| !included),
        _ => Ok(false),
    }
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
    if difference > 0 && settled.access_at(ctx.now) == Access::Revoked {
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
