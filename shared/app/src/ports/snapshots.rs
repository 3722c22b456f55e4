//! Snapshots: their state, their pages, and the people that the breaker is asked about.

use std::collections::BTreeMap;
use std::future::Future;

use offramp_domain::{
    Breaker, Counted, EmployeeId, OrgId, Snapshot, SnapshotId, SnapshotQueue, SourceId,
};
use serde::{Deserialize, Serialize};

use super::{Committed, Source};
use crate::Fault;

/// A write of a snapshot, which is done as a whole or not at all.
#[derive(Debug)]
pub struct SnapshotCommit<'a> {
    /// The new state of the snapshot, conditional on the previous `rev`.
    pub snapshot: &'a Snapshot,
    /// The new state of the line, conditional on the previous `rev`. If `None`, the write is conditional on the line
    /// having this snapshot as the one that is being applied.
    pub line: Option<&'a SnapshotQueue>,
    /// The new state of the source's breaker, conditional on the previous `rev`; `None` if it does not change.
    pub breaker: Option<&'a Breaker>,
}

/// A snapshot with all that decides whether it goes on.
#[derive(Debug)]
pub struct Standing {
    /// The snapshot; `None` if it does not exist.
    pub snapshot: Option<Snapshot>,
    /// The line of its source.
    pub line: SnapshotQueue,
    /// The breaker of its source.
    pub breaker: Breaker,
    /// Its source; `None` if it does not exist.
    pub source: Option<Source>,
}

/// The receipt of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the page, from 1.
    pub page: u32,
    /// How many employees the page has.
    pub employees: u32,
    /// The delivery that counts. A page that is sent again replaces the earlier delivery.
    pub edition: String,
    /// The number of chunks in each partition of the roster; empty if an older version wrote the receipt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<u32>,
}

/// The name of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkId {
    /// The number of the page.
    pub page: u32,
    /// The delivery of the page.
    pub edition: String,
    /// The partition of the roster.
    pub shard: u8,
    /// The number of the chunk among the chunks of this page and partition.
    pub part: u32,
}

/// A chunk of a page: the employees of one partition of the roster, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The name of the chunk.
    pub id: ChunkId,
    /// Compressed by [`crate::inbound::snapshots::pages`]; at most 350,000 bytes.
    pub bytes: Vec<u8>,
}

/// Reads and writes snapshots.
pub trait Snapshots: Send + Sync {
    /// The line of a source, read consistently.
    fn line(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<SnapshotQueue, Fault>> + Send;
    /// A snapshot of a source, read consistently.
    fn snapshot(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<(Option<Snapshot>, SnapshotQueue), Fault>> + Send;
    /// The same, the source and its breaker, in one consistent read.
    fn standing(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<Standing, Fault>> + Send;
    /// Writes a snapshot, and the line and the breaker if they change.
    fn commit_snapshot(
        &self,
        org: &OrgId,
        commit: &SnapshotCommit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes a snapshot without work left, whatever the line says.
    fn retire_snapshot(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Stores a page: its chunks first, then its receipt. The receipt is conditional on the line having this snapshot
    /// as the one that accepts pages.
    fn put_page(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        receipt: &Receipt,
        chunks: Vec<Chunk>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// The receipts of the stored pages, by number, read consistently.
    fn pages(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<Vec<Receipt>, Fault>> + Send;
    /// Every chunk of a partition, of any delivery, by page, read consistently.
    fn chunks(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        shard: u8,
    ) -> impl Future<Output = Result<Vec<Chunk>, Fault>> + Send;
    /// Chunks by their names, in any order, read consistently.
    fn chunks_named(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        chunks: &[ChunkId],
    ) -> impl Future<Output = Result<Vec<Chunk>, Fault>> + Send;
    /// Stores the people of one partition that the breaker is asked about, and returns the number of lists that hold
    /// them. They replace the lists that were stored before.
    fn put_counted(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        shard: u8,
        counted: &[(EmployeeId, Counted)],
    ) -> impl Future<Output = Result<u32, Fault>> + Send;
    /// The people that the breaker is asked about, of partitions with that many lists each, read consistently.
    fn counted(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        lists: &BTreeMap<u8, u32>,
    ) -> impl Future<Output = Result<Vec<(EmployeeId, Counted)>, Fault>> + Send;
    /// How many lists there are in each partition, for a snapshot that does not say so; a consistent read.
    fn lists(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<BTreeMap<u8, u32>, Fault>> + Send;
}
