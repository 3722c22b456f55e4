//! Who may speak for a source.

use offramp_domain::SourceId;

use crate::ports::{Connector, Headers, SealContext, SourceState, Sources, Unseals};
use crate::{Error, Ports, Result, Tenant};

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

/// Verifies a signed request of a source, and gives what the source may do.
///
/// # Errors
/// [`Error::BadSignature`] also for an unknown organisation or source, and for a disabled one:
/// there is nothing to enumerate. [`Error::TimestampOutOfTolerance`], or a fault.
pub async fn authenticate<P: Ports, K: Unseals>(
    tenant: &Tenant<'_, P>,
    seals: &K,
    id: &SourceId,
    incoming: &Incoming<'_>,
) -> Result<SourceState>
where
    P::Store: Sources,
{
    let Some(source) = tenant.store.source(tenant.org, id).await? else {
        return Err(Error::BadSignature);
    };
    let mut secrets = Vec::with_capacity(source.secrets.len());
    for one in &source.secrets {
        let context = SealContext {
            org: tenant.org,
            source: id,
            version: one.version,
        };
        secrets.push(seals.unseal(&context, &one.sealed).await?);
    }
    incoming.connector.verify(
        incoming.headers,
        incoming.body,
        &secrets,
        tenant.clock.now(),
    )?;
    match source.state {
        SourceState::Disabled => Err(Error::BadSignature),
        state => Ok(state),
    }
}
