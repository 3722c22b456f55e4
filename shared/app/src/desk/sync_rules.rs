//! Changes and tries the sync rule.

use std::sync::Arc;

use offramp_domain::{EmployeeId, Event, Policy, Status};

use super::confirmation::{accepted, question};
use super::settings::ended_by_dates;
use crate::backoff::until_won;
use crate::engine::execute::decide_on;
use crate::engine::policy::{Bound, Effects, commit};
use crate::engine::tidy;
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, USERS_PER_READ, Users};
use crate::rules::Rule;
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The result of a change of the rule.
#[derive(Debug)]
pub struct Put {
    /// The policy after the change.
    pub policy: Policy,
    /// The users who are active again: the sync or HR's leave date had scheduled them, and the new rule leaves them
    /// out.
    pub reactivated: Vec<EmployeeId>,
}

/// Replaces the rule. A user that the sync has scheduled, and that the new rule leaves out, becomes active again. If the
/// rule takes in people whose leave date has come, an admin must confirm that their access ends.
///
/// # Errors
/// [`Error::Invalid`] with the position, [`Error::VersionMismatch`], [`Error::ConfirmationRequired`],
/// [`Error::BadConfirmation`], or a fault.
pub async fn put<P: Ports>(
    tenant: &Tenant<'_, P>,
    active: String,
    confirmation: Option<String>,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Put>
where
    P::Store: Users + Directory + Policies,
{
    compile(&active)?;
    until_won(|| {
        let confirmation = confirmation.clone();
        once(tenant, &active, confirmation, if_match, caller, deadline)
    })
    .await
}

/// One try of [`put`]; `None` if another change of the policy came first.
async fn once<P: Ports>(
    tenant: &Tenant<'_, P>,
    active: &str,
    confirmation: Option<String>,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Option<Put>>
where
    P::Store: Users + Directory + Policies,
{
    let before = tenant.store.policy(tenant.org).await?;
    if if_match.is_some_and(|version| version != before.rules.version) {
        return Err(Error::VersionMismatch);
    }
    if before.rules.active == active {
        return Ok(Some(Put {
            policy: before,
            reactivated: Vec::new(),
        }));
    }
    let to = before.with_rules(active.to_owned());
    let out = falling_out(tenant, &to).await?;
    let bound = Bound {
        most: usize::MAX,
        deadline,
    };
    let (ended, all) = ended_by_dates(tenant, &to, bound).await?;
    if !ended.is_empty() || !all {
        let why = format!(
            "the rule takes in people whose leave date has come, which ends their access: {}",
            ended.len()
        );
        match confirmation {
            Some(token) => accepted(tenant, &before, &active, &token).await?,
            None => question(tenant, &before, &active, (&ended, !all), &[why]).await?,
        }
    }
    let entry = PolicyEntry {
        at: tenant.clock.now(),
        by: caller.actor(),
        from: before,
        to,
        took_back: None,
    };
    let effects = Effects {
        tidy: true,
        ..Effects::default()
    };
    if commit(tenant, &entry, caller, &effects).await? == Committed::Conflict {
        return Ok(None);
    }
    if let Err(error) = tidy::tidy(tenant, deadline).await {
        tracing::warn!(org = %tenant.org, %error, "tidying is left to its timer");
    }
    Ok(Some(Put {
        policy: entry.to,
        reactivated: out,
    }))
}

/// Compiles a rule.
///
/// # Errors
/// [`Error::Invalid`] says what is wrong with the rule.
pub fn compile(active: &str) -> Result<Arc<Rule>> {
    Rule::cached(active).map_err(|error| Error::invalid("/active", error.to_string()))
}

/// The scheduled users that a policy makes active again.
async fn falling_out<P: Ports>(tenant: &Tenant<'_, P>, after: &Policy) -> Result<Vec<EmployeeId>>
where
    P::Store: Users + Directory,
{
    let mut out = Vec::new();
    let mut from = None;
    loop {
        let scheduled = [Status::DeactivationScheduled];
        let page = tenant
            .store
            .people(tenant.org, &scheduled, "", from.as_deref(), USERS_PER_READ)
            .await?;
        let mut loaded = tenant.store.load(tenant.org, &page.items).await?;
        loaded.policy = Arc::new(after.clone());
        for (id, user) in &loaded.users {
            // The policy had ended this schedule already, by an epoch or an undone run.
            if user.as_of(after).status() != Status::DeactivationScheduled {
                continue;
            }
            let decision = decide_on(&loaded, Some(user), &Event::Tidy, tenant.org, &tenant.clock)?;
            if decision
                .change
                .is_some_and(|change| change.user.status() == Status::Active)
            {
                out.push(id.clone());
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(out),
        }
    }
}
