//! Whom the unknown people of a request look like. An unknown id that arrives inactive may be another spelling of one that
//! is known.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{EmployeeId, Event, Field, HrStatus, Status};
use tokio::sync::OnceCell;

use super::Events;
use crate::ports::{Loaded, Lookalikes, USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant};

/// Addresses that are looked up at once.
const AT_ONCE: usize = 8;

/// The people of a request, and those who are here and whose ids look like theirs. These are searched once, and only if the
/// request says of an unknown person that they are inactive.
#[derive(Debug)]
pub struct Alike<'a> {
    people: &'a [(EmployeeId, Events)],
    found: OnceCell<BTreeMap<String, Vec<EmployeeId>>>,
}

impl<'a> Alike<'a> {
    /// Nothing is searched yet.
    #[must_use]
    pub fn among(people: &'a [(EmployeeId, Events)]) -> Self {
        Self {
            people,
            found: OnceCell::new(),
        }
    }

    /// Notes in `loaded` whom those of the people look like who are unknown and inactive.
    ///
    /// # Errors
    /// A fault.
    pub(super) async fn note<P: Ports>(
        &self,
        tenant: &Tenant<'_, P>,
        people: &[(EmployeeId, Events)],
        loaded: &mut Loaded,
    ) -> Result<()>
    where
        P::Store: Users + Lookalikes,
    {
        let unknown = people.iter().filter(|(id, events)| {
            !loaded.users.contains_key(id) && inactive(events).next().is_some()
        });
        let unknown: Vec<_> = unknown.collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let by_id = self.found.get_or_try_init(|| self.search(tenant)).await?;
        let by_address = addressed(tenant, &unknown).await?;
        let mut candidates: BTreeMap<&EmployeeId, BTreeSet<EmployeeId>> = BTreeMap::new();
        for (id, _) in unknown {
            let ids = by_id.get(&id.likeness()).into_iter().flatten();
            let others = ids.chain(by_address.get(id).into_iter().flatten());
            let others: BTreeSet<_> = others.filter(|other| *other != id).cloned().collect();
            candidates.insert(id, others);
        }
        let here = here(tenant, candidates.values().flatten()).await?;
        for (id, others) in candidates {
            let of = others.into_iter().find(|other| here.contains(other));
            loaded.alike.extend(of.map(|of| (id.clone(), of)));
        }
        Ok(())
    }

    /// Everybody whose id looks like that of somebody whom the request calls inactive, by likeness.
    async fn search<P: Ports>(
        &self,
        tenant: &Tenant<'_, P>,
    ) -> Result<BTreeMap<String, Vec<EmployeeId>>>
    where
        P::Store: Lookalikes,
    {
        let gone = self.people.iter();
        let gone = gone.filter(|(_, events)| inactive(events).next().is_some());
        let likenesses: BTreeSet<String> = gone.map(|(id, _)| id.likeness()).collect();
        let mut found: BTreeMap<String, Vec<EmployeeId>> = BTreeMap::new();
        for id in tenant.store.alike(tenant.org, &likenesses).await? {
            found.entry(id.likeness()).or_default().push(id);
        }
        Ok(found)
    }
}

/// The addresses that the events give somebody whom they call inactive; `None` for an event without one.
fn inactive(events: &Events) -> impl Iterator<Item = Option<&str>> {
    events.iter().filter_map(|(_, event)| match event {
        Event::Hr { event, .. } if event.status == HrStatus::Inactive => {
            Some(event.fields.get(&Field::Email).and_then(Option::as_deref))
        }
        _ => None,
    })
}

/// The people with an address of these, by the id of the person in the request.
async fn addressed<P: Ports>(
    tenant: &Tenant<'_, P>,
    unknown: &[&(EmployeeId, Events)],
) -> Result<BTreeMap<EmployeeId, Vec<EmployeeId>>>
where
    P::Store: Lookalikes,
{
    let addresses = unknown.iter().filter_map(|(id, events)| {
        let address = inactive(events).flatten().last()?;
        Some((id, offramp_domain::ids::folded(address)))
    });
    stream::iter(addresses)
        .map(|(id, address)| async move {
            let found = tenant.store.at_address(tenant.org, &address).await?;
            Ok::<_, crate::Error>((id.clone(), found))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Those of the people who are here: active, or in their grace period.
async fn here<'e, P: Ports>(
    tenant: &Tenant<'_, P>,
    people: impl Iterator<Item = &'e EmployeeId>,
) -> Result<BTreeSet<EmployeeId>>
where
    P::Store: Users,
{
    let people: BTreeSet<&EmployeeId> = people.collect();
    let people: Vec<EmployeeId> = people.into_iter().cloned().collect();
    let mut here = BTreeSet::new();
    for some in people.chunks(USERS_PER_READ) {
        let loaded = tenant.store.load(tenant.org, some).await?;
        let users = loaded.users.into_values();
        let settled = users.map(|user| user.as_of(&loaded.policy));
        let stays = |status| matches!(status, Status::Active | Status::DeactivationScheduled);
        here.extend(
            settled
                .filter(|user| stays(user.status()))
                .map(|user| user.employee_id),
        );
    }
    Ok(here)
}
