//! A list of leavers that has people deleted at the end: what the end is, and what makes it forget the deletion. It is 9
//! o'clock on 2 March.

use offramp_domain::settings::LeaveDates::{All, Manual};
use offramp_domain::{AtEnd, Departure, Event, Happening, Status, User};
use proptest::prelude::*;

use crate::leave::{DAY, at, begins, dates, leaves, until};
use crate::steps::{Step, delete, fires, immediate, now, restore};
use crate::world::{Says, World, admin, day, employee, hr};

fn list(how: Departure, then: AtEnd) -> Step {
    let by = admin(Some("E-1"));
    Event::Leave { by, how, then }.into()
}

/// A list without a date, or with this one, that has them deleted at the end.
fn deletes(date: &str) -> Step {
    let how = match date {
        "" => Departure::Grace,
        date => Departure::On(day(date)),
    };
    list(how, AtEnd::Delete)
}

fn deactivates(date: &str) -> Step {
    list(Departure::On(day(date)), AtEnd::Deactivate)
}

fn after(steps: Vec<Step>) -> (World, User) {
    let mut world = World::new();
    for step in steps {
        (step.0)(&mut world);
    }
    let user = world.user(&employee("E-7"));
    (world, user)
}

#[test]
fn the_deletion_comes_with_the_deactivation_and_what_undoes_the_end_forgets_it() {
    use Status::{Active, Deactivated, DeactivationScheduled as Scheduled, Deleted};
    let here = || Step::from(hr(1));
    let gone = || Step::from(hr(2).inactive());
    let back = || Step::from(hr(3));
    let at_once = || list(Departure::Now, AtEnd::Delete);
    for (name, steps, status, deletes_yet) in [
        (
            "in the grace period",
            vec![here(), deletes("")],
            Scheduled,
            true,
        ),
        (
            "at its end",
            vec![here(), deletes(""), fires(0, 0)],
            Deleted,
            false,
        ),
        ("now", vec![here(), at_once()], Deleted, false),
        (
            "now, out of a grace period",
            vec![here(), gone(), at_once()],
            Deleted,
            false,
        ),
        ("ahead", vec![here(), deletes("2026-03-06")], Active, true),
        (
            "the day",
            vec![here(), deletes("2026-03-06"), begins(0, 0)],
            Scheduled,
            true,
        ),
        (
            "its grace period over",
            vec![here(), deletes("2026-03-06"), begins(0, 0), fires(0, 0)],
            Deleted,
            false,
        ),
        (
            "today",
            vec![here(), deletes("2026-03-02"), fires(0, 0)],
            Deleted,
            false,
        ),
        (
            "today, at once",
            vec![immediate(), here(), deletes("2026-03-02")],
            Deleted,
            false,
        ),
        (
            "HR's end comes first, and the date deletes",
            vec![here(), deletes("2026-03-16"), gone(), fires(0, 0)],
            Deactivated,
            true,
        ),
        (
            "the date after HR's end",
            vec![
                here(),
                deletes("2026-03-16"),
                gone(),
                fires(0, 0),
                begins(0, 0),
            ],
            Deleted,
            false,
        ),
        (
            "by hand now",
            vec![here(), deletes(""), now().into()],
            Deleted,
            false,
        ),
        (
            "restored",
            vec![here(), deletes(""), restore().into()],
            Active,
            false,
        ),
        (
            "restored, and a date by hand",
            vec![
                here(),
                deletes("2026-03-02"),
                restore().into(),
                leaves("2026-03-03").into(),
                begins(0, 0),
                fires(1, 0),
            ],
            Deactivated,
            false,
        ),
        (
            "HR brings them back",
            vec![here(), deletes(""), gone(), back()],
            Active,
            false,
        ),
        (
            "and ends them again",
            vec![
                here(),
                deletes(""),
                gone(),
                back(),
                hr(4).inactive().into(),
                fires(1, 0),
            ],
            Deactivated,
            false,
        ),
        (
            "the date removed",
            vec![here(), deletes("2026-03-06"), leaves("").into()],
            Active,
            false,
        ),
        (
            "removed when it has come",
            vec![here(), deletes("2026-03-02"), leaves("").into()],
            Active,
            false,
        ),
        (
            "the date moved",
            vec![here(), deletes("2026-03-06"), leaves("2026-03-09").into()],
            Active,
            true,
        ),
        (
            "moved when it has come",
            vec![here(), deletes("2026-03-02"), leaves("2026-03-09").into()],
            Active,
            true,
        ),
        (
            "another list, of the same date",
            vec![here(), deletes("2026-03-06"), deactivates("2026-03-06")],
            Active,
            false,
        ),
        (
            "and the other way round",
            vec![here(), deactivates("2026-03-06"), deletes("2026-03-06")],
            Active,
            true,
        ),
        (
            "somebody who is leaving already",
            vec![here(), gone(), deletes(""), fires(0, 0)],
            Deactivated,
            false,
        ),
        (
            "with HR's date beside it",
            vec![dates(All), until(1, "2026-03-04").into(), deletes("")],
            Scheduled,
            true,
        ),
        (
            "which is dropped",
            vec![
                dates(All),
                until(1, "2026-03-04").into(),
                deletes(""),
                fires(0, 0),
            ],
            Deleted,
            false,
        ),
        (
            "deleted before",
            vec![
                here(),
                deletes("2026-03-06"),
                delete().into(),
                restore().into(),
            ],
            Active,
            false,
        ),
        (
            "deleted and restored",
            vec![here(), deletes(""), fires(0, 0), restore().into()],
            Active,
            false,
        ),
        (
            "dates that do not count any more",
            vec![
                here(),
                deletes("2026-03-06"),
                dates(offramp_domain::settings::LeaveDates::Ignore),
                Event::Tidy.into(),
            ],
            Active,
            false,
        ),
        (
            "and count again",
            vec![
                here(),
                deletes("2026-03-06"),
                dates(offramp_domain::settings::LeaveDates::Ignore),
                Event::Tidy.into(),
                dates(Manual),
                Event::Tidy.into(),
            ],
            Active,
            true,
        ),
    ] {
        let (world, user) = after(steps);
        assert_eq!(user.status(), status, "{name}");
        assert_eq!(user.at_end() == AtEnd::Delete, deletes_yet, "{name}");
        let history = &world.history[&user.employee_id];
        let deleted = history
            .iter()
            .filter(|entry| entry.happening == Happening::Deleted);
        let times = usize::from(status == Status::Deleted || name.starts_with("deleted"));
        assert_eq!(deleted.count(), times, "{name}: {history:?}");
        if status == Status::Deleted {
            assert!(user.leave.plan.is_none() && user.pending.cards, "{name}");
        }
    }
}

#[test]
fn the_history_says_it_once_and_the_answer_is_that_of_a_deactivation() {
    let (world, user) = after(vec![
        hr(1).into(),
        deletes(""),
        at(DAY),
        hr(2).name("A").into(),
    ]);
    let said: Vec<AtEnd> = world.history[&user.employee_id]
        .iter()
        .map(|entry| entry.then)
        .collect();
    assert_eq!(said, [AtEnd::Deactivate, AtEnd::Delete, AtEnd::Deactivate]);
}

/// Of somebody who has left, or has lost access and is leaving, a list changes nothing, whatever it says.
#[test]
fn a_list_plants_nothing_on_somebody_who_has_left() {
    for status in [
        vec![hr(1).into(), hr(2).inactive().into()],
        vec![hr(1).into(), hr(2).inactive().into(), fires(0, 0)],
        vec![hr(1).into(), now().into()],
        vec![hr(1).into(), delete().into()],
        vec![hr(1).into(), deletes("")],
        vec![hr(1).into(), deletes("2026-03-02")],
    ] {
        let (mut world, before) = after(status);
        for then in [AtEnd::Deactivate, AtEnd::Delete] {
            let mut ways = vec![Departure::Grace];
            if before.status() != Status::DeactivationScheduled {
                ways.push(Departure::Now);
            }
            for date in ["2026-02-20", "2026-03-01", "2026-03-02"] {
                ways.push(Departure::On(day(date)));
            }
            if !before.grounds.counts(offramp_domain::GroundKind::LeaveDate) {
                ways.push(Departure::On(day("2026-03-20")));
            }
            for way in ways {
                (list(way, then).0)(&mut world);
                assert_eq!(world.user(&employee("E-7")), before, "{way:?} {then:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A date in a list means what it means when an admin sets it, and is refused where nobody can mean it.
    #[test]
    fn a_listed_date_is_an_admins_date(days in 600_000..800_000_i32) {
        let date = chrono::NaiveDate::from_num_days_from_ce_opt(days).unwrap();
        let start = || Step::from(hr(1).set(offramp_domain::Field::StartDate, "2024-05-01"));
        let by_list = |world: &World| {
            let by = admin(Some("E-1"));
            let how = Departure::On(date);
            world.decide(&employee("E-7"), &Event::Leave { by, how, then: AtEnd::Deactivate })
        };
        let (world, _) = after(vec![start()]);
        let by = admin(Some("E-1"));
        let by_hand = world.decide(&employee("E-7"), &Event::SetLeaveDate { by, date: Some(date) });
        let plausible = (day("2024-05-01")..=day("2036-03-02")).contains(&date);
        prop_assert_eq!(by_list(&world).is_ok(), plausible);
        prop_assert_eq!(by_list(&world), by_hand);
    }
}
