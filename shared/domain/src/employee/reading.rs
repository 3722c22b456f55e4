//! How the values of HR systems are read: kindly, since one odd field must not cost a leaver their end.
//!
//! Exports of HR systems write nothing as `""`, as blanks or as the date `0000-00-00`; dates carry the midnight of some
//! zone; pasted texts have tabs, no-break spaces and the decomposed letters of macOS. A value that can be understood is
//! stored in one form, in which equal values are equal texts.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::dates::{is_date, is_day, plausible_leave_date};
use super::{FIELD_CHARS, Field, HrEvent, HrRecord, InvalidField};
use crate::ids::{Email, EmployeeId, folded, has_control, is_invisible, is_longer};

/// How databases write a date that is none.
const NO_DATE: &str = "0000-00-00";

/// A field of a record that could not be read, or is not believed. The record counts; the field keeps its old value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The name of the field in JSON.
    pub field: Cow<'static, str>,
    /// What is wrong with the value, without the value.
    pub reason: Cow<'static, str>,
}

impl From<InvalidField> for Warning {
    fn from(invalid: InvalidField) -> Self {
        Self {
            field: invalid.field.into(),
            reason: invalid.rule.into(),
        }
    }
}

impl Field {
    /// Reads a value, and returns the form in which it is stored; `None` if it says nothing.
    ///
    /// A text is trimmed, in NFC ([UAX #15](https://www.unicode.org/reports/tr15/)) and of at most [`FIELD_CHARS`]
    /// characters; control characters and runs of blanks in it become one space. A date may carry a time, which is
    /// dropped: the day is the one that was written. A birthday may carry a year.
    ///
    /// # Errors
    /// [`InvalidField`] names the field and the rule. It does not contain the value.
    pub fn canonical(self, value: &str) -> Result<Option<String>, InvalidField> {
        let Some(text) = text(value) else {
            return Ok(None);
        };
        let invalid = |rule| InvalidField {
            field: self.as_str(),
            rule,
        };
        match self {
            Self::Email => {
                let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
                match Email::new(visible) {
                    Ok(email) => Ok(Some(email.into())),
                    Err(_) => Err(invalid("is not an e-mail address")),
                }
            }
            Self::ManagerId => match EmployeeId::sent(&text) {
                Ok(id) => Ok(Some(id.into())),
                Err(_) => Err(invalid("is not an employee id")),
            },
            Self::StartDate | Self::LeaveDate => match day(&text) {
                Some(NO_DATE) => Ok(None),
                Some(day) if is_date(day) => Ok(Some(day.to_owned())),
                _ => Err(invalid("is not a date of the form YYYY-MM-DD")),
            },
            Self::Birthday => {
                let invalid = invalid("is not a day of the form MM-DD");
                // 2000 is a leap year, so 29 February is a valid birthday.
                match (day(&text), &*text) {
                    (Some(NO_DATE), _) => Ok(None),
                    (Some(day), _) if is_date(day) => Ok(day.get(5..).map(str::to_owned)),
                    (None, day) if is_day(2000, day) => Ok(Some(day.to_owned())),
                    _ => Err(invalid),
                }
            }
            Self::Name | Self::Team | Self::Department | Self::CostCentre => Ok(Some(text)),
        }
    }

    /// Reads a value that an admin writes. It is read as HR's, but must be in its stored form already, except for blanks: an
    /// admin can write it again.
    ///
    /// # Errors
    /// As [`Field::canonical`], and for a text that is too long or has control characters.
    pub fn by_hand(self, value: &str) -> Result<Option<String>, InvalidField> {
        let invalid = |rule| InvalidField {
            field: self.as_str(),
            rule,
        };
        if is_longer(value, FIELD_CHARS) {
            return Err(invalid("is longer than 256 characters"));
        }
        if has_control(value) {
            return Err(invalid("contains a control character"));
        }
        match self {
            Self::StartDate | Self::LeaveDate if !is_date(value) => {
                Err(invalid("is not a date of the form YYYY-MM-DD"))
            }
            Self::Birthday if !is_day(2000, value) => {
                Err(invalid("is not a day of the form MM-DD"))
            }
            Self::Email | Self::ManagerId if self.canonical(value)?.is_none() => {
                Err(invalid("is empty"))
            }
            _ => self.canonical(value),
        }
    }

    /// True if two stored values say the same. An address says the same in capitals. A value that an earlier release has
    /// stored is compared in the form that it would have today.
    #[must_use]
    pub fn says_the_same(self, one: Option<&str>, other: Option<&str>) -> bool {
        one == other || self.essence(one) == self.essence(other)
    }

    /// What a stored value says, in the form in which equal statements are equal texts.
    pub(crate) fn essence(self, value: Option<&str>) -> Option<Cow<'_, str>> {
        let value = value?;
        let text = match is_plain(value) {
            true => Cow::Borrowed(value),
            false => Cow::Owned(self.canonical(value).unwrap_or_else(|_| text(value))?),
        };
        Some(match self {
            Self::Email => Cow::Owned(folded(&text)),
            _ => text,
        })
    }
}

impl HrEvent {
    /// The event without its leave date, if nobody can mean that: the date is among the unread fields instead. `None` if the
    /// event can be believed. A date that `record` has already is not asked about again.
    #[must_use]
    pub fn disbelieved(&self, record: Option<&HrRecord>, today: NaiveDate) -> Option<Self> {
        let known = |field| record.and_then(|record| record.get(field));
        let sent = |field| self.fields.get(&field).map(Option::as_deref);
        let leaves = sent(Field::LeaveDate)??;
        if known(Field::LeaveDate) == Some(leaves) {
            return None;
        }
        let starts = sent(Field::StartDate).unwrap_or_else(|| known(Field::StartDate));
        let starts = starts.and_then(|date| date.parse().ok());
        let wrong = plausible_leave_date(leaves.parse().ok()?, starts, today).err()?;
        let mut event = self.clone();
        event.fields.remove(&Field::LeaveDate);
        event.unread.push(Warning {
            field: Field::LeaveDate.as_str().into(),
            reason: wrong.to_string().into(),
        });
        Some(event)
    }
}

/// True for printable ASCII without outer or double spaces, as most values are.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= FIELD_CHARS
        && bytes.first() != Some(&b' ')
        && bytes.last() != Some(&b' ')
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !bytes.windows(2).any(|two| two == b"  ")
}

/// The text in its stored form; `None` if it shows nothing.
fn text(value: &str) -> Option<String> {
    if is_plain(value) {
        return Some(value.to_owned());
    }
    let mut text = String::with_capacity(value.len());
    let (mut chars, mut blank) = (0, false);
    for c in value.nfc() {
        if c.is_whitespace() || c.is_control() {
            blank = !text.is_empty();
            continue;
        }
        let more = if blank { 2 } else { 1 };
        if chars + more > FIELD_CHARS {
            break;
        }
        if blank {
            text.push(' ');
        }
        text.push(c);
        chars += more;
        blank = false;
    }
    let shows = |c: char| c != ' ' && !is_invisible(c);
    text.contains(shows).then_some(text)
}

/// The ten characters of a date, if nothing or a time follows them.
fn day(text: &str) -> Option<&str> {
    let (day, time) = text.split_at_checked(NO_DATE.len())?;
    (time.is_empty() || is_time(time)).then_some(day)
}

/// True for a time of the day as ISO 8601, databases and spreadsheets write it behind a date, with or without a zone.
fn is_time(text: &str) -> bool {
    let Some(time) = text.strip_prefix(['T', 't', ' ']) else {
        return false;
    };
    let is = |forms: &[&str], time: &str| {
        let mut forms = forms.iter();
        forms.any(|form| NaiveTime::parse_from_str(time, form).is_ok())
    };
    if is(&["%I:%M:%S %p", "%I:%M %p"], time) {
        return true;
    }
    let clock = time.find(['Z', 'z', '+', '-', ' ']).unwrap_or(time.len());
    let (time, zone) = time.split_at(clock);
    let zone = zone.trim_start();
    let offset = |digits: &str| {
        let digits = digits.replacen(':', "", 1);
        matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    is(&["%H:%M:%S%.f", "%H:%M"], time)
        && (matches!(zone, "" | "Z" | "z" | "UTC" | "GMT")
            || zone.strip_prefix(['+', '-']).is_some_and(offset))
}
