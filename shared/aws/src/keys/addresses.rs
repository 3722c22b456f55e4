//! The keys of addresses: those that people have, and those that HR has taken from them.

use offramp_domain::{EmployeeId, OrgId, hex};
use ring::digest::{SHA256, digest};

use super::{Key, SHARDS, UNIT, key, person, shard};

/// The index key of a person by e-mail address.
#[must_use]
pub fn mail(org: &OrgId, folded: &str, id: &EmployeeId) -> Key {
    key(
        mail_shard(org, shard(folded, SHARDS)),
        format!("{folded}{UNIT}{id}"),
    )
}

/// The partition of exactly this address, and the beginning of its sort keys.
#[must_use]
pub fn exact_mail(org: &OrgId, folded: &str) -> Key {
    key(
        mail_shard(org, shard(folded, SHARDS)),
        format!("{folded}{UNIT}"),
    )
}

/// One partition of the addresses.
#[must_use]
pub fn mail_shard(org: &OrgId, shard: u8) -> String {
    format!("O#{org}#M#{shard}")
}

/// The key of the item, in the partition of a person, that says that they had an address. Whoever erases the person finds
/// the other item by it.
#[must_use]
pub fn former_address(org: &OrgId, id: &EmployeeId, hash: &str) -> Key {
    key(person(org, id), format!("{FORMER_ADDRESS}{hash}"))
}

/// The beginning of the sort key of every former address of a person.
pub const FORMER_ADDRESS: &str = "F#";

/// The key of the item that says when a person had an address.
#[must_use]
pub fn former_holder(org: &OrgId, hash: &str, id: &EmployeeId) -> Key {
    key(former_holders(org, hash), id.as_str())
}

/// The partition of the people who had an address.
#[must_use]
pub fn former_holders(org: &OrgId, hash: &str) -> String {
    format!("O#{org}#FORMER#{hash}")
}

/// The hash of a folded address. An address may hold what begins another kind of partition.
#[must_use]
pub fn address(folded: &str) -> String {
    hex(digest(&SHA256, folded.as_bytes()).as_ref())
}
