//! Arm, commit, disarm, tell: the one place where decisions about users are written.

use std::collections::HashSet;
use std::sync::PoisonError;

use futures_util::future::try_join_all;
use offramp_domain::Timer;
use tokio::sync::Mutex;

use crate::ports::{Commit, Committed, Timers, Users};
use crate::telemetry::Decided;
use crate::{Ports, Result, Tenant};

/// The timers that one invocation has armed and may need again: digests, which many leavers share, and timers armed
/// while the breaker was asked. If two people need the same digest at the same moment, it is armed once. Both wait for
/// it, since it must exist before either commits.
#[derive(Debug, Default)]
pub struct Armed {
    /// The names of armed digests. The lock is held while a digest is armed, so that others who need one wait.
    digests: Mutex<HashSet<String>>,
    ahead: std::sync::Mutex<HashSet<String>>,
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

/// Commits decisions, all or none. First their timers are armed. Then their changes and `beside` are written in one
/// transaction. Then obsolete timers are deleted, and each decision is logged and counted. After a conflict nothing is
/// logged; the armed timers will find another state and do nothing.
///
/// # Errors
/// A fault. Before the transaction nothing was written. A fault of the transaction leaves it unknown whether it was
/// written.
pub async fn commit_decided<'a, P: Ports>(
    tenant: &Tenant<'_, P>,
    decided: &'a [Decided<'a>],
    beside: Commit<'a>,
    armed: &Armed,
) -> Result<Committed>
where
    P::Store: Users,
{
    let mut commit = beside;
    commit
        .changes
        .extend(decided.iter().filter_map(Decided::change));
    let arm = commit.changes.iter().flat_map(|change| &change.arm);
    arm_all(&tenant.timers, arm, armed).await?;
    let committed = tenant.store.commit(tenant.org, &commit).await?;
    if committed == Committed::Done {
        for change in &commit.changes {
            disarm_all(&tenant.timers, &change.disarm).await;
        }
        for one in decided {
            one.tell(tenant);
        }
    }
    Ok(committed)
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
