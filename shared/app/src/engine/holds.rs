//! Answering a hold: approve lets go exactly those whom the admin has read, re-decided against the
//! present; reject forgets them.
//!
//! The answer is one transaction: the hold, its breaker (whose window is empty once the hold has ended)
//! and, for an approval, its run with the roll of those who are let go. A timer that is armed before it
//! does what the request has no time for; doing it twice does nothing, since whoever was let go is in the
//! hold no more. A hold has ended when all of it is answered, or when nobody is left in it.

mod answer;
mod step;
mod work;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::{
    Actor, EmployeeId, Generation, Hold, HoldId, HoldState, Notice, NoticeKind, User,
};

use crate::engine::breaker::tell;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Loaded, Page, RollOf, Snapshots, USERS_PER_READ, Users,
};
use crate::{Error, Ports, Result, Tenant};

pub use answer::{Answered, Ask, Verdict, answer};
pub use step::step;
pub use work::Became;

/// A delivery that opens a hold has written whom it keeps by then: its function runs for 30 seconds at most.
const FILLED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// Parts of a roll in one read.
const PARTS: usize = 20;

/// One hold.
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

/// A page of those whom a hold keeps, with the policy that they were read with.
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

/// Those whom a hold keeps, of the first `most` people on its roll and a few more; and whether that was all of the roll.
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

/// Whether somebody on the roll with that number is in the hold, unless it was answered.
fn points_to(user: &User, hold: &Hold, seq: u64) -> bool {
    user.hold
        .as_ref()
        .is_some_and(|held| held.hold == hold.hold && held.seq == seq)
}

/// Whether somebody on the roll with that number is in the hold.
fn is_kept(user: &User, hold: &Hold, seq: u64) -> bool {
    points_to(user, hold, seq) && hold.state == HoldState::Open && seq > hold.answered
}

/// Everybody on the roll who joined after one version and up to another, and who points to the hold with the number that
/// they joined with; no more reads where there are enough.
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

/// Closes a hold in which nobody is left: HR has taken back what it had said, or every part of it was
/// answered; then it ends as the last answer said.
///
/// # Errors
/// A fault. Where somebody joins meanwhile, it stays open.
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
    let answered = (breaker.hold.as_ref() == Some(&before.hold))
        .then(|| breaker.answering(state == HoldState::Rejected, now));
    let notice = told(&hold, state, None, 0, answered.is_some(), now);
    tell(tenant, &notice).await?;
    let commit = BreakerCommit {
        breaker: answered.as_ref().map(|breaker| (&before.source, breaker)),
        hold: Some((&hold, before.version)),
        notices: vec![notice],
        ..BreakerCommit::default()
    };
    Ok(tenant.store.commit_breaker(tenant.org, &commit).await? == Committed::Done)
}

/// [`clear`], once nobody is on their way into the hold: whoever is put in it is on its roll before their
/// user is written. A snapshot that is applied looks itself when it is done.
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

/// What the admins are told of an answer: `hold` as it is after it, who gave it, how many people it was
/// for, and whether the hold had quarantined its source; or by nobody that the hold has ended.
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
