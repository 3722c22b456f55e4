//! HR sources and their webhook secrets. At most two secrets verify; each is shown once and stored sealed.

mod hand_over;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::Behaviour;
use offramp_domain::{
    Actor, Breaker, Notice, Policy, Power, Pulse, SourceId, SourcePower, SourceSync,
};
use ring::rand::{SecureRandom, SystemRandom};

use crate::backoff::until_won;
use crate::engine::breaker::{tell, watched};
use crate::ports::{
    Breakers, Committed, MOST_SOURCES, Observed, Policies, Pulses, SealContext, SealedSecret,
    Seals, Source, SourceChange, SourceEntry, SourceSettings, SourceState, SourceTold, Sources,
};
use crate::{Env, Error, Fault, Ports, Result, Tenant};

pub use hand_over::{HandOver, HandedOver, MOST_NAMED, hand_over};

/// The beginning of a secret as it is shown, as Standard Webhooks defines it.
const SECRET_PREFIX: &str = "whsec_";
/// The length of a secret in bytes. Standard Webhooks requires 24 to 64.
const SECRET_BYTES: usize = 32;
/// How many secrets verify at the same time, so that one can be rotated.
const LIVE_SECRETS: usize = 2;

/// Creates a source, which stays in observation until an admin sets it active. The answer has the secret, which is
/// never shown again.
///
/// # Errors
/// [`Error::Exists`], [`Error::TooMany`], [`Error::Busy`], or a fault.
pub async fn create<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    id: &SourceId,
    own: SourceSync,
    by: &Actor,
) -> Result<(Source, String)>
where
    P::Store: Sources + Breakers + Policies,
{
    in_range(own)?;
    until_won(|| create_once(tenant, seals, id, own, by)).await
}

/// One try of [`create`]; `None` if another source, or another change of the policy, came first.
async fn create_once<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    id: &SourceId,
    own: SourceSync,
    by: &Actor,
) -> Result<Option<(Source, String)>>
where
    P::Store: Sources + Breakers + Policies,
{
    let known = tenant.store.sources(tenant.org).await?;
    let is_reserved = id.known().is_none();
    if is_reserved || known.iter().any(|source| source.source == *id) {
        return Err(Error::Exists("a source of this name"));
    }
    if known.len() >= MOST_SOURCES {
        return Err(Error::TooMany("50 sources"));
    }
    let (secret, sealed) = fresh(tenant, seals, id, 1).await?;
    let source = Source {
        source: id.clone(),
        state: SourceState::Observing,
        secrets: vec![sealed],
        created_at: tenant.clock.now(),
        state_at: None,
        silent_after_hours: None,
        handing_over: None,
        version: 1,
    };
    watched(tenant, id, false).await?;
    let policy = match own.is_none() {
        true => Policy::default(),
        false => {
            let before = tenant.store.policy(tenant.org).await?;
            before.with_source(id.clone(), own)
        }
    };
    let to = source.settings(&policy);
    let entry = entry(tenant, &source, SourceChange::Created { to }, by);
    let changed = (!own.is_none()).then_some(&policy);
    let notice = announced(tenant, &entry).await?;
    let told = SourceTold {
        entry: &entry,
        notice: &notice,
    };
    let written = tenant
        .store
        .add_source(tenant.org, &source, known.len(), told, changed);
    let done = written.await? == Committed::Done;
    Ok(done.then_some((source, secret)))
}

fn in_range(own: SourceSync) -> Result<()> {
    match own.is_in_range() {
        true => Ok(()),
        false => Err(Error::invalid(
            "/deactivation_sync/delay_days",
            "must be 1, 2 or 3, or null",
        )),
    }
}

/// The most hours without a delivery that an admin can set: a year.
const MOST_HOURS: u32 = 8_760;

/// The properties of a source that an admin sets. A property that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// The state of the source.
    pub state: Option<SourceState>,
    /// The hours without a delivery after which the source is silent. `Some(None)` leaves it to the source's own
    /// rhythm.
    pub silent_after_hours: Option<Option<u32>>,
    /// Whether the source's deactivations have a grace period. `Some(None)` leaves it to the organisation's settings.
    pub behaviour: Option<Option<Behaviour>>,
    /// The days of the source's grace period. `Some(None)` leaves them to the organisation's settings.
    pub delay_days: Option<Option<u8>>,
}

/// Sets the properties of a source. A grace period of its own is for later departures; what is announced stands.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::VersionMismatch`], [`Error::Busy`], or a fault.
pub async fn set<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &SourceId,
    wish: Wish,
    if_match: Option<u64>,
    by: &Actor,
) -> Result<Source>
where
    P::Store: Sources + Breakers + Observed + Policies,
{
    until_won(|| set_once(tenant, id, wish, if_match, by)).await
}

/// One try of [`set`]; `None` if another change of the source or of the policy came first.
async fn set_once<P: Ports>(
    tenant: &Tenant<'_, P>,
    id: &SourceId,
    wish: Wish,
    if_match: Option<u64>,
    by: &Actor,
) -> Result<Option<Source>>
where
    P::Store: Sources + Breakers + Observed + Policies,
{
    if matches!(wish.silent_after_hours, Some(Some(hours)) if !(1..=MOST_HOURS).contains(&hours)) {
        return Err(Error::invalid(
            "/silent_after_hours",
            "must be 1 to 8760, or null",
        ));
    }
    let before = get(tenant, id).await?;
    matches(&before, if_match)?;
    let policy = tenant.store.policy(tenant.org).await?;
    let known = before.settings(&policy);
    let sync = known.deactivation_sync;
    let wanted = SourceSettings {
        state: wish.state.unwrap_or(known.state),
        silent_after_hours: wish.silent_after_hours.unwrap_or(known.silent_after_hours),
        deactivation_sync: SourceSync {
            behaviour: wish.behaviour.unwrap_or(sync.behaviour),
            delay_days: wish.delay_days.unwrap_or(sync.delay_days),
        },
    };
    in_range(wanted.deactivation_sync)?;
    if wanted == known {
        return Ok(Some(before));
    }
    let changes = known.state != wanted.state;
    let SourceSettings {
        state,
        silent_after_hours,
        deactivation_sync,
    } = wanted;
    let source = Source {
        state,
        state_at: match changes {
            true => Some(tenant.clock.now()),
            false => before.state_at,
        },
        silent_after_hours,
        version: before.version + 1,
        ..before.clone()
    };
    watched(tenant, id, true).await?;
    if changes && state == SourceState::Observing {
        tenant.store.forget_would(tenant.org, id).await?;
    }
    let (from, to) = (known, wanted);
    let entry = entry(tenant, &source, SourceChange::Changed { from, to }, by);
    let policy =
        (sync != deactivation_sync).then(|| policy.with_source(id.clone(), deactivation_sync));
    let written = put(tenant, (&source, before.version), &entry, policy.as_ref());
    Ok(match written.await? {
        Committed::Done => Some(source),
        Committed::Conflict => None,
    })
}

/// Creates a new secret beside the newest one, or in place of all (`revoke_previous`).
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`], [`Error::Busy`], or a fault.
pub async fn rotate<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    id: &SourceId,
    revoke_previous: bool,
    if_match: Option<u64>,
    by: &Actor,
) -> Result<(Source, String)>
where
    P::Store: Sources,
{
    let before = get(tenant, id).await?;
    matches(&before, if_match)?;
    let number = before
        .secrets
        .iter()
        .map(|one| one.version)
        .max()
        .unwrap_or(0)
        + 1;
    let (secret, sealed) = fresh(tenant, seals, id, number).await?;
    let keep = if revoke_previous { 0 } else { LIVE_SECRETS - 1 };
    let skip = before.secrets.len().saturating_sub(keep);
    let mut secrets: Vec<SealedSecret> = before.secrets.iter().skip(skip).cloned().collect();
    secrets.push(sealed);
    let source = Source {
        secrets,
        version: before.version + 1,
        ..before.clone()
    };
    let rotated = SourceChange::SecretRotated {
        revoked_previous: revoke_previous,
    };
    let entry = entry(tenant, &source, rotated, by);
    match put(tenant, (&source, before.version), &entry, None).await? {
        Committed::Done => Ok((source, secret)),
        Committed::Conflict => Err(Error::Busy),
    }
}

/// Reads one source.
///
/// # Errors
/// [`Error::NotFound`] or a fault.
pub async fn get<P: Ports>(tenant: &Tenant<'_, P>, id: &SourceId) -> Result<Source>
where
    P::Store: Sources,
{
    tenant
        .store
        .source(tenant.org, id)
        .await?
        .ok_or(Error::NotFound("source"))
}

/// Reads the breaker, the pulse and the shadow counts of a source. Its grace period is in the policy.
///
/// # Errors
/// A fault of the table.
pub async fn facts<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &Source,
    policy: &Policy,
) -> Result<SourceFacts>
where
    P::Store: Breakers + Pulses + Observed,
{
    let id = &source.source;
    Ok(SourceFacts {
        breaker: tenant.store.breaker(tenant.org, id).await?,
        pulse: tenant.store.pulse(tenant.org, id).await?,
        would: match source.state {
            SourceState::Observing => Some(tenant.store.would(tenant.org, id).await?),
            _ => None,
        },
        deactivation_sync: policy.own_sync(id),
        now: tenant.clock.now(),
    })
}

/// The audit entry of a change of a source.
fn entry<P: Ports>(env: &Env<P>, source: &Source, change: SourceChange, by: &Actor) -> SourceEntry {
    SourceEntry {
        at: env.clock.now(),
        by: by.clone(),
        source: source.source.clone(),
        version: source.version,
        change,
    }
}

/// Writes a change of a source whose version was `before`. `policy` is the policy after it; `None` if it stays.
async fn put<P: Ports>(
    tenant: &Tenant<'_, P>,
    (source, before): (&Source, u64),
    entry: &SourceEntry,
    policy: Option<&Policy>,
) -> Result<Committed>
where
    P::Store: Sources,
{
    let notice = announced(tenant, entry).await?;
    let told = SourceTold {
        entry,
        notice: &notice,
    };
    let store = &tenant.store;
    let written = store.put_source(tenant.org, source, before, told, policy);
    Ok(written.await?)
}

/// The notice of a change of a source. Its digest is armed.
async fn announced<P: Ports>(tenant: &Tenant<'_, P>, entry: &SourceEntry) -> Result<Notice> {
    let said = |state: SourceState| <&str>::from(state).to_owned();
    let change = match &entry.change {
        SourceChange::Created { .. } => SourcePower::Made,
        SourceChange::Changed { from, to } => SourcePower::Changed {
            state: (said(from.state), said(to.state)),
            sync: (from.deactivation_sync, to.deactivation_sync),
            silent_after_hours: (from.silent_after_hours, to.silent_after_hours),
        },
        SourceChange::HandedOver { to, people, part } => SourcePower::HandedOver {
            to: to.clone(),
            people: *people,
            part: *part,
        },
        SourceChange::SecretRotated { revoked_previous } => SourcePower::SecretMade {
            revoked_previous: *revoked_previous,
        },
    };
    let what = Power::Source {
        source: entry.source.clone(),
        change,
    };
    let notice = Notice::of_power(entry.at, &entry.by, what, entry.version);
    tell(tenant, &notice).await?;
    Ok(notice)
}

fn matches(source: &Source, if_match: Option<u64>) -> Result<()> {
    match if_match {
        Some(version) if version != source.version => Err(Error::VersionMismatch),
        _ => Ok(()),
    }
}

async fn fresh<P: Ports, K: Seals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    source: &SourceId,
    version: u64,
) -> Result<(String, SealedSecret)> {
    let mut secret = [0_u8; SECRET_BYTES];
    SystemRandom::new().fill(&mut secret).map_err(|_| Fault {
        service: "system",
        operation: "random",
        message: "no randomness".to_owned(),
        retryable: true,
    })?;
    let context = SealContext {
        org: tenant.org,
        source,
        version,
    };
    let sealed = seals.seal(&context, &secret).await?;
    let shown = format!("{SECRET_PREFIX}{}", STANDARD.encode(secret));
    Ok((
        shown,
        SealedSecret {
            version,
            sealed,
            created_at: tenant.clock.now(),
        },
    ))
}

/// The facts about a source, beside the source itself.
#[derive(Debug)]
pub struct SourceFacts {
    /// The breaker of the source.
    pub breaker: Breaker,
    /// The pulse of the source.
    pub pulse: Pulse,
    /// What the source would have done; `None` unless it is in observation.
    pub would: Option<BTreeMap<Outcome, u64>>,
    /// The grace period of the source, where it is another than the organisation's.
    pub deactivation_sync: SourceSync,
    /// The present.
    pub now: DateTime<Utc>,
}
