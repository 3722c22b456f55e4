//! The differences between a snapshot and the roster, by partition. The prints of the roster are compared with the
//! records. Only people with differences are read, decided and written later.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::Range;

use futures_util::future::{try_join, try_join_all};
use offramp_domain::{EmployeeId, Event, Field, HrEvent, Snapshot, SourceId, Warning, roster};

use super::pages::records;
use crate::engine::many::Events;
use crate::ports::snapshots::Receipt;
use crate::ports::{Chunk, ChunkId, Record};
use crate::ports::{Rosters, Snapshots};
use crate::{Ports, Result, Tenant};

/// The most chunks that are read by name: as many as one batch read takes. If there are more, each partition is
/// queried. The queries also return chunks of replaced pages, which are dropped.
const NAMED: usize = 100;
/// The most people of a partition whose warnings are kept although nothing of them changes. A column that is odd for
/// everybody is odd every night.
const WARNED: usize = 20;

/// The differences in one partition of the roster.
pub(super) struct Delta {
    /// The events of people who differ, are new, or are missing.
    pub(super) people: Vec<(EmployeeId, Events)>,
    /// How many employees the snapshot has in this partition.
    pub(super) employees: u64,
    /// How many people the snapshot does not change.
    pub(super) unchanged: u64,
    /// The people with unreadable records.
    pub(super) unreadable: Vec<(EmployeeId, Unreadable)>,
    /// Fields that could not be read of people whom the snapshot does not change: the first [`WARNED`] of them.
    pub(super) warned: Vec<(EmployeeId, Vec<Warning>)>,
    /// The fields that every readable record of the partition has; `None` if it has no such record.
    pub(super) fields: Option<BTreeSet<Field>>,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The reason, safe to show.
    pub(super) reason: String,
    /// True unless the record calls the employee active.
    pub(super) gone: bool,
}

/// An employee who is in a snapshot twice, with different records.
pub(super) struct Contradiction(pub(super) EmployeeId);

/// Compares partitions. Their chunks and rosters are read at once.
///
/// # Errors
/// A fault.
pub(super) async fn deltas<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    receipts: &[Receipt],
    shards: Range<u8>,
) -> Result<std::result::Result<Vec<Delta>, Contradiction>>
where
    P::Store: Snapshots + Rosters,
{
    let rosters = shards
        .clone()
        .map(|shard| roster_of(tenant, &snapshot.source, shard));
    let (chunks, rosters) = try_join(
        chunks(tenant, snapshot, receipts, shards),
        try_join_all(rosters),
    )
    .await?;
    let mut deltas = Vec::with_capacity(rosters.len());
    for (chunks, roster) in chunks.into_iter().zip(rosters) {
        match said(&chunks)? {
            Ok(said) => deltas.push(Delta::of(snapshot, said, roster)),
            Err(contradiction) => return Ok(Err(contradiction)),
        }
    }
    Ok(Ok(deltas))
}

/// The valid chunks of each partition. A replaced page's chunks are not valid.
async fn chunks<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    receipts: &[Receipt],
    shards: Range<u8>,
) -> Result<Vec<Vec<Chunk>>>
where
    P::Store: Snapshots,
{
    let (store, id) = (&tenant.store, &snapshot.snapshot);
    let known = receipts.iter().all(|receipt| !receipt.chunks.is_empty());
    let named: Vec<ChunkId> = receipts
        .iter()
        .flat_map(|receipt| shards.clone().flat_map(|shard| named(receipt, shard)))
        .take(NAMED + 1)
        .collect();
    if known && named.len() <= NAMED {
        let mut all: Vec<Vec<Chunk>> = shards.clone().map(|_| Vec::new()).collect();
        for chunk in store.chunks_named(tenant.org, id, &named).await? {
            let place = chunk.id.shard.checked_sub(shards.start);
            if let Some(of) = place.and_then(|place| all.get_mut(usize::from(place))) {
                of.push(chunk);
            }
        }
        return Ok(all);
    }
    let counts = |chunk: &Chunk| {
        receipts
            .iter()
            .any(|one| one.page == chunk.id.page && one.edition == chunk.id.edition)
    };
    let queries = shards.map(|shard| async move {
        let mut chunks = store.chunks(tenant.org, id, shard).await?;
        chunks.retain(counts);
        Ok(chunks)
    });
    try_join_all(queries).await
}

/// The ids of a page's chunks in one partition.
fn named(receipt: &Receipt, shard: u8) -> impl Iterator<Item = ChunkId> {
    let parts = receipt.chunks.get(usize::from(shard)).copied();
    (0..parts.unwrap_or_default()).map(move |part| ChunkId {
        page: receipt.page,
        edition: receipt.edition.clone(),
        shard,
        part,
    })
}

type Roster = Vec<(EmployeeId, Vec<u8>)>;

async fn roster_of<P: Ports>(tenant: &Tenant<'_, P>, source: &SourceId, shard: u8) -> Result<Roster>
where
    P::Store: Rosters,
{
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = tenant
            .store
            .roster(tenant.org, source, shard, after.as_deref())
            .await?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

impl Delta {
    fn of(snapshot: &Snapshot, said: Records, roster: Roster) -> Self {
        let today = snapshot.occurred_at.date_naive();
        let mut said: Statements = said
            .into_iter()
            .map(|(id, record)| {
                let said = record.says.map(|said| {
                    let event = said.event(id.clone(), snapshot);
                    event.disbelieved(None, today).unwrap_or(event)
                });
                let gone = record.gone;
                (id, said.map_err(|reason| Unreadable { reason, gone }))
            })
            .collect();
        let mut delta = Self {
            people: Vec::new(),
            employees: u64::try_from(said.len()).unwrap_or(u64::MAX),
            unchanged: 0,
            unreadable: Vec::new(),
            warned: Vec::new(),
            fields: carried(&said),
        };
        for (id, print) in roster {
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
        for (id, says) in said {
            delta.known(snapshot, id, says, None);
        }
        delta
    }

    /// True if the partition has neither a change nor anything unreadable.
    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.unreadable.is_empty() && self.warned.is_empty()
    }

    /// Compares a person of the snapshot with their print. `print` is `None` if the source does not know the person
    /// yet.
    fn known(
        &mut self,
        snapshot: &Snapshot,
        id: EmployeeId,
        says: std::result::Result<HrEvent, Unreadable>,
        print: Option<&[u8]>,
    ) {
        let event = match says {
            Ok(event) => event,
            Err(unreadable) => return self.unreadable.push((id, unreadable)),
        };
        if print.is_some_and(|print| roster::says_the_same(print, &event)) {
            self.unchanged += 1;
            if !event.unread.is_empty() && self.warned.len() < WARNED {
                self.warned.push((id, event.unread));
            }
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

type Records = BTreeMap<EmployeeId, Record>;
type Statements = BTreeMap<EmployeeId, std::result::Result<HrEvent, Unreadable>>;

/// The records of a partition by employee. An employee may occur twice with equal records; different records are a
/// contradiction.
fn said(chunks: &[Chunk]) -> Result<std::result::Result<Records, Contradiction>> {
    let mut said = Records::new();
    for chunk in chunks {
        for record in records(chunk)? {
            match said.entry(record.employee_id.clone()) {
                btree_map::Entry::Vacant(free) => {
                    free.insert(record);
                }
                btree_map::Entry::Occupied(known) if *known.get() == record => {}
                btree_map::Entry::Occupied(known) => {
                    return Ok(Err(Contradiction(known.key().clone())));
                }
            }
        }
    }
    Ok(Ok(said))
}

fn carried(said: &Statements) -> Option<BTreeSet<Field>> {
    let readable = said.values().filter_map(|says| says.as_ref().ok());
    readable
        .map(|event| event.fields.keys().copied().collect::<BTreeSet<Field>>())
        .reduce(|all, one| all.intersection(&one).copied().collect())
}
