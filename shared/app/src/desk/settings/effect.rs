//! Whom a change of the settings affects.

use std::sync::Arc;

use chrono::Days as Count;
use offramp_domain::decide::Outcome;
use offramp_domain::settings::OnMissing;
use offramp_domain::{EmployeeId, Event, Policy, Settings, Status, User};

use crate::engine::execute::decide_on;
use crate::engine::policy::{Back, Bound, scheduled};
use crate::ports::{Directory, USERS_PER_READ, Users};
use crate::{Ports, Result, Tenant, when};

/// The kinds of change that a patch of the settings makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changes {
    pub(super) off: bool,
    pub(super) missing: bool,
    pub(super) dates: bool,
    pub(super) reminders: bool,
    pub(super) loosened: bool,
}

impl Changes {
    pub(super) fn of(before: &Policy, after: &Policy) -> Self {
        let (from, to) = (&before.settings, &after.settings);
        let ignores = |settings: &Settings| settings.on_missing == OnMissing::Ignore;
        Self {
            off: from.turns_off(to),
            missing: ignores(to) && !ignores(from),
            dates: from.leave_dates != to.leave_dates || from.time_zone != to.time_zone,
            reminders: from.reminders != to.reminders,
            loosened: from.loosens_safeguards(to),
        }
    }

    /// True if it may make people active again, or end their access.
    pub(super) fn may_touch(&self) -> bool {
        self.off || self.missing || self.dates
    }
}

/// The users that a change of the settings affects.
#[derive(Default)]
pub(super) struct Effect {
    pub(super) back: Back,
    /// Those whose access ends.
    ended: Vec<User>,
    /// True if everybody was counted.
    pub(super) all: bool,
}

impl Effect {
    pub(super) fn users(&self) -> Vec<User> {
        self.back.users.iter().chain(&self.ended).cloned().collect()
    }

    pub(super) fn ids(&self) -> Vec<EmployeeId> {
        let ended = self.ended.iter().map(|user| user.employee_id.clone());
        self.back.ids().into_iter().chain(ended).collect()
    }

    /// What an admin is asked to confirm.
    pub(super) fn why(&self, before: &Policy, after: &Policy) -> Vec<String> {
        let Changes {
            off,
            missing,
            dates,
            loosened,
            ..
        } = Changes::of(before, after);
        let number = |count: usize, all: bool| match all {
            true => count.to_string(),
            false => format!("at least {count}"),
        };
        let mut why = Vec::new();
        if !self.back.users.is_empty() || !self.back.all {
            let (setting, whom) = match (off, missing) {
                (true, _) => (
                    "deactivation_sync.enabled",
                    "who is scheduled for deactivation",
                ),
                (false, true) => ("on_missing", "who is scheduled because they are missing"),
                (false, false) => ("leave_dates", "who is scheduled because of a leave date"),
            };
            let people = number(self.back.users.len(), self.back.all);
            why.push(format!(
                "`{setting}` makes everybody active again {whom}: {people}"
            ));
        }
        let ended_all = self.all || !dates;
        if !self.ended.is_empty() || !ended_all {
            let setting = match before.settings.leave_dates == after.settings.leave_dates {
                true => "time_zone",
                false => "leave_dates",
            };
            let people = number(self.ended.len(), self.all);
            why.push(format!(
                "`{setting}` ends the access of those whose leave date has come: {people}"
            ));
        }
        if loosened {
            why.push("`safeguards` lets more people go before an admin is asked".to_owned());
        }
        why
    }
}

/// Reads whom a change of the settings affects, before it is committed or after.
pub(super) async fn effect<P: Ports>(
    tenant: &Tenant<'_, P>,
    (before, after): (&Policy, &Policy),
    bound: Bound,
) -> Result<Effect>
where
    P::Store: Users + Directory,
{
    let changes = Changes::of(before, after);
    let (mut back, mut ended, mut all) = (Back::default(), Vec::new(), true);
    back.all = true;
    if changes.may_touch() {
        let active = |user: &User| user.as_of(after).status() == Status::Active;
        back = scheduled(tenant, before, active, bound).await?;
        all = back.all;
    }
    if changes.dates {
        let (users, every) = ended_by_dates(tenant, after, bound).await?;
        ended = users;
        all &= every;
    }
    Ok(Effect { back, ended, all })
}

/// The users whose access would end at once, because their leave date would count or would be reached; and true if
/// everybody was read.
pub(in crate::desk) async fn ended_by_dates<P: Ports>(
    tenant: &Tenant<'_, P>,
    after: &Policy,
    bound: Bound,
) -> Result<(Vec<User>, bool)>
where
    P::Store: Users + Directory,
{
    let today = when::Days::of(&after.settings.time_zone).today(tenant.clock.now());
    // The index sorts by date. One day is added to today, because a date may belong to another time zone.
    let until = today.checked_add_days(Count::new(1)).unwrap_or(today);
    let mut users = Vec::new();
    let (mut read, mut from) = (0, None);
    while bound.allows(read) {
        let page = tenant
            .store
            .leaving(tenant.org, Some(until), from.as_deref(), USERS_PER_READ)
            .await?;
        read += page.items.len();
        let mut loaded = tenant.store.load(tenant.org, &page.items).await?;
        loaded.policy = Arc::new(after.clone());
        for user in loaded.users.values() {
            let decision = decide_on(&loaded, Some(user), &Event::Tidy, tenant.org, &tenant.clock)?;
            if matches!(
                decision.answered.outcome,
                Outcome::Scheduled | Outcome::Deactivated
            ) {
                users.push(user.clone());
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok((users, true)),
        }
    }
    Ok((users, false))
}
