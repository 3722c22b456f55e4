//! Keys of snapshots.

use offramp_domain::{OrgId, SnapshotId, SourceId};

use super::{Key, key};

/// The line of a source: whose turn it is among its snapshots.
#[must_use]
pub fn line(org: &OrgId, source: &SourceId) -> Key {
    key(snapshots(org, source), LINE)
}

/// The sort key of a line.
const LINE: &str = "LINE";

/// A snapshot of a source.
#[must_use]
pub fn snapshot(org: &OrgId, source: &SourceId, snapshot: &SnapshotId) -> Key {
    key(snapshots(org, source), snapshot.as_str())
}

fn snapshots(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#S#{source}")
}

/// The organisation and source of a partition of snapshots.
#[must_use]
pub fn snapshots_of(pk: &str) -> Option<(OrgId, SourceId)> {
    let (org, source) = pk.strip_prefix("O#")?.split_once("#S#")?;
    Some((OrgId::new(org).ok()?, SourceId::new(source).ok()?))
}

/// The receipt of a page.
#[must_use]
pub fn page(org: &OrgId, snapshot: &SnapshotId, page: u32) -> Key {
    key(pages(org, snapshot), format!("P#{page:04}"))
}

/// The partition of the receipts of a snapshot.
#[must_use]
pub fn pages(org: &OrgId, snapshot: &SnapshotId) -> String {
    format!("O#{org}#SN#{snapshot}")
}

/// A chunk of a page.
#[must_use]
pub fn chunk(
    org: &OrgId,
    snapshot: &SnapshotId,
    shard: u8,
    page: u32,
    edition: &str,
    part: u32,
) -> Key {
    key(
        chunks(org, snapshot, shard),
        format!("{CHUNK}{page:04}#{edition}#{part:04}"),
    )
}

/// What the sort keys of chunks begin with.
pub const CHUNK: &str = "P#";

/// The partition of the chunks of a snapshot in one partition of the roster, and of whom the breaker is
/// asked about in it.
#[must_use]
pub fn chunks(org: &OrgId, snapshot: &SnapshotId, shard: u8) -> String {
    format!("O#{org}#SN#{snapshot}#{shard}")
}

/// Whom the breaker is asked about.
#[must_use]
pub fn counted(org: &OrgId, snapshot: &SnapshotId, shard: u8, part: usize) -> Key {
    key(chunks(org, snapshot, shard), format!("{COUNTED}{part:05}"))
}

/// What the sort keys of those begin with.
pub const COUNTED: &str = "C#";
