//! The roster of a source, with which its snapshots are compared.

use std::future::Future;

use offramp_domain::{EmployeeId, OrgId, SourceId};

use super::Page;
use crate::Fault;

/// The number of partitions of a roster. They are numbered from 0, and a snapshot is applied to one after the other.
pub const ROSTER_SHARDS: u8 = 16;

/// Reads the roster of a source. It is eventually consistent. A person whose print differs is read consistently before
/// anything is decided. A person whose print is equal was equal a moment ago.
pub trait Rosters: Send + Sync {
    /// The partition of an employee on every roster.
    fn shard_of(&self, id: &EmployeeId) -> u8;
    /// People of a partition by id, after `after`, each with their print (`offramp_domain::roster`). One call returns
    /// up to 1 MB.
    fn roster(
        &self,
        org: &OrgId,
        source: &SourceId,
        shard: u8,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<(EmployeeId, Vec<u8>)>, Fault>> + Send;
    /// How many people of a source are active. It reads the whole roster within DynamoDB.
    fn count_active(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<u32, Fault>> + Send;
}
