//! The last admin, whom the breaker never admits.

use std::collections::BTreeSet;

use offramp_domain::settings::Safeguards;
use offramp_domain::{Cause, EmployeeId, Figures, Gate, HoldState, Tripped};

use super::roll::opened;
use super::{Asked, RunRequest};
use crate::metrics::Metric;
use crate::ports::{Breakers, Users};
use crate::{Error, Ports, Result, Tenant};

/// Holds the last admin alone. Such a hold says nothing about the source, so it does not change the source's breaker.
/// If the admin is already in an open hold of this rule, that hold is used.
pub(super) async fn last_admin<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &RunRequest,
    (id, cause): (&EmployeeId, Cause),
    safeguards: Safeguards,
) -> Result<Gate>
where
    P::Store: Users + Breakers,
{
    let loaded = tenant
        .store
        .load(tenant.org, std::slice::from_ref(id))
        .await?;
    let held = loaded.users.get(id).and_then(|user| user.hold.clone());
    if let Some(held) = held
        && let Some(hold) = tenant.store.hold(tenant.org, &held.hold).await?
        && (hold.rule, hold.state) == (Tripped::LastAdmin, HoldState::Open)
    {
        return Ok(Gate::Held {
            hold: held.hold,
            seq: held.seq,
        });
    }
    if let Some(gate) = opened(tenant, asking, id).await? {
        return Ok(gate);
    }
    let people = BTreeSet::from([id.clone()]);
    let asked = Asked {
        tenant: *tenant,
        asking,
        people: &people,
        returns: false,
        safeguards,
        now: tenant.clock.now(),
    };
    let figures = Figures {
        people: 1,
        limits: safeguards.into(),
        ..Figures::default()
    };
    let hold = asked.open(Tripped::LastAdmin, figures);
    let gate = asked.write(None, &hold, 1).await?.ok_or(Error::Busy)?;
    if cause == Cause::LeaveDate {
        tenant.meter.record(Metric::LastAdminLeaves, 1_u32);
    }
    Ok(gate)
}
