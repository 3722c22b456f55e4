//! What a snapshot changes, one partition of the roster at a time: the prints of the roster are held
//! against the records, and only who differs is read, decided and, later, written.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use offramp_domain::{EmployeeId, Event, Field, Snapshot, roster};

use super::pages::records;
use crate::engine::many::Events;
use crate::ports::snapshots::Receipt;
use crate::ports::{Record, Said};
use crate::ports::{Rosters, Snapshots};
use crate::{Ports, Result, Tenant};

/// What a partition of the roster comes to.
pub(super) struct Delta {
    /// What happens to whom: those who differ, those who are new, those who are missing.
    pub(super) people: Vec<(EmployeeId, Events)>,
    /// Employees of the snapshot in it.
    pub(super) employees: u64,
    /// Those for whom nothing changes.
    pub(super) unchanged: u64,
    /// Those whose record cannot be read, with why.
    pub(super) unreadable: Vec<(EmployeeId, String)>,
    /// Fields that every record in it carries; `None` where there is none.
    pub(super) fields: Option<BTreeSet<Field>>,
}

/// Why a snapshot contradicts itself.
pub(super) struct Contradiction(pub(super) EmployeeId);

/// Compares one partition.
///
/// # Errors
/// A fault.
pub(super) async fn delta<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    receipts: &[Receipt],
    shard: u8,
) -> Result<std::result::Result<Delta, Contradiction>>
where
    P::Store: Snapshots + Rosters,
{
    let mut said = match read(tenant, snapshot, receipts, shard).await? {
        Ok(said) => said,
        Err(contradiction) => return Ok(Err(contradiction)),
    };
    let mut delta = Delta {
        people: Vec::new(),
        employees: u64::try_from(said.len()).unwrap_or(u64::MAX),
        unchanged: 0,
        unreadable: Vec::new(),
        fields: carried(&said),
    };
    let mut after: Option<String> = None;
    loop {
        let page = tenant
            .store
            .roster(tenant.org, &snapshot.source, shard, after.as_deref())
            .await?;
        for (id, print) in page.items {
            match said.remove(&id) {
                Some(says) => delta.known(snapshot, id, says, Some(&print)),
                None if roster::is_missing(&print) => {}
                None => {
                    let event = Event::Missing {
                        source: snapshot.source.clone(),
                        snapshot: snapshot.snapshot.clone(),
                        at: snapshot.occurred_at,
                    };
                    delta.push(id, event);
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    for (id, says) in said {
        delta.known(snapshot, id, says, None);
    }
    Ok(Ok(delta))
}

impl Delta {
    /// Somebody whom the snapshot has, and the print of whom the source knows.
    fn known(
        &mut self,
        snapshot: &Snapshot,
        id: EmployeeId,
        says: std::result::Result<Said, String>,
        print: Option<&[u8]>,
    ) {
        let record = match says {
            Ok(said) => Record {
                employee_id: id.clone(),
                says: Ok(said),
            },
            Err(reason) => return self.unreadable.push((id, reason)),
        };
        let Some(event) = record.event(snapshot.occurred_at) else {
            return;
        };
        if print.is_some_and(|print| roster::says_the_same(print, &event)) {
            self.unchanged += 1;
            return;
        }
        let source = snapshot.source.clone();
        self.push(id, Event::Hr { source, event });
    }

    fn push(&mut self, id: EmployeeId, event: Event) {
        let place = self.people.len();
        self.people.push((id, vec![(place, event)]));
    }
}

type Records = BTreeMap<EmployeeId, std::result::Result<Said, String>>;

/// The records of a partition. The same employee twice with the same record is once; with another it
/// is a contradiction.
async fn read<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    receipts: &[Receipt],
    shard: u8,
) -> Result<std::result::Result<Records, Contradiction>>
where
    P::Store: Snapshots,
{
    let mut said = Records::new();
    for chunk in tenant
        .store
        .chunks(tenant.org, &snapshot.snapshot, shard)
        .await?
    {
        let counts = receipts
            .iter()
            .any(|receipt| receipt.page == chunk.page && receipt.edition == chunk.edition);
        if !counts {
            continue;
        }
        for record in records(&chunk)? {
            match said.entry(record.employee_id) {
                btree_map::Entry::Vacant(free) => {
                    free.insert(record.says);
                }
                btree_map::Entry::Occupied(known) if *known.get() == record.says => {}
                btree_map::Entry::Occupied(known) => {
                    return Ok(Err(Contradiction(known.key().clone())));
                }
            }
        }
    }
    Ok(Ok(said))
}

fn carried(said: &Records) -> Option<BTreeSet<Field>> {
    let readable = said.values().filter_map(|says| says.as_ref().ok());
    readable
        .map(|said| said.fields.keys().copied().collect::<BTreeSet<Field>>())
        .reduce(|all, one| all.intersection(&one).copied().collect())
}
