//! Notes with a run whom it did not move, although the breaker had admitted them.

use std::collections::BTreeSet;

use offramp_domain::hold::NOT_MOVED;
use offramp_domain::{EmployeeId, Run, RunId};

use super::{done, rolls};
use crate::backoff::until_won;
use crate::ports::{BreakerCommit, Breakers, RollOf};
use crate::{Ports, Result, Tenant};

/// Takes people out of the figures of a run. Something has come between the question to the breaker and them: an admin has
/// undone the run, or they are the last admin by now. If this fails, the run goes on saying whom it was to move.
pub(crate) async fn not_moved<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: &RunId,
    people: BTreeSet<EmployeeId>,
) where
    P::Store: Breakers,
{
    if people.is_empty() {
        return;
    }
    if let Err(error) = until_won(|| once(tenant, run, &people)).await {
        tracing::warn!(org = %tenant.org, %run, %error, "a run says that it moved more people than it did");
    }
}

async fn once<P: Ports>(
    tenant: &Tenant<'_, P>,
    run: &RunId,
    people: &BTreeSet<EmployeeId>,
) -> Result<Option<()>>
where
    P::Store: Breakers,
{
    let Some(run) = tenant.store.run(tenant.org, run).await? else {
        return Ok(Some(()));
    };
    let count = super::count(people);
    let run = Run {
        people: run.people.saturating_sub(count),
        not_moved: run.not_moved.saturating_add(count),
        rev: run.rev + 1,
        ..run
    };
    let of = RollOf::Run(run.run.clone());
    let commit = BreakerCommit {
        run: Some(&run),
        rolls: rolls(&of, NOT_MOVED, people, tenant.clock.now()),
        ..BreakerCommit::default()
    };
    let committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
    Ok(done(committed).then_some(()))
}
