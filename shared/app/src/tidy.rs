//! What is stored catches up with an epoch: the sync was turned off, and whoever it had scheduled
//! *is* active already. This only rewrites them, and may be interrupted.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{DigestMinute, EmployeeId, Epoch, Event, OrgId, Status, Timer};

use crate::execute::{Armed, How, execute};
use crate::ports::{Directory, Timers, Users};
use crate::{Deadline, Env, Result};

/// People who are read at once.
const PAGE: usize = 90;
/// People who are rewritten at once.
const AT_ONCE: usize = 8;
/// A page is begun only while this much time is left.
const PAGE_TIME: Duration = Duration::from_secs(8);

/// How far ahead the next step is armed.
const NEXT_STEP: TimeDelta = TimeDelta::minutes(2);

/// Rewrites everybody whose schedule an epoch has ended. Says whether that was all of them.
///
/// # Errors
/// Any fault; the `tidy` timer tries again.
pub async fn tidy<S, T>(env: &Env<S, T>, org: &OrgId, deadline: Deadline) -> Result<bool>
where
    S: Users + Directory,
    T: Timers,
{
    let armed = Armed::default();
    let mut after: Option<String> = None;
    loop {
        if !deadline.leaves(PAGE_TIME) {
            return Ok(false);
        }
        let page = env
            .store
            .people(
                org,
                &[Status::DeactivationScheduled],
                "",
                after.as_deref(),
                PAGE,
            )
            .await?;
        stream::iter(&page.items)
            .map(|id| one(env, org, id, &armed))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(true),
        }
    }
}

/// One step of the `tidy` timer: the next is armed where this one does not get to the end. Says
/// whether that was all.
///
/// # Errors
/// Any fault; Lambda tries again.
pub async fn step<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    epoch: Epoch,
    deadline: Deadline,
) -> Result<bool>
where
    S: Users + Directory,
    T: Timers,
{
    let due = DigestMinute::of(env.clock.now()).start() + NEXT_STEP;
    let done = tidy(env, org, deadline).await?;
    if !done {
        env.timers
            .arm(&Timer::Tidy {
                org: org.clone(),
                epoch,
                due,
            })
            .await?;
    }
    Ok(done)
}

async fn one<S: Users, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    armed: &Armed,
) -> Result<()> {
    let executed = execute(env, org, id, &Event::Tidy, armed, How::default()).await?;
    if executed.decision.change.is_some() {
        tracing::info!(%org, employee_id = %id, "rewrote a user whose schedule an epoch had ended");
    }
    Ok(())
}
