//! Changes the settings. A change that affects people or loosens protection must be confirmed.

use std::sync::Arc;

use chrono::Days as Count;
use offramp_domain::decide::Outcome;
use offramp_domain::settings::OnMissing;
use offramp_domain::{EmployeeId, Event, Policy, Settings, Status, User};
use serde_json::{Map, Value, json};

use super::confirmation::confirmed;
use crate::backoff::until_won;
use crate::engine::execute::decide_on;
use crate::engine::policy::{Effects, commit, scheduled};
use crate::engine::tidy;
use crate::identity::Caller;
use crate::ports::{Committed, Directory, Policies, PolicyEntry, USERS_PER_READ, Users};
use crate::{Deadline, Error, Invalid, Ports, Result, Tenant, when};

/// The result of a change of the settings.
#[derive(Debug)]
pub struct Patched {
    /// The policy after the change.
    pub policy: Policy,
    /// The users that the change affected.
    pub touched: Vec<EmployeeId>,
}

impl Patched {
    /// A patch that changes nothing.
    fn nobody(policy: Policy) -> Self {
        Self {
            policy,
            touched: Vec::new(),
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
    let effect = effect(tenant, &before, &after).await?;
    let patched = Patched {
        policy: after,
        touched: effect.ids(),
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

/// What a change of the settings does.
struct Effect {
    /// The users that it affects.
    touched: Vec<User>,
    /// How many of them are active again. `None` unless the change turns the deactivation sync off.
    turned_off: Option<u32>,
    /// True if stored users are to be brought in line with it.
    tidy: bool,
    loosened: bool,
    /// What an admin is asked to confirm.
    why: Vec<String>,
}

impl Effect {
    fn ids(&self) -> Vec<EmployeeId> {
        let ids = self.touched.iter().map(|user| user.employee_id.clone());
        ids.collect()
    }
}

async fn effect<P: Ports>(tenant: &Tenant<'_, P>, before: &Policy, after: &Policy) -> Result<Effect>
where
    P::Store: Users + Directory,
{
    let off = before.settings.turns_off(&after.settings);
    let loosened = before.settings.loosens_safeguards(&after.settings);
    let dates = before.settings.leave_dates != after.settings.leave_dates
        || before.settings.time_zone != after.settings.time_zone;
    let ignores = |policy: &Policy| policy.settings.on_missing == OnMissing::Ignore;
    let missing = ignores(after) && !ignores(before);
    let mut touched = Vec::new();
    if off || missing || dates {
        let back = |user: &User| user.as_of(after).status() == Status::Active;
        touched = scheduled(tenant, back).await?;
    }
    let reverted = u32::try_from(touched.len()).unwrap_or(u32::MAX);
    let mut why = Vec::new();
    if reverted > 0 {
        let (setting, whom) = match (off, missing) {
            (true, _) => (
                "deactivation_sync.enabled",
                "who is scheduled for deactivation",
            ),
            (false, true) => ("on_missing", "who is scheduled because they are missing"),
            (false, false) => ("leave_dates", "who is scheduled because of a leave date"),
        };
        why.push(format!(
            "`{setting}` makes everybody active again {whom}: {reverted}"
        ));
    }
    if dates {
        let ended = ended_by_dates(tenant, after).await?;
        if !ended.is_empty() {
            let setting = match before.settings.leave_dates == after.settings.leave_dates {
                true => "time_zone",
                false => "leave_dates",
            };
            why.push(format!(
                "`{setting}` ends the access of those whose leave date has come: {}",
                ended.len()
            ));
        }
        touched.extend(ended);
    }
    if loosened {
        why.push("`safeguards` lets more people go before an admin is asked".to_owned());
    }
    Ok(Effect {
        touched,
        turned_off: off.then_some(reverted),
        tidy: dates || missing || before.settings.reminders != after.settings.reminders,
        loosened,
        why,
    })
}

/// One try of [`patch`]; `None` if another change of the settings came first.
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
    let effect = effect(tenant, &before, &after).await?;
    if !effect.why.is_empty() {
        let (touched, why) = (&effect.touched, &effect.why);
        confirmed(tenant, &before, &after.settings, confirmation, touched, why).await?;
    }
    let entry = PolicyEntry {
        at: tenant.clock.now(),
        by: caller.actor(),
        from: before,
        to: after,
        took_back: None,
    };
    let touched = effect.ids();
    let effects = Effects {
        tidy: effect.tidy,
        turned_off: effect.turned_off,
        loosened: effect.loosened,
        undone: None,
    };
    if commit(tenant, &entry, caller, effects).await? == Committed::Conflict {
        return Ok(None);
    }
    if (effect.turned_off.is_some() || effect.tidy)
        && let Err(error) = tidy::tidy(tenant, deadline).await
    {
        // The policy is in effect already; the timer rewrites the users.
        tracing::warn!(org = %tenant.org, %error, "tidying is left to its timer");
    }
    Ok(Some(Patched {
        policy: entry.to,
        touched,
    }))
}

/// The users whose access would end at once, because their leave date would count or would be reached.
pub(super) async fn ended_by_dates<P: Ports>(
    tenant: &Tenant<'_, P>,
    after: &Policy,
) -> Result<Vec<User>>
where
    P::Store: Users + Directory,
{
    let today = when::Days::of(&after.settings.time_zone).today(tenant.clock.now());
    // The index sorts by date. One day is added to today, because a date may belong to another time zone.
    let until = today.checked_add_days(Count::new(1)).unwrap_or(today);
    let mut users = Vec::new();
    let mut from = None;
    loop {
        let page = tenant
            .store
            .leaving(tenant.org, Some(until), from.as_deref(), USERS_PER_READ)
            .await?;
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
            None => return Ok(users),
        }
    }
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
            detail: "is not an IANA time zone".to_owned(),
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
