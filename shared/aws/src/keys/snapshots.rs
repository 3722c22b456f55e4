//! Keys of snapshots.

use offramp_domain::{OrgId, SnapshotId, SourceId};

use super::{Key, key};

/// The key of the line of a source, which says which snapshot accepts pages and which is applied.
#[must_use]
pub fn line(org: &OrgId, source: &SourceId) -> Key {
    key(snapshots(org, source), LINE)
}

/// The sort key of a line.
const LINE: &str = "LINE";

/// The key of a snapshot of a source.
#[must_use]
pub fn snapshot(org: &OrgId, source: &SourceId, snapshot: &SnapshotId) -> Key {
    key(snapshots(org, source), snapshot.as_str())
}

fn snapshots(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#S#{source}")
}

/// The organisation and source of a partition of snapshots; `None` for another partition.
#[must_use]
pub fn snapshots_of(pk: &str) -> Option<(OrgId, SourceId)> {
    let (org, source) = pk.strip_prefix("O#")?.split_once("#S#")?;
    Some((OrgId::new(org).ok()?, SourceId::new(source).ok()?))
}

/// The key of the receipt of a page.
#[must_use]
pub fn page(org: &OrgId, snapshot: &SnapshotId, page: u32) -> Key {
    key(pages(org, snapshot), format!("P#{page:04}"))
}

/// The partition of the receipts of a snapshot's pages.
#[must_use]
pub fn pages(org: &OrgId, snapshot: &SnapshotId) -> String {
    format!("O#{org}#SN#{snapshot}")
}

/// The key of a chunk of a page.
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

/// The beginning of the sort key of every chunk.
pub const CHUNK: &str = "P#";

/// The partition of a snapshot's chunks for one partition of the roster. It also has the people of that partition that
/// the breaker is asked about.
#[must_use]
pub fn chunks(org: &OrgId, snapshot: &SnapshotId, shard: u8) -> String {
    format!("O#{org}#SN#{snapshot}#{shard}")
}

/// The key of a list of people that the breaker is asked about.
#[must_use]
pub fn counted(org: &OrgId, snapshot: &SnapshotId, shard: u8, part: usize) -> Key {
    key(chunks(org, snapshot, shard), format!("{COUNTED}{part:05}"))
}

/// The beginning of the sort key of every such list.
pub const COUNTED: &str = "C#";
