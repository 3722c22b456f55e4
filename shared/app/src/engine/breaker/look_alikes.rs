//! Unknown people who look like somebody who is here. The breaker never admits them.

use std::collections::BTreeSet;

use offramp_domain::settings::Safeguards;
use offramp_domain::{EmployeeId, Figures, Gate, HoldState, Tripped};

use super::{Asked, RunRequest, count};
use crate::ports::{Breakers, Users};
use crate::{Error, Ports, Result, Tenant};

/// How many of the newest holds are searched for one that this run opened.
const RECENT: usize = 20;

/// Holds the look-alikes of a run together. Such a hold says nothing about the source, so it does not change the source's
/// breaker. If the run has opened one before it died, that one is used.
pub(super) async fn look_alikes<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &RunRequest,
    people: &BTreeSet<EmployeeId>,
    safeguards: Safeguards,
) -> Result<Gate>
where
    P::Store: Users + Breakers,
{
    let recent = tenant.store.holds(tenant.org, None, RECENT).await?.items;
    let own = recent.into_iter().find(|hold| {
        hold.run.as_ref() == Some(&asking.run)
            && (hold.rule, hold.state) == (Tripped::LookAlike, HoldState::Open)
    });
    if let Some(hold) = own {
        return Ok(Gate::Held {
            seq: hold.version + 1,
            hold: hold.hold,
        });
    }
    let asked = Asked {
        tenant: *tenant,
        asking,
        people,
        returns: false,
        safeguards,
        now: tenant.clock.now(),
    };
    let figures = Figures {
        people: count(people),
        limits: safeguards.into(),
        ..Figures::default()
    };
    let hold = asked.open(Tripped::LookAlike, figures);
    asked
        .write(None, &hold, count(people))
        .await?
        .ok_or(Error::Busy)
}
