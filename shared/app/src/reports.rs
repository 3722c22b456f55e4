//! Reports: where HR and the system disagree, and everything that has changed.

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::{HrWord, OrgId, Policy, Status, User};

use crate::ports::{Audited, Page, Reports, Users};
use crate::{Env, Result};

/// How far back the audit goes unless asked otherwise.
const AUDIT: TimeDelta = TimeDelta::days(30);

/// A page of those for whom HR and the system disagree, as of now.
///
/// # Errors
/// A fault.
pub async fn drift<S: Users + Reports, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    after: Option<&str>,
    limit: usize,
) -> Result<(Page<User>, Policy)> {
    let page = env.store.drifting(org, after, limit).await?;
    let mut loaded = env.store.load(org, &page.items).await?;
    let policy = loaded.policy;
    let items = page
        .items
        .iter()
        .filter_map(|id| loaded.users.remove(id))
        .filter(|user| disagree(&user.settled(&policy)))
        .collect();
    Ok((
        Page {
            items,
            next: page.next,
        },
        policy,
    ))
}

/// Inactive in HR but active here, or the other way round.
fn disagree(user: &User) -> bool {
    match user.hr_word() {
        Some(HrWord::Active) => user.status() != Status::Active,
        Some(HrWord::Inactive | HrWord::Missing) => user.status() == Status::Active,
        None => false,
    }
}

/// A page of every change since an instant, oldest first; of the last 30 days unless asked otherwise.
///
/// # Errors
/// A fault.
pub async fn audit<S: Reports, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    since: Option<DateTime<Utc>>,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Audited>> {
    let now = env.clock.now();
    let since = since.unwrap_or(now - AUDIT);
    Ok(env.store.audit(org, since, now, after, limit).await?)
}
