//! The record of somebody whom another source has from now on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{HrRecord, HrWord};

impl HrRecord {
    /// The same values and the same last statement, none of an instant after `at`. The clock of the source before says nothing
    /// of what another source says, so no statement of `at` or later is stale, and none is a replay.
    #[must_use]
    pub fn rebased(&self, at: DateTime<Utc>) -> Self {
        let mut record = self.clone();
        let missing = self.missing.filter(|_| self.says() == HrWord::Missing);
        record.missing = missing.map(|missing| missing.min(at));
        record.status.at = record.status.at.min(at);
        for stamped in record.fields.values_mut() {
            stamped.at = stamped.at.min(at);
        }
        record.seen = BTreeMap::new();
        record
    }
}
