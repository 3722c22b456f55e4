//! Answering a hold. An approval lets the people go that the admin has read, and only them; each is decided again on
//! the present. A rejection removes them from the hold.
//!
//! An answer is one transaction: the hold, the breaker if it points to this hold, and for an approval the run with its
//! roll. If the answer ends the hold, that breaker's window becomes empty. A timer is armed before the transaction. It
//! answers for the people for whom the request has no time. Repeating this work changes nothing, because an answered
//! person has left the hold. A hold ends when all of it is answered, or when it is empty.

mod answer;
mod step;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::{
    Actor, EmployeeId, Generation, Hold, HoldId, HoldState, Notice, NoticeKind, User,
};

use crate::engine::breaker::tell;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Loaded, Page, RollOf, Snapshots, USERS_PER_READ, Users,
};
use crate::{Error, Ports, Result, Tenant};

pub use answer::{AnsweredHold, Ask, Verdict, answer};
pub use step::step;
pub use work::Became;

/// A delivery that opens a hold has written its people within this time, because its function runs for at most 30
/// seconds.
const FILLED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// Reads of people that are made at once.
const READS_AT_ONCE: usize = 8;
/// Parts of a roll in one read.
const PARTS: usize = 20;

/// The hold with this id.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn get<P: Ports>(tenant: &Tenant<'_, P>, id: &HoldId) -> Result<Hold>
where
    P::Store: Breakers,
{
    let hold = tenant.store.hold(tenant.org, id).await?;
    hold.ok_or(Error::NotFound("hold"))
}

/// A page of the people in a hold, with the policy that was read with them. A page is one part of the roll.
///
/// # Errors
/// A fault.
pub async fn people<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    after: Option<&str>,
) -> Result<(Page<User>, Loaded)>
where
    P::Store: Users + Breakers,
{
    let of = RollOf::Hold(hold.hold.clone());
    let page = tenant.store.roll(tenant.org, &of, after, 1).await?;
    let mut items = Vec::new();
    let mut last = Loaded::default();
    for roll in page.items {
        for chunk in roll.people.chunks(USERS_PER_READ) {
            let mut loaded = tenant.store.load(tenant.org, chunk).await?;
            items.extend(
                std::mem::take(&mut loaded.users)
                    .into_values()
                    .filter(|user| is_kept(user, hold, roll.seq)),
            );
            last = loaded;
        }
    }
    if hold.people == 0 || items.is_empty() {
        last = tenant.store.load(tenant.org, &[]).await?;
    }
    Ok((
        Page {
            items,
            next: page.next,
        },
        last,
    ))
}

/// The people in a hold. Reading stops after `most` names of the roll, rounded up to whole reads. The second value is
/// true if the whole roll was read.
///
/// # Errors
/// A fault.
pub async fn who<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    most: usize,
) -> Result<(Vec<User>, bool)>
where
    P::Store: Users + Breakers,
{
    let of = RollOf::Hold(hold.hold.clone());
    let (mut kept, mut seen, mut after) = (Vec::new(), 0, None);
    loop {
        let page = tenant
            .store
            .roll(tenant.org, &of, after.as_deref(), PARTS)
            .await?;
        for roll in page.items {
            for chunk in roll.people.chunks(USERS_PER_READ) {
                if seen >= most {
                    return Ok((kept, false));
                }
                seen += chunk.len();
                let users = tenant
                    .store
                    .load(tenant.org, chunk)
                    .await?
                    .users
                    .into_values();
                kept.extend(users.filter(|user| is_kept(user, hold, roll.seq)));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((kept, true)),
        }
    }
}

/// How many people are in the hold now. Of an open hold everybody on its roll is read, a few reads at once, since a
/// person may have left it without an answer.
///
/// # Errors
/// A fault.
pub async fn left<P: Ports>(tenant: &Tenant<'_, P>, hold: &Hold) -> Result<usize>
where
    P::Store: Users + Breakers,
{
    if hold.state != HoldState::Open {
        return Ok(0);
    }
    let of = RollOf::Hold(hold.hold.clone());
    let (mut on_roll, mut after) = (BTreeMap::new(), None);
    loop {
        let page = tenant
            .store
            .roll(tenant.org, &of, after.as_deref(), PARTS)
            .await?;
        // Somebody who has left and joined again is on the roll twice, and is in the hold with the later number.
        for roll in page
            .items
            .into_iter()
            .filter(|roll| roll.seq > hold.answered)
        {
            on_roll.extend(roll.people.into_iter().map(|id| (id, roll.seq)));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let ids: Vec<EmployeeId> = on_roll.keys().cloned().collect();
    let on_roll = &on_roll;
    stream::iter(ids.chunks(USERS_PER_READ))
        .map(|ids| async move {
            let loaded = tenant.store.load(tenant.org, ids).await?;
            let kept = |user: &&User| {
                let seq = on_roll.get(&user.employee_id);
                seq.is_some_and(|seq| is_kept(user, hold, *seq))
            };
            Ok::<usize, Error>(loaded.users.values().filter(kept).count())
        })
        .buffer_unordered(READS_AT_ONCE)
        .try_fold(0, |sum, count| async move { Ok(sum + count) })
        .await
}

/// True if the user points to the hold with this roll number. An answer may already cover that number.
fn points_to(user: &User, hold: &Hold, seq: u64) -> bool {
    user.hold
        .as_ref()
        .is_some_and(|held| held.hold == hold.hold && held.seq == seq)
}

/// True if the user is in the hold with this roll number, and no answer covers the number yet.
fn is_kept(user: &User, hold: &Hold, seq: u64) -> bool {
    points_to(user, hold, seq) && hold.state == HoldState::Open && seq > hold.answered
}

/// The people with a roll number above `from` and up to `until` who still point to the hold with that number. Reading
/// stops once `enough` are found.
async fn members<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    (from, until): (u64, u64),
    enough: usize,
) -> Result<BTreeSet<EmployeeId>>
where
    P::Store: Users + Breakers,
{
    let of = RollOf::Hold(hold.hold.clone());
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = tenant
            .store
            .roll(tenant.org, &of, after.as_deref(), PARTS)
            .await?;
        for roll in page.items {
            if roll.seq > until {
                return Ok(all);
            }
            if roll.seq <= from {
                continue;
            }
            for chunk in roll.people.chunks(USERS_PER_READ) {
                let loaded = tenant.store.load(tenant.org, chunk).await?;
                let kept = |user: &User| points_to(user, hold, roll.seq);
                let kept = loaded.users.into_iter().filter(|(_, user)| kept(user));
                all.extend(kept.map(|(id, _)| id));
                if all.len() >= enough {
                    return Ok(all);
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// Closes a hold if it is empty: HR has taken its statements back, or every person was answered. The hold gets the
/// state of its last answer, or [`HoldState::Cleared`] without one. Returns true if the hold is closed.
///
/// # Errors
/// A fault. If somebody joins in the meantime, the hold stays open.
pub async fn clear<P: Ports>(tenant: &Tenant<'_, P>, id: &HoldId) -> Result<bool>
where
    P::Store: Users + Breakers,
{
    let before = get(tenant, id).await?;
    if before.state != HoldState::Open {
        return Ok(true);
    }
    let left = members(tenant, &before, (before.answered, before.version), 1).await?;
    if !left.is_empty() {
        return Ok(false);
    }
    let now = tenant.clock.now();
    let state = before.last.unwrap_or(HoldState::Cleared);
    let hold = Hold {
        state,
        version: before.version + 1,
        answered: before.version,
        ..before.clone()
    };
    let breaker = tenant.store.breaker(tenant.org, &before.source).await?;
    let answered = breaker.closing(&before.hold, state == HoldState::Rejected, now);
    let freed = answered.is_some() && before.rule.quarantines();
    let notice = told(&hold, state, None, 0, freed, now);
    tell(tenant, &notice).await?;
    let commit = BreakerCommit {
        breaker: answered.as_ref().map(|breaker| (&before.source, breaker)),
        hold: Some((&hold, before.version)),
        notices: vec![notice],
        ..BreakerCommit::default()
    };
    Ok(tenant.store.commit_breaker(tenant.org, &commit).await? == Committed::Done)
}

/// Calls [`clear`] once nobody can be on the way into the hold. A person is on the roll before their user is written,
/// so an earlier look could find the hold empty too soon. A snapshot that is being applied calls [`clear`] itself at
/// its end.
///
/// # Errors
/// A fault.
pub async fn settle<P: Ports>(tenant: &Tenant<'_, P>, id: &HoldId) -> Result<bool>
where
    P::Store: Users + Breakers + Snapshots,
{
    let hold = get(tenant, id).await?;
    let line = tenant.store.line(tenant.org, &hold.source).await?;
    let filled = line.applying.is_none() && tenant.clock.now() >= hold.opened_at + FILLED_WITHIN;
    Ok(filled && clear(tenant, id).await?)
}

/// The notice of an answer. `hold` is the hold after the answer, and `people` is how many people the answer covered.
/// `by` is `None` if the hold ended without an admin. `quarantined` says whether the hold had quarantined its source.
fn told(
    hold: &Hold,
    answer: HoldState,
    by: Option<Actor>,
    people: u32,
    quarantined: bool,
    now: DateTime<Utc>,
) -> Notice {
    Notice {
        at: now,
        kind: NoticeKind::HoldAnswered {
            hold: hold.hold.clone(),
            source: hold.source.clone(),
            answer,
            by,
            people,
            open: hold.state == HoldState::Open,
            freed: quarantined && hold.state != HoldState::Open,
        },
        employee_id: None,
        name: None,
        generation: Generation(hold.version),
    }
}
