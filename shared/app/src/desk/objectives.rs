//! Objectives by hand, and the dashboard of open objectives. A leaver's objectives are closed in
//! [`crate::engine::closing`].

use std::collections::{BTreeMap, BTreeSet};

use offramp_domain::{Access, EmployeeId, Objective, ObjectiveId, ObjectiveStatus, Refusal, User};

use crate::backoff::until_won;
use crate::ports::{
    Board, Committed, Fence, Loaded, Objectives, Page, Receipt, USERS_PER_READ, Users,
};
use crate::{Error, Ports, Result, Tenant};

/// How many objectives a page has by default.
pub const PAGE: usize = 50;
/// The most objectives on a page. As many owners are read in one call.
pub const MAX_PAGE: usize = USERS_PER_READ;
/// The most reads of the index for one page of the dashboard. If many leavers keep their objectives open, a page may be
/// shorter than requested, or empty. Its cursor continues.
const READS: usize = 8;

/// Adds an objective to an active user, in one transaction with a condition on the user.
///
/// # Errors
/// [`Refusal::NotActive`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn add<P: Ports>(
    tenant: &Tenant<'_, P>,
    objective: &Objective,
    receipt: Option<&Receipt>,
) -> Result<()>
where
    P::Store: Users + Objectives,
{
    until_won(|| async {
        let owner = here(tenant, &objective.owner).await?;
        let receipt = receipt.map(|receipt| (receipt, objective.created_at));
        let added = tenant
            .store
            .add_objective(tenant.org, objective, owner.generation, receipt)
            .await?;
        Ok((added == Committed::Done).then_some(()))
    })
    .await
}

/// A page of an employee's objectives, oldest first.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn of<P: Ports>(
    tenant: &Tenant<'_, P>,
    owner: &EmployeeId,
    after: Option<ObjectiveId>,
    limit: usize,
) -> Result<Page<Objective>>
where
    P::Store: Users + Objectives,
{
    let loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(owner))
        .await?;
    if !loaded.users.contains_key(owner) {
        return Err(Error::NotFound("user"));
    }
    let mut after = after;
    let mut items: Vec<Objective> = Vec::new();
    loop {
        // One more than requested shows whether there is another page.
        let asked = limit + 1;
        let found = tenant
            .store
            .objectives_after(tenant.org, owner, after.as_ref(), asked)
            .await?;
        let last = found.len() < asked;
        after = found.last().map(|objective| objective.objective_id.clone());
        items.extend(found.into_iter().filter(|objective| !objective.deleted));
        if items.len() > limit {
            items.truncate(limit);
            let next = items.last().map(|last| last.objective_id.to_string());
            return Ok(Page { items, next });
        }
        if last {
            return Ok(Page { items, next: None });
        }
    }
}

/// Completes an objective, or opens it again. It can be opened only if its owner has access.
///
/// # Errors
/// [`Refusal::NotActive`], [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn set_status<P: Ports>(
    tenant: &Tenant<'_, P>,
    objective: &ObjectiveId,
    status: ObjectiveStatus,
) -> Result<Objective>
where
    P::Store: Users + Objectives,
{
    until_won(|| async {
        let objective = shown(tenant, objective).await?;
        let Some(after) = objective.with_status(status) else {
            return Ok(Some(objective));
        };
        let fence = match status {
            ObjectiveStatus::Open => Fence::Owner(here(tenant, &after.owner).await?.generation),
            ObjectiveStatus::Complete => Fence::None,
        };
        let put = tenant
            .store
            .put_objectives(
                tenant.org,
                &after.owner,
                std::slice::from_ref(&after),
                fence,
            )
            .await?;
        Ok((put == Committed::Done).then_some(after))
    })
    .await
}

/// Deletes an objective by hand. An objective that a deactivation has closed becomes a tombstone, so that the owner's
/// return can count it as lost.
///
/// # Errors
/// [`Error::NotFound`], a fault, or [`Error::Busy`].
pub async fn delete<P: Ports>(tenant: &Tenant<'_, P>, objective: &ObjectiveId) -> Result<Objective>
where
    P::Store: Objectives,
{
    until_won(|| async {
        let objective = shown(tenant, objective).await?;
        let deleted = match objective.tombstone() {
            Some(tombstone) => {
                let tombstone = std::slice::from_ref(&tombstone);
                tenant
                    .store
                    .put_objectives(tenant.org, &objective.owner, tombstone, Fence::None)
                    .await?
            }
            None => {
                tenant
                    .store
                    .remove_objective(tenant.org, &objective)
                    .await?
            }
        };
        Ok((deleted == Committed::Done).then_some(objective))
    })
    .await
}

/// A page of the open objectives of users with access, oldest first. The index finds them, and consistent reads give
/// the present state of objectives and owners.
///
/// # Errors
/// A fault of the table.
pub async fn dashboard<P: Ports>(
    tenant: &Tenant<'_, P>,
    after: Option<String>,
    limit: usize,
) -> Result<(Page<Objective>, BTreeMap<EmployeeId, User>)>
where
    P::Store: Users + Board,
{
    let mut after = after;
    let mut items = Vec::new();
    let mut owners = BTreeMap::new();
    for _ in 0..READS {
        let wanted = limit - items.len();
        let found = tenant
            .store
            .open_objectives(tenant.org, after.as_deref(), wanted)
            .await?;
        after = found.next;
        if !found.items.is_empty() {
            let whose: BTreeSet<EmployeeId> =
                found.items.iter().map(|(owner, _)| owner.clone()).collect();
            let whose: Vec<EmployeeId> = whose.into_iter().collect();
            let (loaded, objectives) = futures_util::try_join!(
                tenant.store.load(tenant.org, &whose),
                tenant.store.objectives(tenant.org, &found.items),
            )?;
            let now = tenant.clock.now();
            let mut open: Vec<Objective> = objectives
                .into_iter()
                .filter(|one| one.is_open() && is_here(&loaded, &one.owner, now))
                .collect();
            open.sort_by(|a, b| a.objective_id.cmp(&b.objective_id));
            items.extend(open);
            owners.extend(loaded.users);
        }
        if after.is_none() || items.len() >= limit {
            break;
        }
    }
    Ok((Page { items, next: after }, owners))
}

/// An objective that is not a tombstone.
async fn shown<P: Ports>(tenant: &Tenant<'_, P>, objective: &ObjectiveId) -> Result<Objective>
where
    P::Store: Objectives,
{
    tenant
        .store
        .objective(tenant.org, objective)
        .await?
        .filter(|objective| !objective.deleted)
        .ok_or(Error::NotFound("objective"))
}

/// The owner, who must have access.
async fn here<P: Ports>(tenant: &Tenant<'_, P>, id: &EmployeeId) -> Result<User>
where
    P::Store: Users,
{
    let mut loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(id))
        .await?;
    if !is_here(&loaded, id, tenant.clock.now()) && loaded.users.contains_key(id) {
        return Err(Refusal::NotActive.into());
    }
    loaded.users.remove(id).ok_or(Error::NotFound("user"))
}

/// True if the user has access at an instant, as of the policy and the leave date.
fn is_here(loaded: &Loaded, id: &EmployeeId, now: chrono::DateTime<chrono::Utc>) -> bool {
    loaded
        .users
        .get(id)
        .is_some_and(|user| user.as_of(&loaded.policy).access_at(now) == Access::Granted)
}
