//! Changing and trying the sync rule.

use std::sync::Arc;

use offramp_domain::{EmployeeId, Event, Policy, Status};

use crate::backoff::until_won;
use crate::engine::execute::decide_on;
use crate::engine::policy::{Effects, commit};
use crate::engine::tidy;
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, USERS_PER_READ, Users};
use crate::rules::Rule;
use crate::{Deadline, Error, Ports, Result, Tenant};

/// What a change of the rule came to.
#[derive(Debug)]
pub struct Put {
    /// The policy after it.
    pub policy: Policy,
    /// Those who were scheduled, by the sync or by HR's leave date, and whom the rule takes out: active again.
    pub reactivated: Vec<EmployeeId>,
}

/// Replaces the rule. Whom the sync has scheduled and the new rule takes out goes back to active.
///
/// # Errors
/// [`Error::Invalid`] with the position, [`Error::VersionMismatch`], or a fault.
pub async fn put<P: Ports>(
    tenant: &Tenant<'_, P>,
    active: String,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Put>
where
    P::Store: Users + Directory + Policies,
{
    compile(&active)?;
    until_won(|| once(tenant, &active, if_match, caller, deadline)).await
}

/// One try of [`put`]; `None` where somebody else changed the policy meanwhile.
async fn once<P: Ports>(
    tenant: &Tenant<'_, P>,
    active: &str,
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
    if commit(tenant, &entry, caller, effects).await? == Committed::Conflict {
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

/// Tries a rule on a record; the error is safe to show.
///
/// # Errors
/// What is wrong with the rule itself.
pub fn compile(active: &str) -> Result<Arc<Rule>> {
    Rule::cached(active).map_err(|error| Error::invalid("/active", error.to_string()))
}

/// The scheduled whom a policy makes active again.
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
            // The end of an epoch has made this person active already.
            if user.settled(after).status() != Status::DeactivationScheduled {
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
