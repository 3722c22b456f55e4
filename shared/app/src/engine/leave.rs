//! The beginning of a leave date.

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, Event, Origin, TimerKind};

use crate::engine::breaker::{Asking, guarded};
use crate::engine::execute::{Armed, Executed, How, execute};
use crate::engine::terminate::{Terminated, finish};
use crate::ports::{Breakers, Cards, Objectives, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// A `leave` timer: the day of that plan has begun.
///
/// # Errors
/// Any fault; Lambda and the sweep try again.
pub async fn due<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    plan: u64,
    due: DateTime<Utc>,
    deadline: Deadline,
) -> Result<Terminated>
where
    P::Store: Users + Breakers + Cards + Objectives,
{
    let event = Event::LeaveDue { plan, due };
    let armed = Armed::default();
    let executed = match by_hr(tenant, id, &event, &armed).await {
        Err(Error::Refused(refusal)) => {
            return Ok(Terminated::NoOp {
                reason: refusal.to_string(),
            });
        }
        executed => executed?,
    };
    let reason = executed.decision.outcome.reason.clone().unwrap_or_default();
    let acted = executed.decision.change.is_some();
    let Some(user) = executed.user else {
        return Ok(Terminated::NoOp { reason });
    };
    if user.pending.is_done() {
        return Ok(if acted {
            Terminated::Done { cards: 0 }
        } else {
            Terminated::NoOp { reason }
        });
    }
    let by = Actor::Timer {
        kind: TimerKind::Leave,
        due,
    };
    let finished = finish(tenant, id, user.generation, &by, deadline).await?;
    if finished.done {
        Ok(Terminated::Done {
            cards: finished.cancelled,
        })
    } else {
        Err(Error::Unfinished("cards are still alive"))
    }
}

/// Executes the event. The breaker of the source is asked where the date is HR's; an admin's own is exempt.
async fn by_hr<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
) -> Result<Executed>
where
    P::Store: Users + Breakers,
{
    let first = execute(tenant, id, event, armed, How::default()).await?;
    let Some(Origin::Source(source)) = first.user.as_ref().map(|user| &user.origin) else {
        return Ok(first);
    };
    if !first.asks {
        return Ok(first);
    }
    let asking = Asking::delivery(source);
    guarded(tenant, id, event, armed, How::default(), &asking).await
}
