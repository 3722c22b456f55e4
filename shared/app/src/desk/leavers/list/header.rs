//! The header of a CSV: which column means what.

use std::borrow::Cow;

use ::csv::StringRecord;

use super::Wire;
use crate::{Error, Result};

/// The most characters of a column's name that are said again.
const NAME_CHARS: usize = 64;
/// The most ignored columns that are named.
const MOST_IGNORED: usize = 100;

/// The meaning of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    EmployeeId,
    Email,
    LeaveDate,
}

/// What columns may be called: in any case, and with anything but letters and digits left out, so that `E-Mail`, `e_mail`
/// and `Email *` are one name. A number that is not the employee id (`Employee #`, `Personnel no.`) is no name of it: it
/// may be somebody else's id.
const NAMES: &[(&str, Column)] = &[
    ("employeeid", Column::EmployeeId),
    ("id", Column::EmployeeId),
    ("email", Column::Email),
    ("mail", Column::Email),
    ("emailaddress", Column::Email),
    ("mailaddress", Column::Email),
    ("emailadresse", Column::Email),
    ("workemail", Column::Email),
    ("leavedate", Column::LeaveDate),
    ("leavingdate", Column::LeaveDate),
    ("dateofleaving", Column::LeaveDate),
    ("terminationdate", Column::LeaveDate),
    ("exitdate", Column::LeaveDate),
    ("enddate", Column::LeaveDate),
    ("offboardingdate", Column::LeaveDate),
    ("austrittsdatum", Column::LeaveDate),
    ("lastday", Column::LeaveDate),
    ("lastdayin", Column::LeaveDate),
    ("lastdayofwork", Column::LeaveDate),
    ("lastdayworked", Column::LeaveDate),
    ("lastworkingday", Column::LeaveDate),
    ("letzterarbeitstag", Column::LeaveDate),
];

/// How the names begin that say *last day of work*.
const LAST_DAYS: [&str; 3] = ["lastday", "lastworkingday", "letzterarbeitstag"];

/// The columns of the file.
pub(super) struct Header {
    columns: usize,
    employee_id: Option<usize>,
    email: Option<usize>,
    leave_date: Option<usize>,
    /// The names of the columns that mean nothing here.
    pub(super) ignored: Vec<String>,
    /// The name of the column of leave dates, if it says *last day*.
    pub(super) last_days: Option<String>,
}

impl Header {
    /// How many columns of a header are known.
    pub(super) fn known(record: &StringRecord) -> usize {
        record.iter().filter(|name| meaning(name).is_some()).count()
    }

    pub(super) fn read(record: &StringRecord) -> Result<Self> {
        let mut header = Self {
            columns: record.len(),
            employee_id: None,
            email: None,
            leave_date: None,
            ignored: Vec::new(),
            last_days: None,
        };
        for (at, name) in record.iter().enumerate() {
            let Some(column) = meaning(name) else {
                if !name.is_empty() && header.ignored.len() < MOST_IGNORED {
                    header.ignored.push(shown(name));
                }
                continue;
            };
            let place = match column {
                Column::EmployeeId => &mut header.employee_id,
                Column::Email => &mut header.email,
                Column::LeaveDate => &mut header.leave_date,
            };
            if let Some(first) = place.replace(at) {
                let first = record.get(first).map_or(String::new(), shown);
                return Err(Error::invalid(
                    "",
                    format!(
                        "the columns \"{first}\" and \"{}\" mean the same, {}; leave one of them out",
                        shown(name),
                        column.name()
                    ),
                ));
            }
            if column == Column::LeaveDate && says_last_day(name) {
                header.last_days = Some(shown(name));
            }
        }
        if header.employee_id.is_none() && header.email.is_none() {
            let there = match header.ignored.as_slice() {
                [] => String::new(),
                names => format!("; there are \"{}\"", names.join("\", \"")),
            };
            return Err(Error::invalid(
                "",
                format!("there is no column employee_id and no column email{there}"),
            ));
        }
        Ok(header)
    }

    /// The fields of a row that have a meaning. A row may have fewer fields than the header, and more that are empty.
    pub(super) fn pick<'a>(
        &self,
        record: &'a StringRecord,
    ) -> std::result::Result<Wire<'a>, String> {
        let filled = record
            .iter()
            .zip(1..)
            .filter(|(field, _)| !field.is_empty());
        let fields = filled.last().map_or(0, |(_, number)| number);
        if fields > self.columns {
            return Err(format!(
                "the row has {fields} fields, the header {}",
                self.columns
            ));
        }
        let get = |column: Option<usize>| {
            let value = unprotected(record.get(column?)?);
            (!value.is_empty()).then_some(Cow::Borrowed(value))
        };
        Ok(Wire {
            employee_id: get(self.employee_id),
            email: get(self.email),
            leave_date: get(self.leave_date),
        })
    }
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::EmployeeId => "employee_id",
            Self::Email => "email",
            Self::LeaveDate => "leave_date",
        }
    }
}

/// A name as it is compared.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|char| char.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn meaning(name: &str) -> Option<Column> {
    let folded = folded(name);
    let known = NAMES.iter().find(|(known, _)| *known == folded);
    known.map(|(_, column)| *column)
}

fn says_last_day(name: &str) -> bool {
    let folded = folded(name);
    LAST_DAYS.iter().any(|says| folded.starts_with(says))
}

fn shown(name: &str) -> String {
    let plain = name.chars().filter(|char| !char.is_control());
    plain.take(NAME_CHARS).collect()
}

/// A field without what a spreadsheet puts around a value so that it stays a text.
fn unprotected(field: &str) -> &str {
    let formula = field
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    let bare = formula.or_else(|| field.strip_prefix('\''));
    bare.unwrap_or(field).trim()
}
