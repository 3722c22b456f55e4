//! Deliveries of HR events: each event is parsed by itself, decided in order for its employee, and answered in the
//! order of the request.

use std::collections::BTreeMap;

use offramp_domain::decide::Outcome;
use offramp_domain::{EmployeeId, Event, SourceId};

use super::pulse;
use super::rejections::{self, Rejected};
use crate::engine::breaker::RunRequest;
use crate::engine::many::{Alike, Answer, Answers, Engine, Events, Plan, answers};
use crate::ports::{
    About, Breakers, Loaded, Lookalikes, Objectives, Observed, Parsed, Rejections, Request,
    SourceState, Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The most events of one employee in a request.
const MOST_OF_ONE: usize = 200;

/// Takes the events of one request. All of it is decided in memory first, and the breaker is asked once about all
/// people that it would end or restore. `read` is the data of all its people, if the caller has just read it.
///
/// A malformed event is rejected alone. A fault fails the whole request, and the sender repeats it. Events that were
/// committed before the fault are then `unchanged`.
///
/// # Errors
/// [`Error::TooLarge`] for more than 200 events of one employee: nothing is done then. A fault of a service,
/// [`Error::Busy`], or [`Error::Unfinished`] if time runs out.
pub async fn take<P: Ports>(
    tenant: &Tenant<'_, P>,
    (source, state): (&SourceId, SourceState),
    request: Request,
    read: Option<Loaded>,
    deadline: Deadline,
) -> Result<Answers>
where
    P::Store: Users + Breakers + Lookalikes + Objectives + Observed + Rejections,
{
    let (people, mut results, mut about) = by_person(request.events, source);
    if people.iter().any(|(_, events)| events.len() > MOST_OF_ONE) {
        return Err(Error::TooLarge(
            "there are more than 200 events of one employee",
        ));
    }
    let asking = RunRequest::delivery(source);
    let plan = Plan {
        tenant: *tenant,
        source,
        observing: state == SourceState::Observing,
        deadline,
        alike: Alike::among(&people),
    };
    if request.dry_run {
        return plan.dry_run(&asking, &people, results).await;
    }
    let (gates, read) = plan.ask(&asking, &people, read).await?;
    let engine = Engine {
        plan,
        asking: &asking,
        gates: &gates,
    };
    let answered = engine.run(&people, read).await?;
    let mut run_id = None;
    for (position, answer) in answered {
        if matches!(answer.outcome, Outcome::Scheduled | Outcome::Deactivated) {
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
    let faulty =
        |answer: &Answer| answer.outcome == Outcome::Rejected || !answer.warnings.is_empty();
    if answers.results.iter().any(faulty) {
        let events = people.iter().flat_map(|(_, events)| events);
        about.extend(events.map(|(place, event)| (*place, About::event(event))));
        let mut rejected = Rejected::default();
        for (place, answer) in answers.results.iter().enumerate() {
            if let Some(about) = about.get(&place) {
                rejected.add(about, answer, tenant.clock.now());
            }
        }
        rejections::keep(tenant, source, rejected.kept, deadline).await;
        if state != SourceState::Observing {
            rejections::told(tenant, source, &rejected.refused).await?;
        }
    }
    if state == SourceState::Observing {
        let would = would(&answers.results);
        pulse::would_have(tenant, source, &would, None, deadline).await;
    }
    Ok(answers)
}

/// The number of events by the outcome that an active source would have had.
fn would(results: &[Answer]) -> BTreeMap<Outcome, u64> {
    let mut counts = BTreeMap::new();
    for answer in results {
        *counts
            .entry(answer.would.unwrap_or(answer.outcome))
            .or_default() += 1;
    }
    counts
}

/// The events of each person in order; the answers that need no decision; and by position the facts for rejections of
/// malformed events.
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
                    outcome: Outcome::Rejected,
                    due_at: None,
                    reason: Some(malformed.reason),
                    would: None,
                    foreign: false,
                    hold: None,
                    warnings: Vec::new(),
                }));
            }
        }
    }
    // In the order of the request: it says which of the admins who leave is the last.
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_by_key(|(_, events)| events.first().map(|(position, _)| *position));
    (people, results, about)
}
