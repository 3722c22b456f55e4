//! The common part of all changes of an organisation's policy: the affected users, and the timers and notices of a
//! change.

use chrono::TimeDelta;
use offramp_domain::digest::DigestMinute;
use offramp_domain::{Generation, Notice, NoticeKind, Run, Status, Timer, User};

use crate::engine::commit::{Armed, arm_all};
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant};

/// How far ahead the timer is armed that rewrites the remaining users, before rounding down to the minute.
const TIDY_AFTER: TimeDelta = TimeDelta::minutes(3);

/// The effects of a change beside the new policy.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// True if users must be rewritten.
    pub tidy: bool,
    /// How many people are active again because the sync was turned off; `None` if it was not.
    pub turned_off: Option<u32>,
    /// True if a safeguard was raised.
    pub loosened: bool,
    /// The run that an admin undid, and how many people are active again.
    pub undone: Option<(Run, u32)>,
}

/// Arms the timers of a change, then commits it with the notices to the admins.
///
/// # Errors
/// A fault. A conflict is no error: the caller reads and decides again.
pub async fn commit<P: Ports>(
    tenant: &Tenant<'_, P>,
    entry: &PolicyEntry,
    caller: &Caller,
    effects: Effects,
) -> Result<Committed>
where
    P::Store: Policies,
{
    let by = caller.subject().clone();
    let mut kinds = Vec::new();
    if let Some(reverted) = effects.turned_off {
        kinds.push(NoticeKind::SyncTurnedOff {
            by: by.clone(),
            reverted,
        });
    }
    if effects.loosened {
        kinds.push(NoticeKind::SafeguardsLoosened { by });
    }
    if let Some((run, reverted)) = effects.undone {
        kinds.push(NoticeKind::RunUndone {
            run: run.run,
            source: run.source,
            ran_at: run.at,
            by: caller.actor(),
            reverted,
        });
    }
    let notices: Vec<Notice> = kinds
        .into_iter()
        .map(|kind| Notice {
            at: entry.at,
            kind,
            employee_id: None,
            name: None,
            generation: Generation(entry.to.version),
        })
        .collect();
    let mut arm = Vec::new();
    if !notices.is_empty() {
        arm.push(Timer::Digest {
            org: tenant.org.clone(),
            minute: DigestMinute::of(entry.at),
        });
    }
    if effects.tidy || effects.turned_off.is_some() {
        let due = DigestMinute::of(entry.at + TIDY_AFTER).start();
        arm.push(Timer::Tidy {
            org: tenant.org.clone(),
            epoch: entry.to.epoch,
            due,
        });
    }
    arm_all(&tenant.timers, &arm, &Armed::default()).await?;
    Ok(tenant
        .store
        .commit_policy(tenant.org, entry, &notices)
        .await?)
}

/// Every user who is scheduled as of the policy and for whom `pick` is true.
///
/// # Errors
/// A fault.
pub async fn scheduled<P: Ports>(
    tenant: &Tenant<'_, P>,
    pick: impl Fn(&User) -> bool + Send,
) -> Result<Vec<User>>
where
    P::Store: Users + Directory,
{
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let stored = [Status::DeactivationScheduled];
        let page = tenant
            .store
            .people(tenant.org, &stored, "", after.as_deref(), USERS_PER_READ)
            .await?;
        let loaded = tenant.store.load(tenant.org, &page.items).await?;
        let policy = loaded.policy;
        users.extend(loaded.users.into_values().filter(|user| {
            let settled = user.as_of(&policy);
            settled.status() == Status::DeactivationScheduled && pick(&settled)
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(users),
        }
    }
}
