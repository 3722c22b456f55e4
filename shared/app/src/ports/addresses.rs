//! The addresses that HR has taken from people.

use std::collections::BTreeMap;
use std::future::Future;

use offramp_domain::{EmployeeId, Had, OrgId};

use crate::Fault;

/// Finds people by an address that they do not have any more.
pub trait Addresses: Send + Sync {
    /// Who had this folded address before, read consistently. It takes one query.
    fn had_address(
        &self,
        org: &OrgId,
        folded: &str,
    ) -> impl Future<Output = Result<BTreeMap<EmployeeId, Had>, Fault>> + Send;
}
