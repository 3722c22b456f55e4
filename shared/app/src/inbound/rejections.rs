//! Rejected records, stored so that an admin can correct the source. A rejection says where the record was and why it
//! was rejected, without its content.

use offramp_domain::SourceId;

use crate::inbound::pulse::beside;
use crate::metrics::Metric;
use crate::ports::{Rejection, Rejections};
use crate::{Deadline, Ports, Tenant};

/// Stores and counts rejections. A failure is only logged, because the answer to the delivery names each rejection too.
/// A repeated delivery stores its rejections again.
pub async fn keep<P: Ports>(
    tenant: &Tenant<'_, P>,
    source: &SourceId,
    rejections: Vec<Rejection>,
    deadline: Deadline,
) where
    P::Store: Rejections,
{
    if rejections.is_empty() {
        return;
    }
    let count = u64::try_from(rejections.len()).unwrap_or(u64::MAX);
    tenant.meter.record(Metric::RecordsRejected, count);
    tracing::warn!(
        metric = "rejected_records",
        count,
        org = %tenant.org,
        %source,
        "records were rejected"
    );
    let at = tenant.clock.now();
    let written = async {
        let store = &tenant.store;
        Ok(store
            .put_rejections(tenant.org, source, at, &rejections)
            .await?)
    };
    beside(tenant.org, source, "what was rejected", deadline, written).await;
}
