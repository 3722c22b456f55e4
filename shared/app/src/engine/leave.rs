//! The beginning of a leave date, and its reminders.

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, Event, TimerKind};

use crate::engine::breaker::{RunRequest, execute_guarded};
use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::engine::terminate::{Begun, Person, Terminated, finish};
use crate::ports::{Breakers, CardIssuer, Cards, Objectives, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// A `leave` timer has fired: the first day without access of this plan has begun.
///
/// # Errors
/// Any fault; Lambda and the sweep try again.
pub async fn due<P: Ports>(
    tenant: &Tenant<'_, P>,
    person: Person<'_>,
    plan: u64,
    due: DateTime<Utc>,
    deadline: Deadline,
) -> Result<Terminated>
where
    P::Store: Users + Breakers + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    let begun = begin_due(tenant, person, plan, due, true).await?;
    let Some(generation) = begun.pending() else {
        return Ok(begun.ended());
    };
    let by = Actor::Timer {
        kind: TimerKind::Leave,
        due,
    };
    let finished = finish(tenant, person, generation, &by, deadline).await?;
    if finished.done {
        Ok(Terminated::Done {
            cards: finished.cancelled,
        })
    } else {
        Err(Error::Unfinished("cards are still alive"))
    }
}

/// The decision of a `leave` timer. Without `own_work` the stream hands the remaining work to `terminate`. If the date
/// is HR's, the breaker of the user's source is asked. An admin's own date is exempt.
///
/// # Errors
/// Any fault.
pub async fn begin_due<P: Ports>(
    tenant: &Tenant<'_, P>,
    person: Person<'_>,
    plan: u64,
    due: DateTime<Utc>,
    own_work: bool,
) -> Result<Begun>
where
    P::Store: Users + Breakers,
{
    let event = Event::LeaveDue { plan, due };
    let armed = Armed::default();
    let how = ExecuteOptions {
        own_work,
        source: person.source,
        ..ExecuteOptions::default()
    };
    let first = match execute(tenant, person.id, &event, &armed, how).await {
        Err(Error::Refused(refusal)) => return Ok(refusal.into()),
        executed => executed?,
    };
    let source = first.user.as_ref().and_then(|user| user.origin.source());
    let executed = match source.cloned().filter(|_| first.needs_admission) {
        Some(source) => {
            let how = ExecuteOptions {
                loaded: Some(first.loaded),
                own_work,
                source: Some(&source),
                ..ExecuteOptions::default()
            };
            let asking = RunRequest::delivery(&source);
            execute_guarded(tenant, person.id, &event, &armed, how, &asking).await?
        }
        None => first,
    };
    Ok(Begun {
        acted: executed.decision.change.is_some(),
        reason: executed.decision.answered.reason.unwrap_or_default(),
        user: executed.user,
    })
}

/// A `remind` timer has fired, or the sweep has found its reminder: the admins and the manager are told that this plan's
/// leave date lies ahead.
///
/// # Errors
/// Any fault; Lambda and the sweep try again.
pub async fn remind<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    plan: u64,
    due: DateTime<Utc>,
) -> Result<Terminated>
where
    P::Store: Users,
{
    let event = Event::RemindDue { plan, due };
    let how = ExecuteOptions::default();
    let begun = match execute(tenant, id, &event, &Armed::default(), how).await {
        Err(Error::Refused(refusal)) => refusal.into(),
        executed => {
            let executed = executed?;
            Begun {
                acted: executed.decision.change.is_some(),
                reason: executed.decision.answered.reason.unwrap_or_default(),
                user: executed.user,
            }
        }
    };
    Ok(begun.ended())
}
