//! The sweep, which makes timers and the stream certain. It decides overdue work as its timer would have decided it,
//! and gives half-done work to `terminate`.
//!
//! Work goes by age (`turns.rs`), and each piece has a share of the time. A piece that an attempt did not end is
//! remembered, and comes after newer work in the next sweep. So a slow or endless piece starves nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use offramp_domain::{
    Actor, DigestMinute, EmployeeId, Lifecycle, OrgId, SubjectKind, Timer, TimerKind,
};

use crate::engine::logins;
use crate::engine::terminate::{Begun, Person, Terminated};
use crate::engine::{leave, terminate};
use crate::inbound::snapshots::apply;
use crate::metrics::Metric;
use crate::outbound::digest;
use crate::ports::{
    Attempts, Breakers, Cards, Due, Lookalikes, Mailer, Notices, Overdue, Pulses, Rosters,
    Snapshots, Sources, Timers, Users, Work,
};
use crate::upkeep::turns::turns;
use crate::upkeep::watch;
use crate::{Deadline, Env, Error, Ports, Result, Tenant, when};

/// Work is overdue this long after its time. Scheduler fires within the minute, and a run takes at most 30 seconds, so
/// its first run has ended. Lambda repeats a failed run after one minute and after two more. The sweep may come in
/// between: whichever comes first decides, and the other finds it done. Waiting for both would keep cards alive for
/// four minutes longer and prevent nothing.
const SLACK: TimeDelta = TimeDelta::seconds(90);
/// The most entries that one run takes from each shard of the index. There are so many that old entries, such as open
/// holds or permanent failures, do not hide newer ones. An entry is only a key, so all of them fit one page of a query.
const PER_SHARD: usize = 1_000;
/// How far ahead the timer for half-done work is armed, in seconds. No timer is armed nearer than this.
const AHEAD_SECONDS: i64 = 60;
/// A piece of work begins only if this much time is left.
const PIECE_TIME: Duration = Duration::from_secs(6);
/// The longest time for one piece of work. It is given up after that, as if the process had died.
const LONGEST_PIECE: Duration = Duration::from_secs(8);
/// The time that is left for the end of the sweep.
const END_TIME: Duration = Duration::from_secs(3);
/// The time for one digest, which stops by itself. It includes the eight seconds in which a digest begins no message.
const DIGEST_TIME: Duration = Duration::from_secs(18);
/// How far ahead leave dates are planned anew after a change of the tables of time zones.
const TIDY_AFTER: TimeDelta = TimeDelta::minutes(2);
/// How long an attempt is remembered. An attempt is made every five minutes, so older ones are of work that has ended.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// The result of a sweep. The figures leave out the sweep's own work, the watch over sources and holds, except for its
/// failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many pieces of work were overdue.
    pub found: u32,
    /// How many of them are done now.
    pub finished: u32,
    /// How many pieces failed. The next sweep tries them again.
    pub failed: u32,
}

/// Does overdue work, taking the organisations in turn.
///
/// # Errors
/// A fault of the index. A fault of one piece is counted and logged, and the other pieces continue.
pub async fn sweep<P: Ports, M>(
    env: &Env<P>,
    mailer: &M,
    signs_in_by: SubjectKind,
    holder: &str,
    deadline: Deadline,
) -> Result<Swept>
where
    M: Mailer,
    P::Store: Users
        + Cards
        + Notices
        + Overdue
        + Breakers
        + Lookalikes
        + Rosters
        + Snapshots
        + Sources
        + Pulses,
{
    let before = env.clock.now() - SLACK;
    let found = env.store.overdue(before, PER_SHARD).await?;
    let own = |piece: &Work| matches!(piece, Work::Hold { .. } | Work::Source { .. });
    let distinct: BTreeSet<&Work> = found.iter().map(|due| &due.work).collect();
    let overdue = distinct.iter().filter(|piece| !own(piece)).count();
    let mut swept = Swept {
        found: u32::try_from(overdue).unwrap_or(u32::MAX),
        ..Swept::default()
    };
    // Zeros are recorded too, as evidence that the sweep has run.
    env.meter.record(Metric::OverdueWork, swept.found);
    env.meter.record(Metric::OverdueWorkFailed, 0_u32);
    env.meter.record(Metric::OverdueDeactivations, 0_u32);
    let mut memory = remembered(env, &found).await;
    let recalled = memory.clone();
    for (org, of) in &mut memory {
        if let Err(error) = zones(&env.of(org), of).await {
            tracing::error!(%org, %error, "leave dates are not planned anew with new tables of time zones");
        }
        if let Err(error) = bind(&env.of(org), signs_in_by, of).await {
            tracing::error!(%org, %error, "the logins of admins are not bound");
        }
    }
    let mut holds = 0_u32;
    for work in turns(found, &memory) {
        if !deadline.leaves(PIECE_TIME) {
            break;
        }
        let result = piece(env, mailer, holder, &work, deadline).await;
        let of = memory.entry(work.org().clone()).or_default();
        match &result {
            Ok(true) => of.forget(&work),
            _ => of.remember(&work, env.clock.now()),
        }
        match result {
            Ok(ended) => {
                holds += u32::from(!ended && matches!(work, Work::Hold { .. }));
                swept.finished += u32::from(!own(&work));
            }
            Err(error) => {
                swept.failed += 1;
                env.meter.record(Metric::OverdueWorkFailed, 1_u32);
                tracing::error!(?work, %error, "an overdue piece of work failed");
            }
        }
    }
    env.meter.record(Metric::HoldsOpen, holds);
    let changed = memory
        .iter()
        .filter(|(org, of)| recalled.get(*org) != Some(*of));
    join_all(changed.map(|(org, of)| remember(env, org, of))).await;
    Ok(swept)
}

/// What earlier sweeps remember of the organisations with work.
async fn remembered<P: Ports>(env: &Env<P>, found: &[Due]) -> BTreeMap<OrgId, Attempts>
where
    P::Store: Overdue,
{
    let orgs: BTreeSet<&OrgId> = found.iter().map(|due| due.work.org()).collect();
    let since = env.clock.now() - REMEMBERED;
    let reads = orgs.into_iter().map(|org| async move {
        let mut attempts = match env.store.attempts(org).await {
            Ok(attempts) => attempts,
            // Then all work of the organisation goes by its own age.
            Err(fault) => {
                tracing::warn!(%org, %fault, "what was tried before is not known");
                Attempts::default()
            }
        };
        attempts.forget_before(since);
        (org.clone(), attempts)
    });
    join_all(reads).await.into_iter().collect()
}

/// Has the leave dates of an organisation planned anew once a release has brought other tables of time zones: a day may
/// begin at another instant than its timer was armed for. The first sweep only notes the tables.
async fn zones<P: Ports>(tenant: &Tenant<'_, P>, memory: &mut Attempts) -> Result<()>
where
    P::Store: Users,
{
    let present = Some(when::tables().to_owned());
    if memory.zones == present {
        return Ok(());
    }
    if memory.zones.is_some() {
        let epoch = tenant.store.load(tenant.org, &[]).await?.policy.epoch;
        let tidy = |due| Timer::Tidy {
            org: tenant.org.clone(),
            epoch,
            due,
        };
        tenant.arm_next(TIDY_AFTER, tidy).await?;
        tracing::info!(org = %tenant.org, "the tables of time zones have changed");
    }
    memory.zones = present;
    Ok(())
}

/// Binds the logins of the admins who were appointed before there were logins, once.
async fn bind<P: Ports>(
    tenant: &Tenant<'_, P>,
    signs_in_by: SubjectKind,
    memory: &mut Attempts,
) -> Result<()>
where
    P::Store: Users,
{
    if memory.bound {
        return Ok(());
    }
    let due = tenant.clock.now();
    let kind = TimerKind::Sweep;
    let bound = logins::bind(tenant, signs_in_by, &Actor::Timer { kind, due }).await?;
    if bound > 0 {
        tracing::info!(org = %tenant.org, bound, "the logins of admins are bound");
    }
    memory.bound = true;
    Ok(())
}

async fn remember<P: Ports>(env: &Env<P>, org: &OrgId, attempts: &Attempts)
where
    P::Store: Overdue,
{
    if let Err(fault) = env.store.put_attempts(org, attempts).await {
        tracing::warn!(%org, %fault, "what was tried is not remembered");
    }
}

/// Does one piece of work within its share of the time. Returns true if it has ended, so that the next sweep does not
/// find it again.
async fn piece<P: Ports, M>(
    env: &Env<P>,
    mailer: &M,
    holder: &str,
    work: &Work,
    deadline: Deadline,
) -> Result<bool>
where
    M: Mailer,
    P::Store:
        Users + Cards + Notices + Breakers + Lookalikes + Rosters + Snapshots + Sources + Pulses,
{
    let tenant = &env.of(work.org());
    // A digest must not be given up between a message and its record.
    if let Work::Notice { minute, .. } = work {
        let deadline = deadline.within(DIGEST_TIME);
        return mail(tenant, mailer, *minute, holder, deadline).await;
    }
    let work = async {
        match work {
            Work::User { employee_id, .. } => person(tenant, employee_id).await,
            Work::Hold { hold, .. } => watch::hold(tenant, hold).await.map(|open| !open),
            Work::Snapshot {
                source, snapshot, ..
            } => apply::overdue(tenant, source, snapshot)
                .await
                .map(|()| true),
            Work::Source { source, .. } => {
                watch::source(tenant, source, deadline).await.map(|()| true)
            }
            Work::Notice { .. } => Ok(true),
        }
    };
    let share = LONGEST_PIECE.min(deadline.left().saturating_sub(END_TIME));
    match tokio::time::timeout(share, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Unfinished(
            "a piece of work took its share of the time",
        )),
    }
}

/// Decides for a user as their timers would have decided. `terminate` cancels cards and closes objectives: the stream
/// hands over what is decided here, and a timer hands over half-done work. Returns true unless the person stays overdue,
/// for example because the sync rule fails on them, or because `terminate` has yet to finish.
async fn person<P: Ports>(tenant: &Tenant<'_, P>, id: &EmployeeId) -> Result<bool>
where
    P::Store: Users + Breakers + Cards,
{
    let org = tenant.org;
    let Some(user) = tenant.store.one(org, id).await? else {
        return Ok(true);
    };
    let now = tenant.clock.now();
    let person = Person::new(id, user.origin.source());
    if let Lifecycle::Scheduled(schedule) = user.lifecycle()
        && schedule.fires_at() <= now
    {
        let due = schedule.fires_at();
        let begun = terminate::begin_due(tenant, person, user.generation, due, false).await?;
        late(tenant, &begun);
        let done = begun.ended();
        tracing::warn!(%org, employee_id = %id, ?done, "an overdue deactivation was taken up");
        return Ok(begun.acted);
    }
    if let Some(plan) = user.leave.plan
        && plan.at <= now
    {
        let begun = leave::begin_due(tenant, person, user.leave.count, plan.at, false).await?;
        late(tenant, &begun);
        let done = begun.ended();
        tracing::warn!(%org, employee_id = %id, ?done, "an overdue leave date was taken up");
        return Ok(begun.acted);
    }
    if let Some(due) = user.leave.remind_at
        && due <= now
    {
        let done = leave::remind(tenant, id, user.leave.count, due).await?;
        tracing::warn!(%org, employee_id = %id, ?done, "an overdue reminder was taken up");
        // The sweep comes again if the next work of this person is overdue, too.
        return Ok(matches!(done, Terminated::Done { .. }));
    }
    // The remaining cases: a half-done deactivation, objectives to reopen, or a card whose cancellation has begun.
    let cards = tenant.store.cards_of(org, id).await?;
    let begun = cards.iter().any(|card| card.is_alive() && card.cancelling);
    if user.pending.is_done() && user.reopening.is_none() && !begun {
        return Ok(true);
    }
    let due = DateTime::from_timestamp(now.timestamp() + AHEAD_SECONDS, 0).unwrap_or(now);
    let timer = Timer::Finish {
        org: org.clone(),
        employee_id: id.clone(),
        generation: user.generation,
        due,
        swept: true,
    };
    tenant.timers.arm(&timer).await?;
    tracing::warn!(%org, employee_id = %id, "what a deactivation has left to do was given to a timer");
    Ok(false)
}

/// Counts a deactivation or leave date that its timer should have decided.
fn late<P: Ports>(env: &Env<P>, begun: &Begun) {
    if begun.acted {
        env.meter.record(Metric::OverdueDeactivations, 1_u32);
    }
}

async fn mail<P: Ports, M>(
    tenant: &Tenant<'_, P>,
    mailer: &M,
    minute: DigestMinute,
    holder: &str,
    deadline: Deadline,
) -> Result<bool>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers + Lookalikes,
{
    let mailed = digest::mail(tenant, mailer, minute, holder, deadline).await?;
    tracing::warn!(org = %tenant.org, sent = mailed.sent, "an overdue digest was taken up");
    Ok(true)
}
