//! The health of HR sources: when a source last spoke, whether it is silent, and what a source in observation would
//! have done. Nothing in this module fails a delivery.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::pulse::WRITTEN_EVERY;
use offramp_domain::{
    Breaker, Generation, Listening, Notice, NoticeKind, OrgId, Pulse, SnapshotId, SourceId,
};

use crate::backoff::until_won;
use crate::engine::breaker::tell;
use crate::ports::{Breakers, Committed, Observed, Pulses, Source, SourceState};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// The time limit of a write beside a delivery.
const AT_MOST: Duration = Duration::from_secs(2);
/// The most sources that an instance remembers.
const REMEMBERED: usize = 10_000;

/// When this instance last recorded that a source spoke. Within a minute of that it does not read the pulse.
#[derive(Debug, Default)]
pub struct Heard(Mutex<HashMap<(OrgId, SourceId), DateTime<Utc>>>);

impl Heard {
    pub(super) fn lately(&self, org: &OrgId, source: &SourceId, now: DateTime<Utc>) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard
            .get(&(org.clone(), source.clone()))
            .is_some_and(|at| *at <= now && now < *at + WRITTEN_EVERY)
    }

    fn note(&self, org: &OrgId, source: &SourceId, now: DateTime<Utc>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= REMEMBERED {
            heard.clear();
        }
        heard.insert((org.clone(), source.clone()), now);
    }
}

/// Records that a source has spoken, at most once a minute. `read` is its pulse, if the caller has just read it. A
/// failure is only logged, because the next delivery records the same.
pub async fn beat<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    heard: &Heard,
    mut read: Option<Pulse>,
    deadline: Deadline,
) where
    P::Store: Pulses,
{
    let now = tenant.clock.now();
    if heard.lately(tenant.org, source, now) {
        return;
    }
    let written = until_won(|| {
        let read = read.take();
        async move {
            let pulse = match read {
                Some(pulse) => pulse,
                None => tenant.store.pulse(tenant.org, source).await?,
            };
            let Some(after) = pulse.beating(now) else {
                return Ok(Some(()));
            };
            let put = tenant.store.put_pulse(tenant.org, source, &after, None);
            // After a conflict the pulse is read again: another instance has recorded the source, or the sweep has
            // recorded a notice.
            Ok((put.await? == Committed::Done).then_some(()))
        }
    });
    if beside(tenant.org, source, "a pulse", deadline, written).await {
        heard.note(tenant.org, source, now);
    }
}

/// Adds to the counts of what a source in observation would have done. Each snapshot is counted once. A failure is only
/// logged.
pub async fn would_have<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    counts: &BTreeMap<Outcome, u64>,
    of: Option<&SnapshotId>,
    deadline: Deadline,
) where
    P::Store: Observed,
{
    if counts.is_empty() {
        return;
    }
    let written = async {
        Ok(tenant
            .store
            .add_would(tenant.org, source, counts, of)
            .await?)
    };
    beside(tenant.org, source, "what would be", deadline, written).await;
}

/// Writes something beside a delivery, within [`AT_MOST`]. If the write fails, the delivery goes on. Returns true if it
/// was written.
pub(crate) async fn beside(
    org: &OrgId,
    source: &SourceId,
    what: &str,
    deadline: Deadline,
    written: impl Future<Output = Result<()>>,
) -> bool {
    let done = if deadline.leaves(AT_MOST) {
        tokio::time::timeout(AT_MOST, written)
            .await
            .unwrap_or(Err(Error::Unfinished("it took too long")))
    } else {
        Err(Error::Unfinished("no time is left"))
    };
    if let Err(error) = &done {
        tracing::warn!(%org, %source, what, %error, "was not written");
    }
    done.is_ok()
}

/// The facts that decide a source's health, beside its pulse.
#[must_use]
pub fn listening(source: &Source, breaker: &Breaker) -> Listening {
    Listening {
        enabled: source.state != SourceState::Disabled,
        since: source.state_since(),
        silent_after_hours: source.silent_after_hours,
        quarantined: breaker.hold.is_some(),
    }
}

/// Notifies the admins of a change of a source's health, once for each change. Returns when the source falls silent if
/// it delivers nothing more.
///
/// # Errors
/// A fault, or [`Error::Busy`]; the next sweep tries again.
pub async fn judge<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &Source,
) -> Result<Option<DateTime<Utc>>>
where
    P::Store: Breakers + Pulses,
{
    let id = &source.source;
    until_won(|| async {
        let breaker = tenant.store.breaker(tenant.org, id).await?;
        let pulse = tenant.store.pulse(tenant.org, id).await?;
        let (now, listening) = (tenant.clock.now(), listening(source, &breaker));
        let Some((after, mailed)) = pulse.telling(&listening, now) else {
            return Ok(Some(pulse.silent_at(&listening)));
        };
        let notice = mailed.then(|| changed(id, &after, now));
        if let Some(notice) = &notice {
            tell(tenant, notice).await?;
        }
        let put = tenant
            .store
            .put_pulse(tenant.org, id, &after, notice.as_ref());
        if put.await? == Committed::Conflict {
            return Ok(None);
        }
        tracing::info!(org = %tenant.org, source = %id, health = ?after.told, "the health of a source has changed");
        Ok(Some(after.silent_at(&listening)))
    })
    .await
}

fn changed(source: &SourceId, pulse: &Pulse, now: DateTime<Utc>) -> Notice {
    Notice {
        at: now,
        kind: NoticeKind::SourceHealth {
            source: source.clone(),
            health: pulse.told,
        },
        employee_id: None,
        name: None,
        generation: Generation(pulse.rev),
    }
}
