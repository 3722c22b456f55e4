//! Keys for the export, the import and the erasure of data.

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, OrgId};

use super::{Key, SHARDS, audit_from, key, notices, organisation, shard};

/// The key of the record of an erasure. A later person with the same id may be erased again.
#[must_use]
pub fn erasure(org: &OrgId, person: &str, at: DateTime<Utc>) -> Key {
    key(
        organisation(org),
        format!("{ERASED}{person}#{}", audit_from(at)),
    )
}

/// The beginning of the sort key of every erasure.
pub const ERASED: &str = "ERASED#";

/// The key of the item that names the export from which the organisation was imported.
#[must_use]
pub fn import(org: &OrgId) -> Key {
    key(organisation(org), "IMPORT")
}

/// The partition of the notices that name a person.
#[must_use]
pub fn notices_of(org: &OrgId, id: &EmployeeId) -> String {
    notices(org, shard(id.as_str(), SHARDS))
}

/// The partition of the messages of a digest.
#[must_use]
pub fn messages(org: &OrgId, digest: &str) -> String {
    format!("O#{org}#D#{digest}")
}
