//! Users in a grace period, as the breakers of their sources keep them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use offramp_domain::decide::foreseen;
use offramp_domain::{Breaker, Context, Gate, Logins, Policy, SourceId, User};

use crate::ports::Breakers;
use crate::when::Days;
use crate::{Ports, Result, Tenant};

/// The users with the ends that their timers will find. A breaker is read for each source that somebody in a grace period
/// belongs to; where nobody is in one, nothing is read.
///
/// # Errors
/// A fault.
pub async fn as_kept<P: Ports>(
    tenant: &Tenant<'_, P>,
    policy: &Policy,
    users: Vec<User>,
) -> Result<Vec<User>>
where
    P::Store: Breakers,
{
    let in_grace = |user: &&User| user.as_of(policy).lifecycle().schedule().is_some();
    let sources: BTreeSet<SourceId> = users
        .iter()
        .filter(in_grace)
        .filter_map(|user| user.origin.source().cloned())
        .collect();
    if sources.is_empty() {
        return Ok(users);
    }
    let breakers = sources.into_iter().map(|source| async move {
        let breaker = tenant.store.breaker(tenant.org, &source).await?;
        Ok::<_, crate::Error>((source, Arc::new(breaker)))
    });
    let breakers: BTreeMap<SourceId, Arc<Breaker>> =
        try_join_all(breakers).await?.into_iter().collect();
    let rule = crate::rules::of(policy);
    let zone = Days::of(&policy.settings.time_zone);
    let (admins, logins) = (BTreeSet::new(), Logins::default());
    let seen = |user: User| {
        let breaker = user.origin.source().and_then(|source| breakers.get(source));
        let context = Context {
            org: tenant.org,
            policy,
            rule: &*rule,
            zone: &zone,
            admins: &admins,
            logins: &logins,
            alike: None,
            breaker: breaker.map(AsRef::as_ref),
            gate: &Gate::OPEN,
            observing: false,
            day: tenant.clock.day(),
            now: tenant.clock.now(),
        };
        foreseen(&user, &context)
    };
    Ok(users.into_iter().map(seen).collect())
}
