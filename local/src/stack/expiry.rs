//! Expired items go by and by, as at AWS.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;

/// How often expired items are deleted, in real time.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// Deletes them as long as it is polled.
pub(super) async fn by_and_by(core: Arc<Core>) {
    let mut last = core.cloud.clock().now();
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        let now = core.cloud.clock().now();
        // While the clock stands nothing expires, and looking reads the whole table.
        if now == last {
            continue;
        }
        last = now;
        if let Err(error) = core.expire(now).await {
            tracing::warn!(%error, "expired items could not be deleted");
        }
    }
}
