//! The events of many people. Each person's events are decided in order, committed with other people's where possible,
//! and answered by their positions in the request.

mod admins;
mod alike;
mod merged;
mod plan;
mod together;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Outcome;
use offramp_domain::{
    Actor, AdminsChange, Answered, EmployeeId, Event, Gate, HoldId, RunId, User, Verdict, Warning,
};

use super::breaker::{RunRequest, execute_guarded, not_moved};
use super::closing;
use super::execute::{Armed, ExecuteOptions, Executed, Judgement};
use crate::ports::{Breakers, Loaded, Lookalikes, Objectives, USERS_PER_READ, Users};
use crate::{Error, Ports, Result};

use admins::in_turn;
pub use alike::Alike;
pub use plan::{Plan, Planning, Read};
use together::First;

/// How many employees are worked on at once.
const AT_ONCE: usize = 16;
/// With less time than this, the finishing timer reopens the objectives that a deactivation had closed.
const TIME_FOR_OBJECTIVES: Duration = Duration::from_secs(10);
/// With less time than this, the rest of a request is refused, and the sender repeats the whole request.
const TIME_FOR_EVENTS: Duration = Duration::from_secs(3);

/// The answer to one event.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The employee id as it was sent; `None` if it could not be read.
    pub employee_id: Option<String>,
    /// The outcome of the event.
    pub outcome: Outcome,
    /// When the grace period ends; `None` without one.
    pub due_at: Option<DateTime<Utc>>,
    /// An explanation of the outcome, in a sentence that is safe to show.
    pub reason: Option<String>,
    /// The outcome if the source were active; `None` unless the source is in observation.
    pub would: Option<Outcome>,
    /// True if another source owns the person, so that the event was rejected.
    pub foreign: bool,
    /// The hold that keeps the person; `None` unless the outcome is `held`, and in a plan.
    pub hold: Option<HoldId>,
    /// The fields of the event that could not be read, and keep their old values.
    pub warnings: Vec<Warning>,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answers {
    /// The answers to the events, in the order of the request.
    pub results: Vec<Answer>,
    /// The number of events by outcome.
    pub summary: BTreeMap<Outcome, u32>,
    /// The run of the departures; `None` if the request ended nobody's access.
    pub run_id: Option<RunId>,
    /// The breaker's verdict; `None` unless this is a dry run in which the breaker would be asked.
    pub breaker: Option<Verdict>,
}

/// Events, each with its position in the request.
pub type Events = Vec<(usize, Event)>;

/// The answers of a request with their summary, without run and verdict.
pub(crate) fn answers(results: Vec<Option<Answer>>) -> Answers {
    let results: Vec<Answer> = results.into_iter().flatten().collect();
    let mut summary = BTreeMap::new();
    for answer in &results {
        *summary.entry(answer.outcome).or_default() += 1;
    }
    Answers {
        results,
        summary,
        run_id: None,
        breaker: None,
    }
}

/// Decides and commits planned events.
pub struct Engine<'a, P: Ports> {
    /// The plan: tenant, source and deadline.
    pub plan: Plan<'a, P>,
    /// The question to the breaker, which names the run.
    pub asking: &'a RunRequest,
    /// The breaker's answers by person.
    pub gates: &'a BTreeMap<EmployeeId, Gate>,
}

impl<P: Ports> Engine<'_, P>
where
    P::Store: Users + Breakers + Lookalikes + Objectives,
{
    /// Decides and commits the events of many people, in order for each person. Returns the answers with their
    /// positions. `read` is the data that the plan has read, by chunks of [`USERS_PER_READ`].
    ///
    /// # Errors
    /// A fault of a service, [`Error::Busy`], or [`Error::Unfinished`] if time runs out or a hold was answered in the
    /// meantime.
    pub async fn run(
        &self,
        people: &[(EmployeeId, Events)],
        read: Vec<Option<Read>>,
    ) -> Result<Vec<(usize, Answer)>> {
        let tenant = &self.plan.tenant;
        let armed = Armed::default();
        let mut all = Vec::new();
        let mut read = read.into_iter();
        for chunk in people.chunks(USERS_PER_READ) {
            if !self.plan.deadline.leaves(TIME_FOR_EVENTS) {
                return Err(Error::Unfinished("more events than there was time for"));
            }
            let mut read = match read.next().flatten() {
                Some(read) => read,
                None => Read::of(self.plan.read(chunk).await?),
            };
            // An admin alone is as anybody else.
            let several = people.len() > 1;
            let (in_turn, others): (Vec<_>, Vec<_>) = chunk
                .iter()
                .partition(|(id, _)| several && in_turn(&read.loaded, id));
            let mut firsts = together::together(self, &others, &mut read).await?;
            let others: Vec<_> = others
                .into_iter()
                .map(|(id, events)| (id, events, firsts.remove(id)))
                .collect();
            let answered: Vec<(Vec<(usize, Answer)>, AdminsChange)> = stream::iter(others)
                .map(|(id, events, first)| {
                    let (loaded, armed) = (&read.loaded, &armed);
                    Box::pin(async move { self.person(id, events, loaded, first, armed).await })
                })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            all.extend(answered.into_iter().flat_map(|(answers, _)| answers));
            for (id, events) in in_turn {
                let (answers, change) = self.person(id, events, &read.loaded, None, &armed).await?;
                read.loaded.admins = admins::after(&read.loaded.admins, id, change);
                all.extend(answers);
            }
        }
        if !self.plan.observing {
            self.strike(&all).await;
        }
        tracing::debug!(org = %tenant.org, clock = %tenant.clock.now(), people = people.len(), "took events");
        Ok(all)
    }

    /// The events of one employee, in order. The first event may be decided already. If it is the only one, it may have
    /// been committed together with other people's. Returns the answers, and the change of the admins with access.
    async fn person(
        &self,
        id: &EmployeeId,
        events: &[(usize, Event)],
        loaded: &Loaded,
        first: Option<First>,
        armed: &Armed,
    ) -> Result<(Vec<(usize, Answer)>, AdminsChange)> {
        let [(position, event)] = events else {
            return Box::pin(self.merged(id, events, loaded, first, armed)).await;
        };
        let executed = match first {
            Some(First::Done(executed)) => *executed,
            Some(First::Judged(judgement)) => {
                let read = (Some(loaded.only(id)), Some(judgement));
                self.one(id, event, read, armed).await?
            }
            None => {
                let read = (Some(loaded.only(id)), None);
                self.one(id, event, read, armed).await?
            }
        };
        let answered = answer(id, &executed.decision.answered, executed.would);
        let change = executed.decision.change.as_ref();
        let admins = change.map_or(AdminsChange::None, |change| change.admins);
        let answered = self.of(executed.user.as_ref(), answered);
        Ok((vec![(*position, answered)], admins))
    }

    /// The answer, with whether another source owns the person, and with the hold that keeps them.
    fn of(&self, user: Option<&User>, answer: Answer) -> Answer {
        let owner = user.and_then(|user| user.origin.source());
        let foreign = owner.is_some_and(|owner| owner != self.plan.source);
        let held = user.filter(|_| answer.outcome == Outcome::Held);
        let hold = held.and_then(|user| Some(user.hold.as_ref()?.hold.clone()));
        Answer {
            foreign,
            hold,
            ..answer
        }
    }

    /// Notes with the run whom it did not move, of those whom the breaker admitted to it. A run that an admin undoes while
    /// it is at work does not move the others.
    async fn strike(&self, answered: &[(usize, Answer)]) {
        let moved: BTreeSet<&str> = answered
            .iter()
            .filter(|(_, answer)| answer.outcome.moves())
            .filter_map(|(_, answer)| answer.employee_id.as_deref())
            .collect();
        let open = Gate::Open {
            run: Some(self.asking.run.clone()),
        };
        // Whoever is not answered now was moved by an attempt before.
        let answered = answered.iter();
        let answered: BTreeSet<&str> = answered
            .filter_map(|(_, answer)| answer.employee_id.as_deref())
            .collect();
        let still = self.gates.iter().filter(|(id, gate)| {
            let id = id.as_str();
            **gate == open && answered.contains(id) && !moved.contains(id)
        });
        let still = still.map(|(id, _)| id.clone()).collect();
        not_moved(&self.plan.tenant, &self.asking.run, still).await;
    }

    async fn one(
        &self,
        id: &EmployeeId,
        event: &Event,
        (loaded, judgement): (Option<Loaded>, Option<Judgement>),
        armed: &Armed,
    ) -> Result<Executed> {
        let how = ExecuteOptions {
            loaded,
            judgement,
            observing: self.plan.observing,
            gate: self.gates.get(id).cloned(),
            ..ExecuteOptions::default()
        };
        let tenant = &self.plan.tenant;
        let executed = execute_guarded(tenant, id, event, armed, how, self.asking).await?;
        let outcome = executed.decision.answered.outcome;
        if let Some(user) = &executed.user
            && matches!(outcome, Outcome::Reactivated | Outcome::Restored)
            && self.plan.deadline.leaves(TIME_FOR_OBJECTIVES)
        {
            self.reopen(user, event).await;
        }
        Ok(executed)
    }

    /// Reopens the objectives of a user who has access again. If this fails, the finishing timer does it.
    async fn reopen(&self, user: &User, event: &Event) {
        let by = match event {
            Event::Hr { source, event } => Actor::Hr {
                source: source.clone(),
                event_id: event.id.clone(),
                occurred_at: event.occurred_at,
            },
            Event::Missing { source, at, .. } => Actor::Hr {
                source: source.clone(),
                event_id: None,
                occurred_at: *at,
            },
            _ => return,
        };
        closing::reopen_in_time(&self.plan.tenant, user, &by, self.plan.deadline).await;
    }
}

fn answer(id: &EmployeeId, answered: &Answered, would: Option<Outcome>) -> Answer {
    Answer {
        employee_id: Some(id.to_string()),
        outcome: answered.outcome,
        due_at: answered.due_at,
        reason: answered.reason.clone(),
        would,
        foreign: false,
        hold: None,
        warnings: answered.warnings.clone(),
    }
}
