//! Keys of objectives.
//!
//! DATA-MODEL: an objective lies in its owner's partition (`J#{objective}`: ids are in the order of
//! their making), so an owner's are one consistent query. A locator says whose one is by its id; it
//! never changes, since an objective keeps its owner. As long as it is open it is in the index
//! `people`, in partitions of its own: the dashboard is 8 queries of that index, one batch read of
//! at most 98 objectives and one of their owners for each page, however large the organisation.
//! Complete ones and tombstones are in no index.

use offramp_domain::{EmployeeId, ObjectiveId, OrgId};

use super::{Key, SHARDS, key, person, shard};

/// An objective, with its owner.
#[must_use]
pub fn objective(org: &OrgId, owner: &EmployeeId, id: &ObjectiveId) -> Key {
    key(person(org, owner), format!("{OBJECTIVE}{id}"))
}

/// What the sort keys of objectives begin with.
pub const OBJECTIVE: &str = "J#";

/// Who owns an objective.
#[must_use]
pub fn objective_owner(org: &OrgId, id: &ObjectiveId) -> Key {
    key(format!("O#{org}#J#{id}"), "J")
}

/// Where an open objective is found, whoever owns it: in the index [`super::PEOPLE`], oldest first.
#[must_use]
pub fn open_objective(org: &OrgId, id: &ObjectiveId) -> Key {
    key(board_shard(org, shard(id.as_str(), SHARDS)), id.as_str())
}

/// A partition of the open objectives.
#[must_use]
pub fn board_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#B#{shard}")
}
