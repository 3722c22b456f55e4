//! Keys of what is known of sources beside their breakers; and one of nothing.

use chrono::{DateTime, SecondsFormat, Utc};
use offramp_domain::{OrgId, SourceId};

use super::breaker::of_source;
use super::{Key, key};

/// Nothing is ever stored under it: what belongs to an organisation begins with `O#`.
#[must_use]
pub fn nothing() -> Key {
    key("PRIME".to_owned(), "PRIME")
}

/// The pulse of a source: beside its breaker, and never in its transactions.
#[must_use]
pub fn pulse(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "PULSE")
}

/// What a source would have done while it is observed.
#[must_use]
pub fn would(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "WOULD")
}

/// Part of what was rejected at an instant: by time, then by who wrote it.
#[must_use]
pub fn rejection(
    org: &OrgId,
    source: &SourceId,
    at: DateTime<Utc>,
    writer: &str,
    part: usize,
) -> Key {
    let at = at.to_rfc3339_opts(SecondsFormat::Nanos, true);
    key(rejections(org, source), format!("{at}#{writer}#{part:04}"))
}

/// The partition of what was rejected of a source.
#[must_use]
pub fn rejections(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#REJECTED#{source}")
}
