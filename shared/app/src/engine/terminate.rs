//! The end of a grace period, and whatever a deactivation or deletion still has to do: for a timer, or for the table's stream.

mod finish;

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use offramp_domain::{Actor, EmployeeId, Event, Generation, SourceId, TimerKind, User};

use crate::engine::execute::{Armed, Executed, How, execute};
use crate::ports::{CardIssuer, Cards, ISSUER, Objectives, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

pub use finish::{Finished, finish};

/// What a person gets from the stream: a batch must not wait for a slow issuer.
const TIME_FROM_STREAM: Duration = Duration::from_secs(2);

/// What a timer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminated {
    /// The user is deactivated and has no card that is alive.
    Done {
        /// Cards cancelled by this run.
        cards: u32,
    },
    /// The timer was not for the state that the user is in.
    NoOp {
        /// Why, for the log.
        reason: String,
    },
}

/// A decision that a timer, or the sweep in its place, has made and committed.
#[derive(Debug)]
pub struct Begun {
    /// Whether anything has changed.
    pub acted: bool,
    /// Why not, for the log.
    pub reason: String,
    /// The user after it; `None` where there is nobody, or the rules say no.
    pub user: Option<User>,
}

impl Begun {
    /// What it comes to where nothing is left to do.
    #[must_use]
    pub fn ended(&self) -> Terminated {
        match self.acted {
            true => Terminated::Done { cards: 0 },
            false => Terminated::NoOp {
                reason: self.reason.clone(),
            },
        }
    }

    /// The generation whose work is left to do.
    #[must_use]
    pub fn pending(&self) -> Option<Generation> {
        let user = self.user.as_ref().filter(|user| !user.pending.is_done())?;
        Some(user.generation)
    }
}

/// The user that a timer is about.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// Their employee id.
    pub id: &'a EmployeeId,
    /// Their source, as far as the timer knows: its breaker is read with them, so that one read is enough.
    pub source: Option<&'a SourceId>,
}

impl<'a> Person<'a> {
    /// A user and, where it is known, their source.
    #[must_use]
    pub fn new(id: &'a EmployeeId, source: Option<&'a SourceId>) -> Self {
        Self { id, source }
    }
}

/// A `deactivate` timer: the grace period of that generation, due at that second, is over.
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
    let finished = finish(tenant, person.id, generation, &by, deadline).await?;
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

/// What a `deactivate` timer decides. A caller without `own_work` hands what is left to `terminate`, by the stream.
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
    let how = How {
        own_work,
        source: person.source,
        ..How::default()
    };
    let executed = match execute(tenant, person.id, &event, &armed, how).await {
        Err(Error::Refused(refusal)) => {
            return Ok(Begun {
                acted: false,
                reason: refusal.to_string(),
                user: None,
            });
        }
        executed => executed?,
    };
    Ok(Begun {
        acted: executed.decision.change.is_some(),
        reason: executed.decision.outcome.reason.clone().unwrap_or_default(),
        user: Some(tidied(tenant, executed, &armed).await?),
    })
}

/// What became of work that the table's stream has handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// Nothing is left of it.
    Done {
        /// Cards cancelled by this run.
        cards: u32,
    },
    /// The finishing timer goes on.
    Left {
        /// Why, for the log.
        reason: String,
    },
}

/// Does what another function's commit has left to do for a person, for two seconds at most. What an issuer does not do, or
/// there is no time for, is the finishing timer's: it was armed before that commit.
///
/// # Errors
/// A fault of another service than the issuer's, which a second try may not meet.
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
    // As the finishing timer would have done it.
    let by = Actor::Timer {
        kind: TimerKind::Finish,
        due: tenant.clock.now().trunc_subsecs(0),
    };
    let work = async {
        let (mut cards, mut next) = (0, Some(generation));
        while let Some(generation) = next {
            let finished = finish(tenant, id, generation, &by, deadline).await?;
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

/// A `finish` timer: whatever the deactivation or deletion of that generation, or its end, has left
/// to do.
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
    let finished = finish(tenant, id, generation, &by, deadline).await?;
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

/// Where the epoch has ended the schedule, what is stored catches up.
async fn tidied<P: Ports>(tenant: &Tenant<'_, P>, executed: Executed, armed: &Armed) -> Result<User>
where
    P::Store: Users,
{
    let Some(user) = executed.user else {
        return Err(Error::NotFound("user"));
    };
    if user.settled(&executed.loaded.policy).generation == user.generation {
        return Ok(user);
    }
    let id = user.employee_id.clone();
    let tidied = execute(tenant, &id, &Event::Tidy, armed, How::default()).await?;
    Ok(tidied.user.unwrap_or(user))
}
