//! Records that were rejected, kept so that whoever looks after a source can mend them: where each was
//! and why, never what was in it.

use offramp_domain::{OrgId, SourceId};

use crate::inbound::pulse::beside;
use crate::metrics::Metric;
use crate::ports::{Rejection, Rejections};
use crate::{Deadline, Env};

/// Keeps what was rejected, and counts it. Where it cannot be kept that is logged: the answer to the
/// delivery names each of them as well. A delivery that comes again is kept again.
pub async fn keep<S: Rejections, T: Sync>(
    env: &Env<S, T>,
    org: &OrgId,
    source: &SourceId,
    rejections: Vec<Rejection>,
    deadline: Deadline,
) {
    if rejections.is_empty() {
        return;
    }
    let count = u64::try_from(rejections.len()).unwrap_or(u64::MAX);
    env.meter.record(Metric::RecordsRejected, count);
    tracing::warn!(
        metric = "rejected_records",
        count,
        %org,
        %source,
        "records were rejected"
    );
    let at = env.clock.now();
    let written = async {
        let store = &env.store;
        Ok(store.put_rejections(org, source, at, &rejections).await?)
    };
    beside(org, source, "what was rejected", deadline, written).await;
}
