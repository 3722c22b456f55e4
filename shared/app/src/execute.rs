//! Load → decide → arm → commit: the one way in which a user changes.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use offramp_domain::decide::Word;
use offramp_domain::settings::RestoreDeletedOn;
use offramp_domain::{Context, Decision, EmployeeId, Event, OrgId, Timer, User, decide};

use tokio::sync::Mutex;

use crate::backoff::pauses;
use crate::ports::{Commit, Committed, Loaded, Receipt, Timers, Users};
use crate::when::Days;
use crate::{Clock, Env, Error, Result};

/// The digest timers that one invocation has armed: forty leavers share one. Whoever wants one that
/// is being armed waits for it, since it must stand before they commit.
#[derive(Debug, Default)]
pub struct Armed(Mutex<HashSet<String>>);

/// What became of an event.
#[derive(Debug)]
pub struct Executed {
    /// What was decided, in the end.
    pub decision: Decision,
    /// The user after it; `None` where there is still nobody.
    pub user: Option<User>,
    /// What it was decided on.
    pub loaded: Loaded,
}

/// What an execution knows beforehand, and what belongs to it.
#[derive(Debug, Default)]
pub struct How<'a> {
    /// The first read, where the caller has just made it.
    pub loaded: Option<Loaded>,
    /// The receipt of an idempotent request, for the same transaction.
    pub receipt: Option<&'a Receipt>,
    /// The version that the caller has seen.
    pub if_match: Option<u64>,
    /// The source is only observed: it deactivates and restores nobody.
    pub observing: bool,
}

/// Decides an event for one user and makes it so.
///
/// # Errors
/// A refusal, [`Error::VersionMismatch`], a fault of a service, or [`Error::Busy`] when others
/// kept writing first. After a fault the change has taken place wholly or not at all.
pub async fn execute<S: Users, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    mut how: How<'_>,
) -> Result<Executed> {
    for pause in pauses() {
        let mut loaded = match how.loaded.take() {
            Some(loaded) => loaded,
            None => env.store.load(org, std::slice::from_ref(id)).await?,
        };
        if how.observing {
            loaded = observed(loaded);
        }
        let user = loaded.users.get(id);
        if let (Some(version), Some(user)) = (how.if_match, user)
            && user.version != version
        {
            return Err(Error::VersionMismatch);
        }
        let mut decision = decide_on(&loaded, user, event, org, &env.clock)?;
        if how.observing && decision.outcome.word == Word::Ignored {
            decision.outcome.reason = Some("the source is only observed".to_owned());
        }
        let Some(change) = &decision.change else {
            let user = user.cloned();
            return Ok(Executed {
                decision,
                user,
                loaded,
            });
        };
        arm_all(&env.timers, &change.arm, armed).await?;
        let receipt = how.receipt.cloned();
        let commit = Commit {
            changes: vec![change],
            receipt,
            ..Commit::default()
        };
        match env.store.commit(org, &commit).await? {
            Committed::Done => {
                disarm_all(&env.timers, &change.disarm).await;
                let user = Some(change.user.clone());
                return Ok(Executed {
                    decision,
                    user,
                    loaded,
                });
            }
            Committed::Conflict => pause.wait().await,
        }
    }
    Err(Error::Busy)
}

/// What a source that is only observed is decided on: it deactivates and restores nobody.
#[must_use]
pub fn observed(mut loaded: Loaded) -> Loaded {
    loaded.policy.settings.deactivation_sync.enabled = false;
    loaded.policy.settings.restore_deleted_on = RestoreDeletedOn::Never;
    loaded
}

/// One try of [`execute`]: read, decide, arm, commit.
///
/// # Errors
/// A refusal, or a fault of a service.
pub async fn once<S: Users, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    id: &EmployeeId,
    event: &Event,
    armed: &Armed,
    fill: impl FnOnce(&mut Commit<'_>),
) -> Result<Committed> {
    let loaded = env.store.load(org, std::slice::from_ref(id)).await?;
    let decision = decide_on(&loaded, loaded.users.get(id), event, org, &env.clock)?;
    let Some(change) = &decision.change else {
        return Ok(Committed::Done);
    };
    arm_all(&env.timers, &change.arm, armed).await?;
    let mut commit = Commit {
        changes: vec![change],
        ..Commit::default()
    };
    fill(&mut commit);
    let committed = env.store.commit(org, &commit).await?;
    if committed == Committed::Done {
        disarm_all(&env.timers, &change.disarm).await;
    }
    Ok(committed)
}

/// Decides on what was loaded.
///
/// # Errors
/// A refusal.
pub fn decide_on(
    loaded: &Loaded,
    user: Option<&User>,
    event: &Event,
    org: &OrgId,
    clock: &Clock,
) -> Result<Decision> {
    let rule = crate::sync_rules::of(&loaded.policy);
    let context = Context {
        org,
        policy: &loaded.policy,
        rule: &*rule,
        zone: &Days::of(&loaded.policy.settings.time_zone),
        admins: &loaded.admins,
        now: clock.now(),
    };
    Ok(decide(user, event, &context)?)
}

/// Arms what is not yet armed by this invocation.
///
/// # Errors
/// The fault of the first timer that could not be armed.
pub async fn arm_all<T: Timers>(timers: &T, arm: &[Timer], armed: &Armed) -> Result<()> {
    try_join_all(arm.iter().map(|timer| async move {
        if !matches!(timer, Timer::Digest { .. }) {
            return Ok(timers.arm(timer).await?);
        }
        let mut armed = armed.0.lock().await;
        let name = timer.name();
        if !armed.contains(&name) {
            timers.arm(timer).await?;
            armed.insert(name);
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
