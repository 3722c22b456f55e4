//! Settings, and the confirmation of a change that touches people or loosens protection.

use chrono::TimeDelta;
use offramp_domain::digest::DigestMinute;
use offramp_domain::{
    EmployeeId, Generation, Notice, NoticeKind, OrgId, Policy, Settings, Status, Timer, User,
};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::backoff::pauses;
use crate::execute::{Armed, arm_all};
use crate::identity::Caller;
use crate::ports::{
    Committed, Confirmation, Directory, Policies, PolicyEntry, Timers, USERS_PER_READ, Users,
};
use crate::{Deadline, Env, Error, Invalid, Result, tidy, when};

/// How long a confirmation is good for.
const CONFIRM_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// Users that are named in the question.
const NAMED: usize = 100;
/// How far ahead the timer is armed that finishes the tidying.
const TIDY_AFTER: TimeDelta = TimeDelta::minutes(2);

/// What a change of the settings came to.
#[derive(Debug)]
pub struct Patched {
    /// The policy after it.
    pub policy: Policy,
    /// Whom it touched.
    pub touched: Vec<EmployeeId>,
}

/// Applies a JSON merge patch (RFC 7396) to the settings.
///
/// # Errors
/// [`Error::Invalid`], [`Error::VersionMismatch`], [`Error::ConfirmationRequired`],
/// [`Error::BadConfirmation`], [`Error::Busy`], or a fault.
pub async fn patch<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    patch: Value,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Patched>
where
    S: Users + Directory + Policies,
    T: Timers,
{
    for pause in pauses() {
        match once(env, org, patch.clone(), if_match, caller, deadline).await? {
            Some(done) => return Ok(done),
            None => pause.wait().await,
        }
    }
    Err(Error::Busy)
}

/// One try of [`patch`]; `None` where somebody else changed the settings meanwhile.
async fn once<S, T>(
    env: &Env<S, T>,
    org: &OrgId,
    patch: Value,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Option<Patched>>
where
    S: Users + Directory + Policies,
    T: Timers,
{
    let before = env.store.policy(org).await?;
    if if_match.is_some_and(|version| version != before.version) {
        return Err(Error::VersionMismatch);
    }
    let (settings, confirmation) = merged(&before, patch)?;
    if settings == before.settings {
        return Ok(Some(Patched {
            policy: before,
            touched: Vec::new(),
        }));
    }
    let after = before.with(settings);
    let off = before.settings.turns_off(&after.settings);
    let loosens = before.settings.loosens_safeguards(&after.settings);
    let touched = if off {
        scheduled(env, org, &before).await?
    } else {
        Vec::new()
    };
    if loosens || !touched.is_empty() {
        confirmed(env, org, &before, &after, confirmation, &touched).await?;
    }
    let entry = PolicyEntry {
        at: env.clock.now(),
        by: caller.actor(),
        from: before,
        to: after,
    };
    let committed = commit(env, org, &entry, caller, off, loosens, touched.len()).await?;
    if committed == Committed::Conflict {
        return Ok(None);
    }
    if off && let Err(error) = tidy::tidy(env, org, deadline).await {
        // They are active already; the timer rewrites them.
        tracing::warn!(%org, %error, "tidying is left to its timer");
    }
    let touched = touched.into_iter().map(|user| user.employee_id).collect();
    Ok(Some(Patched {
        policy: entry.to,
        touched,
    }))
}

/// The settings that would be, and the confirmation that came with them.
fn merged(before: &Policy, patch: Value) -> Result<(Settings, Option<String>)> {
    let Value::Object(mut patch) = patch else {
        return Err(Error::invalid(
            "",
            "a merge patch of the settings is a JSON object",
        ));
    };
    let confirmation = match patch.remove("confirmation") {
        None => None,
        Some(Value::String(token)) => Some(token),
        Some(_) => return Err(Error::invalid("/confirmation", "must be a string")),
    };
    if let Some(version) = patch.remove("version")
        && version != before.version
    {
        return Err(Error::VersionMismatch);
    }
    let mut settings = serde_json::to_value(&before.settings)
        .map_err(|error| crate::Fault::corrupt("settings", error.to_string()))?;
    // A section can be read from an array too, field by field; nobody means that.
    for (name, value) in &patch {
        if settings[name].is_object() && !value.is_object() && !value.is_null() {
            return Err(Error::invalid(format!("/{name}"), "must be an object"));
        }
    }
    merge(&mut settings, Value::Object(patch));
    let settings: Settings = serde_path_to_error::deserialize(settings).map_err(|error| {
        let path = error.path().to_string();
        let pointer = if path == "." {
            String::new()
        } else {
            format!("/{}", path.replace('.', "/"))
        };
        Error::invalid(pointer, error.inner().to_string())
    })?;
    let mut wrong: Vec<Invalid> = settings
        .check()
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|(pointer, detail)| Invalid {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
        })
        .collect();
    if !when::is_zone(&settings.time_zone) {
        wrong.push(Invalid {
            pointer: "/time_zone".to_owned(),
            detail: "is not an IANA time zone".to_owned(),
        });
    }
    if wrong.is_empty() {
        Ok((settings, confirmation))
    } else {
        Err(Error::Invalid(wrong))
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(&key);
                } else {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch,
    }
}

/// Everybody whom the sync has scheduled and whom turning it off makes active.
async fn scheduled<S: Users + Directory, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    policy: &Policy,
) -> Result<Vec<User>> {
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let page = env
            .store
            .people(
                org,
                &[Status::DeactivationScheduled],
                "",
                after.as_deref(),
                USERS_PER_READ,
            )
            .await?;
        let loaded = env.store.load(org, &page.items).await?;
        users.extend(loaded.users.into_values().filter(|user| {
            let settled = user.settled(policy.epoch);
            settled.status() == Status::DeactivationScheduled
                && settled.cause().is_some_and(offramp_domain::Cause::is_sync)
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(users),
        }
    }
}

/// The change is confirmed, or the question is asked.
async fn confirmed<S: Policies, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    before: &Policy,
    after: &Policy,
    token: Option<String>,
    touched: &[User],
) -> Result<()> {
    let change = hash(&after.settings)?;
    if let Some(token) = token {
        let known = env.store.confirmation(org, &token).await?;
        let good = known.is_some_and(|known| {
            known.version == before.version
                && known.change == change
                && known.expires >= env.clock.now()
        });
        return if good {
            Ok(())
        } else {
            Err(Error::BadConfirmation)
        };
    }
    let confirmation = Confirmation {
        token: uuid::Uuid::new_v4().simple().to_string(),
        version: before.version,
        change,
        expires: env.clock.now() + CONFIRM_WITHIN,
    };
    env.store.put_confirmation(org, &confirmation).await?;
    Err(Error::ConfirmationRequired {
        affected: touched.len(),
        users: touched.iter().take(NAMED).cloned().collect(),
        confirmation: confirmation.token,
    })
}

fn hash(settings: &Settings) -> Result<String> {
    let text = serde_json::to_vec(settings)
        .map_err(|error| crate::Fault::corrupt("settings", error.to_string()))?;
    Ok(digest(&SHA256, &text)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Arms what the change needs, then commits it with what the admins are told.
async fn commit<S: Policies, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    entry: &PolicyEntry,
    caller: &Caller,
    off: bool,
    loosens: bool,
    reverted: usize,
) -> Result<Committed> {
    let by = caller.subject().clone();
    let mut notices = Vec::new();
    let mut tell = |kind| {
        notices.push(Notice {
            at: entry.at,
            kind,
            employee_id: None,
            name: None,
            generation: Generation(entry.to.version),
        });
    };
    if off {
        let reverted = u32::try_from(reverted).unwrap_or(u32::MAX);
        tell(NoticeKind::SyncTurnedOff {
            by: by.clone(),
            reverted,
        });
    }
    if loosens {
        tell(NoticeKind::SafeguardsLoosened { by });
    }
    let mut arm = Vec::new();
    if !notices.is_empty() {
        arm.push(Timer::Digest {
            org: org.clone(),
            minute: DigestMinute::of(entry.at),
        });
    }
    if off {
        let due = DigestMinute::of(entry.at + TIDY_AFTER).start() + TimeDelta::minutes(1);
        arm.push(Timer::Tidy {
            org: org.clone(),
            epoch: entry.to.epoch,
            due,
        });
    }
    arm_all(&env.timers, &arm, &Armed::default()).await?;
    Ok(env.store.commit_policy(org, entry, &notices).await?)
}
