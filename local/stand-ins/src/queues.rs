use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A message that went to a dead-letter queue or an on-failure queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// The queue's ARN. A queue exists as soon as something is sent to it.
    pub arn: String,
    /// The body: JSON text.
    pub body: String,
    /// The message attributes, all of type String.
    pub attributes: BTreeMap<String, String>,
    /// When it came.
    pub at: DateTime<Utc>,
}
