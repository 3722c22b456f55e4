//! Keys of days that come round every year.
//!
//! DATA-MODEL: whoever has a birthday or a first day, and is neither deactivated nor deleted, is in
//! the sparse index `birthdays` or `starts` under month and day, in 8 partitions. A feed is 8
//! queries of each index (16 on 28 February of a common year) and one batch read of 98 people for
//! each 98 that it finds.

use chrono::NaiveDate;
use offramp_domain::{EmployeeId, OrgId};

use super::{Index, Key, SHARDS, key, shard};

/// People by birthday.
pub const BIRTHDAYS: Index = Index {
    name: "birthdays",
    pk: "birthdays_pk",
    sk: "birthdays_sk",
};
/// People by the day on which they started.
pub const STARTS: Index = Index {
    name: "starts",
    pk: "starts_pk",
    sk: "starts_sk",
};

/// Where somebody is found by a day that comes round every year; in either index.
#[must_use]
pub fn yearly(org: &OrgId, day: NaiveDate, id: &EmployeeId) -> Key {
    let shard = shard(id.as_str(), SHARDS);
    key(yearly_shard(org, day, shard), id.as_str())
}

/// A partition of a day that comes round every year.
#[must_use]
pub fn yearly_shard(org: &OrgId, day: NaiveDate, shard: u8) -> String {
    format!("O#{org}#{}#{shard}", day.format("%m-%d"))
}
