//! A leaver's objectives: the deactivation closes them, and the end of the deactivation reopens them.
//!
//! Objectives are written in batches. Each batch is conditional on the owner's state, in the same transaction. Each
//! objective stores the generation that closed it. So after an interruption at any call the next run continues, and the
//! counts come from the stored objectives.

use std::time::Duration;

use offramp_domain::objective::Fate;
use offramp_domain::{Actor, EmployeeId, Event, Generation, Objective, User};

use crate::backoff::until_won;
use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::ports::{Committed, Fence, OBJECTIVES_PER_WRITE, Objectives, Users};
use crate::{Deadline, Ports, Result, Tenant};

/// A batch begins only if this much time is left.
const BATCH_TIME: Duration = Duration::from_secs(3);

/// The result of reopening objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reopened {
    /// How many objectives are open again.
    pub count: u32,
    /// How many objectives were deleted in the meantime.
    pub lost: u32,
    /// True if nothing is left to reopen.
    pub done: bool,
}

/// Closes the open objectives as the present settings say, if the user is still in the deactivation of this generation.
/// Returns true if nothing is left to close.
///
/// # Errors
/// A fault, or [`crate::Error::Busy`]; the next run continues.
pub(crate) async fn close<P: Ports>(
    tenant: &Tenant<'_, P>,
    deactivated: &User,
    by: &Actor,
    deadline: Deadline,
) -> Result<bool>
where
    P::Store: Users + Objectives,
{
    let (id, generation) = (&deactivated.employee_id, deactivated.generation);
    until_won(|| async {
        let loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(id))
            .await?;
        let stands = loaded
            .users
            .get(id)
            .is_some_and(|user| user.generation == generation && user.pending.objectives);
        if !stands {
            return Ok(Some(true));
        }
        let how = loaded.policy.settings.objectives;
        let all = tenant.store.objectives_of(tenant.org, id).await?;
        let close: Vec<Objective> = all
            .iter()
            .filter_map(|objective| objective.closed(how, generation))
            .collect();
        match write(tenant, id, &close, Fence::Closing(generation), deadline).await? {
            Written::Conflict => return Ok(None),
            Written::OutOfTime => return Ok(Some(false)),
            Written::All => {}
        }
        let count = closed_by(generation, &all) + total(close.len());
        let event = Event::ObjectivesClosed {
            generation,
            count,
            all: true,
            by: by.clone(),
        };
        execute(tenant, id, &event, &Armed::default(), ExecuteOptions::default()).await?;
        if count > 0 {
            tracing::info!(org = %tenant.org, employee_id = %id, count, "closed the objectives of a leaver");
        }
        Ok(Some(true))
    })
    .await
}

/// Reopens the objectives that the user's last deactivation closed, if that is still to do.
///
/// # Errors
/// A fault, or [`crate::Error::Busy`]; the finishing timer and the sweep continue.
pub async fn reopen<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    by: &Actor,
    deadline: Deadline,
) -> Result<Reopened>
where
    P::Store: Users + Objectives,
{
    until_won(|| async {
        let loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(id))
            .await?;
        let Some(reopening) = loaded.users.get(id).and_then(|user| user.reopening) else {
            return Ok(Some(Reopened {
                done: true,
                ..Reopened::default()
            }));
        };
        let generation = reopening.generation;
        let all = tenant.store.objectives_of(tenant.org, id).await?;
        let open: Vec<Objective> = all
            .iter()
            .filter_map(|objective| objective.reopened(generation))
            .collect();
        match write(tenant, id, &open, Fence::Reopening(generation), deadline).await? {
            Written::Conflict => return Ok(None),
            Written::OutOfTime => return Ok(Some(Reopened::default())),
            Written::All => {}
        }
        let fates = |fate: Fate| {
            let of = |one: &&Objective| one.fate(generation) == Some(fate);
            total(all.iter().filter(of).count() + open.iter().filter(of).count())
        };
        let (count, lost) = (fates(Fate::Reopened), fates(Fate::Lost));
        let event = Event::ObjectivesReopened {
            generation,
            count,
            lost,
            all: true,
            by: by.clone(),
        };
        execute(tenant, id, &event, &Armed::default(), ExecuteOptions::default()).await?;
        if count > 0 || lost > 0 {
            tracing::info!(org = %tenant.org, employee_id = %id, count, lost, "opened objectives again");
        }
        Ok(Some(Reopened {
            count,
            lost,
            done: true,
        }))
    })
    .await
}

/// Like [`reopen`], for a caller that must answer in time. If anything fails, the finishing timer does it.
pub async fn reopen_in_time<P: Ports>(
    tenant: &Tenant<'_, P>,
    user: &User,
    by: &Actor,
    deadline: Deadline,
) -> Reopened
where
    P::Store: Users + Objectives,
{
    let id = &user.employee_id;
    if user.reopening.is_none() || !deadline.leaves(BATCH_TIME) {
        return Reopened::default();
    }
    match reopen(tenant, id, by, deadline).await {
        Ok(reopened) => reopened,
        Err(error) => {
            tracing::warn!(org = %tenant.org, employee_id = %id, %error, "objectives are left to the finishing timer");
            Reopened::default()
        }
    }
}

/// The result of writing batches.
enum Written {
    All,
    Conflict,
    OutOfTime,
}

/// Writes batch after batch. The batches before a conflict stay written, and the caller reads again.
async fn write<P: Ports>(
    tenant: &Tenant<'_, P>,
    owner: &EmployeeId,
    objectives: &[Objective],
    fence: Fence,
    deadline: Deadline,
) -> Result<Written>
where
    P::Store: Objectives,
{
    for batch in objectives.chunks(OBJECTIVES_PER_WRITE) {
        if !deadline.leaves(BATCH_TIME) {
            return Ok(Written::OutOfTime);
        }
        let put = tenant
            .store
            .put_objectives(tenant.org, owner, batch, fence)
            .await?;
        if put == Committed::Conflict {
            return Ok(Written::Conflict);
        }
    }
    Ok(Written::All)
}

/// How many of these objectives the deactivation of this generation has closed.
pub(crate) fn closed_by(generation: Generation, objectives: &[Objective]) -> u32 {
    let closed = |one: &&Objective| one.closing.is_some_and(|closing| closing.by == generation);
    total(objectives.iter().filter(closed).count())
}

fn total(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
