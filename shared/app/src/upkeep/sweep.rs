//! The sweep, which makes timers and the stream certain. It decides overdue work as its timer would have decided it,
//! and gives half-done work to `terminate`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use offramp_domain::{DigestMinute, EmployeeId, Lifecycle, OrgId, Timer};

use crate::engine::terminate::{Begun, Person};
use crate::engine::{leave, terminate};
use crate::inbound::snapshots::apply;
use crate::metrics::Metric;
use crate::outbound::digest;
use crate::ports::{
    Breakers, Cards, Mailer, Notices, Overdue, Pulses, Rosters, Snapshots, Sources, Timers, Users,
    Work,
};
use crate::upkeep::watch;
use crate::{Deadline, Env, Ports, Result, Tenant};

/// Work is overdue this long after its time. Scheduler fires within the minute, and Lambda repeats a failed run after
/// one minute and after two more.
const SLACK: TimeDelta = TimeDelta::seconds(90);
/// The most entries that one run takes from each shard of the index. There are so many that old entries, such as open
/// holds or permanent failures, do not hide newer ones. An entry is only a key, so all of them fit one page of a query.
const PER_SHARD: usize = 1_000;
/// How far ahead the timer for half-done work is armed, in seconds. No timer is armed nearer than this.
const AHEAD_SECONDS: i64 = 60;
/// A piece of work begins only if this much time is left.
const PIECE_TIME: Duration = Duration::from_secs(6);

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
    holder: &str,
    deadline: Deadline,
) -> Result<Swept>
where
    M: Mailer,
    P::Store: Users + Cards + Notices + Overdue + Breakers + Rosters + Snapshots + Sources + Pulses,
{
    let before = env.clock.now() - SLACK;
    let found: BTreeSet<Work> = env
        .store
        .overdue(before, PER_SHARD)
        .await?
        .into_iter()
        .collect();
    let own = |piece: &Work| matches!(piece, Work::Hold { .. } | Work::Source { .. });
    let overdue = found.iter().filter(|piece| !own(piece)).count();
    let mut swept = Swept {
        found: u32::try_from(overdue).unwrap_or(u32::MAX),
        ..Swept::default()
    };
    // Zeros are recorded too, as evidence that the sweep has run.
    env.meter.record(Metric::OverdueWork, swept.found);
    env.meter.record(Metric::OverdueWorkFailed, 0_u32);
    env.meter.record(Metric::OverdueDeactivations, 0_u32);
    let mut holds = 0_u32;
    for piece in in_turn(found) {
        if !deadline.leaves(PIECE_TIME) {
            break;
        }
        let result = match &piece {
            Work::User { org, employee_id } => person(&env.of(org), employee_id).await,
            Work::Notice { org, minute } => mail(&env.of(org), mailer, *minute, holder).await,
            Work::Hold { org, hold } => watch::hold(&env.of(org), hold).await.map(|open| {
                holds += u32::from(open);
            }),
            Work::Snapshot {
                org,
                source,
                snapshot,
            } => apply::overdue(&env.of(org), source, snapshot).await,
            Work::Source { org, source } => watch::source(&env.of(org), source).await,
        };
        match result {
            Ok(()) => swept.finished += u32::from(!own(&piece)),
            Err(error) => {
                swept.failed += 1;
                env.meter.record(Metric::OverdueWorkFailed, 1_u32);
                tracing::error!(?piece, %error, "an overdue piece of work failed");
            }
        }
    }
    env.meter.record(Metric::HoldsOpen, holds);
    Ok(swept)
}

/// The work in turns, one piece of each organisation. So no organisation waits behind a thousand pieces of another.
fn in_turn(found: BTreeSet<Work>) -> Vec<Work> {
    let mut queues: BTreeMap<OrgId, VecDeque<Work>> = BTreeMap::new();
    let mut digests = BTreeSet::new();
    for piece in found {
        let org = match &piece {
            Work::User { org, .. }
            | Work::Hold { org, .. }
            | Work::Snapshot { org, .. }
            | Work::Source { org, .. } => org,
            // One digest mails all unsent notices, so the oldest minute is enough.
            Work::Notice { org, .. } => {
                if !digests.insert(org.clone()) {
                    continue;
                }
                org
            }
        };
        queues.entry(org.clone()).or_default().push_back(piece);
    }
    let mut turns = Vec::new();
    while !queues.is_empty() {
        queues.retain(|_, queue| {
            turns.extend(queue.pop_front());
            !queue.is_empty()
        });
    }
    turns
}

/// Decides for a user as their timers would have decided. `terminate` cancels cards and closes objectives: the stream
/// hands over what is decided here, and a timer hands over half-done work.
async fn person<P: Ports>(tenant: &Tenant<'_, P>, id: &EmployeeId) -> Result<()>
where
    P::Store: Users + Breakers + Cards,
{
    let org = tenant.org;
    let Some(user) = tenant.store.one(org, id).await? else {
        return Ok(());
    };
    let now = tenant.clock.now();
    let person = Person::new(id, user.origin.source());
    if let Lifecycle::Scheduled(schedule) = &user.lifecycle
        && schedule.fires_at() <= now
    {
        let due = schedule.fires_at();
        let begun = terminate::begin_due(tenant, person, user.generation, due, false).await?;
        late(tenant, &begun);
        let done = begun.ended();
        tracing::warn!(%org, employee_id = %id, ?done, "an overdue deactivation was taken up");
        return Ok(());
    }
    if let Some(plan) = user.leave.plan
        && plan.at <= now
    {
        let begun = leave::begin_due(tenant, person, user.leave.count, plan.at, false).await?;
        late(tenant, &begun);
        let done = begun.ended();
        tracing::warn!(%org, employee_id = %id, ?done, "an overdue leave date was taken up");
        return Ok(());
    }
    // The remaining cases: a half-done deactivation, objectives to reopen, or a card whose cancellation has begun.
    let cards = tenant.store.cards_of(org, id).await?;
    let begun = cards.iter().any(|card| card.is_alive() && card.cancelling);
    if user.pending.is_done() && user.reopening.is_none() && !begun {
        return Ok(());
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
    Ok(())
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
) -> Result<()>
where
    M: Mailer,
    P::Store: Users + Notices + Breakers,
{
    let mailed = digest::mail(tenant, mailer, minute, holder).await?;
    tracing::warn!(org = %tenant.org, sent = mailed.sent, "an overdue digest was taken up");
    Ok(())
}
