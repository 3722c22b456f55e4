//! What an applied snapshot leaves behind.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Field;

/// What an applied snapshot has said of everybody whom the source knows, though no record of theirs was
/// written for it: the values that it found equal are true as of its instant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The newest instant for which the status of everybody is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The same, for each field that every record of a snapshot carried.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, DateTime<Utc>>,
}

impl Mark {
    /// Whether there has been no snapshot.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.at.is_none()
    }

    /// After a snapshot of an instant, each of whose records carried these fields.
    #[must_use]
    pub fn after(&self, at: DateTime<Utc>, fields: impl IntoIterator<Item = Field>) -> Self {
        let mut mark = self.clone();
        mark.at = mark.at.max(Some(at));
        for field in fields {
            let known = mark.fields.entry(field).or_insert(at);
            *known = at.max(*known);
        }
        mark
    }

    /// Whether the status of an instant is older than what a snapshot has said.
    #[must_use]
    pub fn outdates(&self, at: DateTime<Utc>) -> bool {
        self.at.is_some_and(|mark| at < mark)
    }
}
