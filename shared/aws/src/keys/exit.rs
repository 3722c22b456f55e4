//! Keys of what leaving and coming back leave behind.

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, OrgId};

use super::{Key, SHARDS, audit_from, key, notices, organisation, shard};

/// That somebody was erased; a stranger of the same id may be erased again.
#[must_use]
pub fn erasure(org: &OrgId, person: &str, at: DateTime<Utc>) -> Key {
    key(
        organisation(org),
        format!("{ERASED}{person}#{}", audit_from(at)),
    )
}

/// What the sort keys of erasures begin with.
pub const ERASED: &str = "ERASED#";

/// Which export the organisation was imported from.
#[must_use]
pub fn import(org: &OrgId) -> Key {
    key(organisation(org), "IMPORT")
}

/// The partition of the notices that name somebody.
#[must_use]
pub fn notices_of(org: &OrgId, id: &EmployeeId) -> String {
    notices(org, shard(id.as_str(), SHARDS))
}

/// The partition of the messages of a digest.
#[must_use]
pub fn messages(org: &OrgId, digest: &str) -> String {
    format!("O#{org}#D#{digest}")
}
