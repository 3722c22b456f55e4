//! What an admin answers, and doing it.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::Word;
use offramp_domain::digest::DigestMinute;
use offramp_domain::{
    Actor, EmployeeId, Event, Gate, Hold, HoldId, HoldState, OrgId, Run, RunId, RunKind, Timer,
};

use super::{clear, get, healthy, members};
use crate::backoff::pauses;
use crate::breaker::{new_run, rolls, tell};
use crate::execute::{Armed, How, execute};
use crate::ports::{
    Answer as Entry, BreakerCommit, Breakers, CardIssuer, Cards, Committed, Objectives, RollOf,
    Timers, Users,
};
use crate::{Deadline, Env, Error, Result, terminate};

/// People who are worked on at once.
const AT_ONCE: usize = 8;
/// Below this much time, the rest is left to the timer.
const TIME_FOR_PEOPLE: Duration = Duration::from_secs(5);
/// Below this much time, cards are left to their finishing timers.
const TIME_FOR_CARDS: Duration = Duration::from_secs(10);
/// How far ahead the timer is armed that does the rest.
const REST_AFTER: TimeDelta = TimeDelta::minutes(3);

/// What an admin answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They may go.
    Approve,
    /// They stay.
    Reject,
}

/// What became of one person.
#[derive(Debug, Clone)]
pub struct Became {
    /// Who.
    pub employee_id: EmployeeId,
    /// What.
    pub outcome: Word,
    /// When the grace period ends.
    pub due_at: Option<DateTime<Utc>>,
    /// More.
    pub reason: Option<String>,
}

/// What an answer came to.
#[derive(Debug)]
pub struct Answered {
    /// The hold after it.
    pub hold: Hold,
    /// The run of an approval.
    pub run: Option<RunId>,
    /// What became of those for whom there was time.
    pub results: Vec<Became>,
    /// Those who are left to the timer.
    pub pending: usize,
}

/// What an admin asks.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Which hold.
    pub hold: &'a HoldId,
    /// What.
    pub verdict: Verdict,
    /// The version that was read: whoever joined later stays held.
    pub version: u64,
    /// Only these; `None` is everybody.
    pub only: Option<BTreeSet<EmployeeId>>,
    /// Who.
    pub by: &'a Actor,
}

/// Answers a hold, or a part of it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::HoldClosed`], [`Error::VersionMismatch`] where what was read is no
/// version of this hold that is still open, [`Error::Busy`], or a fault.
pub async fn answer<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    ask: &Ask<'_>,
    deadline: Deadline,
) -> Result<Answered>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    for pause in pauses() {
        if let Some((hold, run, people)) = commit(env, org, ask).await? {
            let work = Work {
                env,
                org,
                hold: &hold,
                until: ask.version,
                by: ask.by,
                deadline,
            };
            let strangers = ask.only.iter().flatten().filter(|id| !people.contains(*id));
            let strangers: Vec<Became> = strangers.map(stranger).collect();
            let (mut results, pending) = match &run {
                Some(run) => work.approve(run, people).await?,
                None => work.keep(people).await?,
            };
            results.extend(strangers);
            return Ok(Answered {
                hold,
                run: run.map(|run| run.run),
                results,
                pending,
            });
        }
        pause.wait().await;
    }
    Err(Error::Busy)
}

/// Somebody whom an admin names and who is not in the hold, or not any more.
fn stranger(id: &EmployeeId) -> Became {
    Became {
        employee_id: id.clone(),
        outcome: Word::Unchanged,
        due_at: None,
        reason: Some("is not in this hold".to_owned()),
    }
}

/// One try; `None` where the hold or its breaker has changed meanwhile.
async fn commit<S: Users + Breakers, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    ask: &Ask<'_>,
) -> Result<Option<(Hold, Option<Run>, BTreeSet<EmployeeId>)>> {
    let before = get(env, org, ask.hold).await?;
    if before.state != HoldState::Open {
        return Err(Error::HoldClosed);
    }
    if ask.version > before.version || ask.version <= before.answered {
        return Err(Error::VersionMismatch);
    }
    let mut people = members(
        env,
        org,
        &before,
        (before.answered, ask.version),
        usize::MAX,
    )
    .await?;
    if let Some(only) = &ask.only {
        people.retain(|id| only.contains(id));
    }
    let now = env.clock.now();
    // Who joined since stays held, and so the hold stays open for them.
    let all = ask.only.is_none() && ask.version == before.version;
    let state = match ask.verdict {
        Verdict::Approve => HoldState::Approved,
        Verdict::Reject => HoldState::Rejected,
    };
    let hold = Hold {
        state: if all { state } else { HoldState::Open },
        answered: if ask.only.is_none() {
            ask.version
        } else {
            before.answered
        },
        version: before.version + 1,
        by: Some((ask.by.clone(), now)),
        ..before.clone()
    };
    let breaker = env.store.breaker(org, &before.source).await?;
    let answered = (breaker.hold.as_ref() == Some(&before.hold)).then(|| {
        let until = (!all).then_some(hold.answered);
        breaker.answering(until, ask.verdict == Verdict::Reject, now)
    });
    let run = (ask.verdict == Verdict::Approve && !people.is_empty()).then(|| Run {
        run: new_run(),
        kind: RunKind::Approval {
            hold: before.hold.clone(),
        },
        source: before.source.clone(),
        at: now,
        by: Some(ask.by.clone()),
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
        undone: None,
    });
    let mut notices = Vec::new();
    if all && answered.is_some() {
        notices.push(healthy(&hold, now));
    }
    for notice in &notices {
        tell(env, org, notice).await?;
    }
    env.timers
        .arm(&Timer::Answer {
            org: org.clone(),
            hold: hold.hold.clone(),
            run: run.as_ref().map(|run| run.run.clone()),
            until: ask.version,
            due: DigestMinute::of(now + REST_AFTER).start(),
        })
        .await?;
    let entry = Entry {
        at: now,
        by: ask.by.clone(),
        hold: hold.hold.clone(),
        version: hold.version,
        answer: state,
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
    };
    let commit = BreakerCommit {
        breaker: answered.as_ref().map(|breaker| (&before.source, breaker)),
        hold: Some((&hold, before.version)),
        run: run.as_ref(),
        rolls: run
            .as_ref()
            .map(|run| rolls(&RollOf::Run(run.run.clone()), 1, &people, now))
            .unwrap_or_default(),
        notices,
        answer: Some(&entry),
    };
    match env.store.commit_breaker(org, &commit).await? {
        Committed::Done => Ok(Some((hold, run, people))),
        Committed::Conflict => Ok(None),
    }
}

struct Work<'a, S, T> {
    env: &'a Env<S, T>,
    org: &'a OrgId,
    hold: &'a Hold,
    until: u64,
    by: &'a Actor,
    deadline: Deadline,
}

impl<S, T> Work<'_, S, T>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    /// Lets people go; says how many there was no time for.
    async fn approve(
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

    async fn keep(&self, people: BTreeSet<EmployeeId>) -> Result<(Vec<Became>, usize)> {
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
        let done: Vec<Option<Became>> = stream::iter(people)
            .map(|id| {
                let armed = &armed;
                Box::pin(async move {
                    if !self.deadline.leaves(TIME_FOR_PEOPLE) {
                        return Ok::<_, Error>(None);
                    }
                    self.one(&id, event, gate, armed).await.map(Some)
                })
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
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
        let how = How {
            gate: Some(gate.clone()),
            ..How::default()
        };
        let executed = execute(self.env, self.org, id, event, armed, how).await?;
        let outcome = executed.decision.outcome;
        if let Some(user) = &executed.user
            && outcome.word == Word::Deactivated
            && self.deadline.leaves(TIME_FOR_CARDS)
        {
            let done = terminate::finish(
                self.env,
                self.org,
                id,
                user.generation,
                self.by,
                self.deadline,
            );
            if let Err(error) = done.await {
                tracing::warn!(org = %self.org, employee_id = %id, %error, "cards are left to the finishing timer");
            }
        }
        Ok(Became {
            employee_id: id.clone(),
            outcome: outcome.word,
            due_at: outcome.due_at,
            reason: outcome.reason,
        })
    }
}

/// Whoever is left of the run of an approval. Says how many there was no time for.
async fn approved<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    run: &RunId,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    // A timer that was armed for an answer that was never given.
    let Some(run) = env.store.run(org, run).await? else {
        return Ok(0);
    };
    let (RunKind::Approval { hold }, Some(by)) = (&run.kind, &run.by) else {
        return Ok(0);
    };
    let hold = get(env, org, hold).await?;
    let work = Work {
        env,
        org,
        hold: &hold,
        until,
        by,
        deadline,
    };
    let (of, mut after, mut pending) = (RollOf::Run(run.run.clone()), None, 0);
    loop {
        let page = env.store.roll(org, &of, after.as_deref(), 1).await?;
        for roll in page.items {
            let people = roll.people.into_iter().collect();
            pending += work.approve(&run, people).await?.1;
        }
        match page.next {
            Some(next) if pending == 0 => after = Some(next),
            Some(_) => return Ok(pending),
            None => break,
        }
    }
    if pending == 0 {
        clear(env, org, &hold.hold).await?;
    }
    Ok(pending)
}

/// Whoever is left of a rejection. Says how many there was no time for.
async fn rejected<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    hold: &HoldId,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    let hold = get(env, org, hold).await?;
    let Some((by, _)) = hold.by.as_ref().filter(|_| hold.answered >= until) else {
        // Armed for an answer that was never given, or for a part, which was done as it was given.
        return Ok(0);
    };
    let people = members(env, org, &hold, (0, until), usize::MAX).await?;
    let work = Work {
        env,
        org,
        hold: &hold,
        until,
        by,
        deadline,
    };
    Ok(work.keep(people).await?.1)
}

/// One step of the timer of an answer: the next is armed where this one does not get to the end. Says
/// how many are left.
///
/// # Errors
/// A fault; Lambda tries again.
pub async fn step<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    hold: &HoldId,
    run: Option<&RunId>,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    S: Users + Breakers + Cards + CardIssuer + Objectives,
    T: Timers,
{
    let due = DigestMinute::of(env.clock.now()).start() + REST_AFTER;
    let left = match run {
        Some(run) => approved(env, org, run, until, deadline).await?,
        None => rejected(env, org, hold, until, deadline).await?,
    };
    if left > 0 {
        env.timers
            .arm(&Timer::Answer {
                org: org.clone(),
                hold: hold.clone(),
                run: run.cloned(),
                until,
                due,
            })
            .await?;
    }
    Ok(left)
}
