//! Sources that the sweep looks after.

use offramp_domain::{Breaker, SourceId};

use crate::ports::{BreakerCommit, Breakers, Committed};
use crate::{Ports, Result, Tenant};

/// Makes the sweep look after the source from now on, so that its active people are counted before any of them leaves.
/// With `anew` the sweep looks again at once, since its last finding may be out of date.
///
/// # Errors
/// A fault.
pub async fn watched<P: Ports>(tenant: &Tenant<'_, P>, source: &SourceId, anew: bool) -> Result<()>
where
    P::Store: Breakers,
{
    let breaker = tenant.store.breaker(tenant.org, source).await?;
    if breaker.look_at.is_some() && !anew {
        return Ok(());
    }
    let breaker = Breaker {
        look_at: Some(tenant.clock.now()),
        rev: breaker.rev + 1,
        ..breaker
    };
    let commit = BreakerCommit {
        breaker: Some((source, &breaker)),
        ..BreakerCommit::default()
    };
    // After a conflict, the sweep acts on the other write.
    let _: Committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
    Ok(())
}
