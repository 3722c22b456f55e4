//! What becomes of a leaver's objectives: closed with the deactivation, opened again when it ends.
//!
//! Both go in batches, each conditional on the owner's state in the same transaction, and each
//! objective remembers which deactivation closed it. So an interruption at any call leaves only
//! what the next run goes on with, and what is counted in the end is what is written down.

use std::time::Duration;

use offramp_domain::objective::Fate;
use offramp_domain::{Actor, EmployeeId, Event, Generation, Objective, User};

use crate::backoff::until_won;
use crate::engine::execute::{Armed, How, execute};
use crate::ports::{Committed, Fence, OBJECTIVES_PER_WRITE, Objectives, Users};
use crate::{Deadline, Ports, Result, Tenant};

/// A batch is begun only while this much time is left.
const BATCH_TIME: Duration = Duration::from_secs(3);

/// What the end of a deactivation has brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reopened {
    /// Objectives that are open again.
    pub count: u32,
    /// Objectives that were deleted meanwhile.
    pub lost: u32,
    /// Whether that was all.
    pub done: bool,
}

/// Closes what is open as the settings say now, while the deactivation of the user's generation
/// stands. Says whether nothing is left to close.
///
/// # Errors
/// A fault, or [`Error::Busy`]; the next run goes on.
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
        execute(tenant, id, &event, &Armed::default(), How::default()).await?;
        if count > 0 {
            tracing::info!(org = %tenant.org, employee_id = %id, count, "closed the objectives of a leaver");
        }
        Ok(Some(true))
    })
    .await
}

/// Opens again what the user's last deactivation had closed, if that is still to be done.
///
/// # Errors
/// A fault, or [`Error::Busy`]; the finishing timer and the sweep go on.
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
        execute(tenant, id, &event, &Armed::default(), How::default()).await?;
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

/// As [`reopen`], where somebody waits for an answer: whatever fails, the finishing timer does.
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

/// How far a run has come.
enum Written {
    All,
    Conflict,
    OutOfTime,
}

/// Writes batch after batch. What was written before a conflict stays: it is read again.
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

/// How many of somebody's objectives a deactivation has closed.
pub(crate) fn closed_by(generation: Generation, objectives: &[Objective]) -> u32 {
    let closed = |one: &&Objective| one.closing.is_some_and(|closing| closing.by == generation);
    total(objectives.iter().filter(closed).count())
}

fn total(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
