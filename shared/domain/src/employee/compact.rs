//! The compact stored form of an HR record: what HR stated, by instant.
//!
//! Form 1 keeps an instant with every field, and each of them again with the hashes of the events. Here each instant is
//! written once, with the values that the record has from it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Field, HrRecord, HrStatus, Stamped};

/// An HR record, each instant and each value once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompactRecord {
    /// What the record has from each instant, the oldest first.
    said: Vec<Said>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<DateTime<Utc>>,
}

/// What the record has from the events of one instant: the status, the fields, and the hashes of the events, by which a
/// replay is recognised. Without names, since every write of the user pays for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said(
    DateTime<Utc>,
    Option<HrStatus>,
    BTreeMap<Field, Option<String>>,
    Vec<String>,
);

impl Said {
    fn nothing(at: DateTime<Utc>) -> Self {
        Self(at, None, BTreeMap::new(), Vec::new())
    }
}

impl From<&HrRecord> for CompactRecord {
    fn from(record: &HrRecord) -> Self {
        let mut said: BTreeMap<DateTime<Utc>, Said> = BTreeMap::new();
        let Stamped { at, value } = record.status.clone();
        said.entry(at).or_insert(Said::nothing(at)).1 = Some(value);
        for (field, Stamped { at, value }) in &record.fields {
            let of = said.entry(*at).or_insert(Said::nothing(*at));
            of.2.insert(*field, value.clone());
        }
        for (at, seen) in &record.seen {
            let of = said.entry(*at).or_insert(Said::nothing(*at));
            of.3.clone_from(seen);
        }
        Self {
            said: said.into_values().collect(),
            missing: record.missing,
        }
    }
}

impl TryFrom<CompactRecord> for HrRecord {
    /// The record has no status.
    type Error = &'static str;

    fn try_from(compact: CompactRecord) -> Result<Self, Self::Error> {
        let mut status = None;
        let mut fields = BTreeMap::new();
        let mut seen = BTreeMap::new();
        for Said(at, stated, set, hashes) in compact.said {
            if let Some(value) = stated {
                status = Some(Stamped { at, value });
            }
            for (field, value) in set {
                fields.insert(field, Stamped { at, value });
            }
            if !hashes.is_empty() {
                seen.insert(at, hashes);
            }
        }
        Ok(Self {
            status: status.ok_or("an HR record without a status")?,
            missing: compact.missing,
            fields,
            seen,
        })
    }
}
