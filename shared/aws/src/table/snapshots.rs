//! Snapshots, their pages, and the people that the breaker is asked about.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_app::Fault;
use offramp_app::ports::snapshots::Receipt;
use offramp_app::ports::{Chunk, Committed, SnapshotCommit, Snapshots};
use offramp_domain::snapshot::KEPT_FOR;
use offramp_domain::{Counted, EmployeeId, Line, OrgId, Snapshot, SnapshotId, SourceId};

use super::Table;
use super::item::Item;
use super::transaction::{Expression, Parts};
use crate::keys::{self, EXPIRES, SK};

/// The most people in one item of people that the breaker is asked about. With ids of 512 bytes the item stays below
/// 400 KB.
const COUNTED_PEOPLE: usize = 500;
/// How many items of an earlier, longer list are deleted at once.
const AT_ONCE: usize = 8;
/// The attribute of a chunk's bytes.
const BYTES: &str = "bytes";

impl Snapshots for Table {
    async fn line(&self, org: &OrgId, source: &SourceId) -> Result<Line, Fault> {
        match self.get(&keys::line(org, source)).await? {
            Some(item) => item.read(),
            None => Ok(Line::default()),
        }
    }

    async fn snapshot(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> Result<Option<Snapshot>, Fault> {
        self.get(&keys::snapshot(org, source, snapshot))
            .await?
            .map(|item| item.read())
            .transpose()
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
                let Chunk {
                    page,
                    edition,
                    shard,
                    part,
                    bytes,
                } = chunk;
                Item::new(keys::chunk(org, id, shard, page, &edition, part))
                    .text("edition", edition)
                    .number("page", page.into())
                    .number("part", part.into())
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
                Ok(Chunk {
                    page: number("page")?,
                    part: number("part")?,
                    shard,
                    edition: item.get_text("edition").unwrap_or_default().to_owned(),
                    bytes: item.get_bytes(BYTES).unwrap_or_default().to_vec(),
                })
            })
            .collect()
    }

    async fn put_counted(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        shard: u8,
        counted: &[(EmployeeId, Counted)],
    ) -> Result<(), Fault> {
        let id = &snapshot.snapshot;
        let mut items = Vec::new();
        for (part, people) in counted.chunks(COUNTED_PEOPLE).enumerate() {
            let item = Item::new(keys::counted(org, id, shard, part))
                .data(&people)?
                .number(EXPIRES, expires(snapshot));
            items.push(item);
        }
        // An earlier run of this step, which died, may have found more people.
        let pk = keys::chunks(org, id, shard);
        let stale = self.all(&pk, keys::COUNTED).await?;
        let stale = stale.iter().skip(items.len()).filter_map(|item| {
            let sk = item.get_text(SK)?.to_owned();
            Some(keys::Key { pk: pk.clone(), sk })
        });
        stream::iter(stale.collect::<Vec<_>>())
            .map(|key| async move { self.delete(&key).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        self.put_all(items).await
    }

    async fn counted(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        shard: u8,
    ) -> Result<Vec<(EmployeeId, Counted)>, Fault> {
        let pk = keys::chunks(org, snapshot, shard);
        let items = self.all(&pk, keys::COUNTED).await?;
        let mut all = Vec::new();
        for item in &items {
            all.append(&mut item.read::<Vec<(EmployeeId, Counted)>>()?);
        }
        Ok(all)
    }
}

impl Table {
    /// Deletes an item without a condition.
    async fn delete(&self, key: &keys::Key) -> Result<(), Fault> {
        let mut parts = Parts::default();
        parts.delete(self, key, None)?;
        let _: Committed = self.write(parts).await?;
        Ok(())
    }
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
