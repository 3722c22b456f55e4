//! HR events come in: parsed one by one, decided in order for each employee, answered in the
//! order of the request.

mod plan;
mod together;
pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::{
    Actor, EmployeeId, Event, Gate, HoldId, HrEvent, OrgId, Outcome, RunId, SourceId, User,
};
use serde::Serialize;

use crate::breaker::{Asking, guarded, taking};
use crate::execute::{Armed, Executed, How};
use crate::objectives::closing;
use crate::ports::{
    Breakers, CardIssuer, Cards, Loaded, Objectives, Observed, Rejection, Rejections, SourceState,
    Timers, USERS_PER_READ, Users,
};
use crate::rejections::About;
use crate::{Deadline, Env, Error, Result, pulse, rejections, terminate};

pub use plan::{Plan, VerdictView};
pub use wire::{Body as Delivery, MAX_BODY, MAX_EVENTS, parse};

/// Employees who are worked on at once.
const AT_ONCE: usize = 16;
/// Below this much time, cards of an immediate deactivation are left to its finishing timer.
const TIME_FOR_CARDS: Duration = Duration::from_secs(10);
/// Below this much time, the rest of a request is refused as a whole and sent again.
const TIME_FOR_EVENTS: Duration = Duration::from_secs(3);

/// One event of a request, or what can be said of one that is none.
pub type Parsed = std::result::Result<HrEvent, Malformed>;

/// An event that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Whom it is about, where that much could be read.
    pub employee_id: Option<String>,
    /// Why, in a sentence that is safe to show.
    pub reason: String,
    /// What is kept of it.
    pub about: About,
}

/// One answer.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResult))]
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
    /// What would have become of it, where the source is only observed; `reason` says it in a sentence.
    #[serde(skip)]
    pub would: Option<Word>,
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Its events.
    pub events: Vec<Parsed>,
    /// Nothing is to be done: what would be is answered.
    pub dry_run: bool,
}

/// The answer to a request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrResults))]
pub struct Answers {
    /// In the order of the request.
    pub results: Vec<Answer>,
    /// How often each outcome.
    pub summary: BTreeMap<Word, u32>,
    /// The run, where the request has ended somebody's access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// What the breaker would say; of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<VerdictView>,
}

/// Takes the events of one request. The whole of it is decided in memory first, and the breaker is
/// asked once for everybody whom it would end or bring back. A bad record rejects itself; a fault fails
/// the request, which is then sent again: what was done already is `unchanged`.
///
/// # Errors
/// A fault of a service, [`Error::Busy`], or [`Error::Unfinished`] when time runs out.
pub async fn take<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    state: SourceState,
    request: Request,
    deadline: Deadline,
) -> Result<Answers>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives + Observed + Rejections,
    T: Timers,
{
    let (people, mut results, mut about) = by_person(request.events, source);
    let asking = Asking::delivery(source);
    let plan = Plan {
        env,
        org,
        source,
        observing: state == SourceState::Observing,
        deadline,
    };
    if request.dry_run {
        return plan.dry_run(&asking, &people, results).await;
    }
    let (gates, read) = plan.ask(&asking, &people).await?;
    let engine = Engine {
        plan,
        asking: &asking,
        gates: &gates,
    };
    let answered = engine.run(&people, read).await?;
    let mut run_id = None;
    for (position, answer) in answered {
        if matches!(answer.outcome, Word::Scheduled | Word::Deactivated) {
            run_id = Some(asking.run.clone());
        }
        if let Some(slot) = results.get_mut(position) {
            *slot = Some(answer);
        }
    }
    let answers = Answers {
        run_id,
        ..answers(results)
    };
    if answers.summary.contains_key(&Word::Rejected) {
        let events = people.iter().flat_map(|(_, events)| events);
        about.extend(events.map(|(place, event)| (*place, About::event(event))));
    }
    let rejected = rejected(&answers.results, about, env.clock.now());
    rejections::keep(env, org, source, rejected, deadline).await;
    if state == SourceState::Observing {
        let would = would(&answers.results);
        pulse::would_have(env, org, source, &would, None, deadline).await;
    }
    Ok(answers)
}

/// What is kept of the rejected.
fn rejected(
    results: &[Answer],
    mut about: BTreeMap<usize, About>,
    at: DateTime<Utc>,
) -> Vec<Rejection> {
    let rejected = results.iter().enumerate();
    let rejected = rejected.filter(|(_, answer)| answer.outcome == Word::Rejected);
    rejected
        .map(|(place, answer)| {
            let about = about.remove(&place).unwrap_or_default();
            about.rejected(at, answer.employee_id.as_deref(), answer.reason.as_deref())
        })
        .collect()
}

/// How often what would have become of an event.
fn would(results: &[Answer]) -> BTreeMap<Word, u64> {
    let mut counts = BTreeMap::new();
    for answer in results {
        *counts
            .entry(answer.would.unwrap_or(answer.outcome))
            .or_default() += 1;
    }
    counts
}

/// Events with the places that they have in the request.
pub type Events = Vec<(usize, Event)>;

/// The events of each person, in order; the answers that need no decision; and, by place, what is kept
/// of those.
type ByPerson = (
    Vec<(EmployeeId, Events)>,
    Vec<Option<Answer>>,
    BTreeMap<usize, About>,
);

fn by_person(parsed: Vec<Parsed>, source: &SourceId) -> ByPerson {
    let mut about = BTreeMap::new();
    let mut results: Vec<Option<Answer>> = Vec::with_capacity(parsed.len());
    let mut people: BTreeMap<EmployeeId, Events> = BTreeMap::new();
    for (position, one) in parsed.into_iter().enumerate() {
        match one {
            Ok(event) => {
                let id = event.employee_id.clone();
                let event = Event::Hr {
                    source: source.clone(),
                    event,
                };
                people.entry(id).or_default().push((position, event));
                results.push(None);
            }
            Err(malformed) => {
                about.insert(position, malformed.about);
                results.push(Some(Answer {
                    employee_id: malformed.employee_id,
                    outcome: Word::Rejected,
                    due_at: None,
                    reason: Some(malformed.reason),
                    would: None,
                }));
            }
        }
    }
    (people.into_iter().collect(), results, about)
}

fn answers(results: Vec<Option<Answer>>) -> Answers {
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
pub struct Engine<'a, S, T> {
    /// Of what, and by when.
    pub plan: Plan<'a, S, T>,
    /// The run.
    pub asking: &'a Asking,
    /// What the breaker has said.
    pub gates: &'a BTreeMap<EmployeeId, Gate>,
}

impl<S, T> Engine<'_, S, T>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    /// Decides and commits the events of many people, in order for each; answers with their places.
    /// `read` is what the plan has read, by chunks of [`USERS_PER_READ`].
    ///
    /// # Errors
    /// As [`take`].
    pub async fn run(
        &self,
        people: &[(EmployeeId, Events)],
        read: Vec<Option<Loaded>>,
    ) -> Result<Vec<(usize, Answer)>> {
        let (env, org) = (self.plan.env, self.plan.org);
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
            let loaded = match read.next().flatten() {
                Some(loaded) => loaded,
                None => self.plan.read(chunk).await?,
            };
            let mut done = together::together(self, chunk, &loaded).await?;
            let chunk: Vec<_> = chunk
                .iter()
                .map(|(id, events)| (id, events, done.remove(id)))
                .collect();
            let answered: Vec<Vec<(usize, Answer)>> = stream::iter(chunk)
                .map(|(id, events, first)| {
                    let loaded = of_one(&loaded, id);
                    let armed = &armed;
                    Box::pin(async move { self.person(id, events, loaded, first, armed).await })
                })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            all.extend(answered.into_iter().flatten());
        }
        tracing::debug!(%org, clock = %env.clock.now(), people = people.len(), "took events");
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
            if taking(self.plan.env, self.plan.org, hold, seq)
                .await?
                .is_err()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The events of one employee, in order; what one has written the next is decided on. The first
    /// may have been committed together with others'.
    async fn person(
        &self,
        id: &EmployeeId,
        events: &[(usize, Event)],
        loaded: Loaded,
        mut first: Option<Executed>,
        armed: &Armed,
    ) -> Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::with_capacity(events.len());
        let mut at_hand = Some(loaded);
        for (position, event) in events {
            let executed = match first.take() {
                Some(executed) => executed,
                None => self.one(id, event, at_hand.take(), armed).await?,
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
        loaded: Option<Loaded>,
        armed: &Armed,
    ) -> Result<Executed> {
        let how = How {
            loaded,
            observing: self.plan.observing,
            gate: self.gates.get(id).cloned(),
            ..How::default()
        };
        let (env, org) = (self.plan.env, self.plan.org);
        let executed = guarded(env, org, id, event, armed, how, self.asking).await?;
        if let Some(user) = &executed.user
            && self.plan.deadline.leaves(TIME_FOR_CARDS)
        {
            self.at_once(user, &executed.decision.outcome, event).await;
        }
        Ok(executed)
    }

    /// The cards of an immediate deactivation, the objectives of who comes back. Whatever fails
    /// here, the finishing timer does.
    async fn at_once(&self, user: &User, outcome: &Outcome, event: &Event) {
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
        let deadline = self.plan.deadline;
        let (env, org, id) = (self.plan.env, self.plan.org, &user.employee_id);
        match outcome.word {
            Word::Deactivated => {
                let finished =
                    terminate::finish(env, org, id, user.generation, &by, deadline).await;
                if let Err(error) = finished {
                    tracing::warn!(%org, employee_id = %id, %error, "cards are left to the finishing timer");
                }
            }
            Word::Reactivated | Word::Restored => {
                closing::reopen_in_time(env, org, user, &by, deadline).await;
            }
            _ => {}
        }
    }
}

/// The same policy and admins, and this one person.
pub(crate) fn of_one(loaded: &Loaded, id: &EmployeeId) -> Loaded {
    Loaded {
        policy: loaded.policy.clone(),
        admins: loaded.admins.clone(),
        breaker: loaded.breaker.clone(),
        users: loaded
            .users
            .get(id)
            .map(|user| (id.clone(), user.clone()))
            .into_iter()
            .collect(),
    }
}

fn answer(id: &EmployeeId, outcome: &Outcome, would: Option<Word>) -> Answer {
    Answer {
        employee_id: Some(id.to_string()),
        outcome: outcome.word,
        due_at: outcome.due_at.map(crate::when::instant),
        reason: outcome.reason.clone(),
        would,
    }
}
