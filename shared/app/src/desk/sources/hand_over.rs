//! An admin gives the people of a source to another source, all of them or some.

use std::collections::BTreeSet;
use std::time::Duration;

use offramp_domain::{Actor, EmployeeId, SourceId};

use super::{announced, entry, matches};
use crate::backoff::until_won;
use crate::engine::breaker::watched;
use crate::engine::hand_over::{give, is_of, listed, written};
use crate::ports::{
    Breakers, Committed, HandingOver, Rosters, Source, SourceChange, SourceState, SourceTold,
    Sources, USERS_PER_READ, Users,
};
use crate::{Deadline, Error, Invalid, Ports, Result, Tenant};

/// The most people that a request may name. They are kept in the item of the source until they are given.
pub const MOST_NAMED: usize = 1_000;
/// How long a request gives people away before it answers, and leaves the others to the sweep.
const ANSWERS_AFTER: Duration = Duration::from_secs(5);

/// What an admin wants.
#[derive(Debug)]
pub struct HandOver<'a> {
    /// The source whose people are given away.
    pub from: &'a SourceId,
    /// The source that has them from then on.
    pub to: &'a SourceId,
    /// Whom of them; `None` if it is everybody.
    pub employee_ids: Option<&'a [EmployeeId]>,
    /// True if nothing is to be written.
    pub dry_run: bool,
    /// The version of the source that the caller has seen; `None` if it does not matter.
    pub if_match: Option<u64>,
    /// The admin.
    pub by: &'a Actor,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    /// How many people the other source has, or will have.
    pub people: u32,
    /// How many of them are still to be given.
    pub pending: u32,
}

/// Gives people of a source to another source. First the source is written, with the entry for the audit and the notice to the
/// admins: from then on the sweep goes on with it. What somebody has named is ended by this request if it has the time. That
/// a source has nobody any more is only believed by the sweep.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::SourceNotActive`], [`Error::HandingOver`], [`Error::VersionMismatch`],
/// [`Error::Busy`], or a fault.
pub async fn hand_over<P: Ports>(
    tenant: &Tenant<'_, P>,
    wish: &HandOver<'_>,
    deadline: Deadline,
) -> Result<HandedOver>
where
    P::Store: Users + Breakers + Rosters + Sources,
{
    let deadline = deadline.within(ANSWERS_AFTER);
    sources(tenant, wish).await?;
    let About { people, still } = about(tenant, wish, deadline).await?;
    let pending = match wish.dry_run {
        true => None,
        false => begun(tenant, wish, &still).await?,
    };
    let Some(pending) = pending else {
        return Ok(HandedOver { people, pending: 0 });
    };
    let given = give(tenant, wish.from, &pending, &still, deadline).await?;
    if wish.employee_ids.is_some() {
        named(tenant, wish.from, &still, &given.left).await?;
    }
    // Both have other numbers of active people from now on, which the sweep counts.
    watched(tenant, wish.from, true).await?;
    watched(tenant, wish.to, true).await?;
    Ok(HandedOver {
        people,
        pending: count(given.left.len()),
    })
}

fn count(people: usize) -> u32 {
    u32::try_from(people).unwrap_or(u32::MAX)
}

/// Both sources, if the one may give its people to the other now.
async fn sources<P: Ports>(tenant: &Tenant<'_, P>, wish: &HandOver<'_>) -> Result<(Source, Source)>
where
    P::Store: Sources,
{
    let all = tenant.store.sources(tenant.org).await?;
    let find = |id: &SourceId| {
        let found = all.iter().find(|source| source.source == *id);
        found.cloned().ok_or(Error::NotFound("source"))
    };
    let from = find(wish.from)?;
    if wish.from == wish.to {
        return Err(Error::invalid("/to", "must be another source"));
    }
    let to = find(wish.to)?;
    matches(&from, wish.if_match)?;
    if to.state != SourceState::Active {
        return Err(Error::SourceNotActive);
    }
    let elsewhere = from.handing_over.as_ref();
    let elsewhere = elsewhere.is_some_and(|pending| pending.to != *wish.to);
    // Nobody is to go in a circle, and nobody is to be forgotten on the way.
    let into = |source: &Source| {
        let pending = source.handing_over.as_ref();
        pending.is_some_and(|pending| pending.to == *wish.from)
    };
    if elsewhere || to.handing_over.is_some() || all.iter().any(into) {
        return Err(Error::HandingOver);
    }
    Ok((from, to))
}

/// Whom a hand-over is about.
struct About {
    /// How many people there are.
    people: u32,
    /// Whom the source still has.
    still: Vec<EmployeeId>,
}

/// Whom it is about. Of everybody, whom there is no time to look at counts as listed.
async fn about<P: Ports>(
    tenant: &Tenant<'_, P>,
    wish: &HandOver<'_>,
    deadline: Deadline,
) -> Result<About>
where
    P::Store: Users + Rosters,
{
    if let Some(named) = wish.employee_ids {
        return about_named(tenant, wish, named).await;
    }
    let mut still = Vec::new();
    for chunk in listed(tenant, wish.from).await?.chunks(USERS_PER_READ) {
        if deadline.left().is_zero() {
            still.extend(chunk.iter().cloned());
            continue;
        }
        let loaded = tenant.store.load(tenant.org, chunk).await?;
        let of = loaded.users.values().filter(|user| is_of(user, wish.from));
        still.extend(of.map(|user| user.employee_id.clone()));
    }
    Ok(About {
        people: count(still.len()),
        still,
    })
}

/// Whom a request names. Nothing is done if one of them is not of the source.
async fn about_named<P: Ports>(
    tenant: &Tenant<'_, P>,
    wish: &HandOver<'_>,
    named: &[EmployeeId],
) -> Result<About>
where
    P::Store: Users,
{
    if named.is_empty() || named.len() > MOST_NAMED {
        let rule = format!("must name 1 to {MOST_NAMED} people; without it, everybody is meant");
        return Err(Error::invalid("/employee_ids", rule));
    }
    let (mut people, mut still) = (BTreeSet::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    let mut places = 0..;
    for chunk in named.chunks(USERS_PER_READ) {
        let distinct: BTreeSet<EmployeeId> = chunk.iter().cloned().collect();
        let distinct: Vec<EmployeeId> = distinct.into_iter().collect();
        let loaded = tenant.store.load(tenant.org, &distinct).await?;
        for (id, place) in chunk.iter().zip(&mut places) {
            let user = loaded.users.get(id);
            if user.is_some_and(|user| is_of(user, wish.from)) {
                still.insert(id.clone());
            } else if !user.is_some_and(|user| is_of(user, wish.to) && user.awaits_base) {
                // A repeated request finds people who are given already.
                wrong.push(Invalid {
                    pointer: format!("/employee_ids/{place}"),
                    detail: "is nobody of this source".to_owned(),
                });
            }
            people.insert(id);
        }
    }
    match wrong.is_empty() {
        true => Ok(About {
            people: count(people.len()),
            still: still.into_iter().collect(),
        }),
        false => Err(Error::Invalid(wrong)),
    }
}

/// Writes that the hand-over begins, and returns it; `None` if there is nobody to give. What is written already is not told
/// again.
async fn begun<P: Ports>(
    tenant: &Tenant<'_, P>,
    wish: &HandOver<'_>,
    people: &[EmployeeId],
) -> Result<Option<HandingOver>>
where
    P::Store: Sources,
{
    until_won(|| async {
        let (from, to) = sources(tenant, wish).await?;
        let part = wish.employee_ids.is_some();
        let before = from.handing_over.as_ref();
        if people.is_empty() && before.is_none() {
            return Ok(Some(None));
        }
        let named = before.map(|pending| pending.employee_ids.as_ref());
        let employee_ids = match (part, named) {
            (false, _) | (true, Some(None)) => None,
            (true, Some(Some(known))) => Some(known.iter().chain(people).cloned().collect()),
            (true, None) => Some(people.iter().cloned().collect::<BTreeSet<_>>()),
        };
        let pending = HandingOver {
            to: wish.to.clone(),
            by: wish.by.clone(),
            since: before.map_or(tenant.clock.now(), |pending| pending.since),
            employee_ids,
            empty_since: None,
        };
        if before.is_some_and(|before| before.employee_ids == pending.employee_ids) {
            return Ok(Some(Some(pending)));
        }
        let source = Source {
            handing_over: Some(pending.clone()),
            version: from.version + 1,
            ..from.clone()
        };
        let change = SourceChange::HandedOver {
            to: wish.to.clone(),
            people: count(people.len()),
            part,
        };
        let entry = entry(tenant, &source, change, wish.by);
        let notice = announced(tenant, &entry).await?;
        let told = SourceTold {
            entry: &entry,
            notice: &notice,
        };
        let store = &tenant.store;
        let written = store.begin_hand_over(tenant.org, &source, from.version, told, &to);
        Ok((written.await? == Committed::Done).then_some(Some(pending)))
    })
    .await
}

/// Notes whom of the named people the source has still to give. If this fails, the sweep finds them given.
async fn named<P: Ports>(
    tenant: &Tenant<'_, P>,
    from: &SourceId,
    people: &[EmployeeId],
    left: &BTreeSet<EmployeeId>,
) -> Result<()>
where
    P::Store: Sources,
{
    until_won(|| async {
        let source = super::get(tenant, from).await?;
        let pending = source.handing_over.as_ref();
        let Some(known) = pending.and_then(|pending| pending.employee_ids.as_ref()) else {
            return Ok(Some(()));
        };
        let given = |id: &EmployeeId| people.contains(id) && !left.contains(id);
        let known: BTreeSet<EmployeeId> = known.iter().filter(|id| !given(id)).cloned().collect();
        let after = pending
            .filter(|_| !known.is_empty())
            .map(|pending| HandingOver {
                employee_ids: Some(known),
                ..pending.clone()
            });
        Ok((written(tenant, &source, after).await? == Committed::Done).then_some(()))
    })
    .await
}
