//! How HR sources are: when they last spoke, whether that is long ago, and what an observed one would
//! have done. Nothing here ever fails a delivery.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Word;
use offramp_domain::pulse::WRITTEN_EVERY;
use offramp_domain::{
    Breaker, Generation, Listening, Notice, NoticeKind, OrgId, Pulse, SnapshotId, SourceId,
};

use crate::backoff::pauses;
use crate::engine::breaker::tell;
use crate::ports::{Breakers, Committed, Observed, Pulses, Source, SourceState, Timers};
use crate::{Deadline, Env, Error, Result};

/// What is written beside a delivery is given up after this time.
const AT_MOST: Duration = Duration::from_secs(2);
/// Sources that an instance remembers at most.
const REMEMBERED: usize = 10_000;

/// When an instance has last written that a source spoke: within the minute it does not even look.
#[derive(Debug, Default)]
pub struct Heard(Mutex<HashMap<(OrgId, SourceId), DateTime<Utc>>>);

impl Heard {
    fn lately(&self, org: &OrgId, source: &SourceId, now: DateTime<Utc>) -> bool {
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

/// Writes down that a source has spoken, at most once a minute. What fails is logged and forgotten: the
/// next delivery says the same.
pub async fn beat<S: Pulses, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    heard: &Heard,
    deadline: Deadline,
) {
    let now = env.clock.now();
    if heard.lately(org, source, now) {
        return;
    }
    let written = async {
        for pause in pauses() {
            let Some(after) = env.store.pulse(org, source).await?.beating(now) else {
                return Ok(());
            };
            if env.store.put_pulse(org, source, &after, None).await? == Committed::Done {
                return Ok(());
            }
            // Somebody else has written the same, or the sweep that the admins were told.
            pause.wait().await;
        }
        Err(Error::Busy)
    };
    if beside(org, source, "a pulse", deadline, written).await {
        heard.note(org, source, now);
    }
}

/// Counts what an observed source would have done; those of one snapshot once. What fails is logged and
/// forgotten.
pub async fn would_have<S: Observed, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    counts: &BTreeMap<Word, u64>,
    of: Option<&SnapshotId>,
    deadline: Deadline,
) {
    if counts.is_empty() {
        return;
    }
    let written = async { Ok(env.store.add_would(org, source, counts, of).await?) };
    beside(org, source, "what would be", deadline, written).await;
}

/// Writes something that no delivery waits for, or fails for. Says whether it was written.
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

/// What is known of a source beside its pulse.
#[must_use]
pub fn listening(source: &Source, breaker: &Breaker) -> Listening {
    Listening {
        enabled: source.state != SourceState::Disabled,
        since: source.state_at.unwrap_or(source.created_at),
        silent_after_hours: source.silent_after_hours,
        quarantined: breaker.hold.is_some(),
    }
}

/// Tells the admins where the health of a source has changed, once each. Says when it falls silent if
/// it says nothing more.
///
/// # Errors
/// A fault, or [`Error::Busy`]; the next sweep tries again.
pub async fn judge<S: Breakers + Pulses, T: Timers>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &Source,
) -> Result<Option<DateTime<Utc>>> {
    let id = &source.source;
    for pause in pauses() {
        let breaker = env.store.breaker(org, id).await?;
        let pulse = env.store.pulse(org, id).await?;
        let (now, listening) = (env.clock.now(), listening(source, &breaker));
        let Some((after, mailed)) = pulse.telling(&listening, now) else {
            return Ok(pulse.silent_at(&listening));
        };
        let notice = mailed.then(|| changed(id, &after, now));
        if let Some(notice) = &notice {
            tell(env, org, notice).await?;
        }
        let put = env.store.put_pulse(org, id, &after, notice.as_ref());
        if put.await? == Committed::Done {
            tracing::info!(%org, source = %id, health = ?after.told, "the health of a source has changed");
            return Ok(after.silent_at(&listening));
        }
        pause.wait().await;
    }
    Err(Error::Busy)
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
