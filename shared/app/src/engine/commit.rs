//! Arm, commit, disarm, tell: the one place where decisions about users are written.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::PoisonError;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use offramp_domain::{Change, EmployeeId, Hold, HoldId, HoldState, Roll, Timer};
use tokio::sync::Mutex;

use crate::backoff::pauses;
use crate::ports::{Breakers, Commit, Committed, HoldJoin, Timers, Users};
use crate::telemetry::Decided;
use crate::{Fault, Ports, Result, Tenant};

/// The timers that one invocation has armed and may need again: digests, which many leavers share, and timers armed
/// while the breaker was asked. If two people need the same digest at the same moment, it is armed once. Both wait for
/// it, since it must exist before either commits.
#[derive(Debug, Default)]
pub struct Armed {
    /// The names of armed digests. The lock is held while a digest is armed, so that others who need one wait.
    digests: Mutex<HashSet<String>>,
    ahead: std::sync::Mutex<HashSet<String>>,
    /// Locked while people join a hold: each transaction that does so writes the hold.
    joining: Mutex<()>,
}

impl Armed {
    /// Records timers that are armed already.
    pub(super) fn note(&self, timers: &[Timer]) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.extend(timers.iter().map(Timer::name));
    }

    fn is_ahead(&self, name: &str) -> bool {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.contains(name)
    }
}

/// The result of a commit of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// All is written.
    Done,
    /// Nothing is written: somebody else has written one of the items since it was read.
    Conflict,
    /// Nothing is written: the hold that people would join is closed. The breaker must be asked about them again.
    HoldClosed,
}

impl From<Committed> for Landed {
    fn from(committed: Committed) -> Self {
        match committed {
            Committed::Done => Self::Done,
            Committed::Conflict => Self::Conflict,
        }
    }
}

/// Commits decisions, all or none. First their timers are armed. Then their changes and `beside` are written in one
/// transaction, with the holds that people join. Then obsolete timers are deleted, and each decision is logged and
/// counted. After a conflict nothing is logged; the armed timers will find another state and do nothing.
///
/// # Errors
/// A fault. Before the transaction nothing was written. A fault of the transaction leaves it unknown whether it was
/// written.
pub async fn commit_decided<'a, P: Ports>(
    tenant: &Tenant<'_, P>,
    decided: &'a [Decided<'a>],
    beside: Commit<'a>,
    armed: &Armed,
) -> Result<Landed>
where
    P::Store: Users,
{
    let mut commit = beside;
    commit
        .changes
        .extend(decided.iter().filter_map(Decided::change));
    land(tenant, commit, decided, armed).await
}

/// Like [`commit_decided`], for several decisions about one person. `changes` is what they come to together; empty if
/// none of them changes anything.
///
/// # Errors
/// As [`commit_decided`].
pub(super) async fn commit_merged<P: Ports>(
    tenant: &Tenant<'_, P>,
    decided: &[Decided<'_>],
    changes: &[Change],
    armed: &Armed,
) -> Result<Landed>
where
    P::Store: Users,
{
    if changes.is_empty() {
        for one in decided {
            one.tell(tenant);
        }
        return Ok(Landed::Done);
    }
    let commit = Commit {
        changes: changes.iter().collect(),
        ..Commit::default()
    };
    land(tenant, commit, decided, armed).await
}

/// Arms, writes, disarms and tells.
async fn land<P: Ports>(
    tenant: &Tenant<'_, P>,
    commit: Commit<'_>,
    decided: &[Decided<'_>],
    armed: &Armed,
) -> Result<Landed>
where
    P::Store: Users,
{
    let arm = commit.changes.iter().flat_map(|change| &change.arm);
    arm_all(&tenant.timers, arm, armed).await?;
    let joins = commit.changes.iter().any(|change| change.joins);
    let landed = match joins {
        true => join(tenant, &commit, armed).await?,
        false => written(tenant, &commit).await?.into(),
    };
    if landed == Landed::Done {
        for change in &commit.changes {
            disarm_all(&tenant.timers, &change.disarm).await;
        }
        for one in decided {
            one.tell(tenant);
        }
    }
    Ok(landed)
}

async fn written<P: Ports>(tenant: &Tenant<'_, P>, commit: &Commit<'_>) -> Result<Committed>
where
    P::Store: Users,
{
    Ok(tenant.store.commit(tenant.org, commit).await?)
}

/// Commits changes by which people join holds. Two invocations may let people join the same hold at the same moment, so
/// a conflict is tried again as long as it is the hold that has changed.
async fn join<P: Ports>(
    tenant: &Tenant<'_, P>,
    commit: &Commit<'_>,
    armed: &Armed,
) -> Result<Landed>
where
    P::Store: Users,
{
    let _turn = armed.joining.lock().await;
    let mut last = None;
    for pause in pauses() {
        let mut holds = BTreeMap::new();
        for id in commit.changes.iter().filter_map(|change| change.joined()) {
            if holds.contains_key(id) {
                continue;
            }
            let hold = tenant.store.hold(tenant.org, id).await?;
            let missing = || Fault::corrupt("hold", "a hold that is joined is not there");
            holds.insert(id.clone(), hold.ok_or_else(missing)?);
        }
        if holds.values().any(|hold| hold.state != HoldState::Open) {
            return Ok(Landed::HoldClosed);
        }
        let versions: Vec<u64> = holds.values().map(|hold| hold.version).collect();
        if last.as_ref() == Some(&versions) {
            // The holds are as they were, so somebody's user has changed.
            return Ok(Landed::Conflict);
        }
        let joins = joins(&holds, &commit.changes, tenant.clock.now());
        let changes: Vec<Cow<'_, Change>> = commit
            .changes
            .iter()
            .map(|change| numbered(change, &joins))
            .collect();
        let commit = Commit {
            changes: changes.iter().map(Cow::as_ref).collect(),
            joins,
            ..commit.clone()
        };
        if written(tenant, &commit).await? == Committed::Done {
            return Ok(Landed::Done);
        }
        last = Some(versions);
        pause.wait().await;
    }
    Ok(Landed::Conflict)
}

/// Each hold after these people have joined it, with the part of its roll that lists them.
fn joins(holds: &BTreeMap<HoldId, Hold>, changes: &[&Change], now: DateTime<Utc>) -> Vec<HoldJoin> {
    let join = |(id, before): (&HoldId, &Hold)| {
        let joining = changes
            .iter()
            .filter(|change| change.joined() == Some(id))
            .map(|change| change.user.employee_id.clone());
        let people: Vec<EmployeeId> = joining.collect();
        let hold = before.joined_by(u32::try_from(people.len()).unwrap_or(u32::MAX));
        let roll = Roll {
            seq: hold.version,
            at: now,
            people,
        };
        HoldJoin { hold, roll }
    };
    holds.iter().map(join).collect()
}

/// The change with the roll number that the hold gives to those who join it.
fn numbered<'a>(change: &'a Change, joins: &[HoldJoin]) -> Cow<'a, Change> {
    let joined = change.joined();
    let join = joins.iter().find(|join| Some(&join.hold.hold) == joined);
    match (join, &change.user.hold) {
        (Some(join), Some(held)) if held.seq != join.roll.seq => {
            let mut change = change.clone();
            if let Some(held) = &mut change.user.hold {
                held.seq = join.roll.seq;
            }
            Cow::Owned(change)
        }
        _ => Cow::Borrowed(change),
    }
}

/// Arms the timers that this invocation has not armed yet.
///
/// # Errors
/// The fault of the first timer that could not be armed.
pub async fn arm_all<'a, T: Timers>(
    timers: &T,
    arm: impl IntoIterator<Item = &'a Timer>,
    armed: &Armed,
) -> Result<()> {
    try_join_all(arm.into_iter().map(|timer| async move {
        let name = timer.name();
        if armed.is_ahead(&name) {
            return Ok(());
        }
        if !matches!(timer, Timer::Digest { .. }) {
            return Ok(timers.arm(timer).await?);
        }
        let mut digests = armed.digests.lock().await;
        if !digests.contains(&name) {
            timers.arm(timer).await?;
            digests.insert(name);
        }
        Ok(())
    }))
    .await
    .map(|_: Vec<()>| ())
}

/// Deletes obsolete timers. If a deletion fails, the timer fires without effect, because it no longer matches the user.
pub async fn disarm_all<T: Timers>(timers: &T, disarm: &[Timer]) {
    for timer in disarm {
        if let Err(fault) = timers.disarm(timer).await {
            tracing::warn!(timer = timer.name(), %fault, "an orphan timer stays behind");
        }
    }
}
