//! Which leave dates can be meant.

use chrono::NaiveDate;
use offramp_domain::{ImplausibleDate, plausible_leave_date};
use proptest::prelude::*;

use crate::world::day;

#[test]
fn the_limits_are_the_days_on_both_sides_of_each() {
    use ImplausibleDate::{Before1990, BeforeStart, TooFarAhead};
    let today = "2026-03-02";
    for (date, start, is) in [
        ("2026-03-02", None, Ok(())),
        ("1990-01-01", None, Ok(())),
        ("1989-12-31", None, Err(Before1990)),
        // What databases and spreadsheets say for no date, and slips of the year.
        ("0001-01-01", None, Err(Before1990)),
        ("1753-01-01", None, Err(Before1990)),
        ("1899-12-30", None, Err(Before1990)),
        ("1970-01-01", None, Err(Before1990)),
        ("0026-12-31", None, Err(Before1990)),
        ("1926-12-31", Some("2024-05-01"), Err(Before1990)),
        ("2206-12-31", None, Err(TooFarAhead)),
        ("9999-12-31", None, Err(TooFarAhead)),
        ("2036-03-02", None, Ok(())),
        ("2036-03-03", None, Err(TooFarAhead)),
        ("2024-05-01", Some("2024-05-01"), Ok(())),
        ("2024-04-30", Some("2024-05-01"), Err(BeforeStart)),
        // Somebody who is yet to come, and does not.
        ("2026-03-10", Some("2026-04-01"), Err(BeforeStart)),
    ] {
        let start = start.map(day);
        let said = plausible_leave_date(day(date), start, day(today));
        assert_eq!(said, is, "{date} of somebody who started {start:?}");
    }
    // Ten years after 29 February is the day before 1 March.
    let leap = day("2028-02-29");
    assert_eq!(plausible_leave_date(day("2038-02-28"), None, leap), Ok(()));
    assert!(plausible_leave_date(day("2038-03-01"), None, leap).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The dates that are taken are one stretch of days: from 1990, or the start date, to ten years ahead.
    #[test]
    fn the_days_between_the_limits_are_taken_and_no_others(
        days in 1..3_652_058i32,
        today in 726_103..800_000i32,
        start in proptest::option::of(-8_000..8_000i32),
    ) {
        let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
        let today = NaiveDate::from_num_days_from_ce_opt(today).unwrap();
        let start = start.map(|days| today + chrono::TimeDelta::days(days.into()));
        let first = day("1990-01-01").max(start.unwrap_or(NaiveDate::MIN));
        let last = today.checked_add_months(chrono::Months::new(120)).unwrap();
        let taken = (first..=last).contains(&date);
        prop_assert_eq!(plausible_leave_date(date, start, today).is_ok(), taken);
    }
}
