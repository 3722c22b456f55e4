//! Snapshots, their pages, and the people that the breaker is asked about.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::try_join_all;
use offramp_app::Fault;
use offramp_app::ports::snapshots::{Receipt, Standing};
use offramp_app::ports::{Chunk, ChunkId, Committed, ROSTER_SHARDS, SnapshotCommit, Snapshots};
use offramp_domain::snapshot::KEPT_FOR;
use offramp_domain::{Counted, EmployeeId, OrgId, Snapshot, SnapshotId, SnapshotQueue, SourceId};
use serde::de::DeserializeOwned;

use super::Table;
use super::breaker::breaker_item;
use super::item::Item;
use super::transaction::{Expression, Parts};
use crate::keys::{self, EXPIRES};

/// The most people in one item of people that the breaker is asked about. With ids of 512 bytes the item stays below
/// 400 KB.
const COUNTED_PEOPLE: usize = 500;
/// The most keys in a batch read.
const BATCH: usize = 100;
/// The attribute of a chunk's bytes.
const BYTES: &str = "bytes";

impl Snapshots for Table {
    async fn line(&self, org: &OrgId, source: &SourceId) -> Result<SnapshotQueue, Fault> {
        match self.get(&keys::line(org, source)).await? {
            Some(item) => item.read(),
            None => Ok(SnapshotQueue::default()),
        }
    }

    async fn snapshot(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> Result<(Option<Snapshot>, SnapshotQueue), Fault> {
        let (line, own) = (
            keys::line(org, source),
            keys::snapshot(org, source, snapshot),
        );
        let read = self.batch_get(&[own.clone(), line.clone()]).await?;
        Ok((
            found(&read, &own)?,
            found(&read, &line)?.unwrap_or_default(),
        ))
    }

    async fn standing(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> Result<Standing, Fault> {
        let (line, own, breaker, sender) = (
            keys::line(org, source),
            keys::snapshot(org, source, snapshot),
            keys::breaker(org, source),
            keys::source(org, source),
        );
        let wanted = [own.clone(), line.clone(), breaker.clone(), sender.clone()];
        let read = self.batch_get(&wanted).await?;
        Ok(Standing {
            snapshot: found(&read, &own)?,
            line: found(&read, &line)?.unwrap_or_default(),
            breaker: found(&read, &breaker)?.unwrap_or_default(),
            source: found(&read, &sender)?,
        })
    }

    async fn commit_snapshot(
        &self,
        org: &OrgId,
        commit: &SnapshotCommit<'_>,
    ) -> Result<Committed, Fault> {
        let snapshot = commit.snapshot;
        let source = &snapshot.source;
        let mut parts = Parts::default();
        parts.put(
            self,
            snapshot_item(org, snapshot)?,
            Some(unchanged(snapshot.rev)),
        )?;
        match commit.line {
            Some(line) => {
                let item = Item::new(keys::line(org, source))
                    .number("rev", line.rev)
                    .text("open", line.open.as_ref().map_or("-", SnapshotId::as_str))
                    .text(
                        "applying",
                        line.applying.as_ref().map_or("-", SnapshotId::as_str),
                    )
                    .data(line)?;
                parts.put(self, item, Some(unchanged(line.rev)))?;
            }
            None => {
                let turn = Expression::new("applying = :snapshot")
                    .text(":snapshot", snapshot.snapshot.as_str());
                parts.check(self, &keys::line(org, source), turn)?;
            }
        }
        if let Some(breaker) = commit.breaker {
            let item = breaker_item(org, source, breaker)?;
            parts.put(self, item, Some(unchanged(breaker.rev)))?;
        }
        self.write(parts).await
    }

    async fn retire_snapshot(&self, org: &OrgId, snapshot: &Snapshot) -> Result<Committed, Fault> {
        let mut parts = Parts::default();
        parts.put(
            self,
            snapshot_item(org, snapshot)?,
            Some(unchanged(snapshot.rev)),
        )?;
        self.write(parts).await
    }

    async fn put_page(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        receipt: &Receipt,
        chunks: Vec<Chunk>,
    ) -> Result<Committed, Fault> {
        let id = &snapshot.snapshot;
        let expires = expires(snapshot);
        let items = chunks
            .into_iter()
            .map(|chunk| {
                let Chunk { id: of, bytes } = chunk;
                Item::new(chunk_key(org, id, &of))
                    .text("edition", of.edition)
                    .number("page", of.page.into())
                    .number("part", of.part.into())
                    .bytes(BYTES, bytes)
                    .number(EXPIRES, expires)
            })
            .collect();
        self.put_all(items).await?;
        let item = Item::new(keys::page(org, id, receipt.page))
            .data(receipt)?
            .number(EXPIRES, expires);
        let mut parts = Parts::default();
        parts.put(self, item, None)?;
        let turn = Expression::new("#open = :snapshot").text(":snapshot", id.as_str());
        parts.check(self, &keys::line(org, &snapshot.source), turn)?;
        self.write(parts).await
    }

    async fn pages(&self, org: &OrgId, snapshot: &SnapshotId) -> Result<Vec<Receipt>, Fault> {
        let items = self.all(&keys::pages(org, snapshot), keys::CHUNK).await?;
        items.iter().map(Item::read).collect()
    }

    async fn chunks(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        shard: u8,
    ) -> Result<Vec<Chunk>, Fault> {
        let pk = keys::chunks(org, snapshot, shard);
        let items = self.all(&pk, keys::CHUNK).await?;
        items
            .iter()
            .map(|item| {
                let number = |name| {
                    item.get_number(name)
                        .and_then(|number| u32::try_from(number).ok())
                        .ok_or_else(|| Fault::corrupt("read", "a chunk without its place"))
                };
                let id = ChunkId {
                    page: number("page")?,
                    part: number("part")?,
                    shard,
                    edition: item.get_text("edition").unwrap_or_default().to_owned(),
                };
                Ok(Chunk {
                    id,
                    bytes: item.get_bytes(BYTES).unwrap_or_default().to_vec(),
                })
            })
            .collect()
    }

    async fn chunks_named(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        chunks: &[ChunkId],
    ) -> Result<Vec<Chunk>, Fault> {
        let key = |id: &ChunkId| chunk_key(org, snapshot, id);
        let mut all = Vec::with_capacity(chunks.len());
        for batch in chunks.chunks(BATCH) {
            let wanted: Vec<keys::Key> = batch.iter().map(key).collect();
            let read = self.batch_get(&wanted).await?.into_iter();
            let mut read: HashMap<keys::Key, Item> = read.map(|item| (item.key(), item)).collect();
            for (id, key) in batch.iter().zip(&wanted) {
                let item = read.remove(key);
                let item = item.ok_or_else(|| Fault::corrupt("read", "a chunk is not there"))?;
                all.push(Chunk {
                    id: id.clone(),
                    bytes: item.get_bytes(BYTES).unwrap_or_default().to_vec(),
                });
            }
        }
        Ok(all)
    }

    async fn put_counted(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        shard: u8,
        counted: &[(EmployeeId, Counted)],
    ) -> Result<u32, Fault> {
        let id = &snapshot.snapshot;
        let mut items = Vec::new();
        for (part, people) in counted.chunks(COUNTED_PEOPLE).enumerate() {
            let item = Item::new(keys::counted(org, id, shard, part))
                .data(&people)?
                .number(EXPIRES, expires(snapshot));
            items.push(item);
        }
        let lists = u32::try_from(items.len()).unwrap_or(u32::MAX);
        self.put_all(items).await?;
        Ok(lists)
    }

    async fn counted(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        lists: &BTreeMap<u8, u32>,
    ) -> Result<Vec<(EmployeeId, Counted)>, Fault> {
        let of = |(shard, lists): (&u8, &u32)| {
            let (shard, lists) = (*shard, usize::try_from(*lists).unwrap_or(usize::MAX));
            (0..lists).map(move |part| keys::counted(org, snapshot, shard, part))
        };
        let wanted: Vec<keys::Key> = lists.iter().flat_map(of).collect();
        let mut all = Vec::new();
        for batch in wanted.chunks(BATCH) {
            for item in self.batch_get(batch).await? {
                all.append(&mut item.read::<Vec<(EmployeeId, Counted)>>()?);
            }
        }
        Ok(all)
    }

    async fn lists(&self, org: &OrgId, snapshot: &SnapshotId) -> Result<BTreeMap<u8, u32>, Fault> {
        let of = |shard| async move {
            let pk = keys::chunks(org, snapshot, shard);
            let items = self.all(&pk, keys::COUNTED).await?;
            Ok::<_, Fault>((shard, u32::try_from(items.len()).unwrap_or(u32::MAX)))
        };
        let lists = try_join_all((0..ROSTER_SHARDS).map(of)).await?;
        Ok(lists.into_iter().collect())
    }
}

/// The item with this key among the items that were read.
fn found<T: DeserializeOwned>(read: &[Item], key: &keys::Key) -> Result<Option<T>, Fault> {
    let item = read.iter().find(|item| item.key() == *key);
    item.map(Item::read).transpose()
}

fn chunk_key(org: &OrgId, snapshot: &SnapshotId, of: &ChunkId) -> keys::Key {
    keys::chunk(org, snapshot, of.shard, of.page, &of.edition, of.part)
}

/// The item of a snapshot. While there is work, it is due work at the instant at which the next run takes it up.
fn snapshot_item(org: &OrgId, snapshot: &Snapshot) -> Result<Item, Fault> {
    let key = keys::snapshot(org, &snapshot.source, &snapshot.snapshot);
    let item = Item::new(key)
        .number("rev", snapshot.rev)
        .data(snapshot)?
        .number(EXPIRES, expires(snapshot));
    Ok(match snapshot.due {
        Some(due) => item.indexed(keys::WORK, keys::work(org, snapshot.snapshot.as_str(), due)),
        None => item,
    })
}

fn expires(snapshot: &Snapshot) -> u64 {
    (snapshot.opened_at + KEPT_FOR).timestamp().unsigned_abs()
}

/// The condition on the write of the revision `rev`.
fn unchanged(rev: u64) -> Expression {
    match rev {
        1 => Expression::new("attribute_not_exists(pk)"),
        rev => Expression::new("rev = :rev").number(":rev", rev - 1),
    }
}
