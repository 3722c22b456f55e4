//! Who is on the roll of a hold or a run: what is written of it, and what a run that asks again finds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use offramp_domain::hold::ROLL_PEOPLE;
use offramp_domain::{EmployeeId, Gate, HoldState, OrgId, Roll, Tripped};

use super::Asking;
use crate::ports::{Breakers, RollOf};
use crate::{Env, Result};

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
pub(super) async fn opened_for<S: Breakers, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    asking: &Asking,
    id: &EmployeeId,
) -> Result<Option<Gate>> {
    let recent = env.store.holds(org, None, RECENT).await?.items;
    let open = recent.into_iter().filter(|hold| {
        let same = (hold.rule, hold.state) == (Tripped::LastAdmin, HoldState::Open);
        same && hold.source == asking.source
    });
    for hold in open {
        let of = RollOf::Hold(hold.hold.clone());
        if let Some(seq) = on_roll(env, org, &of).await?.remove(id) {
            return Ok(Some(Gate::Held {
                hold: hold.hold,
                seq,
            }));
        }
    }
    Ok(None)
}

/// Who is on a roll, with the last number that they joined with.
pub(super) async fn on_roll<S: Breakers, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    of: &RollOf,
) -> Result<BTreeMap<EmployeeId, u64>> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = env.store.roll(org, of, after.as_deref(), PARTS).await?;
        for Roll { seq, people, .. } in page.items {
            all.extend(people.into_iter().map(|id| (id, seq)));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}
