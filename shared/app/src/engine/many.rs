//! The events of many people: decided in order for each of them, committed together where that can be, answered by
//! their places.

mod plan;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::{Actor, EmployeeId, Event, Gate, HoldId, Outcome, RunId, User, Verdict};

use super::breaker::{Asking, guarded, taking};
use super::closing;
use super::execute::{Armed, Executed, How, Judgement};
use crate::ports::{Breakers, Loaded, Objectives, USERS_PER_READ, Users};
use crate::{Error, Ports, Result};

pub use plan::{Plan, Read};
use together::First;

/// Employees who are worked on at once.
const AT_ONCE: usize = 16;
/// Below this much time, what a deactivation had closed is left to the finishing timer.
const TIME_FOR_OBJECTIVES: Duration = Duration::from_secs(10);
/// Below this much time, the rest of a request is refused as a whole and sent again.
const TIME_FOR_EVENTS: Duration = Duration::from_secs(3);

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The employee id as it was sent; `None` where it could not be read.
    pub employee_id: Option<String>,
    /// What became of it.
    pub outcome: Word,
    /// When the grace period ends.
    pub due_at: Option<DateTime<Utc>>,
    /// More, in a sentence that is safe to show.
    pub reason: Option<String>,
    /// What would have become of it if its source were active, where it is only observed.
    pub would: Option<Word>,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answers {
    /// In the order of the request.
    pub results: Vec<Answer>,
    /// How often each outcome.
    pub summary: BTreeMap<Word, u32>,
    /// The run, where the request has ended somebody's access.
    pub run_id: Option<RunId>,
    /// What the breaker would say; of a dry run.
    pub breaker: Option<Verdict>,
}

/// Events with the places that they have in the request.
pub type Events = Vec<(usize, Event)>;

/// The answers of a request, and how often each outcome.
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

/// Does what was planned.
pub struct Engine<'a, P: Ports> {
    /// Of what, and by when.
    pub plan: Plan<'a, P>,
    /// The run.
    pub asking: &'a Asking,
    /// What the breaker has said.
    pub gates: &'a BTreeMap<EmployeeId, Gate>,
}

impl<P: Ports> Engine<'_, P>
where
    P::Store: Users + Breakers + Objectives,
{
    /// Decides and commits the events of many people, in order for each; answers with their places.
    /// `read` is what the plan has read, by chunks of [`USERS_PER_READ`].
    ///
    /// # Errors
    /// A fault of a service, [`Error::Busy`], or [`Error::Unfinished`] when time runs out.
    pub async fn run(
        &self,
        people: &[(EmployeeId, Events)],
        read: Vec<Option<Read>>,
    ) -> Result<Vec<(usize, Answer)>> {
        let tenant = &self.plan.tenant;
        let armed = Armed::default();
        let mut all = Vec::new();
        let mut read = read.into_iter();
        for (number, chunk) in people.chunks(USERS_PER_READ).enumerate() {
            if !self.plan.deadline.leaves(TIME_FOR_EVENTS) {
                return Err(Error::Unfinished("more events than there was time for"));
            }
            // The first follows the question at once.
            if number > 0 && !self.still_held(chunk).await? {
                return Err(Error::Unfinished("the hold was answered meanwhile"));
            }
            let mut read = match read.next().flatten() {
                Some(read) => read,
                None => Read::of(self.plan.read(chunk).await?),
            };
            let mut firsts = together::together(self, chunk, &mut read).await?;
            let chunk: Vec<_> = chunk
                .iter()
                .map(|(id, events)| (id, events, firsts.remove(id)))
                .collect();
            let answered: Vec<Vec<(usize, Answer)>> = stream::iter(chunk)
                .map(|(id, events, first)| {
                    let (loaded, armed) = (&read.loaded, &armed);
                    Box::pin(async move { self.person(id, events, loaded, first, armed).await })
                })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            all.extend(answered.into_iter().flatten());
        }
        tracing::debug!(org = %tenant.org, clock = %tenant.clock.now(), people = people.len(), "took events");
        Ok(all)
    }

    /// Whether the holds that people were put in still take them: an answer is for those of whom it was
    /// read, and nobody is put in a hold that is closed.
    async fn still_held(&self, people: &[(EmployeeId, Events)]) -> Result<bool> {
        let held: BTreeSet<(&HoldId, u64)> = people
            .iter()
            .filter_map(|(id, _)| match self.gates.get(id)? {
                Gate::Held { hold, seq } => Some((hold, *seq)),
                Gate::Open { .. } => None,
            })
            .collect();
        for (hold, seq) in held {
            if taking(&self.plan.tenant, hold, seq).await?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The events of one employee, in order; what one has written the next is decided on. The first is decided, and may
    /// have been committed together with others'.
    async fn person(
        &self,
        id: &EmployeeId,
        events: &[(usize, Event)],
        loaded: &Loaded,
        mut first: Option<First>,
        armed: &Armed,
    ) -> Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::with_capacity(events.len());
        let mut at_hand = None;
        for (position, event) in events {
            let executed = match first.take() {
                Some(First::Done(executed)) => *executed,
                Some(First::Judged(judgement)) => {
                    let read = (Some(loaded.only(id)), Some(judgement));
                    self.one(id, event, read, armed).await?
                }
                None => self.one(id, event, (at_hand.take(), None), armed).await?,
            };
            let outcome = &executed.decision.outcome;
            answers.push((*position, answer(id, outcome, executed.would)));
            if events.len() > 1 {
                let mut next = executed.loaded;
                next.users
                    .extend(executed.user.map(|user| (id.clone(), user)));
                at_hand = Some(next);
            }
        }
        Ok(answers)
    }

    async fn one(
        &self,
        id: &EmployeeId,
        event: &Event,
        (loaded, judgement): (Option<Loaded>, Option<Judgement>),
        armed: &Armed,
    ) -> Result<Executed> {
        let how = How {
            loaded,
            judgement,
            observing: self.plan.observing,
            gate: self.gates.get(id).cloned(),
            ..How::default()
        };
        let tenant = &self.plan.tenant;
        let executed = guarded(tenant, id, event, armed, how, self.asking).await?;
        let word = executed.decision.outcome.word;
        if let Some(user) = &executed.user
            && matches!(word, Word::Reactivated | Word::Restored)
            && self.plan.deadline.leaves(TIME_FOR_OBJECTIVES)
        {
            self.reopen(user, event).await;
        }
        Ok(executed)
    }

    /// The objectives of who comes back. Whatever fails here, the finishing timer does.
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

fn answer(id: &EmployeeId, outcome: &Outcome, would: Option<Word>) -> Answer {
    Answer {
        employee_id: Some(id.to_string()),
        outcome: outcome.word,
        due_at: outcome.due_at,
        reason: outcome.reason.clone(),
        would,
    }
}
