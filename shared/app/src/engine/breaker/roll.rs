//! Who is on the roll of a hold or a run: what is written of it, and what a run that asks again finds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::hold::ROLL_PEOPLE;
use offramp_domain::{EmployeeId, Gate, HoldState, Roll, Tripped};

use super::Asking;
use crate::ports::{Breakers, RollOf};
use crate::{Ports, Result, Tenant};

/// Holds that are looked through for one that was opened before.
const RECENT: usize = 20;
/// Parts of a roll in one read.
const PARTS: usize = 20;

/// People in parts of a roll.
#[must_use]
pub fn rolls(
    of: &RollOf,
    seq: u64,
    people: &BTreeSet<EmployeeId>,
    at: DateTime<Utc>,
) -> Vec<(RollOf, Roll)> {
    let people: Vec<EmployeeId> = people.iter().cloned().collect();
    people
        .chunks(ROLL_PEOPLE)
        .map(|part| {
            let roll = Roll {
                seq,
                at,
                people: part.to_vec(),
            };
            (of.clone(), roll)
        })
        .collect()
}

/// The hold of the last admin that was opened for them by a run that died before it wrote them.
pub(super) async fn opened_for<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &Asking,
    id: &EmployeeId,
) -> Result<Option<Gate>>
where
    P::Store: Breakers,
{
    let recent = tenant.store.holds(tenant.org, None, RECENT).await?.items;
    let open = recent.into_iter().filter(|hold| {
        let same = (hold.rule, hold.state) == (Tripped::LastAdmin, HoldState::Open);
        same && hold.source == asking.source
    });
    for hold in open {
        let of = RollOf::Hold(hold.hold.clone());
        if let Some(seq) = on_roll(tenant, &of).await?.remove(id) {
            return Ok(Some(Gate::Held {
                hold: hold.hold,
                seq,
            }));
        }
    }
    Ok(None)
}

/// Who is on a roll, with the last number that they joined with.
pub(super) async fn on_roll<P: Ports>(
    tenant: &Tenant<'_, P>,
    of: &RollOf,
) -> Result<BTreeMap<EmployeeId, u64>>
where
    P::Store: Breakers,
{
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = tenant
            .store
            .roll(tenant.org, of, after.as_deref(), PARTS)
            .await?;
        for Roll { seq, people, .. } in page.items {
            all.extend(people.into_iter().map(|id| (id, seq)));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}
