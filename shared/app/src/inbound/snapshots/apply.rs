//! Applying a snapshot, in steps that are bounded and can be taken up again: each partition of the
//! roster is compared, the breaker is asked once for everybody, each partition is applied.
//!
//! A step is armed before it is committed, and fenced: it commits only while the snapshot is the one
//! that its source applies, and at the revision that it has read. What a step that dies has done to
//! people is done; taken up again it finds them equal, and goes on with the others. Nothing is
//! deactivated before everything was compared.

mod ask;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use offramp_domain::breaker::{Breaker, Counted};
use offramp_domain::decide::Word;
use offramp_domain::snapshot::Said;
use offramp_domain::{
    DigestMinute, EmployeeId, Gate, RunKind, Snapshot, SnapshotId, SnapshotState, SourceId, Step,
    Timer,
};

use super::compare::{Contradiction, Delta, delta};
use super::get;
use crate::engine::breaker::Asking;
use crate::engine::holds;
use crate::engine::many::{Answer, Engine, Plan};
use crate::inbound::{pulse, rejections};
use crate::ports::About;
use crate::ports::snapshots::Receipt;
use crate::ports::{
    BreakerCommit, Breakers, Committed, Objectives, Observed, ROSTER_SHARDS, Rejection, Rejections,
    Rosters, SnapshotCommit, Snapshots, Timers, USERS_PER_READ, Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};
use ask::apart;

/// A step is begun only while this much time is left.
const STEP_TIME: Duration = Duration::from_secs(5);
/// When the work is taken up again if this run dies: later than Lambda's longest run, 15 minutes.
const TAKE_UP_AFTER: TimeDelta = TimeDelta::minutes(16);
/// When it goes on if this run ends before the work does.
const GO_ON_AFTER: TimeDelta = TimeDelta::minutes(2);

/// Does as many steps as there is time for. Says whether that was all.
///
/// # Errors
/// A fault; Lambda and the timer that was armed take it up again.
pub async fn work<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
    deadline: Deadline,
) -> Result<bool>
where
    P::Store: Users + Breakers + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    let (mut snapshot, _) = match get(tenant, source, id).await {
        Err(Error::NotFound(_)) => return Ok(true),
        found => found?,
    };
    if snapshot.state != SnapshotState::Applying {
        return Ok(true);
    }
    let insurance = arm(tenant, &snapshot, TAKE_UP_AFTER).await?;
    snapshot.due = Some(insurance.due());
    let receipts = tenant.store.pages(tenant.org, id).await?;
    let applying = Applying {
        tenant: *tenant,
        receipts: &receipts,
        deadline,
    };
    while snapshot.step != Step::Done {
        if !deadline.leaves(STEP_TIME) {
            return go_on(tenant, snapshot).await;
        }
        let next = match applying.step(&snapshot).await {
            Err(Error::Unfinished(_)) => return go_on(tenant, snapshot).await,
            next => next?,
        };
        let (done, of) = next.step.progress(ROSTER_SHARDS);
        match commit(tenant, &next).await? {
            Committed::Done => snapshot = next,
            // A newer snapshot has taken its place, or another run has.
            Committed::Conflict => return Ok(true),
        }
        tracing::info!(org = %tenant.org, %source, snapshot = %id, done, of, "a step of a snapshot is done");
        if snapshot.state != SnapshotState::Applying {
            break;
        }
    }
    if let Err(fault) = tenant.timers.disarm(&insurance).await {
        tracing::debug!(org = %tenant.org, %fault, "a timer that does nothing any more stays");
    }
    Ok(true)
}

/// Arms the next run, and says so on the snapshot.
async fn go_on<P: Ports>(tenant: &Tenant<'_, P>, mut snapshot: Snapshot) -> Result<bool>
where
    P::Store: Snapshots,
{
    let timer = arm(tenant, &snapshot, GO_ON_AFTER).await?;
    snapshot.due = Some(timer.due());
    snapshot.rev += 1;
    // Where somebody else is at work, they go on.
    let _: Committed = commit(tenant, &snapshot).await?;
    Ok(false)
}

/// Arms a timer for the work on a snapshot.
///
/// # Errors
/// A fault.
pub async fn arm<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    after: TimeDelta,
) -> Result<Timer> {
    let timer = Timer::Snapshot {
        org: tenant.org.clone(),
        source: snapshot.source.clone(),
        snapshot: snapshot.snapshot.clone(),
        due: DigestMinute::of(tenant.clock.now()).start() + after,
    };
    tenant.timers.arm(&timer).await?;
    Ok(timer)
}

/// Takes up a snapshot whose timer was lost.
///
/// # Errors
/// A fault; the next sweep tries again.
pub async fn overdue<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
) -> Result<()>
where
    P::Store: Snapshots,
{
    let (snapshot, _) = get(tenant, source, id).await?;
    match snapshot.state {
        SnapshotState::Applying => {
            go_on(tenant, snapshot).await?;
        }
        // Superseded, say: nothing is left to do, and it is found no more.
        _ => {
            let mut stored = snapshot;
            stored.due = None;
            stored.rev += 1;
            // Where somebody else has written it, the next sweep looks again.
            let _: Committed = tenant.store.retire_snapshot(tenant.org, &stored).await?;
        }
    }
    Ok(())
}

async fn commit<P: Ports>(tenant: &Tenant<'_, P>, snapshot: &Snapshot) -> Result<Committed>
where
    P::Store: Snapshots,
{
    let ended = snapshot.state != SnapshotState::Applying;
    let line = if ended {
        let mut line = tenant.store.line(tenant.org, &snapshot.source).await?;
        if line.applying.as_ref() != Some(&snapshot.snapshot) {
            return Ok(Committed::Conflict);
        }
        line.applying = None;
        line.rev += 1;
        Some(line)
    } else {
        None
    };
    let commit = SnapshotCommit {
        snapshot,
        line: line.as_ref(),
    };
    Ok(tenant.store.commit_snapshot(tenant.org, &commit).await?)
}

struct Applying<'a, P: Ports> {
    tenant: Tenant<'a, P>,
    receipts: &'a [Receipt],
    deadline: Deadline,
}

impl<P: Ports> Applying<'_, P>
where
    P::Store: Users + Breakers + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// The snapshot after its next step.
    async fn step(&self, before: &Snapshot) -> Result<Snapshot> {
        let mut after = before.clone();
        after.rev += 1;
        after.step = before.next_step(ROSTER_SHARDS);
        match before.step {
            Step::Compare { part } => self.compare(&mut after, part).await?,
            Step::Ask => self.ask(&mut after).await?,
            Step::Apply { part } => self.apply(&mut after, part).await?,
            Step::Done => {}
        }
        if after.step == Step::Done && after.state == SnapshotState::Applying {
            self.finish(&mut after).await?;
        }
        Ok(after)
    }

    fn plan<'p>(&'p self, snapshot: &'p Snapshot) -> Plan<'p, P> {
        Plan {
            tenant: self.tenant,
            source: &snapshot.source,
            observing: snapshot.observing,
            deadline: self.deadline,
        }
    }

    async fn delta(
        &self,
        snapshot: &Snapshot,
        part: u8,
    ) -> Result<std::result::Result<Delta, Contradiction>> {
        delta(&self.tenant, snapshot, self.receipts, part).await
    }

    /// Decides one partition in memory.
    async fn compare(&self, snapshot: &mut Snapshot, part: u8) -> Result<()> {
        let delta = match self.delta(snapshot, part).await? {
            Ok(delta) => delta,
            Err(Contradiction(id)) => {
                snapshot.state = SnapshotState::Rejected;
                snapshot.due = None;
                snapshot.problem = Some(format!(
                    "employee {id} is in it twice, with different records; nothing of it was applied"
                ));
                return Ok(());
            }
        };
        let mut counted: Vec<(EmployeeId, Counted)> = Vec::new();
        let mut words: BTreeMap<Word, u64> = BTreeMap::new();
        words.insert(Word::Unchanged, delta.unchanged);
        let unreadable = u64::try_from(delta.unreadable.len()).unwrap_or(u64::MAX);
        words.insert(Word::Rejected, unreadable);
        let mut active = words.clone();
        {
            let plan = self.plan(snapshot);
            for chunk in delta.people.chunks(USERS_PER_READ) {
                let loaded = plan.read(chunk).await?;
                for planned in plan.words(&loaded, chunk)? {
                    *words.entry(planned.word).or_default() += 1;
                    let would = planned.would.unwrap_or(planned.word);
                    *active.entry(would).or_default() += 1;
                    counted.extend(planned.counted.map(|what| (planned.id, what)));
                }
            }
        }
        add(&mut snapshot.summary, words);
        if snapshot.observing {
            add(&mut snapshot.would, active);
        }
        snapshot.employees += delta.employees;
        snapshot.counted += u32::try_from(counted.len()).unwrap_or(u32::MAX);
        snapshot.fields = match (snapshot.fields.take(), delta.fields) {
            (Some(all), Some(part)) => Some(all.intersection(&part).copied().collect()),
            (all, part) => all.or(part),
        };
        let store = &self.tenant.store;
        store
            .put_counted(self.tenant.org, snapshot, part, &counted)
            .await?;
        Ok(())
    }

    /// Does what was decided in one partition, re-decided for each person against the present.
    async fn apply(&self, snapshot: &mut Snapshot, part: u8) -> Result<()> {
        let delta = match self.delta(snapshot, part).await? {
            Ok(delta) => delta,
            // It was compared without one, and its pages do not change any more.
            Err(Contradiction(_)) => {
                return Err(crate::Fault::corrupt("snapshot", "its pages have changed").into());
            }
        };
        let loaded = self.tenant.store.load(self.tenant.org, &[]).await?;
        let settings = &loaded.policy.settings;
        let store = &self.tenant.store;
        let counted = store
            .counted(self.tenant.org, &snapshot.snapshot, part)
            .await?;
        if !counted.is_empty() {
            self.ask_again(snapshot, settings, part).await?;
        }
        let snapshot = &*snapshot;
        let gates: BTreeMap<EmployeeId, Gate> = counted
            .into_iter()
            // An observed source never holds anybody; its counts only inform.
            .filter(|(_, what)| !snapshot.observing && !matches!(what, Counted::LastAdmin(_)))
            .map(|(id, what)| {
                let apart = apart(snapshot, settings, what);
                (id, snapshot.said.gate(&snapshot.run, apart))
            })
            .collect();
        let asking = Asking {
            source: snapshot.source.clone(),
            run: snapshot.run.clone(),
            kind: RunKind::Snapshot {
                snapshot: snapshot.snapshot.clone(),
            },
            tripped: None,
        };
        let engine = Engine {
            plan: self.plan(snapshot),
            asking: &asking,
            gates: &gates,
        };
        let answered = engine.run(&delta.people, Vec::new()).await?;
        self.rejected(snapshot, &delta, &answered).await;
        Ok(())
    }

    /// Keeps what was rejected. A step that is taken up again keeps it again.
    async fn rejected(&self, snapshot: &Snapshot, delta: &Delta, answered: &[(usize, Answer)]) {
        let (at, unread) = (self.tenant.clock.now(), &delta.unreadable);
        let unread = unread
            .iter()
            .map(|(id, why)| (id.as_str(), Some(why.as_str())));
        let decided = answered.iter().map(|(_, answer)| answer);
        let decided = decided
            .filter(|answer| answer.outcome == Word::Rejected)
            .filter_map(|answer| Some((answer.employee_id.as_deref()?, answer.reason.as_deref())));
        let rejected = unread.chain(decided).map(|(id, why)| {
            let about = About {
                event_id: None,
                occurred_at: Some(snapshot.occurred_at),
            };
            Rejection {
                snapshot_id: Some(snapshot.snapshot.clone()),
                ..about.rejected(at, Some(id), why)
            }
        });
        let source = &snapshot.source;
        rejections::keep(&self.tenant, source, rejected.collect(), self.deadline).await;
    }

    /// What an applied snapshot leaves behind: its instant on the source, and the holds that it clears.
    async fn finish(&self, snapshot: &mut Snapshot) -> Result<()> {
        let (tenant, source) = (&self.tenant, &snapshot.source);
        snapshot.due = None;
        snapshot.state = SnapshotState::Applied;
        if snapshot.dry_run {
            return Ok(());
        }
        if snapshot.observing {
            let (would, of) = (&snapshot.would, Some(&snapshot.snapshot));
            pulse::would_have(tenant, source, would, of, self.deadline).await;
        }
        // A hold that it has filled, or that an earlier one has and this one has not cleared.
        let breaker = tenant.store.breaker(tenant.org, source).await?;
        let stays = match &breaker.hold {
            Some(hold) => !holds::clear(tenant, hold).await?,
            None => false,
        };
        if stays || snapshot.said != Said::default() {
            snapshot.state = SnapshotState::Held;
        }
        // A snapshot that is broken says nothing of those whom it does not have, nor of the next one's size.
        if snapshot.tripped.is_some() {
            return Ok(());
        }
        for pause in crate::backoff::pauses() {
            let before = tenant.store.breaker(tenant.org, source).await?;
            let fields = snapshot.fields.iter().flatten().copied();
            let after = Breaker {
                mark: before.mark.after(snapshot.occurred_at, fields),
                employees: Some(snapshot.employees),
                look_at: Some(tenant.clock.now()),
                rev: before.rev + 1,
                ..before
            };
            let commit = BreakerCommit {
                breaker: Some((source, &after)),
                ..BreakerCommit::default()
            };
            if tenant.store.commit_breaker(tenant.org, &commit).await? == Committed::Done {
                return Ok(());
            }
            pause.wait().await;
        }
        Err(Error::Busy)
    }
}

fn add(counts: &mut BTreeMap<Word, u64>, more: BTreeMap<Word, u64>) {
    for (word, count) in more.into_iter().filter(|(_, count)| *count > 0) {
        *counts.entry(word).or_default() += count;
    }
}
