//! Snapshots: their state, their pages, and whom the breaker is asked about.

use std::future::Future;

use offramp_domain::{Counted, EmployeeId, Line, OrgId, Snapshot, SnapshotId, SourceId};
use serde::{Deserialize, Serialize};

use super::Committed;
use crate::Fault;

/// One write of a snapshot: all of it, or nothing.
#[derive(Debug)]
pub struct SnapshotCommit<'a> {
    /// As it will be, conditional on the `rev` before its own.
    pub snapshot: &'a Snapshot,
    /// The line as it will be, conditional on the `rev` before its own; `None`: conditional on the
    /// snapshot's being the one that is applied.
    pub line: Option<&'a Line>,
}

/// A page that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number, from 1.
    pub page: u32,
    /// Employees on it.
    pub employees: u32,
    /// Which of several deliveries of it counts: a page that comes again replaces it.
    pub edition: String,
}

/// Part of a page: those of its employees who are in one partition of the roster, compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The page.
    pub page: u32,
    /// The delivery of it.
    pub edition: String,
    /// The partition.
    pub shard: u8,
    /// Which of several chunks of this page and partition.
    pub part: u32,
    /// Compressed by [`crate::inbound::snapshots::pages`]; 350,000 bytes at most.
    pub bytes: Vec<u8>,
}

/// Snapshots.
pub trait Snapshots: Send + Sync {
    /// Whose turn it is; a consistent read.
    fn line(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Line, Fault>> + Send;
    /// A snapshot of a source; a consistent read.
    fn snapshot(
        &self,
        org: &OrgId,
        source: &SourceId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<Option<Snapshot>, Fault>> + Send;
    /// Writes a snapshot, and the line where that changes.
    fn commit_snapshot(
        &self,
        org: &OrgId,
        commit: &SnapshotCommit<'_>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes a snapshot on which there is no work any more, whosever turn it is.
    fn retire_snapshot(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Keeps a page: its chunks first, and then its receipt, conditional on the snapshot's being the one
    /// that takes pages.
    fn put_page(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        receipt: &Receipt,
        chunks: Vec<Chunk>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// The pages that have come, by number; a consistent read.
    fn pages(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
    ) -> impl Future<Output = Result<Vec<Receipt>, Fault>> + Send;
    /// Every chunk of a partition, of whatever delivery, by page; a consistent read.
    fn chunks(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        shard: u8,
    ) -> impl Future<Output = Result<Vec<Chunk>, Fault>> + Send;
    /// Keeps whom the breaker is asked about, of one partition; in place of what was kept for it before.
    fn put_counted(
        &self,
        org: &OrgId,
        snapshot: &Snapshot,
        shard: u8,
        counted: &[(EmployeeId, Counted)],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Whom the breaker is asked about, of one partition; a consistent read.
    fn counted(
        &self,
        org: &OrgId,
        snapshot: &SnapshotId,
        shard: u8,
    ) -> impl Future<Output = Result<Vec<(EmployeeId, Counted)>, Fault>> + Send;
}
