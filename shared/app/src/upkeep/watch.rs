//! The watch over holds and sources: it reminds of open holds, counts the active people of each source, and notices
//! silent sources.

use std::time::Duration;

use chrono::TimeDelta;
use offramp_domain::breaker::Base;
use offramp_domain::digest::{Notice, NoticeKind};
use offramp_domain::{Breaker, Generation, Hold, HoldId, HoldState, SourceId};

use crate::engine::breaker::tell;
use crate::engine::{hand_over, holds};
use crate::inbound::pulse;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Pulses, Rosters, Snapshots, Sources, Users,
};
use crate::{Deadline, Ports, Result, Tenant};

/// The time between two reminders of a hold.
const REMIND_AFTER: TimeDelta = TimeDelta::hours(24);
/// The longest time between two looks at a source.
const LOOK_AFTER: TimeDelta = TimeDelta::hours(1);
/// How long a sweep goes on with the hand-over of a source. It is less than the share of a piece of work.
const HAND_OVER_TIME: Duration = Duration::from_secs(5);

/// Takes up answers that are not carried out, clears an empty hold, and reminds of an open one: the admins once a day, and the address in the setting `escalation`
/// from `escalate_after_hours` on. Returns true if the hold is open.
///
/// # Errors
/// A fault; the next sweep tries again.
pub(super) async fn hold<P: Ports>(tenant: &Tenant<'_, P>, id: &HoldId) -> Result<bool>
where
    P::Store: Users + Breakers + Snapshots,
{
    let read = holds::get(tenant, id).await?;
    if !read.unfinished.is_empty() {
        holds::take_up(tenant, &read).await?;
    }
    if holds::settle(tenant, id).await? {
        return Ok(false);
    }
    let now = tenant.clock.now();
    let before = holds::get(tenant, id).await?;
    if before.state != HoldState::Open {
        return Ok(false);
    }
    let is_daily = now >= before.told_at + REMIND_AFTER;
    if before.escalated && !is_daily {
        return Ok(true);
    }
    let loaded = tenant.store.load(tenant.org, &[]).await?;
    let escalated = loaded.policy.settings.escalates(before.opened_at, now);
    if !is_daily && !escalated {
        return Ok(true);
    }
    let after = Hold {
        told_at: now,
        escalated: before.escalated || escalated,
        ..before.clone()
    };
    let notice = Notice {
        at: now,
        kind: NoticeKind::HoldWaits {
            hold: id.clone(),
            source: before.source.clone(),
            since: before.opened_at,
            escalated,
        },
        employee_id: None,
        name: None,
        generation: Generation(before.version),
    };
    tell(tenant, &notice).await?;
    let commit = BreakerCommit {
        hold: Some((&after, Some(before.version))),
        notices: vec![notice],
        ..BreakerCommit::default()
    };
    // After a conflict, somebody has joined or answered, and the next sweep looks again.
    let _: Committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
    Ok(true)
}

/// Goes on with a hand-over, notifies the admins of a change of the source's health, and counts its active people. The next look comes after an
/// hour, or earlier if the source would fall silent before that.
///
/// # Errors
/// A fault; the next sweep tries again.
pub async fn source<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    deadline: Deadline,
) -> Result<()>
where
    P::Store: Users + Breakers + Rosters + Sources + Pulses,
{
    let (silent_at, handed) = match tenant.store.source(tenant.org, source).await? {
        Some(source) => {
            // A fault of it keeps nobody from hearing of the source.
            let deadline = deadline.within(HAND_OVER_TIME);
            let handed = hand_over::go_on(tenant, &source, deadline).await;
            (pulse::judge(tenant, &source).await?, handed)
        }
        None => (None, Ok(())),
    };
    let active = tenant.store.count_active(tenant.org, source).await?;
    let before = tenant.store.breaker(tenant.org, source).await?;
    let at = tenant.clock.now();
    let next = at + LOOK_AFTER;
    let sooner = silent_at.filter(|silent| *silent > at);
    let after = Breaker {
        base: Some(Base { active, at }),
        look_at: Some(sooner.map_or(next, |silent| silent.min(next))),
        rev: before.rev + 1,
        ..before
    };
    let commit = BreakerCommit {
        breaker: Some((source, &after)),
        ..BreakerCommit::default()
    };
    // After a conflict the next sweep counts again.
    let _: Committed = tenant.store.commit_breaker(tenant.org, &commit).await?;
    tracing::info!(org = %tenant.org, %source, active, "counted the active people of a source");
    handed
}
