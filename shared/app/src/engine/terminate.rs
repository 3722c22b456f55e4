//! The end of a grace period, and the work that a deactivation or deletion leaves. A timer or the table's stream starts
//! it.

mod finish;

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use offramp_domain::{Actor, EmployeeId, Event, Generation, Refusal, SourceId, TimerKind, User};

use crate::engine::execute::{Armed, ExecuteOptions, Executed, execute};
use crate::ports::{CardIssuer, Cards, ISSUER, Objectives, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

pub use finish::{Finished, finish};

/// The time for one person of the stream. A batch must not wait for a slow issuer.
const TIME_FROM_STREAM: Duration = Duration::from_secs(2);

/// The result of a timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminated {
    /// The user is deactivated, and no card is alive.
    Done {
        /// How many cards this run cancelled.
        cards: u32,
    },
    /// The timer did nothing, because it does not match the user's state.
    NoOp {
        /// The reason, for the log.
        reason: String,
    },
}

/// A committed decision of a timer, or of the sweep in its place.
#[derive(Debug)]
pub struct Begun {
    /// True if the decision changed something.
    pub acted: bool,
    /// The reason why nothing changed, for the log.
    pub reason: String,
    /// The user after the decision; `None` if no user exists or the rules refused.
    pub user: Option<User>,
}

impl From<Refusal> for Begun {
    fn from(refusal: Refusal) -> Self {
        Self {
            acted: false,
            reason: refusal.to_string(),
            user: None,
        }
    }
}

impl Begun {
    /// The result, if no work is left.
    #[must_use]
    pub fn ended(&self) -> Terminated {
        match self.acted {
            true => Terminated::Done { cards: 0 },
            false => Terminated::NoOp {
                reason: self.reason.clone(),
            },
        }
    }

    /// The generation with pending work; `None` if no work is pending.
    #[must_use]
    pub fn pending(&self) -> Option<Generation> {
        let user = self.user.as_ref().filter(|user| !user.pending.is_done())?;
        Some(user.generation)
    }
}

/// The user of a timer.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The employee id of the user.
    pub id: &'a EmployeeId,
    /// The user's source, if the timer knows it. Its breaker is then read with the user, in one call.
    pub source: Option<&'a SourceId>,
}

impl<'a> Person<'a> {
    /// A user with their source, if the caller knows it.
    #[must_use]
    pub fn new(id: &'a EmployeeId, source: Option<&'a SourceId>) -> Self {
        Self { id, source }
    }
}

/// A `deactivate` timer has fired: the grace period of this generation ended at `due`.
///
/// # Errors
/// Any fault; the timer, the finishing timer and the sweep try again.
pub async fn due<P: Ports>(
    tenant: &Tenant<'_, P>,
    person: Person<'_>,
    generation: Generation,
    due: DateTime<Utc>,
    deadline: Deadline,
) -> Result<Terminated>
where
    P::Store: Users + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    let begun = begin_due(tenant, person, generation, due, true).await?;
    let Some(generation) = begun.pending() else {
        let reason = begun.reason;
        return Ok(Terminated::NoOp { reason });
    };
    let by = Actor::Timer {
        kind: TimerKind::Deactivate,
        due,
    };
    let finished = finish(tenant, person, generation, &by, deadline).await?;
    match finished {
        Finished {
            done: true,
            cancelled,
            ..
        } if begun.acted || cancelled > 0 => Ok(Terminated::Done { cards: cancelled }),
        Finished { done: true, .. } => Ok(begun.ended()),
        Finished { done: false, .. } => Err(Error::Unfinished("cards or objectives are left")),
    }
}

/// The decision of a `deactivate` timer. Without `own_work` the stream hands the remaining work to `terminate`.
///
/// # Errors
/// Any fault.
pub async fn begin_due<P: Ports>(
    tenant: &Tenant<'_, P>,
    person: Person<'_>,
    generation: Generation,
    due: DateTime<Utc>,
    own_work: bool,
) -> Result<Begun>
where
    P::Store: Users,
{
    let armed = Armed::default();
    let event = Event::Due { generation, due };
    let how = ExecuteOptions {
        own_work,
        source: person.source,
        ..ExecuteOptions::default()
    };
    let executed = match execute(tenant, person.id, &event, &armed, how).await {
        Err(Error::Refused(refusal)) => return Ok(refusal.into()),
        executed => executed?,
    };
    Ok(Begun {
        acted: executed.decision.change.is_some(),
        reason: executed
            .decision
            .answered
            .reason
            .clone()
            .unwrap_or_default(),
        user: Some(tidied(tenant, executed, &armed).await?),
    })
}

/// The result of work that the table's stream has handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// The work is finished.
    Done {
        /// How many cards this run cancelled.
        cards: u32,
    },
    /// The finishing timer continues.
    Left {
        /// The reason, for the log.
        reason: String,
    },
}

/// Does the work that another function's commit has left for a person, for at most two seconds. The finishing timer
/// does the rest; it was armed before that commit.
///
/// # Errors
/// A fault of a service other than the issuer. A second attempt may succeed.
pub async fn handed_over<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    generation: Generation,
    deadline: Deadline,
) -> Result<Handed>
where
    P::Store: Users + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    // The history shows the work as the finishing timer's.
    let by = Actor::Timer {
        kind: TimerKind::Finish,
        due: tenant.clock.now().trunc_subsecs(0),
    };
    let work = async {
        let (mut cards, mut next) = (0, Some(generation));
        while let Some(generation) = next {
            let finished = finish(tenant, Person::new(id, None), generation, &by, deadline).await?;
            if !finished.done {
                return Err(Error::Unfinished("cards or objectives are left"));
            }
            cards += finished.cancelled;
            next = finished.next;
        }
        Ok(cards)
    };
    let left = |reason: String| Ok(Handed::Left { reason });
    match tokio::time::timeout(TIME_FROM_STREAM, work).await {
        Ok(Ok(cards)) => Ok(Handed::Done { cards }),
        Err(_) => left("two seconds were not enough".to_owned()),
        Ok(Err(Error::Fault(fault))) if fault.service == ISSUER => left(fault.to_string()),
        Ok(Err(error @ (Error::Unfinished(_) | Error::Busy))) => left(error.to_string()),
        Ok(Err(error)) => Err(error),
    }
}

/// A `finish` timer has fired: it does the pending work of this generation's deactivation or deletion, or of its end.
///
/// # Errors
/// Any fault; the sweep tries again.
pub async fn finish_timer<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    generation: Generation,
    due: DateTime<Utc>,
    deadline: Deadline,
) -> Result<Terminated>
where
    P::Store: Users + Cards + Objectives,
    P::Issuer: CardIssuer,
{
    let by = Actor::Timer {
        kind: TimerKind::Finish,
        due,
    };
    let finished = finish(tenant, Person::new(id, None), generation, &by, deadline).await?;
    match finished {
        Finished {
            done: true,
            cancelled: 0,
            ..
        } => Ok(Terminated::NoOp {
            reason: "nothing was left to do".to_owned(),
        }),
        Finished {
            done: true,
            cancelled,
            ..
        } => Ok(Terminated::Done { cards: cancelled }),
        Finished { done: false, .. } => Err(Error::Unfinished("cards or objectives are left")),
    }
}

/// Rewrites the user if the policy has ended their schedule.
async fn tidied<P: Ports>(tenant: &Tenant<'_, P>, executed: Executed, armed: &Armed) -> Result<User>
where
    P::Store: Users,
{
    let Some(user) = executed.user else {
        return Err(Error::NotFound("user"));
    };
    if user.as_of(&executed.loaded.policy).generation == user.generation {
        return Ok(user);
    }
    let id = user.employee_id.clone();
    let tidied = execute(tenant, &id, &Event::Tidy, armed, ExecuteOptions::default()).await?;
    Ok(tidied.user.unwrap_or(user))
}
