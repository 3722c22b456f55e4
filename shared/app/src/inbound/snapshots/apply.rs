//! Applies a snapshot in bounded steps. First the partitions of the roster are compared, a few at once. Then the
//! breaker is asked once about all people. Then each partition with differences is applied. A small snapshot without
//! differences takes one step.
//!
//! The last step is one transaction with everything that the snapshot leaves behind. Before a run commits any other
//! step, it has armed a timer for the next run. Each step is fenced: it commits only if its source still applies this
//! snapshot, at the revision that the step has read. If a step dies, its changes of people remain. The next run finds
//! those people equal and continues with the others. Nobody is deactivated before everything is compared.

mod ask;
mod decide;
mod end;
mod unread;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::try_join;
use offramp_domain::decide::Outcome;
use offramp_domain::snapshot::{SOURCE_CHANGED, Words};
use offramp_domain::{
    EmployeeId, Gate, MOST_REJECTED, PersonHash, RunKind, Snapshot, SnapshotId, SnapshotState,
    SourceId, Step, Timer,
};

use super::compare::{Contradiction, Delta, deltas};
use super::{as_of, get, source_changed};
use crate::engine::breaker::RunRequest;
use crate::engine::many::{Alike, Answer, Engine, Events, Plan};
use crate::ports::snapshots::{Receipt, Standing};
use crate::ports::{
    Breakers, Committed, Lookalikes, Objectives, Observed, ROSTER_SHARDS, Rejections, Rosters,
    SnapshotCommit, Snapshots, Sources, Timers, Users,
};
use crate::{Deadline, Error, Ports, Result, Tenant};
use ask::asked;
use decide::at_once;
use end::End;
use unread::Unread;

/// A step begins only if this much time is left.
const STEP_TIME: Duration = Duration::from_secs(5);
/// How far ahead the timer is armed that continues if this run dies. It is later than the end of Lambda's longest run,
/// which is 15 minutes.
const TAKE_UP_AFTER: TimeDelta = TimeDelta::minutes(16);
/// How far ahead the timer is armed that continues if this run's time does not suffice.
const GO_ON_AFTER: TimeDelta = TimeDelta::minutes(2);
/// How much earlier a timer may come, as two clocks differ.
const TIMER_EARLY: TimeDelta = TimeDelta::seconds(30);
/// The most people with differences whose partitions are applied at once, if they need not be compared again.
const APPLIED_TOGETHER: usize = 1_000;

/// Does as many steps as the time allows. Returns true if no work is left.
///
/// # Errors
/// A fault. Lambda tries again, and so does the timer that was armed.
pub async fn work<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    id: &SnapshotId,
    deadline: Deadline,
) -> Result<bool>
where
    P::Store: Users
        + Breakers
        + Lookalikes
        + Snapshots
        + Rosters
        + Objectives
        + Observed
        + Rejections
        + Sources,
{
    let store = &tenant.store;
    let standing = store.standing(tenant.org, source, id);
    let (standing, receipts) = try_join(standing, store.pages(tenant.org, id)).await?;
    let Standing {
        snapshot: Some(found),
        line,
        breaker,
        source: sender,
    } = standing
    else {
        return Ok(true);
    };
    let mut snapshot = as_of(found, &line, tenant.clock.now());
    if snapshot.state != SnapshotState::Applying {
        return Ok(true);
    }
    // A timer from before it was to be compared again. Events that did not wait may still be under way.
    let begins = snapshot.again > 0 && snapshot.step == (Step::Compare { part: 0 });
    if begins && snapshot.due > Some(tenant.clock.now() + TIMER_EARLY) {
        return Ok(true);
    }
    if snapshot.differs.is_none() && matches!(snapshot.step, Step::Compare { .. }) {
        snapshot = snapshot.uncompared();
    }
    let mut applying = Applying {
        tenant: *tenant,
        receipts: &receipts,
        deadline,
        employees: breaker.employees,
        at_once: at_once(&receipts, &breaker),
        kept: BTreeMap::new(),
    };
    // SnapshotQueue and breaker are as they were read until this run writes something.
    let mut read = Some((line, breaker));
    let mut sender = Some(sender);
    // If a run dies before its first commit, the snapshot is unchanged. Lambda runs it again, and the sweep finds it
    // overdue.
    let mut insurance = None;
    while snapshot.step != Step::Done {
        if !deadline.leaves(STEP_TIME) {
            return go_on(tenant, snapshot).await;
        }
        // An admin may change the source at any time, so each step reads it.
        let sender = match sender.take() {
            Some(sender) => sender,
            None => store.source(tenant.org, source).await?,
        };
        let mut next = if source_changed(&snapshot, sender.as_ref()) {
            tracing::warn!(org = %tenant.org, %source, snapshot = %id, "a snapshot ends because its source has changed");
            let rev = snapshot.rev + 1;
            Snapshot {
                rev,
                ..snapshot.clone()
            }
            .rejecting(SOURCE_CHANGED)
        } else {
            match applying.step(&snapshot).await {
                Err(Error::Unfinished(_)) => return go_on(tenant, snapshot).await,
                next => next?,
            }
        };
        let (done, of) = next.step.progress(ROSTER_SHARDS);
        let ends = next.step == Step::Done || next.state != SnapshotState::Applying;
        let committed = if ends {
            match applying.end(&next, read.take()).await? {
                End::Ended => Committed::Done,
                End::Overtaken => Committed::Conflict,
                End::Again => return Ok(false),
            }
        } else {
            let timer = match insurance.take() {
                Some(timer) => timer,
                None => arm(tenant, &next, TAKE_UP_AFTER).await?,
            };
            next.due = Some(timer.due());
            insurance = Some(timer);
            read = None;
            commit(tenant, &next).await?
        };
        match committed {
            Committed::Done => snapshot = next,
            // A newer snapshot or another run has taken over.
            Committed::Conflict => return Ok(true),
        }
        tracing::info!(org = %tenant.org, %source, snapshot = %id, done, of, "a step of a snapshot is done");
        if ends {
            break;
        }
    }
    if let Some(insurance) = insurance
        && let Err(fault) = tenant.timers.disarm(&insurance).await
    {
        tracing::debug!(org = %tenant.org, %fault, "a timer that does nothing any more stays");
    }
    Ok(true)
}

/// Arms the timer of the next run, and stores its instant with the snapshot.
async fn go_on<P: Ports>(tenant: &Tenant<'_, P>, mut snapshot: Snapshot) -> Result<bool>
where
    P::Store: Snapshots,
{
    let timer = arm(tenant, &snapshot, GO_ON_AFTER).await?;
    snapshot.due = Some(timer.due());
    snapshot.rev += 1;
    // After a conflict another run is at work, and it continues.
    let _: Committed = commit(tenant, &snapshot).await?;
    Ok(false)
}

/// Arms a timer for the work on a snapshot, `after` the present minute.
///
/// # Errors
/// A fault.
pub async fn arm<P: Ports>(
    tenant: &Tenant<'_, P>,
    snapshot: &Snapshot,
    after: TimeDelta,
) -> Result<Timer> {
    let next = |due| Timer::Snapshot {
        org: tenant.org.clone(),
        source: snapshot.source.clone(),
        snapshot: snapshot.snapshot.clone(),
        due,
    };
    tenant.arm_next(after, next).await
}

/// Arms a new timer for a snapshot whose timer was lost.
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
        // No work is left, for example because a newer snapshot took its place. Without `due` the sweep no longer finds
        // it.
        _ => {
            let mut stored = snapshot;
            stored.due = None;
            stored.rev += 1;
            // After a conflict the next sweep looks again.
            let _: Committed = tenant.store.retire_snapshot(tenant.org, &stored).await?;
        }
    }
    Ok(())
}

/// Commits a step that is not the last.
async fn commit<P: Ports>(tenant: &Tenant<'_, P>, snapshot: &Snapshot) -> Result<Committed>
where
    P::Store: Snapshots,
{
    let commit = SnapshotCommit {
        snapshot,
        line: None,
        breaker: None,
    };
    Ok(tenant.store.commit_snapshot(tenant.org, &commit).await?)
}

struct Applying<'a, P: Ports> {
    tenant: Tenant<'a, P>,
    receipts: &'a [Receipt],
    deadline: Deadline,
    /// The number of employees in the last applied snapshot; `None` before the first.
    employees: Option<u64>,
    /// How many partitions are compared at once.
    at_once: u8,
    /// The differences in partitions that this run has compared, by partition.
    kept: BTreeMap<u8, Delta>,
}

impl<P: Ports> Applying<'_, P>
where
    P::Store:
        Users + Breakers + Lookalikes + Snapshots + Rosters + Objectives + Observed + Rejections,
{
    /// The snapshot after its next step. The caller commits it.
    async fn step(&mut self, before: &Snapshot) -> Result<Snapshot> {
        let mut after = before.clone();
        after.rev += 1;
        let below = match before.step {
            Step::Compare { part } => self.compare(&mut after, part).await?,
            Step::Ask => {
                self.ask(&mut after).await?;
                0
            }
            Step::Apply { part } => self.apply(&mut after, part).await?,
            Step::Done => 0,
        };
        after.step = after.next_step(below, ROSTER_SHARDS);
        let compared = matches!(before.step, Step::Compare { .. });
        if compared && !matches!(after.step, Step::Compare { .. } | Step::Ask) {
            after.tripped = self.trips(&after, self.employees);
        }
        Ok(after)
    }

    fn plan<'p>(
        &'p self,
        snapshot: &'p Snapshot,
        people: &'p [(EmployeeId, Events)],
    ) -> Plan<'p, P> {
        Plan {
            tenant: self.tenant,
            source: &snapshot.source,
            observing: snapshot.observing,
            deadline: self.deadline,
            alike: Alike::among(people),
        }
    }

    /// Applies the decisions, made again for each person on the present. Returns the first partition that is not
    /// applied yet.
    async fn apply(&mut self, snapshot: &mut Snapshot, part: u8) -> Result<u8> {
        let (below, deltas) = self.differing(snapshot, part).await?;
        let counted = self.listed(snapshot, part..below).await?;
        let mut gates: BTreeMap<EmployeeId, Gate> = BTreeMap::new();
        if !counted.is_empty() {
            let loaded = self.tenant.store.load(self.tenant.org, &[]).await?;
            let settings = &loaded.policy.settings;
            self.ask_again(snapshot, settings, part).await?;
            // A source in observation never holds anybody. Its counts only inform.
            let counted = counted.into_iter().filter(|_| !snapshot.observing);
            gates.extend(asked(snapshot, settings, counted.collect()));
        }
        let asking = RunRequest {
            source: snapshot.source.clone(),
            run: snapshot.run.clone(),
            kind: RunKind::Snapshot {
                snapshot: snapshot.snapshot.clone(),
            },
            // Somebody who turns out to leave only now is asked about as the others were.
            tripped: snapshot.tripped,
        };
        let (mut people, mut unread) = (Vec::<(EmployeeId, Events)>::new(), Unread::default());
        for delta in deltas {
            people.extend(delta.people);
            unread.records.extend(delta.unreadable);
            unread.fields.extend(delta.warned);
        }
        // What a snapshot says counts for all of its people, or for none of them.
        if !snapshot.observing && (snapshot.tripped.is_some() || snapshot.said.hold.is_some()) {
            for (id, _) in &people {
                gates.entry(id.clone()).or_insert(Gate::Stopped);
            }
        }
        let engine = Engine {
            plan: self.plan(snapshot, &people),
            asking: &asking,
            gates: &gates,
        };
        let answered = engine.run(&people, Vec::new()).await?;
        self.rejected(snapshot, &unread, &people, &answered).await?;
        self.done(snapshot, part..below, &answered);
        // A person of another source needs no exception: no word of this source counts for them.
        let answered = answered.iter().map(|(_, answer)| answer);
        let answered = answered
            .filter(|answer| answer.outcome == Outcome::Rejected && !answer.foreign)
            .filter_map(|answer| EmployeeId::new(answer.employee_id.as_deref()?).ok());
        let unreadable = unread.records.into_iter().map(|(id, _)| id);
        let room = (MOST_REJECTED + 1).saturating_sub(snapshot.rejected.len());
        let rejected = unreadable.chain(answered).take(room);
        snapshot
            .rejected
            .extend(rejected.map(|id| PersonHash::of(&id)));
        Ok(below)
    }

    /// The differences of one or more partitions from `part` on, and the first partition after them. If this run has
    /// compared `part`, more compared partitions may follow, up to [`APPLIED_TOGETHER`] people. Otherwise `part` alone
    /// is compared.
    async fn differing(&mut self, snapshot: &Snapshot, part: u8) -> Result<(u8, Vec<Delta>)> {
        let Some(first) = self.kept.remove(&part) else {
            let shards = part..part + 1;
            return match deltas(&self.tenant, snapshot, self.receipts, shards).await? {
                Ok(deltas) => Ok((part + 1, deltas)),
                // The comparison found no contradiction before, and pages no longer change.
                Err(Contradiction(_)) => {
                    Err(crate::Fault::corrupt("snapshot", "its pages have changed").into())
                }
            };
        };
        let (mut below, mut people, mut all) = (part + 1, first.people.len(), vec![first]);
        let others = snapshot.differs.iter();
        let others = others.flat_map(|all| all.range(part + 1..));
        for (next, _) in others {
            let fits = |delta: &Delta| people + delta.people.len() <= APPLIED_TOGETHER;
            if !self.kept.get(next).is_some_and(fits) {
                break;
            }
            if let Some(delta) = self.kept.remove(next) {
                people += delta.people.len();
                below = next + 1;
                all.push(delta);
            }
        }
        Ok((below, all))
    }

    /// Counts what was done to the people of these partitions, and notes the holds in which it has left them.
    fn done(&self, snapshot: &mut Snapshot, parts: Range<u8>, answered: &[(usize, Answer)]) {
        let mut words = Words::new();
        for (_, answer) in answered {
            *words.entry(answer.outcome).or_default() += 1;
            snapshot.holds.extend(answer.hold.clone());
        }
        // An earlier version has planned nothing. What an active source would have done stays as it was planned.
        if snapshot.tally.is_empty() || snapshot.observing {
            return;
        }
        let parts: Vec<u8> = parts.collect();
        snapshot.applied(&parts, &words);
    }
}
