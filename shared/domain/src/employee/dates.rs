//! The forms of dates that a field may have, and which leave dates can be meant.

use chrono::{Datelike, Months, NaiveDate};

/// The first year in which somebody may have left. HR systems store *no date* as one before it: 0001-01-01, 1899-12-30,
/// 1970-01-01.
const EARLIEST_YEAR: i32 = 1990;
/// How far ahead a leave date may lie, in months.
const FURTHEST: Months = Months::new(120);

/// Why nobody can mean a leave date. The text follows the name of the field, and is safe to show to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImplausibleDate {
    /// It is a system's word for *no date*, or a slip of the year.
    #[error("is before 1990")]
    Before1990,
    /// It belongs to an employment that is over, or to none.
    #[error("is before the start date")]
    BeforeStart,
    /// It is a system's word for *never*, or a slip of the year.
    #[error("is more than ten years ahead")]
    TooFarAhead,
}

/// Checks that somebody can mean this leave date. `start` is the person's start date, if it is known; `today` is the date
/// in the organisation's time zone.
///
/// # Errors
/// [`ImplausibleDate`], the first rule that the date breaks.
pub fn plausible_leave_date(
    date: NaiveDate,
    start: Option<NaiveDate>,
    today: NaiveDate,
) -> Result<(), ImplausibleDate> {
    if date.year() < EARLIEST_YEAR {
        return Err(ImplausibleDate::Before1990);
    }
    if start.is_some_and(|start| date < start) {
        return Err(ImplausibleDate::BeforeStart);
    }
    let furthest = today.checked_add_months(FURTHEST);
    if furthest.is_some_and(|furthest| furthest < date) {
        return Err(ImplausibleDate::TooFarAhead);
    }
    Ok(())
}

/// True for `YYYY-MM-DD` and a day of the calendar. Signs, spaces and single digits are refused.
pub(crate) fn is_date(text: &str) -> bool {
    match text.split_once('-') {
        Some((year, day)) if year.len() == 4 => number(year).is_some_and(|year| is_day(year, day)),
        _ => false,
    }
}

/// True for `MM-DD` and a day of that year.
pub(super) fn is_day(year: i32, text: &str) -> bool {
    match text.split_once('-') {
        Some((month, day)) if month.len() == 2 && day.len() == 2 => number(month)
            .zip(number(day))
            .is_some_and(|(month, day)| NaiveDate::from_ymd_opt(year, month, day).is_some()),
        _ => false,
    }
}

fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    // Parsing would accept a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
