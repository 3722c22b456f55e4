//! Rewrites stored users after a change of the policy: an ended epoch, a rule that now excludes them, or another
//! treatment of leave dates. A user that an ended epoch made active *is* active before the rewrite. So the rewriting
//! may be interrupted.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{EmployeeId, Epoch, Event, Status, Timer};

use crate::engine::execute::{Armed, ExecuteOptions, decide_on, execute};
use crate::engine::leave;
use crate::ports::{Breakers, Directory, Page, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How many people are rewritten at once.
const AT_ONCE: usize = 8;
/// A page begins only if this much time is left.
const PAGE_TIME: Duration = Duration::from_secs(8);
/// How far ahead the next step is armed.
const NEXT_STEP: TimeDelta = TimeDelta::minutes(2);

/// Rewrites every user that the policy has changed, among the scheduled users and the users with a leave date. Returns
/// true if all of them are done.
///
/// # Errors
/// Any fault; the `tidy` timer tries again.
pub async fn tidy<P: Ports>(tenant: &Tenant<'_, P>, deadline: Deadline) -> Result<bool>
where
    P::Store: Users + Directory + Breakers,
{
    let armed = Armed::default();
    for leaving in [false, true] {
        let mut after: Option<String> = None;
        loop {
            if !deadline.leaves(PAGE_TIME) {
                return Ok(false);
            }
            let page = if leaving {
                tenant
                    .store
                    .leaving(tenant.org, None, after.as_deref(), USERS_PER_READ)
                    .await?
            } else {
                let scheduled = [Status::DeactivationScheduled];
                tenant
                    .store
                    .people(tenant.org, &scheduled, "", after.as_deref(), USERS_PER_READ)
                    .await?
            };
            after = rewrite(tenant, page, &armed).await?;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(true)
}

/// Rewrites one page. It is one read, and only changed users are written.
async fn rewrite<P: Ports>(
    tenant: &Tenant<'_, P>,
    page: Page<EmployeeId>,
    armed: &Armed,
) -> Result<Option<String>>
where
    P::Store: Users + Breakers,
{
    let loaded = tenant.store.load(tenant.org, &page.items).await?;
    let mut moved = Vec::new();
    for (id, user) in &loaded.users {
        if decide_on(&loaded, Some(user), &Event::Tidy, tenant.org, &tenant.clock)?
            .change
            .is_some()
        {
            moved.push(id.clone());
        }
    }
    stream::iter(moved)
        .map(|id| async move {
            one(tenant, &id, armed).await?;
            tracing::info!(org = %tenant.org, employee_id = %id, "rewrote a user whom the policy had moved");
            Ok::<(), Error>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(page.next)
}

/// Brings one stored user in line with the policy. The breaker is asked if it would end the access of the last admin.
async fn one<P: Ports>(tenant: &Tenant<'_, P>, id: &EmployeeId, armed: &Armed) -> Result<()>
where
    P::Store: Users + Breakers,
{
    let how = ExecuteOptions::default();
    let first = execute(tenant, id, &Event::Tidy, armed, how).await?;
    if first.needs_admission {
        leave::asked(tenant, id, &Event::Tidy, armed, (first, false)).await?;
    }
    Ok(())
}

/// One step of the `tidy` timer. It arms the next step unless all users are done. Returns true if they are.
///
/// # Errors
/// Any fault; Lambda tries again.
pub async fn step<P: Ports>(
    tenant: &Tenant<'_, P>,
    epoch: Epoch,
    deadline: Deadline,
) -> Result<bool>
where
    P::Store: Users + Directory + Breakers,
{
    let done = tidy(tenant, deadline).await?;
    if !done {
        let next = |due| Timer::Tidy {
            org: tenant.org.clone(),
            epoch,
            due,
        };
        tenant.arm_next(NEXT_STEP, next).await?;
    }
    Ok(done)
}
