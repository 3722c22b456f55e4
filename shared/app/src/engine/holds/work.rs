//! Applies an answer, person by person.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};
use offramp_domain::decide::Outcome;
use offramp_domain::{Actor, EmployeeId, Event, Gate, Hold, HoldId, HoldState, Run, RunId, User};

use super::get;
use crate::backoff::until_won;
use crate::engine::breaker::not_moved;
use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::ports::{BreakerCommit, Breakers, Committed, Users};
use crate::{Deadline, Ports, Result, Tenant};

/// How many people are decided at once.
const AT_ONCE: usize = 8;
/// With less time than this, the remaining people are left to the timer.
const TIME_FOR_PEOPLE: Duration = Duration::from_secs(5);

/// The result of an answer for one person.
#[derive(Debug, Clone)]
pub struct Became {
    /// The employee id of the person.
    pub employee_id: EmployeeId,
    /// The outcome of the decision.
    pub outcome: Outcome,
    /// When the grace period ends; `None` without one.
    pub due_at: Option<DateTime<Utc>>,
    /// An explanation of the outcome; `None` if the outcome needs none.
    pub reason: Option<String>,
    /// True if an approval has not moved the person: they stay, or something else has moved them before.
    pub not_moved: bool,
    /// The roll number under which the person stays held, if the approval could not be applied; otherwise `None`.
    pub stays: Option<u64>,
}

/// A committed answer, to be applied. It covers the roll numbers up to `until`.
pub(super) struct Work<'a, P: Ports> {
    pub(super) tenant: Tenant<'a, P>,
    pub(super) hold: &'a Hold,
    pub(super) until: u64,
    pub(super) by: &'a Actor,
    pub(super) deadline: Deadline,
}

impl<P: Ports> Work<'_, P>
where
    P::Store: Users + Breakers,
{
    /// Lets people go. The second value is how many are left for lack of time.
    pub(super) async fn approve(
        &self,
        run: &Run,
        people: BTreeSet<EmployeeId>,
    ) -> Result<(Vec<Became>, usize)> {
        let event = Event::Approve {
            by: self.by.clone(),
            hold: self.hold.hold.clone(),
            until: self.until,
        };
        let gate = Gate::Open {
            run: Some(run.run.clone()),
        };
        self.each(&event, &gate, people).await
    }

    /// Keeps people. The second value is how many are left for lack of time.
    pub(super) async fn keep(&self, people: BTreeSet<EmployeeId>) -> Result<(Vec<Became>, usize)> {
        let event = Event::Keep {
            by: self.by.clone(),
            hold: self.hold.hold.clone(),
            until: self.until,
        };
        self.each(&event, &Gate::OPEN, people).await
    }

    async fn each(
        &self,
        event: &Event,
        gate: &Gate,
        people: BTreeSet<EmployeeId>,
    ) -> Result<(Vec<Became>, usize)> {
        let armed = Armed::default();
        let done: Vec<Result<Option<Became>>> = stream::iter(people)
            .map(|id| {
                let armed = &armed;
                Box::pin(async move {
                    if !self.deadline.leaves(TIME_FOR_PEOPLE) {
                        return Ok(None);
                    }
                    self.one(&id, event, gate, armed).await.map(Some)
                })
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        // One person's fault keeps nobody else waiting.
        let done = done.into_iter().collect::<Result<Vec<_>>>()?;
        let pending = done.iter().filter(|one| one.is_none()).count();
        Ok((done.into_iter().flatten().collect(), pending))
    }

    async fn one(
        &self,
        id: &EmployeeId,
        event: &Event,
        gate: &Gate,
        armed: &Armed,
    ) -> Result<Became> {
        let how = ExecuteOptions {
            gate: Some(gate.clone()),
            ..ExecuteOptions::default()
        };
        let executed = execute(&self.tenant, id, event, armed, how).await?;
        let answered = executed.decision.answered;
        // An approval that could not be evaluated leaves the person held.
        let stays = match answered.outcome {
            Outcome::Held | Outcome::Rejected => executed.user.as_ref().and_then(|user| {
                let held = user.hold.as_ref()?;
                (held.hold == self.hold.hold).then_some(held.seq)
            }),
            _ => None,
        };
        let of_run = |user: &User| match gate {
            Gate::Open { run: Some(run) } => user.grounds.is_of(run),
            _ => false,
        };
        let moved = answered.outcome.moves()
            || answered.outcome == Outcome::Created
            || executed.user.as_ref().is_some_and(of_run);
        // Whoever has left the hold before may have been moved by an earlier attempt, whose return says nothing of it.
        let before = executed.decision.change.is_none() && stays.is_none();
        let comes = !self.hold.rule.stops_departures();
        Ok(Became {
            not_moved: !(moved || before && comes),
            stays,
            employee_id: id.clone(),
            outcome: answered.outcome,
            due_at: answered.due_at,
            reason: answered.reason,
        })
    }
}

/// Takes out of the figures of an approval's run whom it did not move.
pub(super) async fn strike<P: Ports>(tenant: &Tenant<'_, P>, run: &RunId, results: &[Became])
where
    P::Store: Breakers,
{
    let still = results.iter().filter(|one| one.not_moved);
    let still = still.map(|one| one.employee_id.clone()).collect();
    not_moved(tenant, run, still).await;
}

/// Opens a hold again if an approval has left a person in it: the last admin, or a person on whom the sync rule fails.
/// Otherwise no admin could answer for that person. The breaker does not change, so the source is not quarantined.
pub(super) async fn stay<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &HoldId,
    results: &[Became],
) -> Result<Option<Hold>>
where
    P::Store: Breakers,
{
    let Some(first) = results.iter().filter_map(|one| one.stays).min() else {
        return Ok(None);
    };
    until_won(|| async {
        let mut hold = get(tenant, id).await?;
        let before = hold.version;
        if hold.state == HoldState::Open && hold.answered < first {
            return Ok(Some(None));
        }
        hold.state = HoldState::Open;
        hold.answered = hold.answered.min(first.saturating_sub(1));
        hold.answers.retain(|one| one.until < first);
        hold.version += 1;
        let commit = BreakerCommit {
            hold: Some((&hold, Some(before))),
            ..BreakerCommit::default()
        };
        let committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
        Ok((committed == Committed::Done).then_some(Some(hold)))
    })
    .await
}
