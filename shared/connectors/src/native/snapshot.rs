//! The bodies of the snapshot routes. A signature covers only the body. So the body repeats what the path says, and the
//! two must agree. No body has a field that it does not need, so none of them is understood on another's route.

use chrono::{DateTime, Utc};
use offramp_domain::{SnapshotId, SourceId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::record;
use offramp_app::ports::{MAX_BODY, Record};
use offramp_app::{Error, Invalid, Result};

/// The most employees on a page.
pub const MAX_EMPLOYEES: usize = 5_000;
/// The most problems of a page that the answer names.
const NAMED: usize = 100;

/// The body of `POST …/snapshots`. It names the source, so that no other signed body opens a snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = OpenSnapshot))]
pub struct Open {
    /// The source, as in the path.
    pub source: SourceId,
    /// The instant that the snapshot describes.
    #[serde(default)]
    pub occurred_at: Option<DateTime<Utc>>,
    /// How many employees the sender expects.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(maximum = 2_000_000))]
    pub expected_employees: Option<u64>,
}

/// The body of `POST …/complete`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = CompleteSnapshot))]
pub struct Complete {
    /// The id of the snapshot.
    pub snapshot_id: SnapshotId,
    /// How many pages were sent.
    pub pages: u32,
    /// True if the snapshot is only to be reported and not applied.
    #[serde(default)]
    pub dry_run: bool,
}

/// The body of `PUT …/pages/{n}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SnapshotPage))]
pub struct Page<'a> {
    snapshot_id: SnapshotId,
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 400))]
    page: u32,
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<super::WireEmployee<'a>>, max_items = 5000))]
    employees: Vec<&'a RawValue>,
}

/// The answer to a page.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Received {
    /// How many employees the page has.
    pub received: u32,
}

/// Reads a body that is a JSON object.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::MalformedJson`], or [`Error::Invalid`] with a JSON pointer.
pub fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    let whole: &RawValue =
        serde_json::from_slice(body).map_err(|error| Error::MalformedJson(error.to_string()))?;
    if !whole.get().starts_with('{') {
        return Err(Error::invalid("", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(whole.get());
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::Invalid(vec![Invalid::read(&error)]))
}

/// Reads a page of a snapshot. A record that cannot be read is kept with the reason, so that its employee does not
/// count as missing. A page with a record whose employee id cannot be read is refused as a whole.
///
/// # Errors
/// As [`object`], and [`Error::Invalid`] if body and path disagree.
pub fn page(body: &[u8], snapshot: &SnapshotId, number: u32) -> Result<Vec<Record>> {
    let page: Page<'_> = object(body)?;
    if page.snapshot_id != *snapshot {
        return Err(Error::invalid("/snapshot_id", "is not the one of the path"));
    }
    if page.page != number {
        return Err(Error::invalid("/page", "is not the one of the path"));
    }
    if page.employees.len() > MAX_EMPLOYEES {
        return Err(Error::TooLarge("there are more than 5,000 employees"));
    }
    let (mut records, mut wrong) = (Vec::with_capacity(page.employees.len()), Vec::new());
    for (position, raw) in page.employees.iter().enumerate() {
        match record(raw) {
            Ok(record) => records.push(record),
            Err(detail) => wrong.push(Invalid {
                pointer: format!("/employees/{position}"),
                detail,
            }),
        }
    }
    if wrong.is_empty() {
        return Ok(records);
    }
    wrong.truncate(NAMED);
    Err(Error::Invalid(wrong))
}
