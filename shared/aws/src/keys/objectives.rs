//! Keys of objectives.
//!
//! DATA-MODEL: an objective is in its owner's partition (`J#{objective}`; ids sort by time of creation), so one
//! consistent query reads an owner's objectives. A locator item names the owner for an objective's id. It never
//! changes, because an objective keeps its owner. An open objective is in the index `people`, in partitions of its own.
//! So a page of the dashboard takes 8 queries of that index, one batch read of at most 98 objectives and one of their
//! owners, whatever the size of the organisation. Complete objectives and tombstones are in no index.

use offramp_domain::{EmployeeId, ObjectiveId, OrgId};

use super::{Key, SHARDS, key, person, shard};

/// The key of an objective, in the partition of its owner.
#[must_use]
pub fn objective(org: &OrgId, owner: &EmployeeId, id: &ObjectiveId) -> Key {
    key(person(org, owner), format!("{OBJECTIVE}{id}"))
}

/// The beginning of the sort key of every objective.
pub const OBJECTIVE: &str = "J#";

/// The key of the locator, which names the owner of an objective.
#[must_use]
pub fn objective_owner(org: &OrgId, id: &ObjectiveId) -> Key {
    key(format!("O#{org}#J#{id}"), "J")
}

/// The index key of an open objective in [`super::PEOPLE`], over all owners, oldest first.
#[must_use]
pub fn open_objective(org: &OrgId, id: &ObjectiveId) -> Key {
    key(board_shard(org, shard(id.as_str(), SHARDS)), id.as_str())
}

/// One partition of the open objectives.
#[must_use]
pub fn board_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#B#{shard}")
}
