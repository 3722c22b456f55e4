//! The mark of an applied snapshot.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Field;
use crate::hex::hex;
use crate::ids::{EmployeeId, SnapshotId};

/// The most people for whom another mark is kept. The mark is part of the breaker, one item of at most 400 KB.
pub const MOST_REJECTED: usize = 500;
/// The most other marks that are kept. If there are more, the two oldest become one.
const OTHER_MARKS: usize = 8;

/// What an applied snapshot states about every employee of its source. A snapshot writes no record for an employee
/// whose values it finds equal. The mark says that these values are true as of its instant.
///
/// A snapshot states nothing about an employee whose record it rejected: the record is unreadable, or the sync rule
/// fails on it. For these people the mark before it goes on counting. If there are more of them than
/// [`MOST_REJECTED`], the snapshot leaves no mark at all, neither of the status nor of a field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watermark {
    /// The newest instant at which the status of every employee is known; `None` before the first snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The same for each field that every record of a snapshot carried.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, DateTime<Utc>>,
    /// The people for whom another mark counts, because records of theirs were rejected. The oldest mark is first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<OtherMark>,
}

/// Another mark that counts for some people. It has no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OtherMark {
    #[serde(flatten)]
    mark: Watermark,
    people: BTreeSet<PersonHash>,
}

/// The first 64 bits of a hash of an employee id, in hexadecimal. An id itself may have 512 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonHash(String);

impl PersonHash {
    /// The hash of an employee id.
    #[must_use]
    pub fn of(id: &EmployeeId) -> Self {
        let hash = Sha256::digest(id.as_str().as_bytes());
        Self(hex(&hash[..8]))
    }
}

impl std::fmt::Display for PersonHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
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
        let fields = fields.into_iter().collect();
        Self {
            others: Vec::new(),
            ..self.raised(at, &fields)
        }
    }

    /// The same if the snapshot rejected the records of these people. `None` if they are too many.
    #[must_use]
    pub fn after_all_but(
        &self,
        rejected: &BTreeSet<PersonHash>,
        at: DateTime<Utc>,
        fields: impl IntoIterator<Item = Field>,
    ) -> Option<Self> {
        let fields = fields.into_iter().collect();
        let mut all = self.raised(at, &fields);
        let mut fresh = rejected.clone();
        let (mut others, mut behind) = (Vec::new(), Vec::new());
        for OtherMark { mark, people } in &self.others {
            let (still, read): (BTreeSet<_>, BTreeSet<_>) = people
                .iter()
                .cloned()
                .partition(|person| fresh.remove(person));
            others.push(OtherMark::new(mark, still));
            // The snapshot had their records, but perhaps without a field that an earlier one had of everybody else.
            let raised = mark.raised(at, &fields);
            if raised != all {
                behind.push(OtherMark::new(&raised, read));
            }
        }
        others.push(OtherMark::new(self, fresh));
        let count =
            |marks: &[OtherMark]| marks.iter().map(|other| other.people.len()).sum::<usize>();
        if count(&others) > MOST_REJECTED {
            return None;
        }
        if count(&others) + count(&behind) > MOST_REJECTED {
            // Rather than theirs, the fields' marks of everybody are older.
            for other in &behind {
                all.fields = all.older(&other.mark).fields;
            }
        } else {
            others.append(&mut behind);
        }
        others.retain(|other| !other.people.is_empty());
        others.sort_by_key(|other| other.mark.at);
        while others.len() > OTHER_MARKS {
            let oldest = others.remove(0);
            if let Some(next) = others.first_mut() {
                next.mark = oldest.mark.older(&next.mark);
                next.people.extend(oldest.people);
            }
        }
        Some(Self { others, ..all })
    }

    /// One mark in the place of two: for each value the older one.
    fn older(&self, other: &Self) -> Self {
        let both = self.fields.iter().filter_map(|(field, own)| {
            let other = other.fields.get(field)?;
            Some((*field, *own.min(other)))
        });
        Self {
            at: self.at.min(other.at),
            fields: both.collect(),
            others: Vec::new(),
        }
    }

    /// The mark of people of whom a snapshot of the instant `at` had readable records with these fields.
    fn raised(&self, at: DateTime<Utc>, fields: &BTreeSet<Field>) -> Self {
        let mut mark = Self {
            at: self.at.max(Some(at)),
            fields: self.fields.clone(),
            others: Vec::new(),
        };
        for field in fields {
            let known = mark.fields.entry(*field).or_insert(at);
            *known = at.max(*known);
        }
        mark
    }

    /// The mark that counts for one person.
    #[must_use]
    pub fn of(&self, id: &EmployeeId) -> &Self {
        if self.others.is_empty() {
            return self;
        }
        let person = PersonHash::of(id);
        let mut others = self.others.iter();
        others
            .find(|other| other.people.contains(&person))
            .map_or(self, |other| &other.mark)
    }

    /// True if a status of the instant `at` is older than the snapshot's.
    #[must_use]
    pub fn outdates(&self, at: DateTime<Utc>) -> bool {
        self.at.is_some_and(|mark| at < mark)
    }
}

impl OtherMark {
    fn new(mark: &Watermark, people: BTreeSet<PersonHash>) -> Self {
        let mark = Watermark {
            at: mark.at,
            fields: mark.fields.clone(),
            others: Vec::new(),
        };
        Self { mark, people }
    }
}

/// The mark that a snapshot will leave, while it is compared and applied. An event of before its instant may be about
/// somebody whom the snapshot has found equal already, and nothing of the record would say that the event is outdated.
/// So such an event waits, until the snapshot has left its mark or has ended without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingMark {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The instant of the snapshot.
    pub at: DateTime<Utc>,
    /// Until when events wait, so that a snapshot that never ends does not stop them for ever. A snapshot that has not
    /// ended before is compared again.
    pub until: DateTime<Utc>,
}

impl PendingMark {
    /// True if an event of the instant `at` waits.
    #[must_use]
    pub fn delays(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        at < self.at && now < self.until
    }
}
