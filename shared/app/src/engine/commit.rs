//! Arm → commit → disarm → tell: the one place where decisions about users become true.

use std::collections::HashSet;
use std::sync::PoisonError;

use futures_util::future::try_join_all;
use offramp_domain::Timer;
use tokio::sync::Mutex;

use crate::ports::{Commit, Committed, Timers, Users};
use crate::telemetry::Decided;
use crate::{Ports, Result, Tenant};

/// The timers that one invocation has armed and may need again: a digest, which forty leavers share, and what was armed while
/// the breaker was asked. Two who need one digest at the same moment arm it once, and both wait, since it must stand
/// before either commits.
#[derive(Debug, Default)]
pub struct Armed {
    /// Held while a digest is armed, so that the others wait for it; and by nobody who needs none.
    digests: Mutex<HashSet<String>>,
    ahead: std::sync::Mutex<HashSet<String>>,
}

impl Armed {
    /// Takes note of timers that stand already.
    pub(super) fn note(&self, timers: &[Timer]) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.extend(timers.iter().map(Timer::name));
    }

    fn is_ahead(&self, name: &str) -> bool {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.contains(name)
    }
}

/// Makes decisions true: all of them, or none. Their timers are armed first; then their changes are one transaction with
/// `beside`; then the timers that have lost their meaning go, and each decision is told. A conflict tells nothing, and
/// leaves timers that will find that they are for another state.
///
/// # Errors
/// A fault; before the transaction nothing was done, in it nobody knows.
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

/// Arms what is not yet armed by this invocation.
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

/// Deletes timers that have lost their meaning. One that stays is harmless: it no longer fits.
pub async fn disarm_all<T: Timers>(timers: &T, disarm: &[Timer]) {
    for timer in disarm {
        if let Err(fault) = timers.disarm(timer).await {
            tracing::warn!(timer = timer.name(), %fault, "an orphan timer stays behind");
        }
    }
}
