//! The HR system's statements about an employee, and how they merge.
//!
//! Each field of an event is set, cleared (`null`) or absent. A record merges last-writer-wins *per field*, by the
//! event's `occurred_at`. So partial events give the same record in any order. At an equal instant the later arrival
//! wins, unless it is a replay.

mod compact;
mod dates;
mod mark;
mod reading;
mod rebased;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantArray};

use crate::hex::hex;
use crate::ids::{EmployeeId, EventId};

pub(crate) use compact::CompactRecord;
pub(crate) use dates::is_date;
pub use dates::{ImplausibleDate, plausible_leave_date};
pub use mark::{MOST_REJECTED, PendingMark, PersonHash, Watermark};
pub use reading::Warning;

/// The longest value of a field, in characters.
pub const FIELD_CHARS: usize = 256;
/// How many hashes are kept for one instant. The oldest is dropped first.
const HASHES_PER_INSTANT: usize = 16;
/// The version of the canonical form below. It changes whenever the form changes.
const FINGERPRINT_VERSION: u8 = 1;

/// The optional fields of an employee.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[strum(serialize_all = "snake_case")]
pub enum Field {
    /// Full name.
    Name,
    /// E-mail address.
    Email,
    /// Team.
    Team,
    /// Department.
    Department,
    /// Cost centre.
    CostCentre,
    /// The employee id of the manager.
    ManagerId,
    /// First day, `YYYY-MM-DD`.
    StartDate,
    /// Birthday, `MM-DD`.
    Birthday,
    /// First day without access, `YYYY-MM-DD`.
    LeaveDate,
}

impl Field {
    /// Every field, in the order of the enum.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a field was refused. The text is safe to show to a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct InvalidField {
    /// The field's name in JSON.
    pub field: &'static str,
    /// The rule that the value breaks.
    pub rule: &'static str,
}

/// The employment status that an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum HrStatus {
    /// The employee works for the organisation.
    Active,
    /// The employee has left.
    Inactive,
}

/// The last statement of a source about an employee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum HrWord {
    /// HR stated active.
    Active,
    /// HR stated inactive.
    Inactive,
    /// The last snapshot did not contain the employee.
    Missing,
}

/// A statement of the HR system about one employee at one instant. Values are canonical ([`Field::canonical`]). An
/// absent field has no key; a cleared field has the value `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HrEvent {
    /// The event's id in the HR system; `None` if the sender gave none.
    pub id: Option<EventId>,
    /// When the statement became true.
    pub occurred_at: DateTime<Utc>,
    /// The employee.
    pub employee_id: EmployeeId,
    /// The employment status. Every event has one.
    pub status: HrStatus,
    /// The optional fields that the event sets or clears.
    pub fields: BTreeMap<Field, Option<String>>,
    /// The fields that could not be read. They are not among `fields`.
    pub unread: Vec<Warning>,
    /// Where the statement arrived.
    pub arrival: Arrival,
}

/// Where a statement arrived: in which delivery or snapshot, and at which place of it. A delivery that is repeated says the
/// same at the same place. Empty if nothing is known of it; then a statement is known by what it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrival(String);

impl Arrival {
    /// The place, from 0, in the delivery or snapshot of this id.
    #[must_use]
    pub fn new(delivery: &str, place: usize) -> Self {
        Self(format!("{place}#{delivery}"))
    }
}

impl HrEvent {
    /// Distinguishes a replay from another statement of the same instant. HR systems with coarse clocks say different
    /// things at one instant, and the same thing twice with another between. So a replay is a statement that has the
    /// same id in the HR system or, without one, has arrived in the same delivery at the same place.
    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let id = self.id.as_ref().map_or(&*self.arrival.0, EventId::as_str);
        part(&mut hash, id);
        part(&mut hash, word(self.status));
        for (field, value) in &self.fields {
            part(&mut hash, field.as_str());
            match value {
                Some(value) => part(&mut hash, value),
                None => hash.update([0xff]),
            }
        }
        hex(&hash.finalize()[..12])
    }
}

/// A value, and the instant since which it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamped<T> {
    at: DateTime<Utc>,
    value: T,
}

/// The merged record of one employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HrRecord {
    status: Stamped<HrStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<DateTime<Utc>>,
    fields: BTreeMap<Field, Stamped<Option<String>>>,
    seen: BTreeMap<DateTime<Utc>, Vec<String>>,
}

/// The result of merging an event into a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// A newer statement is known for every field of the event.
    Stale,
    /// This event was merged before.
    Replay,
    /// The values are the same, at a newer instant.
    Unchanged(HrRecord),
    /// At least one value changed.
    Changed {
        /// The merged record.
        record: HrRecord,
        /// The optional fields that changed.
        fields: Vec<Field>,
        /// True if a value changed that was known before. A field that is sent for the first time is no mutation.
        mutation: bool,
    },
}

impl HrRecord {
    /// The record after a first event.
    #[must_use]
    pub fn first(event: &HrEvent) -> Self {
        let at = event.occurred_at;
        Self {
            status: Stamped {
                at,
                value: event.status,
            },
            missing: None,
            fields: event
                .fields
                .iter()
                .map(|(field, value)| {
                    (
                        *field,
                        Stamped {
                            at,
                            value: value.clone(),
                        },
                    )
                })
                .collect(),
            seen: BTreeMap::from([(at, vec![event.hash()])]),
        }
    }

    /// Merges an event into the record of a source that has never applied a snapshot.
    #[must_use]
    pub fn merge(&self, event: &HrEvent) -> Merge {
        self.merge_after(event, &Watermark::default())
    }

    /// Merges an event into the record. `mark` is what the last applied snapshot stated about every employee.
    #[must_use]
    pub fn merge_after(&self, event: &HrEvent, mark: &Watermark) -> Merge {
        let at = event.occurred_at;
        let hash = event.hash();
        if self.seen.get(&at).is_some_and(|seen| seen.contains(&hash)) {
            return if at < self.latest() {
                Merge::Stale
            } else {
                Merge::Replay
            };
        }
        let said = self.says();
        let mut record = self.clone();
        let mut fields = Vec::new();
        let (mut taken, mut mutation) = (false, false);
        if at >= record.status.at && !mark.outdates(at) {
            taken = true;
            record.status = Stamped {
                at,
                value: event.status,
            };
            // At an equal instant the later arrival wins. A status that was taken before the employee went missing is
            // not newer, so `missing` at the instant of the status still counts.
            record.missing = record.missing.filter(|missing| at < *missing);
        }
        for (field, value) in &event.fields {
            let known = self.fields.get(field);
            let marked = mark.fields.get(field);
            if known.is_some_and(|known| at < known.at) || marked.is_some_and(|mark| at < *mark) {
                continue;
            }
            taken = true;
            record.fields.insert(
                *field,
                Stamped {
                    at,
                    value: value.clone(),
                },
            );
            if !field.says_the_same(self.get(*field), value.as_deref()) {
                fields.push(*field);
                mutation |= known.is_some();
            }
        }
        if !taken {
            return Merge::Stale;
        }
        record.remember(at, hash);
        // A late status of somebody who is missing changes what they were before, though HR's last word stays.
        let status_changed = record.says() != said || record.status() != self.status();
        if status_changed || !fields.is_empty() {
            Merge::Changed {
                record,
                fields,
                mutation: mutation || status_changed,
            }
        } else {
            Merge::Unchanged(record)
        }
    }

    /// The record of an employee who is missing from a snapshot of the instant `at`. `None` if the employee was missing
    /// before, or if a newer statement is known.
    #[must_use]
    pub fn missing(&self, at: DateTime<Utc>) -> Option<Self> {
        if self.says() == HrWord::Missing || at < self.status.at {
            return None;
        }
        let mut record = self.clone();
        record.missing = Some(at);
        Some(record)
    }

    /// The value of a field; `None` if it was cleared or never sent.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields.get(&field)?.value.as_deref()
    }

    /// The fields that were sent at least once, with their values.
    pub fn sent(&self) -> impl Iterator<Item = (Field, Option<&str>)> {
        self.fields
            .iter()
            .map(|(field, stamped)| (*field, stamped.value.as_deref()))
    }

    /// HR's last statement.
    #[must_use]
    pub fn says(&self) -> HrWord {
        match (self.missing, self.status.value) {
            (Some(missing), _) if missing >= self.status.at => HrWord::Missing,
            (_, HrStatus::Active) => HrWord::Active,
            (_, HrStatus::Inactive) => HrWord::Inactive,
        }
    }

    /// The last employment status that HR stated.
    #[must_use]
    pub fn status(&self) -> HrStatus {
        self.status.value
    }

    /// Since when that status is true.
    #[must_use]
    pub fn status_at(&self) -> DateTime<Utc> {
        self.status.at
    }

    /// The instant of the snapshot that lacks the employee; `None` if a later statement names them.
    #[must_use]
    pub fn missing_since(&self) -> Option<DateTime<Utc>> {
        self.missing.filter(|_| self.says() == HrWord::Missing)
    }

    /// The newest instant in the record.
    #[must_use]
    pub fn latest(&self) -> DateTime<Utc> {
        self.fields
            .values()
            .map(|stamped| stamped.at)
            .chain(self.missing)
            .fold(self.status.at, DateTime::max)
    }

    /// Identifies the values of the record, whenever they were stated.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        part(&mut hash, word(self.status.value));
        for (field, value) in self.sent() {
            if let Some(value) = value {
                part(&mut hash, field.as_str());
                part(&mut hash, value);
            }
        }
        Fingerprint(format!(
            "{FINGERPRINT_VERSION}:{}",
            hex(&hash.finalize()[..16])
        ))
    }

    /// Keeps the hashes of the instants that still supply a value, so that a replay is recognised.
    fn remember(&mut self, at: DateTime<Utc>, hash: String) {
        let hashes = self.seen.entry(at).or_default();
        hashes.push(hash);
        if hashes.len() > HASHES_PER_INSTANT {
            hashes.remove(0);
        }
        let (status, fields) = (&self.status, &self.fields);
        self.seen.retain(|instant, _| {
            *instant == status.at || fields.values().any(|f| f.at == *instant)
        });
    }
}

/// Identifies the values of a merged record, as `version:hex`. Equal fingerprints mean equal records. Fingerprints of
/// different versions cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The text form, `version:hex`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Adds a text with its length as a prefix, so that no two lists of parts have the same hash.
fn part(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

fn word(status: HrStatus) -> &'static str {
    match status {
        HrStatus::Active => "active",
        HrStatus::Inactive => "inactive",
    }
}
