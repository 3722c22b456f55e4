//! Gives people of one HR source to another: each is one decision. What a request has no time for, the sweep does. Each step
//! may be repeated, and two may be at work at once: whom the first source does not have any more stays as they are.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{EmployeeId, Event, Origin, SourceId, User};

use crate::engine::breaker::watched;
use crate::engine::execute::{Armed, ExecuteOptions, execute};
use crate::ports::{
    Breakers, Committed, HandingOver, ROSTER_SHARDS, Rosters, Source, Sources, USERS_PER_READ,
    Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How many people are given at once.
const AT_ONCE: usize = 8;
/// A source without people is believed to have none if it is found so twice, this long apart.
const BELIEVED_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Whom a step has given away.
#[derive(Debug, Default)]
pub struct Given {
    /// How many people were given away.
    pub people: u32,
    /// Whom there was no time for. Some of them may be of another source.
    pub left: BTreeSet<EmployeeId>,
}

impl Given {
    fn add(&mut self, other: Self) {
        self.people = self.people.saturating_add(other.people);
        self.left.extend(other.left);
    }
}

/// True if a source has this person.
#[must_use]
pub fn is_of(user: &User, source: &SourceId) -> bool {
    matches!(&user.origin, Origin::Source(owner) if owner == source)
}

/// Everybody on the roster of a source. Who has just come may be missing, and who has just gone may be there.
///
/// # Errors
/// A fault of the table.
pub async fn listed<P: Ports>(tenant: &Tenant<'_, P>, source: &SourceId) -> Result<Vec<EmployeeId>>
where
    P::Store: Rosters,
{
    let shards = (0..ROSTER_SHARDS).map(|shard| async move {
        let (mut ids, mut after): (Vec<EmployeeId>, Option<String>) = (Vec::new(), None);
        loop {
            let of = tenant
                .store
                .roster(tenant.org, source, shard, after.as_deref());
            let page = of.await?;
            ids.extend(page.items.into_iter().map(|(id, _)| id));
            after = page.next;
            if after.is_none() {
                return Ok::<_, Error>(ids);
            }
        }
    });
    Ok(try_join_all(shards).await?.concat())
}

/// Gives these people from the source to the one of its hand-over, as far as there is time.
///
/// # Errors
/// A fault.
pub async fn give<P: Ports>(
    tenant: &Tenant<'_, P>,
    from: &SourceId,
    pending: &HandingOver,
    ids: &[EmployeeId],
    deadline: Deadline,
) -> Result<Given>
where
    P::Store: Users,
{
    let armed = &Armed::default();
    let event = &Event::HandOver {
        by: pending.by.clone(),
        from: from.clone(),
        to: pending.to.clone(),
    };
    let mut given = Given::default();
    for chunk in ids.chunks(USERS_PER_READ) {
        if !has_time(deadline) {
            given.left.extend(chunk.iter().cloned());
            continue;
        }
        let loaded = &tenant.store.load(tenant.org, chunk).await?;
        let people = loaded.users.values().filter(|user| is_of(user, from));
        let people: Vec<EmployeeId> = people.map(|user| user.employee_id.clone()).collect();
        let done: Vec<(EmployeeId, bool)> = stream::iter(people)
            .map(|id| async move {
                if !has_time(deadline) {
                    return Ok((id, false));
                }
                let how = ExecuteOptions {
                    loaded: Some(loaded.only(&id)),
                    ..ExecuteOptions::default()
                };
                match execute(tenant, &id, event, armed, how).await {
                    Ok(_) => Ok((id, true)),
                    // Whoever changes them now comes first.
                    Err(Error::Busy) => Ok((id, false)),
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (id, moved) in done {
            if moved {
                given.people = given.people.saturating_add(1);
            } else {
                given.left.insert(id);
            }
        }
    }
    Ok(given)
}

fn has_time(deadline: Deadline) -> bool {
    deadline.left() > Duration::ZERO
}

/// Goes on with a hand-over, as far as there is time, and ends it once everybody is given.
///
/// # Errors
/// A fault; the next sweep tries again.
pub async fn go_on<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &Source,
    deadline: Deadline,
) -> Result<()>
where
    P::Store: Users + Breakers + Rosters + Sources,
{
    let Some(pending) = &source.handing_over else {
        return Ok(());
    };
    let from = &source.source;
    let mut given = Given::default();
    match &pending.employee_ids {
        Some(ids) => {
            let ids: Vec<EmployeeId> = ids.iter().cloned().collect();
            given = give(tenant, from, pending, &ids, deadline).await?;
        }
        None => {
            for shard in 0..ROSTER_SHARDS {
                given.add(of_shard(tenant, (from, shard), pending, deadline).await?);
            }
        }
    }
    let now = tenant.clock.now();
    let after = match (&pending.employee_ids, given.people, given.left.is_empty()) {
        (Some(_), _, true) => None,
        (Some(_), _, false) => Some(HandingOver {
            employee_ids: Some(given.left),
            ..pending.clone()
        }),
        (None, 0, true) => match pending.empty_since {
            Some(since) if now >= since + BELIEVED_AFTER => None,
            since => Some(HandingOver {
                empty_since: since.or(Some(now)),
                ..pending.clone()
            }),
        },
        (None, ..) => Some(HandingOver {
            empty_since: None,
            ..pending.clone()
        }),
    };
    tracing::info!(
        org = %tenant.org, source = %from, to = %pending.to, people = given.people, ended = after.is_none(),
        "went on handing a source over"
    );
    if given.people > 0 || after.is_none() {
        // It has more people. Once it has ended, the index lags behind none of them.
        watched(tenant, &pending.to, true).await?;
    }
    // After a conflict, an admin has changed the source, and the next sweep goes on.
    let _: Committed = written(tenant, source, after).await?;
    Ok(())
}

/// Gives the people of one partition of the roster.
async fn of_shard<P: Ports>(
    tenant: &Tenant<'_, P>,
    (from, shard): (&SourceId, u8),
    pending: &HandingOver,
    deadline: Deadline,
) -> Result<Given>
where
    P::Store: Users + Rosters,
{
    let (mut given, mut after): (Given, Option<String>) = (Given::default(), None);
    loop {
        let page = tenant
            .store
            .roster(tenant.org, from, shard, after.as_deref());
        let page = page.await?;
        let ids: Vec<EmployeeId> = page.items.into_iter().map(|(id, _)| id).collect();
        given.add(give(tenant, from, pending, &ids, deadline).await?);
        after = page.next;
        // Whoever is on a later page is found by the next sweep, since somebody is left.
        if after.is_none() || !given.left.is_empty() {
            return Ok(given);
        }
    }
}

/// Writes how far a hand-over has come; `None` if it has ended.
///
/// # Errors
/// A fault.
pub async fn written<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &Source,
    after: Option<HandingOver>,
) -> Result<Committed>
where
    P::Store: Sources,
{
    if source.handing_over == after {
        return Ok(Committed::Done);
    }
    let next = Source {
        handing_over: after,
        version: source.version + 1,
        ..source.clone()
    };
    let store = &tenant.store;
    let written = store.go_on_handing_over(tenant.org, &next, source.version);
    Ok(written.await?)
}
