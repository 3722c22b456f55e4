//! The mark of an applied snapshot.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Field;

/// What an applied snapshot states about every employee of its source. A snapshot writes no record for an employee
/// whose values it finds equal. The mark says that these values are true as of its instant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watermark {
    /// The newest instant at which the status of every employee is known; `None` before the first snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The same for each field that every record of a snapshot carried.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, DateTime<Utc>>,
}

impl Watermark {
    /// True before the first snapshot.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.at.is_none()
    }

    /// The mark after a snapshot of the instant `at`, each record of which carried `fields`.
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

    /// True if a status of the instant `at` is older than the snapshot's.
    #[must_use]
    pub fn outdates(&self, at: DateTime<Utc>) -> bool {
        self.at.is_some_and(|mark| at < mark)
    }
}
