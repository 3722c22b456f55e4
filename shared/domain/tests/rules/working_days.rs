//! Grace periods that count working days only.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use offramp_domain::decide::Zone;
use offramp_domain::settings::{DelayCounts, MOST_HOLIDAYS, Weekday};
use offramp_domain::{Decision, Event, HrEvent, Settings};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stories::config;
use crate::world::{Days, Says, World, admin, day, employee, hr, listed, source, start};

fn working(settings: &mut Settings) {
    settings.delay_counts = DelayCounts::WorkingDays;
}

fn says(world: &mut World, event: HrEvent) -> Decision {
    let id = event.employee_id.clone();
    let source = source("hris");
    world.happens(&id, &Event::Hr { source, event }).unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// When the cards of somebody end whom HR calls inactive at an instant. 6 March 2026 is a Friday.
fn due(world: &mut World, now: &str) -> String {
    says(world, hr(1));
    world.now = utc(now);
    let due = says(world, hr(2).inactive()).answered.due_at.unwrap();
    due.format("%a %d %H:%M:%S").to_string()
}

#[test]
fn a_day_off_is_not_counted() {
    for (begins, days, zone, holidays, want) in [
        // From Monday to Friday nothing differs.
        ("2026-03-02T09:00:00Z", 3, Days::Utc, "", "Thu 05 09:00:00"),
        ("2026-03-05T09:00:00Z", 1, Days::Utc, "", "Fri 06 09:00:00"),
        ("2026-03-05T09:00:00Z", 2, Days::Utc, "", "Mon 09 09:00:00"),
        ("2026-03-06T09:00:00Z", 1, Days::Utc, "", "Mon 09 09:00:00"),
        ("2026-03-06T09:00:00Z", 3, Days::Utc, "", "Wed 11 09:00:00"),
        // On a day off: the first working day after it is the first that counts.
        ("2026-03-07T09:00:00Z", 1, Days::Utc, "", "Mon 09 09:00:00"),
        ("2026-03-08T09:00:00Z", 1, Days::Utc, "", "Mon 09 09:00:00"),
        ("2026-03-08T23:59:59Z", 2, Days::Utc, "", "Tue 10 23:59:59"),
        (
            "2026-03-06T09:00:00.9Z",
            1,
            Days::Utc,
            "",
            "Mon 09 09:00:00",
        ),
        // Holidays, one of them on a weekend.
        (
            "2026-03-06T09:00:00Z",
            1,
            Days::Utc,
            "2026-03-09",
            "Tue 10 09:00:00",
        ),
        (
            "2026-03-06T09:00:00Z",
            2,
            Days::Utc,
            "2026-03-10",
            "Wed 11 09:00:00",
        ),
        (
            "2026-03-06T09:00:00Z",
            1,
            Days::Utc,
            "2026-03-07",
            "Mon 09 09:00:00",
        ),
        (
            "2026-03-02T09:00:00Z",
            1,
            Days::Utc,
            "2026-03-02",
            "Tue 03 09:00:00",
        ),
        // The day is that of the organisation: in the East it is Saturday two hours earlier.
        ("2026-03-05T21:59:59Z", 1, Days::East, "", "Fri 06 21:59:59"),
        ("2026-03-05T22:00:00Z", 1, Days::East, "", "Sun 08 22:00:00"),
        (
            "2026-03-05T22:00:00Z",
            1,
            Days::East,
            "2026-03-09",
            "Mon 09 22:00:00",
        ),
        ("2026-03-06T23:00:00Z", 1, Days::East, "", "Sun 08 23:00:00"),
        // The clocks go an hour ahead on Friday. So 24 hours after Thursday 23:30 it is Saturday, a day off.
        ("2026-03-06T02:30:00Z", 1, Days::Gap, "", "Mon 09 02:30:00"),
    ] {
        let mut world = World::new();
        world.zone = zone;
        world.settings(|settings| {
            working(settings);
            settings.deactivation_sync.delay_days = days;
            settings.holidays = holidays
                .split(',')
                .filter_map(|day| day.parse().ok())
                .collect();
        });
        let have = due(&mut world, begins);
        assert_eq!(have, want, "{days} from {begins} {zone:?} {holidays}");
    }
}

#[test]
fn a_weekend_is_what_the_settings_say() {
    let due = |weekend: &[Weekday]| {
        let mut world = World::new();
        world.settings(|settings| {
            working(settings);
            settings.deactivation_sync.delay_days = 2;
            settings.weekend = weekend.iter().copied().collect();
        });
        due(&mut world, "2026-03-05T09:00:00Z")
    };
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    assert_eq!(due(&[]), "Sat 07 09:00:00");
    assert_eq!(due(&[Friday, Saturday]), "Mon 09 09:00:00");
    assert_eq!(due(&[Sunday]), "Sat 07 09:00:00");
    let but_wednesday = [Monday, Tuesday, Thursday, Friday, Saturday, Sunday];
    assert_eq!(due(&but_wednesday), "Wed 18 09:00:00");
    let settings = Settings {
        weekend: but_wednesday.into_iter().chain([Wednesday]).collect(),
        ..Settings::default()
    };
    let wrong = settings.check().unwrap_err();
    assert_eq!(wrong[0].0, "/weekend", "no day would ever count");
}

#[test]
fn what_was_announced_stands_and_an_admins_leaver_is_counted_alike() {
    let mut world = World::new();
    let id = employee("E-7");
    world.settings(|settings| settings.deactivation_sync.delay_days = 3);
    assert_eq!(due(&mut world, "2026-03-06T09:00:00Z"), "Mon 09 09:00:00");
    world.settings(working);
    assert_eq!(world.user(&id).due_at(), Some(utc("2026-03-09T09:00:00Z")));
    says(&mut world, hr(3));
    let leave = listed(admin(None));
    world.happens(&id, &leave).unwrap();
    assert_eq!(world.user(&id).due_at(), Some(utc("2026-03-11T09:00:00Z")));
}

/// On a staging stack a day of the grace period is short. A day off is as short as any other.
#[test]
fn short_days_are_counted_by_the_calendar_too() {
    let mut world = World::new();
    world.day = TimeDelta::minutes(2);
    world.settings(working);
    // Three working days from Friday on are five days.
    assert_eq!(due(&mut world, "2026-03-06T09:00:00Z"), "Fri 06 09:10:00");
}

#[test]
fn settings_that_count_all_days_are_stored_as_before() {
    let stored = |settings: &Settings| serde_json::to_value(settings).unwrap();
    let added = |settings: &Settings| {
        let (mut now, before) = (stored(settings), stored(&Settings::default()));
        let fields = now.as_object_mut().unwrap();
        fields.retain(|name, value| before.get(name) != Some(value));
        assert_eq!(
            serde_json::from_value::<Settings>(stored(settings)).unwrap(),
            *settings
        );
        now
    };
    let mut settings = Settings::default();
    assert_eq!(added(&settings), json!({}));
    working(&mut settings);
    assert_eq!(added(&settings), json!({ "delay_counts": "working_days" }));
    settings.weekend = [Weekday::Sunday, Weekday::Friday].into();
    settings.holidays = [day("2026-12-25"), day("2026-01-01")].into();
    assert_eq!(
        added(&settings),
        json!({
            "delay_counts": "working_days", "weekend": ["friday", "sunday"],
            "holidays": ["2026-01-01", "2026-12-25"],
        })
    );
}

#[test]
fn a_holiday_is_a_date_and_there_are_not_too_many() {
    let read = |date: Value| {
        let mut settings = serde_json::to_value(Settings::default()).unwrap();
        settings["holidays"] = json!([date]);
        serde_json::from_value::<Settings>(settings).is_ok()
    };
    assert!(read(json!("2028-02-29")));
    for wrong in [
        "2026-02-29",
        "2026-1-1",
        " 2026-01-01",
        "2026-01-01T00:00:00Z",
        "+2026-01-01",
        "",
    ] {
        assert!(!read(json!(wrong)), "{wrong}");
    }
    assert!(!read(json!(20_260_101)) && !read(Value::Null));
    let many = |count| Settings {
        holidays: start().date_naive().iter_days().take(count).collect(),
        ..Settings::default()
    };
    assert_eq!(many(MOST_HOLIDAYS).check(), Ok(()));
    assert_eq!(
        many(MOST_HOLIDAYS + 1).check().unwrap_err()[0].0,
        "/holidays"
    );
}

/// The model walks from day to day and crosses the days off that count.
fn walked(begin: DateTime<Utc>, days: u8, settings: &Settings, zone: Days) -> DateTime<Utc> {
    let (mut at, mut left) = (begin, days);
    while left > 0 {
        at += TimeDelta::days(1);
        // The only day of the calendar that has begun and has not ended.
        let mut dates = begin
            .date_naive()
            .iter_days()
            .skip_while(|date| zone.start_of_day(date.succ_opt().unwrap()) <= at);
        let date: NaiveDate = dates.next().unwrap();
        let name = date.format("%A").to_string().to_lowercase();
        let off = settings.weekend.iter().any(|off| json!(off) == json!(name));
        if !off && !settings.holidays.contains(&date) {
            left -= 1;
        }
    }
    at
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_end_is_that_of_walking_from_day_to_day(
        seconds in 0..40 * 86_400_i64,
        days in 1..=3_u8,
        weekend in prop::collection::btree_set(0..7_u8, 0..=6),
        holidays in prop::collection::btree_set(0..60_u64, 0..12),
        zone in prop::sample::select(vec![Days::Utc, Days::East, Days::Gap]),
    ) {
        let first = start().date_naive();
        let weekdays: BTreeSet<Weekday> = weekend
            .iter()
            .map(|day| chrono::Weekday::try_from(*day).unwrap().into())
            .collect();
        let mut world = World::new();
        world.zone = zone;
        world.settings(|settings| {
            working(settings);
            settings.deactivation_sync.delay_days = days;
            settings.weekend = weekdays;
            settings.holidays = holidays
                .iter()
                .map(|day| first + chrono::Days::new(*day))
                .collect();
        });
        says(&mut world, hr(1));
        world.now = start() + TimeDelta::seconds(seconds);
        let due = says(&mut world, hr(2).inactive()).answered.due_at.unwrap();
        prop_assert_eq!(due, walked(world.now, days, &world.policy.settings, zone));
        let date = zone.day_of(due);
        prop_assert!(zone.start_of_day(date) <= due);
        prop_assert!(due < zone.start_of_day(date.succ_opt().unwrap()));
        prop_assert!(!weekend.contains(&date.weekday().num_days_from_monday().try_into().unwrap()));
        prop_assert!(!world.policy.settings.holidays.contains(&date), "ends on a day off");
        prop_assert!(due - world.now >= TimeDelta::days(days.into()), "never shorter");
    }
}
