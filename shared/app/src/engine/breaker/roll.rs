//! The roll of a hold or a run: its parts as they are written, and a search in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::hold::ROLL_PEOPLE;
use offramp_domain::{EmployeeId, Gate, HoldState, Roll, Tripped};

use super::RunRequest;
use crate::ports::{Breakers, RollOf};
use crate::{Ports, Result, Tenant};

/// How many of the newest holds are searched for one that was opened before.
const RECENT: usize = 20;
/// Parts of a roll in one read.
const PARTS: usize = 20;

/// The people in parts of a roll, all with the roll number `seq`. A part lists up to [`ROLL_PEOPLE`] people.
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

/// The open hold of the last admin that this person is meant for: nobody has joined it, or they have. A run opened it and
/// died before it wrote the user.
pub(super) async fn opened<P: Ports>(
    tenant: &Tenant<'_, P>,
    asking: &RunRequest,
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
        let on_roll = on_roll(tenant, &of).await?;
        if on_roll.is_empty() || on_roll.contains_key(id) {
            return Ok(Some(Gate::Held {
                seq: hold.version + 1,
                hold: hold.hold,
            }));
        }
    }
    Ok(None)
}

/// The people on a roll, each with their latest roll number.
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
