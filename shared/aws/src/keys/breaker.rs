//! Keys of breakers, holds, runs and their rolls, and of the rosters of sources.

use offramp_app::ports::ROSTER_SHARDS;
use offramp_domain::{EmployeeId, HoldId, OrgId, RunId, SourceId};

use super::{Key, key, shard};

/// The breaker of a source. A partition of its own: each departure writes it.
#[must_use]
pub fn breaker(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "B")
}

/// The partition of the breaker of a source, and of what is kept beside it.
pub(super) fn of_source(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#B#{source}")
}

/// The organisation and source of a breaker.
#[must_use]
pub fn breaker_of(pk: &str) -> Option<(OrgId, SourceId)> {
    let (org, source) = pk.strip_prefix("O#")?.split_once("#B#")?;
    Some((OrgId::new(org).ok()?, SourceId::new(source).ok()?))
}

/// A hold.
#[must_use]
pub fn hold(org: &OrgId, hold: &HoldId) -> Key {
    key(holds(org), hold.as_str())
}

/// The partition of the holds; their names sort by time.
#[must_use]
pub fn holds(org: &OrgId) -> String {
    format!("O#{org}#HOLDS")
}

/// The organisation of a partition of holds.
#[must_use]
pub fn holds_of(pk: &str) -> Option<OrgId> {
    let org = pk.strip_prefix("O#")?.strip_suffix("#HOLDS")?;
    OrgId::new(org).ok()
}

/// An answer to a hold.
#[must_use]
pub fn answer(org: &OrgId, hold: &HoldId, version: u64) -> Key {
    key(
        format!("O#{org}#HOLD#{hold}"),
        format!("{ANSWER}{version:012}"),
    )
}

/// What the sort keys of answers begin with.
pub const ANSWER: &str = "A#";

/// A run.
#[must_use]
pub fn run(org: &OrgId, run: &RunId) -> Key {
    key(runs(org), run.as_str())
}

/// The partition of the runs; their names sort by time.
#[must_use]
pub fn runs(org: &OrgId) -> String {
    format!("O#{org}#RUNS")
}

/// A part of the roll of a hold or a run: by number, then by who wrote it, so that no two writers
/// of one number touch each other's.
#[must_use]
pub fn roll(org: &OrgId, of: &str, seq: u64, writer: &str, part: usize) -> Key {
    key(
        rolls(org, of),
        format!("{ROLL}{seq:012}#{writer}#{part:06}"),
    )
}

/// The partition of a roll.
#[must_use]
pub fn rolls(org: &OrgId, of: &str) -> String {
    format!("O#{org}#ROLL#{of}")
}

/// What the sort keys of parts of a roll begin with.
pub const ROLL: &str = "R#";

/// Where somebody is found on the roster of a source.
#[must_use]
pub fn roster(org: &OrgId, source: &SourceId, id: &EmployeeId) -> Key {
    key(roster_shard(org, source, roster_shard_of(id)), id.as_str())
}

/// In which partition of every roster somebody is.
#[must_use]
pub fn roster_shard_of(id: &EmployeeId) -> u8 {
    shard(id.as_str(), ROSTER_SHARDS)
}

/// A partition of the roster of a source.
#[must_use]
pub fn roster_shard(org: &OrgId, source: &SourceId, shard: u8) -> String {
    format!("O#{org}#ROSTER#{source}#{shard}")
}
