//! The timer of an answer: it finishes the people for whom the request had no time.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use offramp_domain::hold::NOT_MOVED;
use offramp_domain::{Hold, HoldId, HoldState, RunId, RunKind, Timer};

use super::answer::{REST_AFTER, finished};
use super::work::{Work, stay, strike};
use super::{get, members, settle};
use crate::ports::{Breakers, RollOf, Snapshots, Users};
use crate::{Deadline, Ports, Result, Tenant};

/// The timer of an answer fires within three minutes and takes its time.
const TAKEN_UP_AFTER: TimeDelta = TimeDelta::minutes(6);

/// Continues an approval with the people of its run. Returns how many are left for lack of time.
async fn approved<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: &RunId,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    P::Store: Users + Breakers + Snapshots,
{
    // The timer was armed, but the answer was never committed.
    let Some(run) = tenant.store.run(tenant.org, run).await? else {
        return Ok(0);
    };
    let (RunKind::Approval { hold }, Some(by)) = (&run.kind, &run.by) else {
        return Ok(0);
    };
    let hold = get(tenant, hold).await?;
    let work = Work {
        tenant: *tenant,
        hold: &hold,
        until,
        by,
        deadline,
    };
    let (of, mut after, mut pending) = (RollOf::Run(run.run.clone()), None, 0);
    let mut failed = None;
    let mut said = BTreeSet::new();
    loop {
        let page = tenant
            .store
            .roll(tenant.org, &of, after.as_deref(), 1)
            .await?;
        for roll in page.items {
            if roll.seq == NOT_MOVED {
                said.extend(roll.people);
                continue;
            }
            // Whoever was not moved was answered for: they are out of the hold, or it is open for them again.
            let people = roll.people.into_iter();
            let people = people.filter(|id| !said.contains(id)).collect();
            match work.approve(&run, people).await {
                Ok((results, left)) => {
                    stay(tenant, &hold.hold, &results).await?;
                    strike(tenant, &run.run, &results).await;
                    pending += left;
                }
                // The others of the run do not wait for somebody whose turn fails.
                Err(error) => failed = Some(error),
            }
        }
        match page.next {
            Some(next) if pending == 0 => after = Some(next),
            Some(_) => return Ok(pending),
            None => break,
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if pending == 0 {
        finished(tenant, hold.clone(), Some(&run.run), until).await?;
        settle(tenant, &hold.hold).await?;
    }
    Ok(pending)
}

/// Continues a rejection. Returns how many people are left for lack of time.
async fn rejected<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &HoldId,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    P::Store: Users + Breakers + Snapshots,
{
    let hold = get(tenant, hold).await?;
    let Some((from, answer)) = hold.answer(until, HoldState::Rejected) else {
        // The timer was armed, but the answer was never committed.
        return Ok(0);
    };
    let people = members(tenant, &hold, (from, until), usize::MAX).await?;
    let work = Work {
        tenant: *tenant,
        hold: &hold,
        until,
        by: &answer.by,
        deadline,
    };
    let pending = work.keep(people).await?.1;
    if pending == 0 {
        finished(tenant, hold.clone(), None, until).await?;
        settle(tenant, &hold.hold).await?;
    }
    Ok(pending)
}

/// Arms the timers of the unfinished answers anew, if the last answer was long enough ago that theirs must have fired.
///
/// # Errors
/// A fault; the next sweep tries again.
pub async fn take_up<P: Ports>(tenant: &Tenant<'_, P>, hold: &Hold) -> Result<()> {
    let now = tenant.clock.now();
    if hold
        .by
        .as_ref()
        .is_some_and(|(_, at)| now < *at + TAKEN_UP_AFTER)
    {
        return Ok(());
    }
    for one in &hold.unfinished {
        let next = |due| Timer::Answer {
            org: tenant.org.clone(),
            hold: hold.hold.clone(),
            run: one.run.clone(),
            until: one.until,
            due,
        };
        tenant.arm_next(TimeDelta::minutes(1), next).await?;
    }
    Ok(())
}

/// One step of the timer of an answer. It arms the next step if people are left, and returns how many.
///
/// # Errors
/// A fault; Lambda tries again.
pub async fn step<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &HoldId,
    run: Option<&RunId>,
    until: u64,
    deadline: Deadline,
) -> Result<usize>
where
    P::Store: Users + Breakers + Snapshots,
{
    let left = match run {
        Some(run) => approved(tenant, run, until, deadline).await?,
        None => rejected(tenant, hold, until, deadline).await?,
    };
    if left > 0 {
        let next = |due| Timer::Answer {
            org: tenant.org.clone(),
            hold: hold.clone(),
            run: run.cloned(),
            until,
            due,
        };
        tenant.arm_next(REST_AFTER, next).await?;
    }
    Ok(left)
}
