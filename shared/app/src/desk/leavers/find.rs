//! Finds the people whom the rows of a list name.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{EmployeeId, Status, User};

use super::Became;
use super::list::{Row, Who};
use crate::ports::{Directory, USERS_PER_READ, Users};
use crate::{Error, Ports, Result, Tenant};

/// How many addresses, or reads of people, are asked for at once.
const AT_ONCE: usize = 32;

/// Whom a row names.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// One person, who may not exist if the row says an employee id.
    One(EmployeeId),
    /// Nobody, or several; with the outcome of the row, and an explanation.
    No(Became, Option<String>),
}

/// Whom each row names, in the order of the rows.
///
/// # Errors
/// A fault.
pub(super) async fn find<P: Ports>(tenant: &Tenant<'_, P>, rows: &[Row]) -> Result<Vec<Found>>
where
    P::Store: Users + Directory,
{
    let addresses = rows.iter().filter_map(|row| match &row.who {
        Ok(Who::Email(email)) => Some(email.folded()),
        _ => None,
    });
    let owners = owners(tenant, addresses.collect()).await?;
    Ok(rows
        .iter()
        .map(|row| match &row.who {
            Err(reason) => Found::No(Became::Invalid, Some(reason.clone())),
            Ok(Who::Id(id) | Who::Both(id, _)) => Found::One(id.clone()),
            Ok(Who::Email(email)) => match owners.get(&email.folded()) {
                Some(found) => found.clone(),
                None => Found::No(Became::NotFound, None),
            },
        })
        .collect())
}

/// Whom each folded address names.
async fn owners<P: Ports>(
    tenant: &Tenant<'_, P>,
    addresses: BTreeSet<String>,
) -> Result<BTreeMap<String, Found>>
where
    P::Store: Users + Directory,
{
    let candidates: Vec<(String, Vec<EmployeeId>)> = stream::iter(addresses)
        .map(|address| async move {
            let ids = tenant.store.with_email(tenant.org, &address).await?;
            Ok::<_, Error>((address, ids))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let ids: BTreeSet<&EmployeeId> = candidates.iter().flat_map(|(_, ids)| ids).collect();
    let ids: Vec<EmployeeId> = ids.into_iter().cloned().collect();
    // The index may be behind, so the people themselves say which address they have.
    let loaded: Vec<Vec<User>> = stream::iter(ids.chunks(USERS_PER_READ))
        .map(|ids| async move {
            let loaded = tenant.store.load(tenant.org, ids).await?;
            let users = loaded.users.values();
            let settled = users.map(|user| user.as_of(&loaded.policy)).collect();
            Ok::<_, Error>(settled)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let users: BTreeMap<&EmployeeId, &User> = loaded
        .iter()
        .flatten()
        .map(|user| (&user.employee_id, user))
        .collect();
    Ok(candidates
        .into_iter()
        .map(|(address, ids)| {
            let theirs: Vec<&User> = ids
                .iter()
                .filter_map(|id| users.get(id).copied())
                .filter(|user| is_somebody(user) && has_address(user, &address))
                .collect();
            let found = owner(&address, &theirs);
            (address, found)
        })
        .collect())
}

/// The one whom an address names: who is here, else who is leaving. Former accounts make no address ambiguous.
fn owner(address: &str, theirs: &[&User]) -> Found {
    let of = |wanted: &[Status]| -> Vec<&User> {
        let all = theirs.iter().copied();
        all.filter(|user| wanted.contains(&user.status())).collect()
    };
    for wanted in [Status::Active, Status::DeactivationScheduled] {
        match of(&[wanted]).as_slice() {
            [] => {}
            [one] => return Found::One(one.employee_id.clone()),
            several => {
                let reason = format!("{} people have this address", several.len());
                return Found::No(Became::Ambiguous, Some(reason));
            }
        }
    }
    match of(&[Status::Deactivated, Status::Deleted]).as_slice() {
        [] => Found::No(Became::NotFound, Some(nobody_at(address))),
        [one] => Found::One(one.employee_id.clone()),
        several => {
            let reason = format!("{} former accounts have this address", several.len());
            Found::No(Became::AlreadyLeft, Some(reason))
        }
    }
}

/// The answer to a row whose employee id is nobody's.
///
/// # Errors
/// A fault.
pub(super) async fn unknown<P: Ports>(
    tenant: &Tenant<'_, P>,
    row: &Row,
) -> Result<(Became, Option<String>)>
where
    P::Store: Users + Directory,
{
    Ok(match &row.who {
        Ok(Who::Id(id)) => (Became::NotFound, Some(nobody(id))),
        Ok(Who::Both(id, email)) => {
            let address = email.folded();
            let owners = owners(tenant, BTreeSet::from([address.clone()])).await?;
            let reason = nobody(id);
            match owners.get(&address) {
                None | Some(Found::No(Became::NotFound, _)) => (Became::NotFound, Some(reason)),
                Some(_) => (
                    Became::Invalid,
                    Some(format!("{reason}, and somebody has the email")),
                ),
            }
        }
        // The person has been erased since the address was looked up.
        Ok(Who::Email(_)) | Err(_) => (Became::NotFound, None),
    })
}

fn nobody(id: &EmployeeId) -> String {
    format!("nobody has the employee_id \"{id}\"")
}

fn nobody_at(address: &str) -> String {
    format!("nobody has the email \"{address}\"")
}

/// True unless nobody has let the person in, since they look like somebody who is here.
pub(super) fn is_somebody(user: &User) -> bool {
    user.look_alike.is_none()
}

/// True if the person has this folded address.
pub(super) fn has_address(user: &User, folded: &str) -> bool {
    user.email().is_some_and(|own| own.folded() == folded)
}
