//! The keys of machines.

use offramp_domain::OrgId;

use super::{Key, key, organisation};

/// The key of the machines.
#[must_use]
pub fn machines(org: &OrgId) -> Key {
    key(organisation(org), "MACHINES".to_owned())
}

/// The key of a change of the machines. Changes sort by version.
#[must_use]
pub fn machine_entry(org: &OrgId, version: u64) -> Key {
    key(organisation(org), format!("{MACHINE_ENTRY}{version:012}"))
}

/// What the audit calls a change of the machines.
#[must_use]
pub fn machine_change(version: u64) -> String {
    format!("machine#{version}")
}

/// The beginning of the sort key of every change of the machines.
pub const MACHINE_ENTRY: &str = "ME#";
