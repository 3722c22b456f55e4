//! Who may speak for a source.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, OrgId, Pulse, SourceId};

use super::pulse::Heard;
use crate::ports::{
    Connector, Deliveries, Headers, Loaded, Opening, Request, SealContext, SealedSecret, Source,
    SourceState, Sources, USERS_PER_DELIVERY, Unseals,
};
use crate::{Error, Ports, Result, Tenant};

/// Sources whose secrets an instance remembers at most.
const REMEMBERED: usize = 512;
/// Bytes of a body that is looked at before its source is read. A few people's events are smaller, and whoever cannot sign
/// makes an instance hash no more than this in vain.
const SMALL_BODY: usize = 64 * 1024;

/// A request as it came, and the dialect that its source speaks.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The dialect.
    pub connector: &'a dyn Connector,
    /// The headers.
    pub headers: &'a dyn Headers,
    /// The raw bytes of the body: what was signed.
    pub body: &'a [u8],
}

/// What an instance verifies requests with, and what it remembers between them.
#[derive(Clone, Copy)]
pub struct Doorkeeper<'a, K> {
    /// Opens the secrets of sources.
    pub seals: &'a K,
    /// The secrets that have verified before.
    pub known: &'a Known,
    /// When sources have spoken.
    pub heard: &'a Heard,
}

/// The secrets of the sources whose requests an instance has verified. One of them is good for looking at a request before
/// its source is read, and for nothing else: what counts is the source as it is read then.
#[derive(Default)]
pub struct Known(Mutex<HashMap<(OrgId, SourceId), Vec<Secret>>>);

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

/// An opened secret, with what it was sealed as.
#[derive(Clone)]
struct Secret {
    version: u64,
    sealed: String,
    opened: Vec<u8>,
}

impl Secret {
    fn is(&self, sealed: &SealedSecret) -> bool {
        (self.version, &self.sealed) == (sealed.version, &sealed.sealed)
    }
}

impl Known {
    /// The remembered secret that has signed a request.
    fn signer(
        &self,
        org: &OrgId,
        source: &SourceId,
        incoming: &Incoming<'_>,
        now: DateTime<Utc>,
    ) -> Option<Secret> {
        let of = (org.clone(), source.clone());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = known.get(&of)?.clone();
        drop(known);
        secrets.into_iter().find(|secret| {
            let secret = std::slice::from_ref(&secret.opened);
            let Incoming {
                connector,
                headers,
                body,
            } = incoming;
            connector.verify(*headers, body, secret, now).is_ok()
        })
    }

    /// Remembers the secrets of a source, and no others of it.
    fn note(&self, org: &OrgId, source: &SourceId, secrets: Vec<Secret>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((org.clone(), source.clone()), secrets);
    }

    fn forget(&self, org: &OrgId, source: &SourceId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(org.clone(), source.clone()));
    }
}

/// Verifies a signed request of a source, and gives what the source may do.
///
/// # Errors
/// [`Error::BadSignature`] also for an unknown organisation or source, and for a disabled one:
/// there is nothing to enumerate. [`Error::TimestampOutOfTolerance`], or a fault.
pub async fn authenticate<P: Ports, K: Unseals>(
    tenant: &Tenant<'_, P>,
    keeper: &Doorkeeper<'_, K>,
    id: &SourceId,
    incoming: &Incoming<'_>,
) -> Result<SourceState>
where
    P::Store: Sources,
{
    let source = tenant.store.source(tenant.org, id).await?;
    prove(tenant, keeper, id, source.as_ref(), incoming).await
}

/// A delivery whose signature is good, with what was read beside its source.
#[derive(Debug)]
pub struct Entered {
    /// What the source may do.
    pub state: SourceState,
    /// What it says.
    pub request: Request,
    /// What its people are decided on.
    pub loaded: Loaded,
    /// The pulse of the source, where it has not just been written by this instance.
    pub pulse: Option<Pulse>,
}

/// Verifies a small delivery with a secret that this instance remembers, before anything is read; then one read takes the
/// source, which has the last word, and all that the delivery is decided on. `None` where the delivery is to be
/// [authenticated](authenticate) like any other request: no remembered secret has signed it, or it is large, or it cannot be
/// read. Nothing was read then, nor is anything said of it before the source has been.
///
/// # Errors
/// As [`authenticate`].
pub async fn enter<P: Ports, K: Unseals>(
    tenant: &Tenant<'_, P>,
    keeper: &Doorkeeper<'_, K>,
    id: &SourceId,
    incoming: &Incoming<'_>,
) -> Result<Option<Entered>>
where
    P::Store: Deliveries,
{
    if incoming.body.len() > SMALL_BODY {
        return Ok(None);
    }
    let now = tenant.clock.now();
    let Some(signer) = keeper.known.signer(tenant.org, id, incoming, now) else {
        return Ok(None);
    };
    let Ok(request) = incoming.connector.read(incoming.body) else {
        return Ok(None);
    };
    let people: BTreeSet<&EmployeeId> = request
        .events
        .iter()
        .filter_map(|event| Some(&event.as_ref().ok()?.employee_id))
        .collect();
    if request.dry_run || people.is_empty() || people.len() > USERS_PER_DELIVERY {
        return Ok(None);
    }
    let people: Vec<EmployeeId> = people.into_iter().cloned().collect();
    let silent = !keeper.heard.lately(tenant.org, id, now);
    let Opening {
        source,
        pulse,
        loaded,
    } = tenant
        .store
        .open_delivery(tenant.org, id, &people, silent)
        .await?;
    let live = source
        .as_ref()
        .filter(|source| source.secrets.iter().any(|one| signer.is(one)));
    let state = match live {
        Some(source) => may(source)?,
        // It was rotated out, or the source is another or none, since this instance has read it.
        None => {
            keeper.known.forget(tenant.org, id);
            prove(tenant, keeper, id, source.as_ref(), incoming).await?
        }
    };
    Ok(Some(Entered {
        state,
        request,
        loaded,
        pulse,
    }))
}

/// Verifies a request with the secrets of its source as it was read now, and remembers them.
async fn prove<P: Ports, K: Unseals>(
    tenant: &Tenant<'_, P>,
    keeper: &Doorkeeper<'_, K>,
    id: &SourceId,
    source: Option<&Source>,
    incoming: &Incoming<'_>,
) -> Result<SourceState> {
    let source = source.ok_or(Error::BadSignature)?;
    let mut secrets = Vec::with_capacity(source.secrets.len());
    for SealedSecret {
        version, sealed, ..
    } in &source.secrets
    {
        let context = SealContext {
            org: tenant.org,
            source: id,
            version: *version,
        };
        secrets.push(Secret {
            version: *version,
            sealed: sealed.clone(),
            opened: keeper.seals.unseal(&context, sealed).await?,
        });
    }
    let opened: Vec<Vec<u8>> = secrets.iter().map(|one| one.opened.clone()).collect();
    let Incoming {
        connector,
        headers,
        body,
    } = incoming;
    connector.verify(*headers, body, &opened, tenant.clock.now())?;
    let state = may(source)?;
    keeper.known.note(tenant.org, id, secrets);
    Ok(state)
}

/// What a source may do; a disabled one is none.
fn may(source: &Source) -> Result<SourceState> {
    match source.state {
        SourceState::Disabled => Err(Error::BadSignature),
        state => Ok(state),
    }
}
