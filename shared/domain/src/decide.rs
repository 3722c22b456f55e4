//! The rules of the lifecycle, as one pure function.
//!
//! [`decide()`] takes a user, an event and a [`Context`], and returns a [`Decision`]. No other function decides.

mod alike;
mod by_hand;
mod change;
mod context;
mod decision;
mod foreseen;
mod hand_over;
mod held;
mod hr;
mod leave;
mod listed;
mod machine;
mod moves;
mod power;
mod remind;
mod role;
mod transition;

use crate::event::Event;
use crate::lifecycle::AtEnd;
use crate::user::User;

pub use context::{
    AHEAD_OF_CLOCK, Context, DAY, Everybody, FINISH_AFTER, Gate, Greenwich, SyncRule, Zone,
};
pub use decision::{AdminsChange, Answered, Change, Decision, LoginChange, Outcome, Refusal};
pub use foreseen::foreseen;
use role::Appointment;

/// Decides the effect of an event on a user. `user` is `None` if no user has that id.
///
/// # Errors
/// [`Refusal`] if an admin may not have what the event asks for. HR's events and timers are never refused; their
/// outcome says what happened to them.
pub fn decide(user: Option<&User>, event: &Event, ctx: &Context<'_>) -> Result<Decision, Refusal> {
    let settled = user.map(|user| user.as_of(ctx.policy));
    if let Event::Hr { source, event } = event {
        return Ok(hr::decide(user, settled, source, event, ctx));
    }
    if let Event::Missing {
        source,
        snapshot,
        at,
    } = event
    {
        return Ok(hr::missing(user, settled, source, (snapshot, *at), ctx));
    }
    if let Event::Add {
        by,
        employee_id,
        profile,
        role,
        login,
        signs_in_by,
    } = event
    {
        let wanted = Appointment {
            role: *role,
            login: login.as_ref(),
            signs_in_by: *signs_in_by,
        };
        return by_hand::add(user, by, employee_id, profile, &wanted, ctx);
    }
    let (Some(stored), Some(settled)) = (user, settled) else {
        return Err(Refusal::NotFound);
    };
    let answers = matches!(event, Event::Approve { .. } | Event::Keep { .. });
    if stored.look_alike.is_some() && !answers {
        // Nobody has let them in.
        return Err(Refusal::NotFound);
    }
    match event {
        Event::Hr { .. } | Event::Missing { .. } | Event::Add { .. } => Err(Refusal::NotFound),
        Event::Approve { by, hold, until } => {
            Ok(held::approve(stored, settled, (hold, *until), by, ctx))
        }
        Event::Keep { by, hold, until } => Ok(held::keep(stored, settled, (hold, *until), by, ctx)),
        Event::DeactivateNow { by } => {
            by_hand::deactivate_now(stored, settled, by, AtEnd::Deactivate, ctx)
        }
        Event::Delete { by } => by_hand::delete(stored, settled, by, ctx),
        Event::Restore { by } => by_hand::restore(stored, settled, by, ctx),
        Event::SetRole {
            by,
            role,
            login,
            signs_in_by,
        } => {
            let wanted = Appointment {
                role: *role,
                login: login.as_ref(),
                signs_in_by: *signs_in_by,
            };
            role::set_role(stored, settled, by, &wanted, ctx)
        }
        Event::SetLogin {
            by,
            login,
            signs_in_by,
        } => role::set_login(stored, settled, by, (login, *signs_in_by), ctx),
        Event::BindLogin { by, signs_in_by } => {
            Ok(role::bind(stored, settled, by, *signs_in_by, ctx))
        }
        Event::ConfirmAddress { by } => by_hand::confirm_address(stored, settled, by, ctx),
        Event::Invite { by } => by_hand::invite(stored, settled, by, ctx),
        Event::SetLeaveDate { by, date } => leave::set(stored, settled, by, (*date, None), ctx),
        Event::Postpone { by, due_at, reason } => {
            by_hand::postpone(stored, settled, by, *due_at, reason, ctx)
        }
        Event::HandOver { by, from, to } => {
            Ok(hand_over::hand_over(stored, settled, by, (from, to), ctx))
        }
        Event::Leave { by, how, then } => listed::leave(stored, settled, by, (*how, *then), ctx),
        Event::LeaveDue { plan, due } => Ok(leave::due(stored, settled, *plan, *due, ctx)),
        Event::RemindDue { plan, due } => Ok(remind::due(stored, settled, *plan, *due, ctx)),
        Event::ObjectivesClosed {
            generation,
            count,
            all,
            by,
        } => Ok(machine::objectives_closed(
            stored,
            settled,
            *generation,
            (*count, *all),
            by,
            ctx,
        )),
        Event::ObjectivesReopened {
            generation,
            count,
            lost,
            all,
            by,
        } => {
            let what = (*count, *lost, *all);
            Ok(machine::objectives_reopened(
                stored,
                settled,
                *generation,
                what,
                by,
                ctx,
            ))
        }
        Event::Due { generation, due } => Ok(machine::due(stored, settled, *generation, *due, ctx)),
        Event::Reconsider { generation } => {
            Ok(machine::reconsider(stored, settled, *generation, ctx))
        }
        Event::CardsCancelled { cards, by } => {
            Ok(machine::cards_cancelled(stored, settled, cards, by, ctx))
        }
        Event::Finished { generation, by } => {
            Ok(machine::finished(stored, settled, *generation, by, ctx))
        }
        Event::Tidy => Ok(machine::tidy(stored, settled, ctx)),
        Event::CardsCounted {
            by,
            what,
            difference,
        } => machine::cards_counted(stored, settled, by, what, *difference, ctx),
    }
}
