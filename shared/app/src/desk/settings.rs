//! Changes the settings. A change that affects people or loosens protection must be confirmed.

mod effect;

use offramp_domain::{EmployeeId, Policy, Settings};
use serde_json::{Map, Value, json};

use super::confirmation::{accepted, question};
use crate::backoff::until_won;
use crate::engine::policy::{Bound, Effects, Reverted, commit, recount};
use crate::engine::tidy;
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, Users};
use crate::{Deadline, Error, Invalid, Ports, Result, Tenant, when};

use effect::{Changes, Effect, effect};

pub(super) use effect::ended_by_dates;

/// About how many people are read for a question. The question then says how many it concerns at least.
const MOST_COUNTED: usize = 2_000;

/// The result of a change of the settings.
#[derive(Debug)]
pub struct Patched {
    /// The policy after the change.
    pub policy: Policy,
    /// The users that the change affected, of those who were counted.
    pub touched: Vec<EmployeeId>,
    /// True if not everybody was counted. A timer rewrites the others.
    pub at_least: bool,
}

impl Patched {
    /// A patch that changes nothing.
    fn nobody(policy: Policy) -> Self {
        Self {
            policy,
            touched: Vec::new(),
            at_least: false,
        }
    }
}

/// Applies a JSON merge patch (RFC 7396) to the settings.
///
/// # Errors
/// [`Error::Invalid`], [`Error::VersionMismatch`], [`Error::ConfirmationRequired`],
/// [`Error::BadConfirmation`], [`Error::Busy`], or a fault.
pub async fn patch<P: Ports>(
    tenant: &Tenant<'_, P>,
    patch: Value,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Patched>
where
    P::Store: Users + Directory + Policies,
{
    until_won(|| once(tenant, patch.clone(), if_match, caller, deadline)).await
}

/// The result of a rehearsal.
#[derive(Debug)]
pub struct Rehearsed {
    /// The policy and the users as the change would leave them.
    pub patched: Patched,
    /// The version of the settings that stand.
    pub stands: u64,
}

/// What [`patch`] would do, without a question and without writing anything.
///
/// # Errors
/// [`Error::Invalid`], [`Error::VersionMismatch`], or a fault.
pub async fn rehearse<P: Ports>(
    tenant: &Tenant<'_, P>,
    patch: Value,
    if_match: Option<u64>,
    deadline: Deadline,
) -> Result<Rehearsed>
where
    P::Store: Users + Directory + Policies,
{
    let (before, after, _) = read_patch(tenant, patch, if_match).await?;
    let stands = before.version;
    let Some(after) = after else {
        let patched = Patched::nobody(before);
        return Ok(Rehearsed { patched, stands });
    };
    let bound = Bound {
        most: usize::MAX,
        deadline,
    };
    let effect = effect(tenant, (&before, &after), bound).await?;
    let patched = Patched {
        policy: after,
        touched: effect.ids(),
        at_least: !effect.all,
    };
    Ok(Rehearsed { patched, stands })
}

/// The policy before and after a patch, and the confirmation in it. The policy after it is `None` if nothing changes.
async fn read_patch<P: Ports>(
    tenant: &Tenant<'_, P>,
    patch: Value,
    if_match: Option<u64>,
) -> Result<(Policy, Option<Policy>, Option<String>)>
where
    P::Store: Policies,
{
    let before = tenant.store.policy(tenant.org).await?;
    if if_match.is_some_and(|version| version != before.version) {
        return Err(Error::VersionMismatch);
    }
    let (settings, confirmation) = merged(&before, patch)?;
    let after = (settings != before.settings).then(|| before.with(settings));
    Ok((before, after, confirmation))
}

/// One try of [`patch`]; `None` if another change of the settings came first. A confirmed change is committed before
/// anybody is counted or rewritten: what it reads before does not grow with the people.
async fn once<P: Ports>(
    tenant: &Tenant<'_, P>,
    patch: Value,
    if_match: Option<u64>,
    caller: &Caller,
    deadline: Deadline,
) -> Result<Option<Patched>>
where
    P::Store: Users + Directory + Policies,
{
    let (before, after, confirmation) = read_patch(tenant, patch, if_match).await?;
    let Some(after) = after else {
        return Ok(Some(Patched::nobody(before)));
    };
    let changes = Changes::of(&before, &after);
    let counted = match confirmation.filter(|_| changes.may_touch() || changes.loosened) {
        Some(token) => {
            accepted(tenant, &before, &after.settings, &token).await?;
            None
        }
        None => {
            let bound = Bound {
                most: MOST_COUNTED,
                deadline,
            };
            let effect = effect(tenant, (&before, &after), bound).await?;
            let why = effect.why(&before, &after);
            if !why.is_empty() {
                let touched = (effect.users(), !effect.all);
                let touched = (touched.0.as_slice(), touched.1);
                question(tenant, &before, &after.settings, touched, &why).await?;
            }
            Some(effect)
        }
    };
    let entry = PolicyEntry {
        at: tenant.clock.now(),
        by: caller.actor(),
        from: before,
        to: after,
        took_back: None,
    };
    let mut effects = Effects {
        tidy: changes.dates || changes.missing || changes.reminders,
        turned_off: changes.off,
        gives_back: changes.dates || changes.missing,
        loosened: changes.loosened,
        undone: None,
        reverted: counted
            .as_ref()
            .map_or(Reverted::UNCOUNTED, |effect| effect.back.reverted()),
    };
    if commit(tenant, &entry, caller, &effects).await? == Committed::Conflict {
        return Ok(None);
    }
    let effect = match counted {
        Some(effect) => effect,
        None => {
            let bound = Bound {
                most: usize::MAX,
                deadline,
            };
            let effect = effect(tenant, (&entry.from, &entry.to), bound).await;
            let effect = effect.unwrap_or_else(|error| {
                tracing::warn!(org = %tenant.org, %error, "whom a change of the settings touches is not counted");
                Effect::default()
            });
            effects.reverted = effect.back.reverted();
            if changes.off || effects.gives_back {
                recount(tenant, &entry, caller, &effects).await;
            }
            effect
        }
    };
    if (changes.off || effects.tidy)
        && let Err(error) = tidy::tidy(tenant, deadline).await
    {
        // The policy is in effect already; the timer rewrites the users.
        tracing::warn!(org = %tenant.org, %error, "tidying is left to its timer");
    }
    Ok(Some(Patched {
        policy: entry.to,
        touched: effect.ids(),
        at_least: !effect.all,
    }))
}

/// The settings after the patch, and the confirmation in it.
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
    let mut settings = whole(&before.settings);
    // Each setting is tried by itself, so that one answer names every invalid one.
    let mut wrong = Vec::new();
    for part in parts(&settings, patch) {
        let mut tried = settings.clone();
        match part.and_then(|part| {
            merge(&mut tried, part);
            read(tried.clone()).map(drop)
        }) {
            Ok(()) => settings = tried,
            Err(invalid) => wrong.push(invalid),
        }
    }
    let settings = read(settings).map_err(|invalid| Error::Invalid(vec![invalid]))?;
    let out_of_range = settings.check().err().unwrap_or_default();
    wrong.extend(out_of_range.into_iter().map(|(pointer, detail)| Invalid {
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
    }));
    if !when::is_zone(&settings.time_zone) {
        wrong.push(Invalid {
            pointer: "/time_zone".to_owned(),
            detail: match when::nearest_zone(&settings.time_zone) {
                Some(near) => format!("is not an IANA time zone; the nearest is {near}"),
                None => "is not an IANA time zone".to_owned(),
            },
        });
    }
    if wrong.is_empty() {
        Ok((settings, confirmation))
    } else {
        Err(Error::Invalid(wrong))
    }
}

/// The settings with every field, also those that are stored only where they differ from their defaults.
#[must_use]
pub fn whole(settings: &Settings) -> Value {
    let mut whole = json!(settings);
    whole["safeguards"]["max_returns"] = json!(settings.safeguards.max_returns);
    whole["safeguards"]["max_invitations"] = json!(settings.safeguards.max_invitations);
    whole["safeguards"]["four_eyes_above"] = json!(settings.safeguards.four_eyes_above);
    whole["access_during_grace"] = json!(settings.access_during_grace);
    whole["leave_date_is"] = json!(settings.leave_date_is);
    whole["delay_counts"] = json!(settings.delay_counts);
    whole["weekend"] = json!(settings.weekend);
    whole["holidays"] = json!(settings.holidays);
    whole["reminders"] = json!(settings.reminders);
    whole["escalation"] = json!(settings.escalation);
    whole["escalate_after_hours"] = json!(settings.escalate_after_hours);
    whole
}

/// Splits a patch into patches of one setting each. A section that is set to null stays one patch.
fn parts(settings: &Value, patch: Map<String, Value>) -> Vec<std::result::Result<Value, Invalid>> {
    let mut parts = Vec::new();
    for (name, value) in patch {
        match (settings[&name].is_object(), value) {
            (true, Value::Object(section)) => parts.extend(
                section
                    .into_iter()
                    .map(|(field, value)| Ok(json!({ name.as_str(): { field: value } }))),
            ),
            // Serde would also read a section from an array, field by field. That is refused, because no client means
            // it.
            (true, value) if !value.is_null() => parts.push(Err(Invalid {
                pointer: format!("/{name}"),
                detail: "must be an object".to_owned(),
            })),
            (_, value) => parts.push(Ok(json!({ name: value }))),
        }
    }
    parts
}

fn read(settings: Value) -> std::result::Result<Settings, Invalid> {
    serde_path_to_error::deserialize(settings).map_err(|error| Invalid::read(&error))
}

/// Applies a JSON merge patch (RFC 7396).
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
