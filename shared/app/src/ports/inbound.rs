//! What a source of HR data is read into, whatever its dialect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, Event, EventId, Field, HrEvent, HrStatus};
use serde::{Deserialize, Serialize};

use super::Rejection;
use crate::Result;

/// Most bytes in the body of one request.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Most events in one request.
pub const MAX_EVENTS: usize = 5_000;
/// Most employees that a snapshot may announce: 400 full pages.
pub const MAX_EXPECTED: u64 = 2_000_000;

/// The dialect of a source: how its requests are proven, and what they say.
///
/// A connector is pure. It decides nothing about a person, and it calls nothing.
pub trait Connector: Sync {
    /// Proves that the sender holds one of the secrets (raw bytes).
    ///
    /// # Errors
    /// [`crate::Error::BadSignature`], or [`crate::Error::TimestampOutOfTolerance`] where the signature is good and its
    /// instant is not.
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Vec<u8>],
        now: DateTime<Utc>,
    ) -> Result<()>;

    /// Reads a delivery of events. A malformed event is an element of the request, not an error.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::MalformedJson`], or [`crate::Error::Invalid`] where the body as a whole
    /// is not what the source sends.
    fn read(&self, body: &[u8]) -> Result<Request>;
}

/// The headers of a request.
pub trait Headers {
    /// The value of a header by its lower-case name.
    fn header(&self, name: &str) -> Option<&str>;
}

/// A parsed event, or why it was rejected.
pub type Parsed = std::result::Result<HrEvent, Malformed>;

/// An event that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Whom it is about, where that much could be read.
    pub employee_id: Option<String>,
    /// Why, in a sentence that is safe to show.
    pub reason: String,
    /// What is kept of it.
    pub about: About,
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Its events.
    pub events: Vec<Parsed>,
    /// Nothing is to be done: what would be is answered.
    pub dry_run: bool,
}

/// What a snapshot says of one employee; names are short, since there may be a million.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whom.
    #[serde(rename = "i")]
    pub employee_id: EmployeeId,
    /// What, or why it cannot be read: then they are neither changed nor missing.
    #[serde(rename = "s")]
    pub says: std::result::Result<Said, String>,
}

/// A readable record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Status.
    #[serde(rename = "a")]
    pub status: HrStatus,
    /// Fields, canonical; a cleared one is `None`.
    #[serde(rename = "f", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, Option<String>>,
}

impl Record {
    /// What it says at the instant of its snapshot; `None` where it cannot be read.
    #[must_use]
    pub fn event(self, at: DateTime<Utc>) -> Option<HrEvent> {
        let said = self.says.ok()?;
        Some(HrEvent {
            id: None,
            occurred_at: at,
            employee_id: self.employee_id,
            status: said.status,
            fields: said.fields,
        })
    }
}

/// As much of a record as is kept when it is rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The sender's name of the event.
    pub event_id: Option<EventId>,
    /// The instant that it speaks of.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl About {
    /// Of an event that could be read.
    #[must_use]
    pub fn event(event: &Event) -> Self {
        match event {
            Event::Hr { event, .. } => Self {
                event_id: event.id.clone(),
                occurred_at: Some(event.occurred_at),
            },
            Event::Missing { at, .. } => Self {
                event_id: None,
                occurred_at: Some(*at),
            },
            _ => Self::default(),
        }
    }

    /// The rejection of it.
    #[must_use]
    pub fn rejected(
        self,
        at: DateTime<Utc>,
        employee_id: Option<&str>,
        reason: Option<&str>,
    ) -> Rejection {
        Rejection {
            at,
            employee_id: employee_id.and_then(|id| EmployeeId::new(id).ok()),
            event_id: self.event_id,
            occurred_at: self.occurred_at,
            snapshot_id: None,
            reason: without_values(reason.unwrap_or("is invalid")).into_owned(),
        }
    }
}

/// A reason without the value that it quotes: a parser says what it met.
fn without_values(reason: &str) -> Cow<'_, str> {
    let met = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|said| reason.find(said).map(|at| at + said.len()));
    let (Some(from), Some(to)) = (met, reason.rfind(", expected ")) else {
        return Cow::Borrowed(reason);
    };
    match reason.get(from..to).and_then(|met| met.find(['`', '"'])) {
        Some(quoted) => {
            let (kind, rest) = (reason.get(..from + quoted), reason.get(to..));
            let kind = kind.unwrap_or_default().trim_end();
            Cow::Owned(format!("{kind}{}", rest.unwrap_or_default()))
        }
        None => Cow::Borrowed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_quotes_nothing_of_the_record() {
        for (reason, kept) in [
            (
                "name: invalid type: integer `5`, expected a string",
                "name: invalid type: integer, expected a string",
            ),
            (
                r#"employee: invalid type: string "Lena, expected `x`", expected struct Named"#,
                "employee: invalid type: string, expected struct Named",
            ),
            (
                "name: invalid type: map, expected a string",
                "name: invalid type: map, expected a string",
            ),
            ("missing field `occurred_at`", "missing field `occurred_at`"),
            (
                "status must be active or inactive",
                "status must be active or inactive",
            ),
        ] {
            assert_eq!(without_values(reason), kept);
        }
    }
}
