//! Keys of birthdays and work anniversaries.
//!
//! DATA-MODEL: the sparse indexes `birthdays` and `starts` have every person with a birthday or a first day, except
//! deactivated and deleted people. Their keys are month and day, in 8 partitions a day. A feed takes 8 queries of each
//! index, or 16 on 28 February of a common year. It takes one batch read for each 98 people that it finds.

use chrono::NaiveDate;
use offramp_domain::{EmployeeId, OrgId};

use super::{Index, Key, SHARDS, key, shard};

/// People by birthday.
pub const BIRTHDAYS: Index = Index {
    name: "birthdays",
    pk: "birthdays_pk",
    sk: "birthdays_sk",
};
/// People by first working day.
pub const STARTS: Index = Index {
    name: "starts",
    pk: "starts_pk",
    sk: "starts_sk",
};

/// The index key of a person by a yearly day, for either index.
#[must_use]
pub fn yearly(org: &OrgId, day: NaiveDate, id: &EmployeeId) -> Key {
    let shard = shard(id.as_str(), SHARDS);
    key(yearly_shard(org, day, shard), id.as_str())
}

/// One partition of a yearly day.
#[must_use]
pub fn yearly_shard(org: &OrgId, day: NaiveDate, shard: u8) -> String {
    format!("O#{org}#{}#{shard}", day.format("%m-%d"))
}
