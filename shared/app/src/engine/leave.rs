//! The beginning of a leave date, and its reminders.

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, Event, NoticeKind, SourceId, TimerKind};

use crate::engine::breaker::{RunRequest, execute_guarded};
use crate::engine::execute::{Armed, ExecuteOptions, Executed, execute};
use crate::engine::terminate::{Begun, Person, Terminated, finish};
use crate::metrics::Metric;
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
/// is HR's, the breaker of the user's source is asked. An admin's own date is exempt, but not that of the last admin.
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
    let executed = match first.needs_admission {
        true => asked(tenant, person.id, &event, &armed, (first, own_work)).await?,
        false => first,
    };
    Ok(Begun {
        acted: executed.decision.change.is_some(),
        reason: executed.decision.answered.reason.unwrap_or_default(),
        user: executed.user,
    })
}

/// Asks the breaker about a person whose leave date has come, and decides with its answer. `first` is the decision
/// without one. Somebody of no source is asked about as well: they may be the last admin.
///
/// # Errors
/// As [`execute_guarded`].
pub(super) async fn asked<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    (first, own_work): (Executed, bool),
) -> Result<Executed>
where
    P::Store: Users + Breakers,
{
    let source = first.user.as_ref().and_then(|user| user.origin.source());
    let source = source.cloned();
    let asking = RunRequest::delivery(source.as_ref().unwrap_or(&SourceId::none()));
    let how = ExecuteOptions {
        // An event of a policy is decided without the breaker at first.
        loaded: event.needs_breaker_of_user().then_some(first.loaded),
        own_work,
        source: source.as_ref(),
        ..ExecuteOptions::default()
    };
    execute_guarded(tenant, id, event, armed, how, &asking).await
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
            watch_admins(tenant, &executed);
            Begun {
                acted: executed.decision.change.is_some(),
                reason: executed.decision.answered.reason.unwrap_or_default(),
                user: executed.user,
            }
        }
    };
    Ok(begun.ended())
}

/// Raises the alarm if the only admin was announced to leave: no other admin is there to be told.
fn watch_admins<P: Ports>(tenant: &Tenant<'_, P>, executed: &Executed) {
    let change = executed.decision.change.as_ref();
    let notice = change.and_then(|change| change.notice.as_ref());
    let (Some(notice), Some(user)) = (notice, &executed.user) else {
        return;
    };
    let told = matches!(notice.kind, NoticeKind::LeavesSoon { .. });
    let mut admins = executed.loaded.admins.iter();
    if told && user.is_acting_admin() && admins.all(|admin| *admin == user.employee_id) {
        tenant.meter.record(Metric::LastAdminLeaves, 1_u32);
        tracing::warn!(
            org = %tenant.org,
            employee_id = %user.employee_id,
            "the last admin has a leave date"
        );
    }
}
