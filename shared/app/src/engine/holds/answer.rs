//! An admin's answer to a hold.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use offramp_domain::decide::{Outcome, Refusal};
use offramp_domain::{
    Actor, EmployeeId, Eyes, FirstApproval, Hold, HoldAnswer, HoldId, HoldState, Run, RunId,
    RunKind, Timer, Unfinished,
};

use super::work::{Became, Work, stay, strike};
use super::{get, members, settle, told};
use crate::backoff::until_won;
use crate::engine::breaker::{new_run, rolls, tell};
use crate::ports::{Answer as Entry, BreakerCommit, Breakers, Committed, RollOf, Snapshots, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How far ahead the timer is armed that finishes an answer, before rounding down to the minute.
pub(super) const REST_AFTER: TimeDelta = TimeDelta::minutes(3);

/// The answer of an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The people may go.
    Approve,
    /// The people stay.
    Reject,
}

/// The result of an answer.
#[derive(Debug)]
pub struct AnsweredHold {
    /// The hold after the answer.
    pub hold: Hold,
    /// The run of an approval; `None` for a rejection, or if nobody was approved.
    pub run: Option<RunId>,
    /// The results, for the people for whom the request had time.
    pub results: Vec<Became>,
    /// How many people are left to the timer.
    pub pending: usize,
}

/// An admin's request to answer a hold.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The id of the hold.
    pub hold: &'a HoldId,
    /// The answer.
    pub verdict: Verdict,
    /// The version that the admin has read. People who joined later stay held.
    pub version: u64,
    /// The people that the answer covers; `None` if it covers everybody up to `version`.
    pub only: Option<BTreeSet<EmployeeId>>,
    /// The admin.
    pub by: &'a Actor,
}

/// Answers a hold, or a part of it.
///
/// # Errors
/// [`Error::NotFound`]; [`Refusal::OnSelf`] if the admin is among those whom they would keep by name; [`Error::HoldClosed`]; [`Error::SecondAdmin`]; [`Error::VersionMismatch`] if the hold never had that version or all of
/// it was answered already; [`Error::Unfinished`] if a rejection of a part ran out of time; [`Error::Busy`]; or a
/// fault.
pub async fn answer<P: Ports>(
    tenant: &Tenant<'_, P>,
    ask: &Ask<'_>,
    deadline: Deadline,
) -> Result<AnsweredHold>
where
    P::Store: Users + Breakers + Snapshots,
{
    let named = ask.only.iter().flatten();
    if ask.verdict == Verdict::Reject && named.into_iter().any(|id| ask.by.is_admin(id)) {
        return Err(Refusal::OnSelf.into());
    }
    let (hold, run, people) = until_won(|| commit(tenant, ask)).await?;
    let work = Work {
        tenant: *tenant,
        hold: &hold,
        until: ask.version,
        by: ask.by,
        deadline,
    };
    let strangers = ask.only.iter().flatten().filter(|id| !people.contains(*id));
    let strangers: Vec<Became> = strangers.map(stranger).collect();
    let run_id = run.as_ref().map(|run| run.run.clone());
    let (mut results, pending) = match &run {
        Some(run) => work.approve(run, people).await?,
        None => work.keep(people).await?,
    };
    if pending > 0 && run.is_none() && ask.only.is_some() {
        return Err(Error::Unfinished(
            "some are kept, the others are still held",
        ));
    }
    let left = stay(tenant, &hold.hold, &results).await?;
    if let Some(run) = &run_id {
        strike(tenant, run, &results).await;
    }
    results.extend(strangers);
    let hold = match pending {
        0 => ended(tenant, left.unwrap_or(hold), (run_id.as_ref(), ask.version)).await,
        _ => left.unwrap_or(hold),
    };
    Ok(AnsweredHold {
        hold,
        run: run_id,
        results,
        pending,
    })
}

/// Notes that an answer is carried out, closes the hold if it is empty, and returns its new state. If that fails, the
/// sweep does it.
async fn ended<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: Hold,
    (run, until): (Option<&RunId>, u64),
) -> Hold
where
    P::Store: Users + Breakers + Snapshots,
{
    let after = async {
        let hold = finished(tenant, hold.clone(), run, until).await?;
        if hold.state != HoldState::Open {
            return Ok(hold);
        }
        settle(tenant, &hold.hold).await?;
        get(tenant, &hold.hold).await
    };
    let after: Result<Hold> = after.await;
    after.unwrap_or_else(|error| {
        tracing::warn!(org = %tenant.org, hold = %hold.hold, %error, "a hold in which nobody may be left is left to the sweep");
        hold
    })
}

/// Removes an answer from the unfinished ones of its hold. `read` is the hold, as it was read last.
pub(super) async fn finished<P: Ports>(
    tenant: &Tenant<'_, P>,
    read: Hold,
    run: Option<&RunId>,
    until: u64,
) -> Result<Hold>
where
    P::Store: Breakers,
{
    let id = read.hold.clone();
    let mut read = Some(read);
    until_won(|| {
        let (read, id) = (read.take(), &id);
        async move {
            let mut hold = match read {
                Some(hold) => hold,
                None => get(tenant, id).await?,
            };
            let before = hold.unfinished.len();
            hold.unfinished
                .retain(|one| (one.run.as_ref(), one.until) != (run, until));
            if hold.unfinished.len() == before {
                return Ok(Some(hold));
            }
            // Nobody who has read the hold needs to read it again for this.
            let commit = BreakerCommit {
                hold: Some((&hold, Some(hold.version))),
                ..BreakerCommit::default()
            };
            let committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
            Ok((committed == Committed::Done).then_some(hold))
        }
    })
    .await
}

/// The result for a named person that is not in the hold.
fn stranger(id: &EmployeeId) -> Became {
    Became {
        employee_id: id.clone(),
        outcome: Outcome::Unchanged,
        due_at: None,
        reason: Some("is not in this hold".to_owned()),
        not_moved: false,
        stays: None,
    }
}

/// One attempt; `None` if the hold or its breaker has changed since it was read.
async fn commit<P: Ports>(
    tenant: &Tenant<'_, P>,
    ask: &Ask<'_>,
) -> Result<Option<(Hold, Option<Run>, BTreeSet<EmployeeId>)>>
where
    P::Store: Users + Breakers,
{
    let before = get(tenant, ask.hold).await?;
    if before.state != HoldState::Open {
        return Err(Error::HoldClosed);
    }
    // A hold that nobody has joined yet may be answered too: whoever was to join it opens another.
    let nobody_yet = before.version == 0;
    if ask.version > before.version || (ask.version <= before.answered && !nobody_yet) {
        return Err(Error::VersionMismatch);
    }
    let mut people = members(tenant, &before, (before.answered, ask.version), usize::MAX).await?;
    if let Some(only) = &ask.only {
        people.retain(|id| only.contains(id));
        if people.is_empty() {
            // None of the named people is in the hold, so there is nothing to answer.
            return Ok(Some((before, None, people)));
        }
    }
    let now = tenant.clock.now();
    let (first, before) = match ask.verdict {
        Verdict::Approve => match second_pair(tenant, ask, &before, &people).await? {
            Some(enough) => enough?,
            None => return Ok(None),
        },
        Verdict::Reject => (None, before),
    };
    // People who joined after the version that was read stay held, and the hold stays open for them.
    let all = ask.only.is_none() && ask.version == before.version;
    let state = match ask.verdict {
        Verdict::Approve => HoldState::Approved,
        Verdict::Reject => HoldState::Rejected,
    };
    let mut answers = before.answers.clone();
    if ask.only.is_none() {
        answers.push(HoldAnswer {
            until: ask.version,
            answer: state,
            by: ask.by.clone(),
        });
    }
    let run = (ask.verdict == Verdict::Approve && !people.is_empty()).then(|| Run {
        run: new_run(),
        kind: RunKind::Approval {
            hold: before.hold.clone(),
        },
        source: before.source.clone(),
        at: now,
        by: Some(ask.by.clone()),
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
        not_moved: 0,
        rev: 0,
        undone: None,
    });
    // No timer can finish a rejection of a part: the names are not stored.
    let is_work = !people.is_empty() && (run.is_some() || ask.only.is_none());
    let mut unfinished = before.unfinished.clone();
    if is_work {
        unfinished.push(Unfinished {
            run: run.as_ref().map(|run| run.run.clone()),
            until: ask.version,
        });
    }
    let hold = Hold {
        state: if all { state } else { HoldState::Open },
        answered: if ask.only.is_none() {
            ask.version
        } else {
            before.answered
        },
        version: before.version + 1,
        by: Some((ask.by.clone(), now)),
        last: Some(state),
        answers,
        unfinished,
        first_approval: None,
        ..before.clone()
    };
    let breaker = tenant.store.breaker(tenant.org, &before.source).await?;
    let answered = match all {
        true => breaker.closing(&before.hold, ask.verdict == Verdict::Reject, now),
        false => breaker.closing_until(&before.hold, hold.answered),
    };
    let mut notices = Vec::new();
    if all || !people.is_empty() {
        let count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let by = Some(ask.by.clone());
        notices.push(told(
            &hold,
            state,
            by,
            count,
            answered.is_some() && before.rule.quarantines(),
            now,
        ));
    }
    for notice in &notices {
        tell(tenant, notice).await?;
    }
    if is_work {
        let rest = |due| Timer::Answer {
            org: tenant.org.clone(),
            hold: hold.hold.clone(),
            run: run.as_ref().map(|run| run.run.clone()),
            until: ask.version,
            due,
        };
        tenant.arm_next(REST_AFTER, rest).await?;
    }
    let entry = Entry {
        at: now,
        by: ask.by.clone(),
        hold: hold.hold.clone(),
        version: hold.version,
        answer: state,
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
        first,
    };
    let commit = BreakerCommit {
        breaker: answered.as_ref().map(|breaker| (&before.source, breaker)),
        hold: Some((&hold, Some(before.version))),
        run: run.as_ref(),
        rolls: run
            .as_ref()
            .map(|run| rolls(&RollOf::Run(run.run.clone()), 1, &people, now))
            .unwrap_or_default(),
        notices,
        answer: Some(&entry),
    };
    match tenant.store.commit_breaker(tenant.org, &commit).await? {
        Committed::Done => Ok(Some((hold, run, people))),
        Committed::Conflict => Ok(None),
    }
}

/// The admin who approved first, where two are needed, and the hold with this approval; or that a second admin is needed,
/// and this approval is kept with the hold. `None` if the hold has changed since it was read.
type Enough = Option<Result<(Option<Actor>, Hold)>>;

/// Whether the approval of one admin is enough for so many people.
async fn second_pair<P: Ports>(
    tenant: &Tenant<'_, P>,
    ask: &Ask<'_>,
    before: &Hold,
    people: &BTreeSet<EmployeeId>,
) -> Result<Enough>
where
    P::Store: Users + Breakers,
{
    if people.is_empty() || !before.rule.stops_departures() {
        return Ok(Some(Ok((None, before.clone()))));
    }
    let loaded = tenant.store.load(tenant.org, &[]).await?;
    let own = FirstApproval {
        by: ask.by.clone(),
        at: tenant.clock.now(),
        until: ask.version,
        only: ask.only.clone(),
        people: u32::try_from(people.len()).unwrap_or(u32::MAX),
    };
    let above = loaded.policy.settings.safeguards.four_eyes_above;
    let (eyes, after) = before.approved_by(own, above, &loaded.admins);
    if let Eyes::Enough(first) = eyes {
        return Ok(Some(Ok((first, after))));
    }
    // The people are as others have read them, so the version is.
    let commit = BreakerCommit {
        hold: Some((&after, Some(before.version))),
        ..BreakerCommit::default()
    };
    let committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
    Ok((committed == Committed::Done).then_some(Err(Error::SecondAdmin)))
}
