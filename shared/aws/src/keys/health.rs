//! Keys of the pulses, shadow counts and rejections of sources, of what the sweep remembers, and of an item that does
//! not exist.

use chrono::{DateTime, SecondsFormat, Utc};
use offramp_domain::{OrgId, SourceId};

use super::breaker::of_source;
use super::{Key, key, organisation};

/// A key under which nothing is stored: every key of an organisation begins with `O#`.
#[must_use]
pub fn nothing() -> Key {
    key("PRIME".to_owned(), "PRIME")
}

/// The key of a source's pulse. It is in the breaker's partition, but never in its transactions.
#[must_use]
pub fn pulse(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "PULSE")
}

/// The key of the counts of what a source in observation would have done.
#[must_use]
pub fn would(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "WOULD")
}

/// The key of the refusals of which admins were told, for a source.
#[must_use]
pub fn refusals(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "REFUSED")
}

/// The key of a part of the rejections at an instant. The parts sort by time, then by writer.
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

/// The partition of the rejections of a source.
#[must_use]
pub fn rejections(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#REJECTED#{source}")
}

/// The key of what the sweep remembers of an organisation's work.
#[must_use]
pub fn attempts(org: &OrgId) -> Key {
    key(organisation(org), ATTEMPTS)
}

/// The sort key of what the sweep remembers.
pub const ATTEMPTS: &str = "ATTEMPTS";
