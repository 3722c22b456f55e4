//! Reports: drift between HR and Offramp, and the audit of changes.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{EmployeeId, HrWord, Origin, SourceId, Status, User};

use crate::desk::addresses;
use crate::desk::explain::{Elsewhere, Explanation, Known, asks_for_the_past, explain};
use crate::engine::foreseen::as_kept;
use crate::ports::{
    Addresses, Audited, Breakers, Directory, Histories, Loaded, Page, Rejections, Reports, Source,
    Sources, Users,
};
use crate::{Error, Ports, Result, Tenant};

/// How far back the audit goes by default.
const AUDIT: TimeDelta = TimeDelta::days(30);

/// How many history entries of a user are searched for the reason why the user is active.
const PAST: usize = 50;
/// How many histories are read at once.
const AT_ONCE: usize = 8;

/// The explanation of a user's state, and the user's version.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn explained<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
) -> Result<(Explanation, u64)>
where
    P::Store: Users + Sources + Rejections + Histories + Breakers + Directory + Addresses,
{
    let mut loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(id))
        .await?;
    let user = loaded.users.remove(id).ok_or(Error::NotFound("user"))?;
    let kept = as_kept(tenant, &loaded.policy, vec![user]).await?.pop();
    let user = &kept.ok_or(Error::NotFound("user"))?;
    let (sources, elsewhere) = match &user.origin {
        Origin::Source(_) => elsewhere(tenant).await?,
        Origin::Manual => (Vec::new(), Elsewhere::default()),
    };
    let mut why = one(tenant, user, &loaded, source_of(user, &sources)).await?;
    elsewhere.explain(user, &loaded.policy, &mut why);
    addresses::explain(tenant, user, &mut why).await?;
    Ok((why, user.version))
}

/// A page of explanations of the users with drift: HR and Offramp disagree about them now.
///
/// # Errors
/// A fault of the table.
pub async fn drift<P: Ports>(
    tenant: &Tenant<'_, P>,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Explanation>>
where
    P::Store: Users + Reports + Sources + Rejections + Histories,
{
    let page = tenant.store.drifting(tenant.org, after, limit).await?;
    let loaded = tenant.store.load(tenant.org, &page.items).await?;
    let (sources, elsewhere) = &elsewhere(tenant).await?;
    let users = page.items.iter().filter_map(|id| loaded.users.get(id));
    let users: Vec<&User> = users
        .filter(|user| disagree(&user.as_of(&loaded.policy)))
        .collect();
    let mut items: Vec<Explanation> = stream::iter(users.clone())
        .map(|user| Box::pin(one(tenant, user, &loaded, source_of(user, sources))))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (user, why) in users.into_iter().zip(&mut items) {
        elsewhere.explain(user, &loaded.policy, why);
    }
    Ok(Page {
        items,
        next: page.next,
    })
}

/// The sources of the organisation, and what each said of other sources' people.
async fn elsewhere<P: Ports>(tenant: &Tenant<'_, P>) -> Result<(Vec<Source>, Elsewhere)>
where
    P::Store: Sources + Rejections,
{
    let sources = tenant.store.sources(tenant.org).await?;
    let ids: Vec<SourceId> = sources.iter().map(|one| one.source.clone()).collect();
    // With one source alone, nobody belongs to another.
    let said = match ids.len() {
        0 | 1 => Vec::new(),
        _ => tenant.store.refusals_of(tenant.org, &ids).await?,
    };
    Ok((sources, Elsewhere(said)))
}

fn source_of<'s>(user: &User, sources: &'s [Source]) -> Option<&'s Source> {
    let owner = user.origin.source()?;
    sources.iter().find(|source| source.source == *owner)
}

/// One explanation. It reads the history only if [`asks_for_the_past`].
async fn one<P: Ports>(
    tenant: &Tenant<'_, P>,
    user: &User,
    loaded: &Loaded,
    source: Option<&Source>,
) -> Result<Explanation>
where
    P::Store: Histories,
{
    let (policy, state) = (&loaded.policy, source.map(|source| source.state));
    let past = match asks_for_the_past(user, policy, state) {
        true => {
            let id = &user.employee_id;
            tenant.store.history(tenant.org, id, None, PAST).await?
        }
        false => Vec::new(),
    };
    let known = Known {
        policy,
        admins: &loaded.admins,
        source: source.map(|source| (&source.source, source.state)),
        past: &past,
        now: tenant.clock.now(),
    };
    Ok(explain(user, known))
}

/// True if the user is active here but not in HR, or the other way round.
fn disagree(user: &User) -> bool {
    match user.hr_word() {
        Some(HrWord::Active) => user.status() != Status::Active,
        Some(HrWord::Inactive | HrWord::Missing) => user.status() == Status::Active,
        None => false,
    }
}

/// A page of every change since an instant, oldest first; by default of the last 30 days.
///
/// # Errors
/// A fault of the table.
pub async fn audit<P: Ports>(
    tenant: &Tenant<'_, P>,
    since: Option<DateTime<Utc>>,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Audited>>
where
    P::Store: Reports,
{
    let now = tenant.clock.now();
    let since = since.unwrap_or(now - AUDIT);
    Ok(tenant
        .store
        .audit(tenant.org, since, now, after, limit)
        .await?)
}
