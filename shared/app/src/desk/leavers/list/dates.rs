//! Reads a leave date as an admin or a list writes it.

use chrono::NaiveDate;
use offramp_domain::{Field, InvalidField};

/// Reads a leave date of the form YYYY-MM-DD, which may carry a time of day: that is left out.
///
/// Other forms are refused. Of 03/04/2026 nobody can say which part is the month; and a person who leaves on another day
/// than the admin meant is worse than a row that is written again.
///
/// # Errors
/// [`InvalidField`] names the form that is wanted. It does not contain the value.
pub fn date(text: &str) -> Result<NaiveDate, InvalidField> {
    let day = Field::LeaveDate.canonical(text).ok().flatten();
    let read = day.and_then(|day| day.parse().ok());
    read.ok_or(InvalidField {
        field: Field::LeaveDate.as_str(),
        rule: rule(text.trim()),
    })
}

/// Why a text is no date, with the form that is wanted.
fn rule(text: &str) -> &'static str {
    let mut parts = text.split(['.', '/', '-', ' ']);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (first, more) = (parts.next().unwrap_or_default(), parts.next());
    match (is_number(first), more) {
        (true, None) if first.len() <= 6 => {
            "is a spreadsheet's number of a day; write it as YYYY-MM-DD"
        }
        (true, Some(_)) if first.len() < 4 => {
            "says day, month and year in an order that differs between countries; write it as YYYY-MM-DD"
        }
        _ => "is not a date of the form YYYY-MM-DD",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_forms_are_refused_with_the_form_that_is_wanted() {
        for text in [
            "",
            "soon",
            "0000-00-00",
            "2026-02-30",
            "2026-13-01",
            "2026-1-5",
            "26-12-31",
            "31.12.2026",
            "31.12.26",
            "12/31/2026",
            "31/12/2026",
            "1/5/2026",
            "31-12-2026",
            "2026/12/31",
            "2026.12.31",
            "20261231",
            "46387",
            "46387.5",
            "31 Dec 2026",
            "Dec 31, 2026",
            "2026-12-31T",
            "2026-12-31 at noon",
            "2026-12-31x",
            "2026-12-311",
            "+2026-12-31",
            "-2026-12-31",
            "2026-12-31T00",
        ] {
            let wrong = date(text).unwrap_err().to_string();
            assert!(wrong.contains("YYYY-MM-DD"), "{text}: {wrong}");
            assert!(text.is_empty() || !wrong.contains(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A day is read whatever time of day stands behind it, in no zone or in any.
        #[test]
        fn a_date_may_carry_a_time(
            days in 1..3_652_058_i32,
            second in 0..86_400_u32,
            form in 0..8_usize,
            blanks in "[ \t]{0,2}",
        ) {
            let day = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            let time = chrono::NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap();
            let at = day.and_time(time);
            let text = match form {
                0 => at.format("%Y-%m-%d"),
                1 => at.format("%Y-%m-%dT%H:%M:%S"),
                2 => at.format("%Y-%m-%d %H:%M"),
                3 => at.format("%Y-%m-%dT%H:%M:%SZ"),
                4 => at.format("%Y-%m-%dT%H:%M:%S%.3f+02:00"),
                5 => at.format("%Y-%m-%d %l:%M %p"),
                6 => at.format("%Y-%m-%d %H:%M:%S-0800"),
                _ => at.format("%Y-%m-%dt%H:%M:%S.123456Z"),
            };
            // An hour before ten has a blank more.
            let text = format!("{blanks}{text}{blanks}").replace("  ", " ");
            prop_assert_eq!(date(&text), Ok(day), "{}", text);
        }
    }
}
