//! What admins do to users, and see of them.

mod search;

use offramp_domain::{EmployeeId, Entry, Event, OrgId, Policy, Status, User};

use crate::engine::closing;
use crate::engine::closing::Reopened;
use crate::engine::execute::{Armed, Executed, How, execute};
use crate::engine::terminate;
use crate::engine::terminate::Finished;
use crate::identity::Caller;
use crate::ports::{
    CardIssuer, Cards, Directory, Histories, Objectives, Page, Receipt, Timers, USERS_PER_READ,
    Users,
};
use crate::{Deadline, Env, Error, Result};

/// Users on a page unless asked otherwise.
pub const PAGE: usize = 50;
/// Users on a page at most.
pub const MAX_PAGE: usize = USERS_PER_READ;

/// What a deactivation or deletion by hand came to.
#[derive(Debug)]
pub struct Ended {
    /// The user after it.
    pub user: User,
    /// What was read with them.
    pub policy: Policy,
    /// Cards cancelled in all.
    pub cancelled: u32,
    /// Whether every card is cancelled; else the finishing timer goes on.
    pub done: bool,
}

/// Deactivates now, or deletes: access and cards are gone before it answers, as far as the issuer answers in time.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], or a fault before anything was done. A fault of the
/// issuer is no error: the answer says that cards are pending.
pub async fn end<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    event: &Event,
    caller: &Caller,
    if_match: Option<u64>,
    deadline: Deadline,
) -> Result<Ended>
where
    S: Users + Cards + CardIssuer + Objectives,
    T: Timers,
{
    let armed = Armed::default();
    let how = How {
        if_match,
        ..How::default()
    };
    let executed = execute(env, org, id, event, &armed, how).await?;
    let policy = executed.loaded.policy;
    let Some(user) = executed.user else {
        return Err(Error::NotFound("user"));
    };
    let before = user.pending.cancelled;
    if user.pending.is_done() {
        return Ok(Ended {
            user,
            policy,
            cancelled: 0,
            done: true,
        });
    }
    let finished =
        terminate::finish(env, org, id, user.generation, &caller.actor(), deadline).await;
    let (cancelled, done) = match finished {
        Ok(Finished { done, cancelled }) => (before + cancelled, done),
        Err(error) => {
            tracing::warn!(%org, employee_id = %id, %error, "cards are left to the finishing timer");
            (before, false)
        }
    };
    // What is told is what is stored: some cards may be gone although another failed.
    let mut loaded = env.store.load(org, std::slice::from_ref(id)).await?;
    let user = loaded.users.remove(id).unwrap_or(user);
    let cancelled = cancelled.max(user.pending.cancelled);
    // Objectives that are left, or a notice, are not what the caller waits for.
    let done = done || user.active_cards == 0;
    Ok(Ended {
        user,
        policy,
        cancelled,
        done,
    })
}

/// Brings somebody back, and what their deactivation had closed, as far as there is time: the
/// finishing timer does the rest.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault, or [`Error::Busy`].
pub async fn restore<S: Users + Objectives, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    caller: &Caller,
    if_match: Option<u64>,
    deadline: Deadline,
) -> Result<(Executed, Reopened)> {
    let by = caller.actor();
    let event = Event::Restore { by: by.clone() };
    let mut executed = change(env, org, id, &event, if_match, None).await?;
    let mut reopened = Reopened::default();
    if let Some(user) = &executed.user {
        reopened = closing::reopen_in_time(env, org, user, &by, deadline).await;
    }
    if reopened.done {
        // What is told is what is stored, with its version.
        let mut loaded = env.store.load(org, std::slice::from_ref(id)).await?;
        executed.user = loaded.users.remove(id).or(executed.user);
    }
    Ok((executed, reopened))
}

/// Any other wish of an admin about one user.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault, or [`Error::Busy`].
pub async fn change<S: Users, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    event: &Event,
    if_match: Option<u64>,
    receipt: Option<&Receipt>,
) -> Result<Executed> {
    let how = How {
        if_match,
        receipt,
        ..How::default()
    };
    execute(env, org, id, event, &Armed::default(), how).await
}

/// One user, with cards.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn show<S: Users + Cards, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
) -> Result<(User, Vec<offramp_domain::Card>, Policy)> {
    let mut loaded = env.store.load(org, std::slice::from_ref(id)).await?;
    let user = loaded.users.remove(id).ok_or(Error::NotFound("user"))?;
    let cards = env.store.cards_of(org, id).await?;
    Ok((user, cards, loaded.policy))
}

/// Who is asked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of this status only.
    pub status: Option<Status>,
    /// Whose name, e-mail address or id begins so, case folded.
    pub q: Option<String>,
    /// So many.
    pub limit: usize,
    /// After this one.
    pub after: Option<String>,
}

/// Users by name; the index finds them, a consistent read tells how they are now.
///
/// # Errors
/// A fault.
pub async fn list<S: Users + Directory, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    query: &Query,
) -> Result<(Page<User>, Policy)> {
    match query.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        Some(q) => search::search(env, org, query, &q.to_lowercase()).await,
        None => walk(env, org, query).await,
    }
}

async fn walk<S: Users + Directory, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    query: &Query,
) -> Result<(Page<User>, Policy)> {
    // Whom an epoch has made active may still be stored as scheduled.
    let stored: &[Status] = match query.status {
        None => &Status::ALL,
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
        let page = env
            .store
            .people(org, stored, "", after.as_deref(), wanted)
            .await?;
        let loaded = env.store.load(org, &page.items).await?;
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
                policy.unwrap_or_default(),
            ));
        }
    }
}

fn wants(query: &Query, user: &User, policy: &Policy) -> bool {
    query
        .status
        .is_none_or(|status| user.settled(policy).status() == status)
}

/// A page of a user's history, newest first.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn history<S: Users + Histories, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Entry>> {
    let entries = env.store.history(org, id, before, limit).await?;
    if entries.is_empty() && before.is_none() {
        return Err(Error::NotFound("user"));
    }
    Ok(entries)
}

/// Who has an address: at most one answer, since access is asked by it.
///
/// # Errors
/// A fault.
pub async fn by_email<S: Users + Directory, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    email: &str,
) -> Result<(Option<User>, Policy)> {
    let email = email.to_lowercase();
    let ids = env.store.with_email(org, &email).await?;
    let ids = &ids[..ids.len().min(USERS_PER_READ)];
    let loaded = env.store.load(org, ids).await?;
    let mut users: Vec<User> = loaded
        .users
        .into_values()
        .filter(|user| user.email().is_some_and(|own| own.folded() == email))
        .collect();
    // Somebody who came back under another id shares the address with whom they were: who is here counts.
    users.sort_by_key(|user| user.settled(&loaded.policy).status());
    Ok((users.into_iter().next(), loaded.policy))
}

/// Others who have an address, as far as the index knows by now: a query.
///
/// # Errors
/// A fault.
pub async fn others_with<S: Directory, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    email: &str,
    id: &EmployeeId,
) -> Result<Vec<EmployeeId>> {
    let mut ids = env.store.with_email(org, &email.to_lowercase()).await?;
    ids.retain(|other| other != id);
    Ok(ids)
}
