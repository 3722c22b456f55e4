//! Authenticates the requests of a source.

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

/// The most sources whose secrets an instance remembers.
const REMEMBERED: usize = 512;
/// The most bytes of a body that is verified before its source is read. The events of a few people are smaller. A
/// larger body is hashed only after the read, so a forged request costs little before that.
const SMALL_BODY: usize = 64 * 1024;

/// A request, and the dialect of its source.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The dialect of the source.
    pub connector: &'a dyn Connector,
    /// The headers of the request.
    pub headers: &'a dyn Headers,
    /// The raw bytes of the body, which the signature covers.
    pub body: &'a [u8],
}

/// An instance's means of verifying requests, and its memory between them.
#[derive(Clone, Copy)]
pub struct Doorkeeper<'a, K> {
    /// Opens the sealed secrets of sources.
    pub seals: &'a K,
    /// The secrets of sources that this instance has verified before.
    pub known: &'a Known,
    /// When this instance last recorded that a source spoke.
    pub heard: &'a Heard,
}

/// The secrets of sources whose requests this instance has verified. A remembered secret allows only a look at a
/// request before its source is read. The source as it is read then decides.
#[derive(Default)]
pub struct Known(Mutex<HashMap<(OrgId, SourceId), Vec<Secret>>>);

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

/// An opened secret, with its version and its sealed form.
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
    /// The remembered secret that has signed the request; `None` if none has.
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

    /// Remembers these secrets of a source in the place of those before.
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

/// Verifies a signed request of a source, and returns the state of the source.
///
/// # Errors
/// [`Error::BadSignature`], [`Error::TimestampOutOfTolerance`], or a fault. A source that is unknown or disabled, or
/// whose organisation is unknown, is a bad signature too. So a sender cannot find out which sources exist.
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

/// A delivery with a good signature, and the data that was read with its source.
#[derive(Debug)]
pub struct Entered {
    /// The state of the source, which is not disabled.
    pub state: SourceState,
    /// The delivery.
    pub request: Request,
    /// The data for deciding the delivery's people.
    pub loaded: Loaded,
    /// The pulse of the source; `None` if it was not read, because this instance has just recorded it.
    pub pulse: Option<Pulse>,
}

/// Verifies a small delivery with a remembered secret before anything is read. Then one call reads the source and all
/// data for deciding the delivery. The secret must be among the live secrets of the source that was read; otherwise the
/// signature is verified again with these.
///
/// `None` if the delivery must be [authenticated](authenticate) like any other request. Either no remembered secret has
/// signed it, or it cannot be read, or it is a dry run. Or it has more than 64 KiB, no people, or too many people for
/// one read. Nothing was read from the table then, and nothing is answered before the source is read.
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
    let Ok(request) = incoming.connector.read(incoming.headers, incoming.body) else {
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
        // Since this instance last read the source, the secret was rotated out, or the source was replaced or deleted.
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

/// Verifies a request with the live secrets of its source, and remembers them.
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

/// The state of the source. A disabled source is refused like an unknown one.
fn may(source: &Source) -> Result<SourceState> {
    match source.state {
        SourceState::Disabled => Err(Error::BadSignature),
        state => Ok(state),
    }
}
