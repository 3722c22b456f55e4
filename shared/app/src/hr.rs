//! HR events come in: parsed one by one, decided in order for each employee, answered in the
//! order of the request.

mod together;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::{Actor, EmployeeId, Event, HrEvent, OrgId, Outcome, SourceId, User};
use serde::Serialize;

use crate::execute::{Armed, Executed, How, execute};
use crate::objectives::closing;
use crate::ports::{
    CardIssuer, Cards, Loaded, Objectives, SourceState, Timers, USERS_PER_READ, Users,
};
use crate::{Deadline, Env, Error, Result, terminate};

pub use wire::{MAX_BODY, MAX_EVENTS, parse};

/// Employees who are worked on at once.
const AT_ONCE: usize = 16;
/// Below this much time, cards of an immediate deactivation are left to its finishing timer.
const TIME_FOR_CARDS: Duration = Duration::from_secs(10);
/// Below this much time, the rest of a request is refused as a whole and sent again.
const TIME_FOR_EVENTS: Duration = Duration::from_secs(3);

/// One event of a request, or why it is none.
#[derive(Debug)]
pub struct Parsed {
    /// Whom it is about, where that much could be read.
    pub employee_id: Option<String>,
    /// The event, or a sentence that is safe to show.
    pub event: std::result::Result<HrEvent, String>,
}

/// One answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// Whom it is about; `null` where that could not be read.
    pub employee_id: Option<String>,
    /// What became of it.
    pub outcome: Word,
    /// When the grace period ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// More.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer to a request.
#[derive(Debug, Serialize)]
pub struct Answers {
    /// In the order of the request.
    pub results: Vec<Answer>,
    /// How often each outcome.
    pub summary: BTreeMap<Word, u32>,
}

/// Takes the events of one request. A bad record rejects itself; a fault fails the request, which
/// is then sent again: what was done already is `unchanged`.
///
/// # Errors
/// A fault of a service, [`Error::Busy`], or [`Error::Unfinished`] when time runs out.
pub async fn take<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    state: SourceState,
    parsed: Vec<Parsed>,
    deadline: Deadline,
) -> Result<Answers>
where
    S: Users + Cards + CardIssuer + Objectives,
    T: Timers,
{
    let mut results: Vec<Option<Answer>> = Vec::new();
    let mut people: BTreeMap<EmployeeId, Vec<(usize, HrEvent)>> = BTreeMap::new();
    for (position, one) in parsed.into_iter().enumerate() {
        match one.event {
            Ok(event) => {
                people
                    .entry(event.employee_id.clone())
                    .or_default()
                    .push((position, event));
                results.push(None);
            }
            Err(reason) => results.push(Some(Answer {
                employee_id: one.employee_id,
                outcome: Word::Rejected,
                due_at: None,
                reason: Some(reason),
            })),
        }
    }
    let armed = Armed::default();
    let work = Work {
        env,
        org,
        source,
        state,
        armed: &armed,
        deadline,
    };
    let people: Vec<_> = people.into_iter().collect();
    for chunk in people.chunks(USERS_PER_READ) {
        if !deadline.leaves(TIME_FOR_EVENTS) {
            return Err(Error::Unfinished("more events than there was time for"));
        }
        let ids: Vec<EmployeeId> = chunk.iter().map(|(id, _)| id.clone()).collect();
        let loaded = env.store.load(org, &ids).await?;
        let observing = state == SourceState::Observing;
        let mut done = together::together(env, org, source, observing, chunk, &loaded).await?;
        let chunk: Vec<_> = chunk
            .iter()
            .map(|(id, events)| (id, events, done.remove(id)))
            .collect();
        let answered: Vec<Vec<(usize, Answer)>> = stream::iter(chunk)
            .map(|(id, events, first)| {
                let loaded = of_one(&loaded, id);
                let work = &work;
                Box::pin(async move { work.person(id, events, loaded, first).await })
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (position, answer) in answered.into_iter().flatten() {
            if let Some(slot) = results.get_mut(position) {
                *slot = Some(answer);
            }
        }
    }
    let results: Vec<Answer> = results.into_iter().flatten().collect();
    let mut summary = BTreeMap::new();
    for answer in &results {
        *summary.entry(answer.outcome).or_default() += 1;
    }
    Ok(Answers { results, summary })
}

struct Work<'a, S, T> {
    env: &'a Env<S, T>,
    org: &'a OrgId,
    source: &'a SourceId,
    state: SourceState,
    armed: &'a Armed,
    deadline: Deadline,
}

impl<S, T> Work<'_, S, T>
where
    S: Users + Cards + CardIssuer + Objectives,
    T: Timers,
{
    /// The events of one employee, in order; what one has written the next is decided on. The first
    /// may have been committed together with others'.
    async fn person(
        &self,
        id: &EmployeeId,
        events: &[(usize, HrEvent)],
        loaded: Loaded,
        mut first: Option<Executed>,
    ) -> Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::with_capacity(events.len());
        let mut at_hand = Some(loaded);
        for (position, event) in events {
            let executed = match first.take() {
                Some(executed) => executed,
                None => self.one(id, event, at_hand.take()).await?,
            };
            answers.push((*position, answer(id, &executed.decision.outcome)));
            self.log(id, &executed);
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
        event: &HrEvent,
        loaded: Option<Loaded>,
    ) -> Result<Executed> {
        let event = Event::Hr {
            source: self.source.clone(),
            event: event.clone(),
        };
        let observing = self.state == SourceState::Observing;
        let how = How {
            loaded,
            observing,
            ..How::default()
        };
        let executed = execute(self.env, self.org, id, &event, self.armed, how).await?;
        if let Some(user) = &executed.user
            && self.deadline.leaves(TIME_FOR_CARDS)
        {
            self.at_once(user, &executed.decision.outcome, &event).await;
        }
        Ok(executed)
    }

    /// The cards of an immediate deactivation, the objectives of who comes back. Whatever fails
    /// here, the finishing timer does.
    async fn at_once(&self, user: &User, outcome: &Outcome, event: &Event) {
        let Event::Hr { source, event } = event else {
            return;
        };
        let by = Actor::Hr {
            source: source.clone(),
            event_id: event.id.clone(),
            occurred_at: event.occurred_at,
        };
        let (env, org, id) = (self.env, self.org, &user.employee_id);
        match outcome.word {
            Word::Deactivated => {
                let finished =
                    terminate::finish(env, org, id, user.generation, &by, self.deadline).await;
                if let Err(error) = finished {
                    tracing::warn!(%org, employee_id = %id, %error, "cards are left to the finishing timer");
                }
            }
            Word::Reactivated | Word::Restored => {
                closing::reopen_in_time(env, org, user, &by, self.deadline).await;
            }
            _ => {}
        }
    }

    fn log(&self, id: &EmployeeId, executed: &Executed) {
        let outcome = &executed.decision.outcome;
        tracing::info!(
            org = %self.org,
            source = %self.source,
            employee_id = %id,
            generation = executed.user.as_ref().map(|user| user.generation.0),
            outcome = ?outcome.word,
            reason = outcome.reason,
            "decided an HR event"
        );
    }
}

/// The same policy and admins, and this one person.
pub(crate) fn of_one(loaded: &Loaded, id: &EmployeeId) -> Loaded {
    Loaded {
        policy: loaded.policy.clone(),
        admins: loaded.admins.clone(),
        users: loaded
            .users
            .get(id)
            .map(|user| (id.clone(), user.clone()))
            .into_iter()
            .collect(),
    }
}

fn answer(id: &EmployeeId, outcome: &Outcome) -> Answer {
    Answer {
        employee_id: Some(id.to_string()),
        outcome: outcome.word,
        due_at: outcome.due_at.map(crate::when::instant),
        reason: outcome.reason.clone(),
    }
}
