//! Records that were rejected, kept so that whoever looks after a source can mend them: where each was
//! and why, never what was in it.

use offramp_domain::SourceId;

use crate::inbound::pulse::beside;
use crate::metrics::Metric;
use crate::ports::{Rejection, Rejections};
use crate::{Deadline, Ports, Tenant};

/// Keeps what was rejected, and counts it. Where it cannot be kept that is logged: the answer to the
/// delivery names each of them as well. A delivery that comes again is kept again.
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
