//! Binds the logins of admins who were appointed before there were logins.

use offramp_domain::decide::Outcome;
use offramp_domain::{Actor, EmployeeId, Event, SubjectKind};

use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::ports::{USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant};

/// Binds what tokens name each admin with access by, where no appointment has bound a login. An admin whose address is
/// another's login stays without one. Returns how many it has bound.
///
/// # Errors
/// A fault. Then some may be bound, and the next call binds the others.
pub async fn bind<P: Ports>(
    tenant: &Tenant<'_, P>,
    signs_in_by: SubjectKind,
    by: &Actor,
) -> Result<u32>
where
    P::Store: Users,
{
    let admins = tenant.store.load(tenant.org, &[]).await?.admins;
    let admins: Vec<EmployeeId> = admins.iter().cloned().collect();
    let mut bound = 0;
    for some in admins.chunks(USERS_PER_READ) {
        let loaded = tenant.store.load(tenant.org, some).await?;
        let unbound = loaded.users.values().filter(|user| user.is_unbound());
        for user in unbound {
            bound += u32::from(bind_one(tenant, &user.employee_id, signs_in_by, by).await?);
        }
    }
    Ok(bound)
}

/// Binds what tokens name one admin by. Returns true if that was bound now.
///
/// # Errors
/// A fault, or [`crate::Error::Busy`].
pub async fn bind_one<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    signs_in_by: SubjectKind,
    by: &Actor,
) -> Result<bool>
where
    P::Store: Users,
{
    let event = Event::BindLogin {
        by: by.clone(),
        signs_in_by,
    };
    let how = ExecuteOptions::default();
    let done = execute(tenant, id, &event, &Armed::default(), how).await?;
    Ok(done.decision.answered.outcome == Outcome::Updated)
}
