//! Reads and changes users on behalf of admins.

mod alike;
mod search;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use offramp_domain::{EmployeeId, Entry, Event, Policy, Status, User};

use crate::backoff::looks;
use crate::engine::closing;
use crate::engine::closing::Reopened;
use crate::engine::execute::{Armed, ExecuteOptions, Executed, execute};
use crate::engine::foreseen::as_kept;
use crate::identity::Caller;
use crate::ports::{
    Breakers, Cards, Directory, Histories, Objectives, Page, Receipt, USERS_PER_READ, Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};
pub use alike::looks_like_nobody;

/// How many users a page has by default.
pub const PAGE: usize = 50;
/// The most users on a page.
pub const MAX_PAGE: usize = USERS_PER_READ;

/// How long a deactivation by hand is waited for.
const WAIT_FOR_CARDS: Duration = Duration::from_secs(5);

/// The result of a deactivation or deletion by hand.
#[derive(Debug)]
pub struct Ended {
    /// The user after the change.
    pub user: User,
    /// The policy that was read with the user.
    pub policy: Policy,
    /// How many cards were cancelled in all.
    pub cancelled: u32,
    /// True if every card is cancelled. Otherwise the finishing timer continues.
    pub done: bool,
}

/// Deactivates a user at once, or deletes one. Access has ended and the cards are cancelled before it returns, if the
/// issuer answers in time.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], or a fault before anything was done. A fault of the issuer is no error: the
/// result says that cards are pending.
pub async fn end<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    if_match: Option<u64>,
    deadline: Deadline,
) -> Result<Ended>
where
    P::Store: Users,
{
    let armed = Armed::default();
    let how = ExecuteOptions {
        if_match,
        ..ExecuteOptions::default()
    };
    let executed = execute(tenant, id, event, &armed, how).await?;
    let policy = Arc::unwrap_or_clone(executed.loaded.policy);
    let Some(user) = executed.user else {
        return Err(Error::NotFound("user"));
    };
    if user.pending.is_done() {
        return Ok(Ended {
            user,
            policy,
            cancelled: 0,
            done: true,
        });
    }
    // Cards that an earlier deactivation has cancelled count too.
    let all = user.pending.cancelled + user.active_cards;
    let user = done_in_time(tenant, user, deadline).await;
    Ok(Ended {
        cancelled: all.saturating_sub(user.active_cards),
        // The caller waits for the cards only. Objectives or the notice may still be pending.
        done: user.active_cards == 0,
        user,
        policy,
    })
}

/// The user once the committed work is finished, or as they are when the time is over.
async fn done_in_time<P: Ports>(tenant: &Tenant<'_, P>, mut user: User, deadline: Deadline) -> User
where
    P::Store: Users,
{
    let generation = user.generation;
    for look in looks(WAIT_FOR_CARDS) {
        if !deadline.leaves(look.0) {
            break;
        }
        look.wait().await;
        match tenant.store.one(tenant.org, &user.employee_id).await {
            Ok(Some(now)) => user = now,
            Ok(None) => return user,
            Err(fault) => {
                tracing::warn!(org = %tenant.org, employee_id = %user.employee_id, %fault, "a look at cards failed");
                continue;
            }
        }
        if user.generation != generation || user.pending.is_done() {
            return user;
        }
    }
    user
}

/// Restores a user, and opens the objectives that the deactivation had closed, as far as there is time. The finishing
/// timer does the rest.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault, or [`Error::Busy`].
pub async fn restore<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    caller: &Caller,
    if_match: Option<u64>,
    deadline: Deadline,
) -> Result<(Executed, Reopened)>
where
    P::Store: Users + Objectives,
{
    let by = caller.actor();
    let event = Event::Restore { by: by.clone() };
    let mut executed = change(tenant, id, &event, if_match, None).await?;
    let mut reopened = Reopened::default();
    if let Some(user) = &executed.user {
        reopened = closing::reopen_in_time(tenant, user, &by, deadline).await;
    }
    if reopened.done {
        // The stored user has the reopened objectives and the newest version.
        let mut loaded = tenant
            .store
            .load(tenant.org, std::slice::from_ref(id))
            .await?;
        executed.user = loaded.users.remove(id).or(executed.user);
    }
    Ok((executed, reopened))
}

/// Makes any other change of one user by an admin.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault, or [`Error::Busy`].
pub async fn change<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    event: &Event,
    if_match: Option<u64>,
    receipt: Option<&Receipt>,
) -> Result<Executed>
where
    P::Store: Users,
{
    let how = ExecuteOptions {
        if_match,
        receipt,
        ..ExecuteOptions::default()
    };
    execute(tenant, id, event, &Armed::default(), how).await
}

/// Reads one user, with cards. The end of a grace period is the one that the breaker promises.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn show<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
) -> Result<(User, Vec<offramp_domain::Card>, Policy)>
where
    P::Store: Users + Cards + Breakers,
{
    let mut loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(id))
        .await?;
    let user = loaded.users.remove(id).ok_or(Error::NotFound("user"))?;
    let cards = async { Ok(tenant.store.cards_of(tenant.org, id).await?) };
    let kept = as_kept(tenant, &loaded.policy, vec![user]);
    let (cards, mut kept) = try_join(cards, kept).await?;
    let user = kept.pop().ok_or(Error::NotFound("user"))?;
    Ok((user, cards, Arc::unwrap_or_clone(loaded.policy)))
}

/// A query for users.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only users with this status.
    pub status: Option<Status>,
    /// Only users whose name, e-mail address or id begins with this text, ignoring case.
    pub q: Option<String>,
    /// The most users on the page.
    pub limit: usize,
    /// The cursor of the previous page.
    pub after: Option<String>,
}

/// A page of users. The index finds them, and a consistent read gives their present state.
///
/// # Errors
/// A fault of the table.
pub async fn list<P: Ports>(tenant: &Tenant<'_, P>, query: &Query) -> Result<(Page<User>, Policy)>
where
    P::Store: Users + Directory + Breakers,
{
    let (mut page, policy) = match query.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        Some(q) => search::search(tenant, query, &q.to_lowercase()).await?,
        None => walk(tenant, query).await?,
    };
    page.items = as_kept(tenant, &policy, page.items).await?;
    Ok((page, policy))
}

async fn walk<P: Ports>(tenant: &Tenant<'_, P>, query: &Query) -> Result<(Page<User>, Policy)>
where
    P::Store: Users + Directory,
{
    // A user that an epoch has made active may still be stored as scheduled.
    let stored: &[Status] = match query.status {
        None => Status::ALL,
        Some(Status::Active) => &[Status::Active, Status::DeactivationScheduled],
        Some(Status::DeactivationScheduled) => &[Status::DeactivationScheduled],
        Some(Status::Deactivated) => &[Status::Deactivated],
        Some(Status::Deleted) => &[Status::Deleted],
    };
    let mut after = query.after.clone();
    let mut users = Vec::new();
    let mut policy = None;
    loop {
        let wanted = query.limit - users.len();
        let page = tenant
            .store
            .people(tenant.org, stored, "", after.as_deref(), wanted)
            .await?;
        let loaded = tenant.store.load(tenant.org, &page.items).await?;
        users.extend(
            page.items
                .iter()
                .filter_map(|id| loaded.users.get(id))
                .filter(|user| wants(query, user, &loaded.policy))
                .cloned(),
        );
        policy.get_or_insert(loaded.policy);
        after = page.next;
        if after.is_none() || users.len() >= query.limit {
            return Ok((
                Page {
                    items: users,
                    next: after,
                },
                policy.map(Arc::unwrap_or_clone).unwrap_or_default(),
            ));
        }
    }
}

fn wants(query: &Query, user: &User, policy: &Policy) -> bool {
    query
        .status
        .is_none_or(|status| user.as_of(policy).status() == status)
}

/// A page of a user's history, newest first.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn history<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Entry>>
where
    P::Store: Users + Histories,
{
    let entries = tenant.store.history(tenant.org, id, before, limit).await?;
    if entries.is_empty() && before.is_none() {
        return Err(Error::NotFound("user"));
    }
    Ok(entries)
}
