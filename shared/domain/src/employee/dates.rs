//! The forms of dates that a field may have.

use chrono::NaiveDate;

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
