//! Answering a hold. An approval lets the people go that the admin has read, and only them; each is decided again on
//! the present. A rejection removes them from the hold.
//!
//! An answer is one transaction: the hold, the breaker if it points to this hold, and for an approval the run with its
//! roll. If the answer ends the hold, that breaker's window becomes empty. A timer is armed before the transaction. It
//! answers for the people for whom the request has no time. The hold lists the answer as unfinished until it is carried
//! out for everybody, and the sweep arms the timer anew as long as it does. Repeating this work changes nothing, because
//! an answered person has left the hold. A hold ends when all of it is answered, or when it is empty: it is closed on the
//! condition that nobody has joined since it was looked at.

mod answer;
mod step;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::settings::Safeguards;
use offramp_domain::{
    Actor, EmployeeId, Figures, Generation, Hold, HoldId, HoldState, Notice, NoticeKind, Roll,
    RunId, User,
};

use crate::engine::breaker::tell;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Loaded, Page, RollOf, Snapshots, USERS_PER_READ, Users,
};
use crate::{Error, Ports, Result, Tenant};

pub use answer::{AnsweredHold, Ask, Verdict, answer};
pub use step::{step, take_up};
pub use work::Became;

/// A delivery that opens a hold has written its people within this time, because its function runs for at most 30
/// seconds.
const FILLED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// Reads of people that are made at once.
const READS_AT_ONCE: usize = 8;
/// How many of the newest holds are searched for those of a run.
const RECENT: usize = 20;
/// Parts of a roll in one read.
const PARTS: usize = 100;

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

/// A page of the people in a hold, with the policy that was read with them. A page is a few parts of the roll.
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
    let mut page = tenant.store.roll(tenant.org, &of, after, 1).await?;
    let first = page.items.first().map_or(0, |roll| roll.people.len());
    if let Some(next) = page.next.as_deref().filter(|_| first < USERS_PER_READ) {
        // People who joined one by one, or a few at once.
        let parts = (USERS_PER_READ / first.max(1)).clamp(1, PARTS);
        let more = tenant
            .store
            .roll(tenant.org, &of, Some(next), parts)
            .await?;
        page.next = more.next;
        page.items.extend(more.items);
    }
    let items = pointing(
        tenant,
        hold,
        &numbered(page.items, (hold.answered, u64::MAX)),
    )
    .await?;
    let items = items.into_iter().filter(|_| hold.state == HoldState::Open);
    let page = Page {
        items: items.collect(),
        next: page.next,
    };
    let policy = tenant.store.load(tenant.org, &[]).await?;
    Ok((page, policy))
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
        let mut people = numbered(page.items, (hold.answered, u64::MAX));
        let all = people.len() <= most - seen;
        people = people.into_iter().take(most - seen).collect();
        seen += people.len();
        if hold.state == HoldState::Open {
            kept.extend(pointing(tenant, hold, &people).await?);
        }
        match page.next {
            _ if !all => return Ok((kept, false)),
            Some(_) if seen >= most => return Ok((kept, false)),
            Some(next) => after = Some(next),
            None => return Ok((kept, true)),
        }
    }
}

/// How many people are in the hold now. Of an open hold everybody on its roll is read, since a person may have left it
/// without an answer.
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
    let unanswered = (hold.answered, u64::MAX);
    Ok(members(tenant, hold, unanswered, usize::MAX).await?.len())
}

/// The figures of a hold as they are now, with so many people in it; `None` if it is closed.
///
/// # Errors
/// A fault.
pub async fn figures<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    left: usize,
    safeguards: Safeguards,
) -> Result<Option<Figures>>
where
    P::Store: Breakers,
{
    if hold.state != HoldState::Open {
        return Ok(None);
    }
    let breaker = tenant.store.breaker(tenant.org, &hold.source).await?;
    let now = tenant.clock.now();
    Ok(Some(breaker.present(hold.rule, left, safeguards, now)))
}

/// The people on these parts of a roll whose numbers are above `from` and up to `until`, each with the latest of theirs:
/// somebody who has left and joined again is listed twice.
fn numbered(parts: Vec<Roll>, (from, until): (u64, u64)) -> BTreeMap<EmployeeId, u64> {
    let parts = parts
        .into_iter()
        .filter(|roll| roll.seq > from && roll.seq <= until);
    let people = parts.flat_map(|roll| roll.people.into_iter().map(move |id| (id, roll.seq)));
    people.collect()
}

/// Those of the people who point to the hold with these roll numbers.
async fn pointing<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    people: &BTreeMap<EmployeeId, u64>,
) -> Result<Vec<User>>
where
    P::Store: Users,
{
    let ids: Vec<EmployeeId> = people.keys().cloned().collect();
    let chunks: Vec<Vec<User>> = stream::iter(ids.chunks(USERS_PER_READ))
        .map(|ids| async move {
            let users = tenant.store.load_of(tenant.org, None, ids).await?.users;
            let kept = |user: &User| {
                let seq = people.get(&user.employee_id);
                seq.is_some_and(|seq| points_to(user, hold, *seq))
            };
            Ok::<_, Error>(users.into_values().filter(kept).collect())
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(chunks.into_iter().flatten().collect())
}

/// True if the user points to the hold with this roll number. An answer may already cover that number.
fn points_to(user: &User, hold: &Hold, seq: u64) -> bool {
    user.hold
        .as_ref()
        .is_some_and(|held| held.hold == hold.hold && held.seq == seq)
}

/// The people with a roll number above `from` and up to `until` who still point to the hold with that number. Reading
/// stops once `enough` are found.
async fn members<P: Ports>(
    tenant: &Tenant<'_, P>,
    hold: &Hold,
    between: (u64, u64),
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
        let found = pointing(tenant, hold, &numbered(page.items, between)).await?;
        all.extend(found.into_iter().map(|user| user.employee_id));
        match page.next {
            Some(next) if all.len() < enough => after = Some(next),
            _ => return Ok(all),
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
        hold: Some((&hold, Some(before.version))),
        notices: vec![notice],
        ..BreakerCommit::default()
    };
    Ok(tenant.store.commit_breaker(tenant.org, &commit).await? == Committed::Done)
}

/// The open holds that a run has opened, of the newest ones.
///
/// # Errors
/// A fault.
pub async fn opened_by<P: Ports>(tenant: &Tenant<'_, P>, run: &RunId) -> Result<BTreeSet<HoldId>>
where
    P::Store: Breakers,
{
    let recent = tenant.store.holds(tenant.org, None, RECENT).await?.items;
    let own = recent
        .into_iter()
        .filter(|hold| hold.state == HoldState::Open && hold.run.as_ref() == Some(run));
    Ok(own.map(|hold| hold.hold).collect())
}

/// Calls [`clear`] once nobody can be on the way into the hold: nobody joins a hold that is closed, so to close it
/// earlier would only have them open another. A snapshot that is being applied calls [`clear`] itself at its end.
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
