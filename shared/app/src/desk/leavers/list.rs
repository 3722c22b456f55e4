//! Reads the body of `POST /leavers`, a list of leavers as JSON or as CSV.
//!
//! Every row is answered by its number. A row that cannot be read is a row with the reason. Only a body that is no list
//! at all is refused. The caller deals with a person who is listed twice.

use std::borrow::Cow;
use std::str::FromStr;

use chrono::NaiveDate;
use csv::{ReaderBuilder, StringRecord, Trim};
use offramp_domain::{Email, EmployeeId, Field, InvalidField};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Error, Result};

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
    /// The first day without access; `None` means now. Always `None` if `who` is an error.
    pub leave_date: Option<NaiveDate>,
}

/// How a row identifies a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By the HR system's id.
    Id(EmployeeId),
    /// By e-mail address, which is compared in folded form.
    Email(Email),
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

/// A list from JSON, with what the body says about it.
#[derive(Debug)]
pub struct LeaverList {
    /// The rows.
    pub rows: Vec<Row>,
    /// The treatment of leavers without a date, if the body says it.
    pub when: Option<When>,
    /// True if nothing is to be written.
    pub dry_run: bool,
}

/// Reads `{"leavers":[{"employee_id"|"email","leave_date"?}],"when"?,"dry_run"?}`.
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
    if body.leavers.len() > MAX_ROWS {
        return Err(TOO_MANY);
    }
    let rows = body.leavers.into_iter().zip(1..);
    Ok(LeaverList {
        rows: rows.map(|(raw, row)| from_object(raw, row)).collect(),
        when,
        dry_run: body.dry_run,
    })
}

const TOO_MANY: Error = Error::TooLarge("there are more than 5,000 leavers");

fn bounded(body: &[u8]) -> Result<()> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    Ok(())
}

/// Reads a leave date.
///
/// # Errors
/// [`InvalidField`] if it does not have the form YYYY-MM-DD.
pub fn date(text: &str) -> std::result::Result<NaiveDate, InvalidField> {
    let invalid = InvalidField {
        field: Field::LeaveDate.as_str(),
        rule: "is not a date of the form YYYY-MM-DD",
    };
    let day = Field::LeaveDate.canonical(text)?;
    day.and_then(|day| day.parse().ok()).ok_or(invalid)
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

/// Reads a CSV with a header. The columns are `employee_id`, `email` and `leave_date`, in any order and case. Fields
/// are separated by `,` or `;`, whichever the header uses. Spaces around fields and empty lines are ignored.
///
/// # Errors
/// [`Error::TooLarge`], or [`Error::Invalid`] if the text is not UTF-8 or the header is not what the route accepts.
pub fn from_csv(body: &[u8]) -> Result<Vec<Row>> {
    bounded(body)?;
    let text = utf8(body)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut lines = Lines {
        text,
        read: 0,
        line: 1,
    };
    let mut header: Option<Header> = None;
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| unreadable(&error))?
    {
        let line = lines.of(&record);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let Some(header) = &header else {
            header = Some(Header::read(&record)?);
            continue;
        };
        if rows.len() == MAX_ROWS {
            return Err(TOO_MANY);
        }
        rows.push(of(line, header.pick(&record).and_then(checked)));
    }
    if header.is_none() {
        return Err(Error::invalid("", "the CSV is empty"));
    }
    if let Some(last) = rows.last_mut()
        && lines.ends_in_quotes()
    {
        *last = of(
            last.row,
            Err("a quote is not closed: all that follows would be part of this row".to_owned()),
        );
    }
    Ok(rows)
}

fn unreadable(error: &csv::Error) -> Error {
    Error::invalid("", format!("the CSV cannot be read: {error}"))
}

/// The text of a body, without a byte order mark.
fn utf8(body: &[u8]) -> Result<&str> {
    if body.starts_with(&[0xff, 0xfe]) || body.starts_with(&[0xfe, 0xff]) {
        return Err(Error::invalid(
            "",
            "the CSV is UTF-16; save it as UTF-8 and send it again",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let good = body.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + breaks(good);
        Error::invalid(
            "",
            format!("line {line} of the CSV is not UTF-8; save it as UTF-8 and send it again"),
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The separator between the fields of the header. No column's name contains either character.
fn delimiter(text: &str) -> u8 {
    let header = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |wanted| header.matches(wanted).count();
    if count(';') > count(',') { b';' } else { b',' }
}

/// Counts lines. The reader's own count is wrong after blank lines and for `\r\n`.
struct Lines<'a> {
    text: &'a str,
    /// How many bytes are counted so far.
    read: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line on which a record begins. Records must come in order.
    fn of(&mut self, record: &StringRecord) -> usize {
        let bytes = self.text.as_bytes();
        let at = record
            .position()
            .and_then(|position| usize::try_from(position.byte()).ok())
            .unwrap_or(self.read);
        // Within this record the reader skips the rest of the previous line, and blank lines.
        let skipped = bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let begins = at + skipped;
        self.line += breaks(bytes.get(self.read..begins).unwrap_or_default());
        self.read = begins;
        self.line
    }

    /// True if the last record has a quote that is not closed.
    fn ends_in_quotes(&self) -> bool {
        let last = self.text.get(self.read..).unwrap_or_default();
        last.matches('"').count() % 2 == 1
    }
}

/// The number of line breaks: `\n`, `\r\n`, and `\r` alone.
fn breaks(bytes: &[u8]) -> usize {
    let next = bytes.iter().skip(1).map(Some).chain([None]);
    bytes
        .iter()
        .zip(next)
        .filter(|(byte, next)| match byte {
            b'\n' => true,
            b'\r' => *next != Some(&b'\n'),
            _ => false,
        })
        .count()
}

/// The columns of the file.
struct Header {
    columns: usize,
    employee_id: Option<usize>,
    email: Option<usize>,
    leave_date: Option<usize>,
}

impl Header {
    fn read(record: &StringRecord) -> Result<Self> {
        let mut header = Self {
            columns: record.len(),
            employee_id: None,
            email: None,
            leave_date: None,
        };
        for (at, name) in record.iter().enumerate() {
            let column = match name.to_ascii_lowercase().as_str() {
                "employee_id" => &mut header.employee_id,
                "email" => &mut header.email,
                "leave_date" => &mut header.leave_date,
                _ => {
                    let name: String = name.chars().take(64).collect();
                    return Err(Error::invalid(
                        "",
                        format!(
                            "unknown column \"{name}\"; there are employee_id, email, leave_date"
                        ),
                    ));
                }
            };
            if column.replace(at).is_some() {
                let name = name.to_ascii_lowercase();
                return Err(Error::invalid(
                    "",
                    format!("the column {name} is there twice"),
                ));
            }
        }
        if header.employee_id.is_none() && header.email.is_none() {
            return Err(Error::invalid(
                "",
                "there is no column employee_id and no column email",
            ));
        }
        Ok(header)
    }

    fn pick<'a>(&self, record: &'a StringRecord) -> std::result::Result<Wire<'a>, String> {
        if record.len() != self.columns {
            return Err(format!(
                "the row has {} fields, the header {}",
                record.len(),
                self.columns
            ));
        }
        let get = |column: Option<usize>| {
            let value = record.get(column?)?;
            (!value.is_empty()).then_some(Cow::Borrowed(value))
        };
        Ok(Wire {
            employee_id: get(self.employee_id),
            email: get(self.email),
            leave_date: get(self.leave_date),
        })
    }
}

fn checked(wire: Wire<'_>) -> std::result::Result<(Who, Option<NaiveDate>), String> {
    let who = match (wire.employee_id, wire.email) {
        (Some(id), None) => Who::Id(EmployeeId::new(id).map_err(|error| error.to_string())?),
        (None, Some(email)) => Who::Email(Email::new(email).map_err(|error| error.to_string())?),
        _ => return Err("give one of employee_id and email".to_owned()),
    };
    let Some(text) = wire.leave_date else {
        return Ok((who, None));
    };
    let date = date(&text).map_err(|error| error.to_string())?;
    Ok((who, Some(date)))
}

fn of(row: usize, read: std::result::Result<(Who, Option<NaiveDate>), String>) -> Row {
    match read {
        Ok((who, leave_date)) => Row {
            row,
            who: Ok(who),
            leave_date,
        },
        Err(reason) => Row {
            row,
            who: Err(reason),
            leave_date: None,
        },
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
