//! What the breaker promises somebody whose grace period runs, before a timer has acted on it.

use super::context::{CLOCK_SKEW, Context};
use super::machine::{LOOK_AGAIN, kept_until};
use crate::breaker::Keeps;
use crate::decide::change::whole_second;
use crate::user::User;

/// The user with the end of the grace period that their timer will find. After a rejection that is the promised one, from
/// the answer on. Somebody whose end has come while a hold of their source is open waits for its answer. Nothing else
/// changes, and what is stored stays as it is until the timer fires.
#[must_use]
pub fn foreseen(user: &User, ctx: &Context<'_>) -> User {
    let mut seen = user.clone();
    let settled = user.as_of(ctx.policy);
    let Some(schedule) = settled.lifecycle().schedule().cloned() else {
        return seen;
    };
    let Some(breaker) = ctx.breaker else {
        return seen;
    };
    let over = schedule.due_at <= ctx.now + CLOCK_SKEW;
    match breaker.keeps(&user.employee_id, schedule.at) {
        Some(Keeps::AGracePeriodFrom(answered)) => {
            let until = kept_until(&settled, answered, ctx);
            if until > schedule.due_at && until > ctx.now {
                seen.grounds.postpone(whole_second(until));
                return seen;
            }
        }
        Some(Keeps::UntilAnswered) if over && schedule.waits_until.is_none() => {
            let by_hand = settled.grounds.due_by_hand();
            if by_hand.is_none_or(|due| due > ctx.now + CLOCK_SKEW) {
                seen.grounds.wait(whole_second(ctx.now + LOOK_AGAIN));
            }
            return seen;
        }
        Some(Keeps::UntilAnswered) => return seen,
        None => {}
    }
    // The hold for which they wait is answered, so their timer ends the grace period when it looks again.
    if let Some(looks) = schedule.waits_until {
        seen.grounds.postpone(looks);
    }
    seen
}
