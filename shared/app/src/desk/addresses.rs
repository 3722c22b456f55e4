//! Who answers for an e-mail address.

use std::collections::BTreeMap;

use offramp_domain::{Access, Answering, EmployeeId, Had, OrgId, User, who_answers};

use super::explain::{Code, Explanation, Reason};
use crate::ports::{Addresses, Directory, Loaded, USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant};

/// Who has or had an address, as far as that is known before they are read.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// The folded address.
    pub address: String,
    /// All of them.
    pub ids: Vec<EmployeeId>,
    /// When those had it who may not have it any more.
    pub had: BTreeMap<EmployeeId, Had>,
}

impl Holders {
    /// Who has or had a folded address. The index is asked first: whoever has just lost the address, and is not in the index
    /// any more, is among those who had it.
    ///
    /// # Errors
    /// A fault of the table.
    pub async fn find<S: Directory + Addresses>(
        store: &S,
        org: &OrgId,
        folded: String,
    ) -> Result<Self> {
        let mut ids = store.with_email(org, &folded).await?;
        let had = store.had_address(org, &folded).await?;
        let before = had.keys().filter(|id| !ids.contains(id)).cloned();
        let before: Vec<EmployeeId> = before.collect();
        ids.extend(before);
        Ok(Self {
            address: folded,
            ids,
            had,
        })
    }

    /// Reads those consistently who are not read yet: all but the first `read`.
    ///
    /// # Errors
    /// A fault of the table.
    pub async fn read_rest<S: Users>(
        &self,
        store: &S,
        org: &OrgId,
        read: usize,
        loaded: &mut Loaded,
    ) -> Result<()> {
        let rest = self.ids.get(read..).unwrap_or_default();
        for some in rest.chunks(USERS_PER_READ) {
            loaded.users.extend(store.load(org, some).await?.users);
        }
        Ok(())
    }

    /// Those of them who were read, as of the policy.
    #[must_use]
    pub fn settled(&self, loaded: &Loaded) -> Vec<User> {
        let users = self.ids.iter().filter_map(|id| loaded.users.get(id));
        users.map(|user| user.as_of(&loaded.policy)).collect()
    }
}

/// A note for an admin who gives an address to somebody new: whose it is too, and if an admin has put out somebody who had
/// it. `None` if it is nobody's. A login page that asks by address cannot tell them apart.
///
/// # Errors
/// A fault of the table.
pub async fn note<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &EmployeeId,
    address: String,
) -> Result<Option<String>>
where
    P::Store: Users + Directory + Addresses,
{
    let (store, org) = (&tenant.store, tenant.org);
    let mut holders = Holders::find(store, org, address).await?;
    holders.ids.retain(|other| other != id);
    if holders.ids.is_empty() {
        return Ok(None);
    }
    let mut loaded = store.load(org, &[]).await?;
    holders.read_rest(store, org, 0, &mut loaded).await?;
    let users = holders.settled(&loaded);
    let has =
        |user: &&User| user.email().map(|email| email.folded()) == Some(holders.address.clone());
    let named = |users: Vec<&User>| {
        let ids: Vec<&str> = users.iter().map(|user| user.employee_id.as_str()).collect();
        (!ids.is_empty()).then(|| ids.join(", "))
    };
    let too = named(users.iter().filter(has).collect());
    let out = named(
        users
            .iter()
            .filter(|user| user.put_out_at().is_some())
            .collect(),
    );
    let too = too.map(|ids| format!("this is the address of {ids} too"));
    let out = out.map(|ids| {
        format!(
            "an admin deleted or put out {ids}: access by the address alone is revoked until an admin confirms it (POST /users/{id}/confirm-address)"
        )
    });
    let said: Vec<String> = too.into_iter().chain(out).collect();
    Ok((!said.is_empty()).then(|| said.join("; ")))
}

/// Adds to the explanation of a user that their address does not count until an admin decides, where that is so.
///
/// # Errors
/// A fault of the table.
pub(super) async fn explain<P: Ports>(
    tenant: &Tenant<'_, P>,
    user: &User,
    why: &mut Explanation,
) -> Result<()>
where
    P::Store: Users + Directory + Addresses,
{
    let address = user.email().map(|email| email.folded());
    let Some(address) = address.filter(|_| why.access == Access::Granted) else {
        return Ok(());
    };
    let (store, org) = (&tenant.store, tenant.org);
    let holders = Holders::find(store, org, address).await?;
    if holders.ids.iter().all(|id| *id == user.employee_id) {
        return Ok(());
    }
    let mut loaded = store.load(org, &[]).await?;
    holders.read_rest(store, org, 0, &mut loaded).await?;
    let (users, now) = (holders.settled(&loaded), tenant.clock.now());
    if let Answering::Disputed { out, .. } =
        who_answers(&holders.address, &users, &holders.had, now)
    {
        let out = &out.employee_id;
        let detail = format!(
            "Their e-mail address was that of {out}, whom an admin deleted or put out: who asks for access by the address alone is told that it is revoked."
        );
        why.text.push(detail.clone());
        why.reasons.push(Reason {
            code: Code::AddressOfDeleted,
            detail,
        });
        why.would_change.push(format!(
            "an admin confirming the address (POST /users/{}/confirm-address), or restoring {out}",
            user.employee_id
        ));
    }
    Ok(())
}
