//! Ids that an admin writes, and that look like a known one.

use std::collections::BTreeSet;

use offramp_domain::EmployeeId;

use crate::ports::Lookalikes;
use crate::{Error, Ports, Result, Tenant};

/// Checks that an id looks like no other one. A pasted id with another case, another dash or leading zeros would be a
/// second person, whom HR never ends.
///
/// # Errors
/// [`Error::LookAlike`], or a fault.
pub async fn looks_like_nobody<P: Ports>(tenant: &Tenant<'_, P>, id: &EmployeeId) -> Result<()>
where
    P::Store: Lookalikes,
{
    let likeness = BTreeSet::from([id.likeness()]);
    let found = tenant.store.alike(tenant.org, &likeness).await?;
    match found.into_iter().find(|other| other != id) {
        Some(other) => Err(Error::LookAlike(other)),
        None => Ok(()),
    }
}
