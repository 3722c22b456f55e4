//! The common part of all changes of an organisation's policy: the affected users, and the timers and notices of a
//! change.

use std::time::Duration;

use chrono::TimeDelta;
use offramp_domain::digest::DigestMinute;
use offramp_domain::{
    EmployeeId, Generation, Notice, NoticeKind, Policy, Power, Run, Status, Timer, User,
};

use crate::engine::commit::{Armed, arm_all};
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, USERS_PER_READ, Users};
use crate::{Deadline, Ports, Result, Tenant};

/// How far ahead the timer is armed that rewrites the remaining users, before rounding down to the minute.
const TIDY_AFTER: TimeDelta = TimeDelta::minutes(3);

/// Counting people begins a page only if this much time is left, so that a part of them is rewritten in time as well.
const COUNT_TIME: Duration = Duration::from_secs(12);

/// How many people are active again by a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reverted {
    /// How many were counted.
    pub people: u32,
    /// True if not everybody was counted.
    pub at_least: bool,
}

impl Reverted {
    /// Nobody has been counted yet.
    pub const UNCOUNTED: Self = Self {
        people: 0,
        at_least: true,
    };

    fn of<T>(people: &[T], all: bool) -> Self {
        Self {
            people: u32::try_from(people.len()).unwrap_or(u32::MAX),
            at_least: !all,
        }
    }
}

/// The effects of a change beside the new policy.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// True if users must be rewritten.
    pub tidy: bool,
    /// True if the deactivation sync was turned off.
    pub turned_off: bool,
    /// True if the change may give access back otherwise.
    pub gives_back: bool,
    /// True if a safeguard was raised.
    pub loosened: bool,
    /// The run that an admin undid.
    pub undone: Option<Run>,
    /// How many people are active again, for the admins who are told.
    pub reverted: Reverted,
}

impl Effects {
    fn notices(&self, entry: &PolicyEntry, caller: &Caller) -> Vec<Notice> {
        let by = caller.subject().clone();
        let Reverted { people, at_least } = self.reverted;
        let mut kinds = Vec::new();
        if self.turned_off {
            kinds.push(NoticeKind::SyncTurnedOff {
                by: by.clone(),
                reverted: people,
                at_least,
            });
        }
        if self.gives_back && !self.turned_off {
            kinds.push(NoticeKind::GivenBack {
                by: by.clone(),
                reverted: people,
                at_least,
            });
        }
        if self.loosened {
            kinds.push(NoticeKind::SafeguardsLoosened { by });
        }
        if let Some(run) = &self.undone {
            kinds.push(NoticeKind::RunUndone {
                run: run.run.clone(),
                source: run.source.clone(),
                ran_at: run.at,
                by: caller.actor(),
                reverted: people,
                at_least,
            });
        }
        let mut power = Vec::new();
        let (from, to) = (&entry.from, &entry.to);
        if from.rules.active != to.rules.active {
            power.push(Power::SyncRule);
        }
        let escalation = (&from.settings.escalation, &to.settings.escalation);
        if escalation.0 != escalation.1 {
            let (from, to) = (escalation.0.clone(), escalation.1.clone());
            power.push(Power::Escalation { from, to });
        }
        kinds.extend(power.into_iter().map(|what| NoticeKind::Power {
            by: caller.actor(),
            what,
        }));
        let notice = |kind| Notice {
            at: entry.at,
            kind,
            employee_id: None,
            name: None,
            generation: Generation(entry.to.version),
        };
        kinds.into_iter().map(notice).collect()
    }
}

/// Arms the timers of a change, then commits it with the notices to the admins. Nothing here grows with the people.
///
/// # Errors
/// A fault. A conflict is no error: the caller reads and decides again.
pub async fn commit<P: Ports>(
    tenant: &Tenant<'_, P>,
    entry: &PolicyEntry,
    caller: &Caller,
    effects: &Effects,
) -> Result<Committed>
where
    P::Store: Policies,
{
    let notices = effects.notices(entry, caller);
    let mut arm = Vec::new();
    if !notices.is_empty() {
        arm.push(Timer::Digest {
            org: tenant.org.clone(),
            minute: DigestMinute::of(entry.at),
        });
    }
    if effects.tidy || effects.turned_off {
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

/// Writes into the entry and the notices of a change how many people it has made active again. If this fails, they go on
/// saying that nobody has counted.
pub async fn recount<P: Ports>(
    tenant: &Tenant<'_, P>,
    entry: &PolicyEntry,
    caller: &Caller,
    effects: &Effects,
) where
    P::Store: Policies,
{
    let mut entry = entry.clone();
    if let Some(took_back) = &mut entry.took_back {
        took_back.affected = effects.reverted.people;
        took_back.at_least = effects.reverted.at_least;
    }
    let notices = effects.notices(&entry, caller);
    let told = tenant.store.recount_policy(tenant.org, &entry, &notices);
    if let Err(error) = told.await {
        tracing::warn!(org = %tenant.org, %error, "a change of the policy does not say how many people it concerns");
    }
}

/// The people whom a change of the policy makes active again.
#[derive(Debug, Clone, Default)]
pub struct Back {
    /// The people who were counted.
    pub users: Vec<User>,
    /// True if everybody was counted.
    pub all: bool,
}

impl Back {
    /// Their number.
    #[must_use]
    pub fn reverted(&self) -> Reverted {
        Reverted::of(&self.users, self.all)
    }

    /// Their ids.
    #[must_use]
    pub fn ids(&self) -> Vec<EmployeeId> {
        let ids = self.users.iter().map(|user| user.employee_id.clone());
        ids.collect()
    }
}

/// How far people are counted.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The most people that are read, rounded up to whole reads.
    pub most: usize,
    /// The deadline of the request.
    pub deadline: Deadline,
}

impl Bound {
    /// True if another page may be read after so many people.
    #[must_use]
    pub fn allows(&self, read: usize) -> bool {
        read < self.most && self.deadline.leaves(COUNT_TIME)
    }
}

/// The users who are scheduled as of the policy `before`, and for whom `pick` is true.
///
/// # Errors
/// A fault.
pub async fn scheduled<P: Ports>(
    tenant: &Tenant<'_, P>,
    before: &Policy,
    pick: impl Fn(&User) -> bool + Send,
    bound: Bound,
) -> Result<Back>
where
    P::Store: Users + Directory,
{
    let (mut back, mut read, mut after) = (Back::default(), 0, None);
    while bound.allows(read) {
        let stored = [Status::DeactivationScheduled];
        let page = tenant
            .store
            .people(tenant.org, &stored, "", after.as_deref(), USERS_PER_READ)
            .await?;
        read += page.items.len();
        let loaded = tenant.store.load(tenant.org, &page.items).await?;
        back.users.extend(loaded.users.into_values().filter(|user| {
            let settled = user.as_of(before);
            settled.status() == Status::DeactivationScheduled && pick(&settled)
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => {
                back.all = true;
                break;
            }
        }
    }
    Ok(back)
}
