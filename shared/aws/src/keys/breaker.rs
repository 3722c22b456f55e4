//! Keys of breakers, holds, runs, rolls and rosters.

use offramp_app::ports::ROSTER_SHARDS;
use offramp_domain::{EmployeeId, HoldId, OrgId, RunId, SourceId};

use super::{Key, key, shard};

/// The key of a source's breaker. It has a partition of its own, because each departure writes it.
#[must_use]
pub fn breaker(org: &OrgId, source: &SourceId) -> Key {
    key(of_source(org, source), "B")
}

/// The partition of a source's breaker, its pulse and its shadow counts.
pub(super) fn of_source(org: &OrgId, source: &SourceId) -> String {
    format!("O#{org}#B#{source}")
}

/// The organisation and source of a breaker's partition; `None` for another partition.
#[must_use]
pub fn breaker_of(pk: &str) -> Option<(OrgId, SourceId)> {
    let (org, source) = pk.strip_prefix("O#")?.split_once("#B#")?;
    Some((OrgId::new(org).ok()?, SourceId::new(source).ok()?))
}

/// The key of a hold.
#[must_use]
pub fn hold(org: &OrgId, hold: &HoldId) -> Key {
    key(holds(org), hold.as_str())
}

/// The partition of the holds. Their ids sort by time.
#[must_use]
pub fn holds(org: &OrgId) -> String {
    format!("O#{org}#HOLDS")
}

/// The organisation of a partition of holds; `None` for another partition.
#[must_use]
pub fn holds_of(pk: &str) -> Option<OrgId> {
    let org = pk.strip_prefix("O#")?.strip_suffix("#HOLDS")?;
    OrgId::new(org).ok()
}

/// The key of an answer to a hold.
#[must_use]
pub fn answer(org: &OrgId, hold: &HoldId, version: u64) -> Key {
    key(
        format!("O#{org}#HOLD#{hold}"),
        format!("{ANSWER}{version:012}"),
    )
}

/// The beginning of the sort key of every answer.
pub const ANSWER: &str = "A#";

/// The key of a run.
#[must_use]
pub fn run(org: &OrgId, run: &RunId) -> Key {
    key(runs(org), run.as_str())
}

/// The partition of the runs. Their ids sort by time.
#[must_use]
pub fn runs(org: &OrgId) -> String {
    format!("O#{org}#RUNS")
}

/// The key of a part of the roll of a hold or a run. The parts sort by roll number, then by writer. So two writers of
/// one roll number do not overwrite each other's parts.
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

/// The beginning of the sort key of every part of a roll.
pub const ROLL: &str = "R#";

/// The index key of a person on the roster of a source.
#[must_use]
pub fn roster(org: &OrgId, source: &SourceId, id: &EmployeeId) -> Key {
    key(roster_shard(org, source, roster_shard_of(id)), id.as_str())
}

/// The shard of a person, on every roster.
#[must_use]
pub fn roster_shard_of(id: &EmployeeId) -> u8 {
    shard(id.as_str(), ROSTER_SHARDS)
}

/// One partition of the roster of a source.
#[must_use]
pub fn roster_shard(org: &OrgId, source: &SourceId, shard: u8) -> String {
    format!("O#{org}#ROSTER#{source}#{shard}")
}
