//! Reads the body of `POST /leavers`, a list of leavers as JSON or as CSV.
//!
//! Every row is answered by its number. A row that cannot be read is a row with the reason. Only a body that is no list
//! at all is refused. The caller deals with a person who is listed twice.

mod csv;
mod dates;
mod header;

use std::borrow::Cow;
use std::str::FromStr;

use chrono::NaiveDate;
use offramp_domain::{AtEnd, Email, EmployeeId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Error, Result};

pub use self::csv::from_csv;
pub use dates::date;

/// The most rows in one list.
pub const MAX_ROWS: usize = 5_000;
/// The most bytes in one list.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// For CSV, the line of the file on which the row begins, from 1, including the header's line. For JSON, the
    /// position in the list, from 1.
    pub row: usize,
    /// The leaver, or what is wrong with the row, safe to show to the client.
    pub who: std::result::Result<Who, String>,
    /// The leave date, which the settings say the meaning of; `None` means now. Or what is wrong with it, safe to show to
    /// the client.
    pub leave_date: std::result::Result<Option<NaiveDate>, String>,
}

/// How a row identifies a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By the HR system's id.
    Id(EmployeeId),
    /// By e-mail address, which is compared in folded form.
    Email(Email),
    /// By both, which must name one person.
    Both(EmployeeId, Email),
}

/// The treatment of leavers without a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum When {
    /// The grace period begins. Its length is the one in the settings.
    #[default]
    Grace,
    /// They are deactivated at once.
    Now,
}

impl FromStr for When {
    type Err = Error;

    /// Reads the query parameter `when`, which may accompany a CSV.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "grace" => Ok(Self::Grace),
            "now" => Ok(Self::Now),
            _ => Err(Error::invalid("/when", "must be grace or now")),
        }
    }
}

/// Reads `then`, of a JSON body or of the query that accompanies a CSV.
///
/// # Errors
/// [`Error::Invalid`] if it is another word.
pub fn at_end(text: &str) -> Result<AtEnd> {
    match text {
        "deactivate" => Ok(AtEnd::Deactivate),
        "delete" => Ok(AtEnd::Delete),
        _ => Err(Error::invalid("/then", "must be deactivate or delete")),
    }
}

/// A list, with what the body says about it.
#[derive(Debug, Default)]
pub struct LeaverList {
    /// The rows.
    pub rows: Vec<Row>,
    /// The treatment of leavers without a date, if the body says it.
    pub when: Option<When>,
    /// What happens to the leavers at the end, if the body says it.
    pub then: Option<AtEnd>,
    /// True if nothing is to be written.
    pub dry_run: bool,
    /// The columns of a CSV that mean nothing here, as the file calls them.
    pub ignored_columns: Vec<String>,
    /// The column of the leave dates of a CSV, if its name says that they are last days of work.
    pub last_days: Option<String>,
}

/// Reads `{"leavers":[{"employee_id"?,"email"?,"leave_date"?}],"when"?,"then"?,"dry_run"?}`.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::MalformedJson`], or [`Error::Invalid`] if the body as a whole is not what the route
/// accepts.
pub fn from_json(body: &[u8]) -> Result<LeaverList> {
    bounded(body)?;
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Error::invalid("", error.to_string()),
        _ => Error::MalformedJson(format!("{error}; a CSV is sent as text/csv")),
    })?;
    let when = body.when.as_deref().map(str::parse).transpose()?;
    let then = body.then.as_deref().map(at_end).transpose()?;
    if body.leavers.len() > MAX_ROWS {
        return Err(TOO_MANY);
    }
    let rows = body.leavers.into_iter().zip(1..);
    Ok(LeaverList {
        rows: rows.map(|(raw, row)| from_object(raw, row)).collect(),
        when,
        then,
        dry_run: body.dry_run,
        ..LeaverList::default()
    })
}

const TOO_MANY: Error = Error::TooLarge("there are more than 5,000 leavers");

fn bounded(body: &[u8]) -> Result<()> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    Ok(())
}

/// The body as JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeaversList))]
pub struct Body<'a> {
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Wire>))]
    leavers: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    when: Option<Cow<'a, str>>,
    /// What happens at the end: `deactivate` or `delete`.
    #[serde(borrow, default)]
    then: Option<Cow<'a, str>>,
    /// True if nothing is to be written.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Leaver))]
pub(super) struct Wire<'a> {
    #[serde(borrow, default)]
    employee_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    leave_date: Option<Cow<'a, str>>,
}

fn from_object(raw: &RawValue, row: usize) -> Row {
    // Serde would also read `["E-7"]`, as the fields in their order.
    let read = if raw.get().starts_with('{') {
        serde_json::from_str::<Wire<'_>>(raw.get()).map_err(|error| {
            let text = error.to_string();
            // The position is one within the row, which a client could not find.
            text.split(" at line ").next().unwrap_or(&text).to_owned()
        })
    } else {
        Err("a leaver is an object".to_owned())
    };
    of(row, read.and_then(checked))
}

/// A value, unless it is empty.
fn given(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.trim().is_empty())
}

/// The person and the date of a row, or why nobody can be told by it.
type Read = std::result::Result<(Who, std::result::Result<Option<NaiveDate>, String>), String>;

fn checked(wire: Wire<'_>) -> Read {
    let id = |text: Cow<'_, str>| EmployeeId::new(text).map_err(|error| error.to_string());
    let email = |text: Cow<'_, str>| Email::new(text.trim()).map_err(|error| error.to_string());
    let who = match (given(wire.employee_id), given(wire.email)) {
        (Some(one), None) => Who::Id(id(one)?),
        (None, Some(other)) => Who::Email(email(other)?),
        (Some(one), Some(other)) => Who::Both(id(one)?, email(other)?),
        (None, None) => return Err("give an employee_id or an email".to_owned()),
    };
    let leave_date = given(wire.leave_date).map(|text| date(&text)).transpose();
    Ok((who, leave_date.map_err(|error| error.to_string())))
}

fn of(row: usize, read: Read) -> Row {
    let (who, leave_date) = match read {
        Ok((who, leave_date)) => (Ok(who), leave_date),
        Err(reason) => (Err(reason), Ok(None)),
    };
    Row {
        row,
        who,
        leave_date,
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
