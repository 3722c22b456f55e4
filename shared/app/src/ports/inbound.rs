//! The types into which every connector reads HR data, whatever the source's dialect.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{
    Arrival, EmployeeId, Event, EventId, Field, HrEvent, HrStatus, OrgId, Pulse, Snapshot,
    SourceId, Warning,
};
use serde::{Deserialize, Serialize};

use super::{Loaded, Rejection, Source, USERS_PER_READ};
use crate::{Fault, Result};

/// The most bytes in the body of one request.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// The most events in one request.
pub const MAX_EVENTS: usize = 5_000;
/// The most employees that a snapshot may announce: 400 full pages.
pub const MAX_EXPECTED: u64 = 2_000_000;

/// The dialect of a source: how its requests are proven, and how they are read.
///
/// A connector is pure. It decides nothing about a person and makes no calls.
pub trait Connector: Sync {
    /// Proves that the sender holds one of the secrets, which are raw bytes.
    ///
    /// # Errors
    /// [`crate::Error::BadSignature`], or [`crate::Error::TimestampOutOfTolerance`] if the signature is good but its
    /// instant is too far from `now`.
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Vec<u8>],
        now: DateTime<Utc>,
    ) -> Result<()>;

    /// Reads a delivery of events, each with its place in it. A malformed event is an element of the request, not an
    /// error.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::MalformedJson`], or [`crate::Error::Invalid`] if the body as a whole
    /// is not what the source sends.
    fn read(&self, headers: &dyn Headers, body: &[u8]) -> Result<Request>;
}

/// How many people one consistent read takes beside the source, its pulse, policy, admins and the breaker. A batch has
/// at most 100 keys.
pub const USERS_PER_DELIVERY: usize = USERS_PER_READ - 2;

/// The data for a delivery, read consistently in one call.
#[derive(Debug)]
pub struct Opening {
    /// The source; `None` if it does not exist.
    pub source: Option<Source>,
    /// The pulse of the source, or the default if none is stored; `None` if it was not requested.
    pub pulse: Option<Pulse>,
    /// The policy, the admins, the users, and the breaker of the source.
    pub loaded: Loaded,
}

/// Deliveries of sources that an instance knows.
pub trait Deliveries: Send + Sync {
    /// Reads the source, up to [`USERS_PER_DELIVERY`] users and all data for deciding about them, and with `pulse` the
    /// pulse of the source. It is one consistent batch read.
    fn open_delivery(
        &self,
        org: &OrgId,
        source: &SourceId,
        ids: &[EmployeeId],
        pulse: bool,
    ) -> impl Future<Output = std::result::Result<Opening, Fault>> + Send;
}

/// The headers of a request.
pub trait Headers {
    /// The value of a header. `name` is in lower case.
    fn header(&self, name: &str) -> Option<&str>;
}

/// A parsed event, or why it was rejected.
pub type Parsed = std::result::Result<HrEvent, Malformed>;

/// An event that is rejected because it cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The employee id, unchecked; `None` if it could not be read.
    pub employee_id: Option<String>,
    /// The reason, in a sentence that is safe to show to the sender.
    pub reason: String,
    /// The facts to keep in the rejection.
    pub about: About,
}

/// A delivery of events.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The events, in the order of the request.
    pub events: Vec<Parsed>,
    /// True if nothing is to be done, and the answer says what would happen.
    pub dry_run: bool,
}

/// A snapshot's statement about one employee. The JSON names are short, because a snapshot may have a million records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The employee.
    #[serde(rename = "i")]
    pub employee_id: EmployeeId,
    /// The statement, or the reason why it cannot be read. An employee with an unreadable record is neither changed nor
    /// missing.
    #[serde(rename = "s")]
    pub says: std::result::Result<Said, String>,
    /// True if the record cannot be read, and HR does not call the employee active: somebody may keep access who has left.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// The readable content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The employment status.
    #[serde(rename = "a")]
    pub status: HrStatus,
    /// The fields, in canonical form; a cleared field is `None`.
    #[serde(rename = "f", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Field, Option<String>>,
    /// The fields that could not be read.
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Warning>,
}

impl Said {
    /// The statement as an event at the instant of its snapshot.
    #[must_use]
    pub fn event(self, employee_id: EmployeeId, snapshot: &Snapshot) -> HrEvent {
        HrEvent {
            id: None,
            occurred_at: snapshot.occurred_at,
            employee_id,
            status: self.status,
            fields: self.fields,
            unread: self.unread,
            arrival: Arrival::new(snapshot.snapshot.as_str(), 0),
        }
    }
}

/// The facts of a record that count if it is rejected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The sender's id of the event.
    pub event_id: Option<EventId>,
    /// The instant of the statement.
    pub occurred_at: Option<DateTime<Utc>>,
    /// True unless HR calls the employee active: somebody may keep access who has left.
    pub gone: bool,
}

impl About {
    /// The facts of an event that could be read.
    #[must_use]
    pub fn event(event: &Event) -> Self {
        match event {
            Event::Hr { event, .. } => Self {
                event_id: event.id.clone(),
                occurred_at: Some(event.occurred_at),
                gone: event.status == HrStatus::Inactive,
            },
            Event::Missing { at, .. } => Self {
                event_id: None,
                occurred_at: Some(*at),
                gone: true,
            },
            _ => Self::default(),
        }
    }

    /// The rejection of the record.
    #[must_use]
    pub fn rejected(
        &self,
        at: DateTime<Utc>,
        employee_id: Option<&str>,
        reason: Option<&str>,
    ) -> Rejection {
        Rejection {
            at,
            employee_id: employee_id.and_then(|id| EmployeeId::new(id).ok()),
            event_id: self.event_id.clone(),
            occurred_at: self.occurred_at,
            snapshot_id: None,
            field: None,
            reason: without_values(reason.unwrap_or("is invalid")).into_owned(),
        }
    }
}

impl About {
    /// The warning about a field, kept with the rejections.
    #[must_use]
    pub fn warned(&self, at: DateTime<Utc>, employee_id: &str, warning: &Warning) -> Rejection {
        Rejection {
            field: Some(warning.field.to_string()),
            ..self.rejected(at, Some(employee_id), Some(&warning.reason))
        }
    }
}

/// The reason without the value that it quotes. A parser quotes the value that it met.
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
