//! The people of a source, as a snapshot is compared with.

use std::future::Future;

use offramp_domain::{EmployeeId, OrgId, SourceId};

use super::Page;
use crate::Fault;

/// Partitions of a roster, numbered from 0; a snapshot is applied one of them after the other.
pub const ROSTER_SHARDS: u8 = 16;

/// The roster of a source. Eventually consistent: what differs is read consistently before anything
/// is decided, and what is equal was so a moment ago.
pub trait Rosters: Send + Sync {
    /// The partition in which somebody is, on every roster.
    fn shard_of(&self, id: &EmployeeId) -> u8;
    /// People of a partition by id, after one, each with their print (`offramp_domain::roster`);
    /// as many as one call gives, up to 1 MB.
    fn roster(
        &self,
        org: &OrgId,
        source: &SourceId,
        shard: u8,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<(EmployeeId, Vec<u8>)>, Fault>> + Send;
    /// How many people of a source are active. Reads the whole roster, on DynamoDB's side.
    fn count_active(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<u32, Fault>> + Send;
}
