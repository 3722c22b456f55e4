//! Who has access when their day comes, and what is left to do for it.

use chrono::TimeDelta;
use offramp_domain::settings::LeaveDates::{All, Ignore};
use offramp_domain::{Access, Event, Field, Role};

use crate::leave::{DAY, HOUR, at, begins, dates, leaves, leaves_by, until, zone};
use crate::steps::{Step, alone, everybody, except, now, off, restore, role};
use crate::world::{Days, Says, World, employee, hr, start};

/// What a login page is told, second by second, though no timer ever fires.
#[test]
fn access_ends_with_the_day() {
    let access = |steps: Vec<Step>, second: i64| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        let at = start() + TimeDelta::seconds(second);
        world.user(&employee("E-7")).access_at(at) == Access::Granted
    };
    let given = |date: &str, zone_: Days| vec![zone(zone_), hr(1).into(), leaves(date).into()];
    let both = |zone, begins| {
        assert!(access(given("2026-03-06", zone), begins - 1), "{zone:?}");
        assert!(!access(given("2026-03-06", zone), begins), "{zone:?}");
    };
    both(Days::Utc, 3 * DAY + 15 * HOUR);
    both(Days::East, 3 * DAY + 13 * HOUR);
    both(Days::Gap, 3 * DAY + 18 * HOUR);
    let late = 30 * DAY;
    let and = |more: Vec<Step>| {
        let mut steps = given("2026-03-06", Days::Utc);
        steps.extend(more);
        access(steps, late)
    };
    assert!(and(vec![leaves("").into()]), "removed");
    assert!(
        and(vec![dates(Ignore), Event::Tidy.into()]),
        "does not count"
    );
    assert!(!and(vec![now().into(), restore().into()]), "planned still");
    assert!(and(vec![begins(0, 0), restore().into()]), "an admin's word");
    assert!(
        and(vec![role(Role::Admin).into(), alone(), begins(0, 0)]),
        "the last admin"
    );
    let epoch = vec![hr(2).inactive().into(), off()];
    assert!(!and(epoch), "an ended epoch gives no access back");
    let epoch = vec![at(3 * DAY), hr(2).inactive().into(), begins(0, 0), off()];
    assert!(!and(epoch), "nor one that ends after the day");
    let hr_date = |more: Vec<Step>| {
        let mut steps = vec![dates(All), Step::from(until(1, "2026-03-06"))];
        steps.extend(more);
        access(steps, late)
    };
    assert!(!hr_date(vec![]), "HR's");
    let left_out = || hr(2).set(Field::Team, "x").into();
    assert!(
        hr_date(vec![except(Field::Team, "x"), left_out()]),
        "left out"
    );
    assert!(
        !hr_date(vec![
            except(Field::Team, "x"),
            left_out(),
            everybody(),
            Event::Tidy.into()
        ]),
        "back in"
    );
}

/// The timer is due when the plan is, and the work is due with it.
#[test]
fn a_plan_is_work_to_do() {
    let mut world = World::new();
    let id = employee("E-7");
    for step in [Step::from(hr(1)), leaves("2026-03-06").into()] {
        (step.0)(&mut world);
    }
    let begins = start() + TimeDelta::seconds(3 * DAY + 15 * HOUR);
    assert_eq!(world.users[&id].work_due(), Some(begins));
    assert_eq!(
        world.users[&id].leave.plan.map(|plan| plan.at),
        Some(begins)
    );
    (Step::from(hr(2).inactive()).0)(&mut world);
    let due = start() + TimeDelta::days(3);
    assert_eq!(world.users[&id].work_due(), Some(due), "access has ended");
    (Step::from(hr(3)).0)(&mut world);
    assert_eq!(world.users[&id].work_due(), Some(begins));
    (Step::from(leaves("")).0)(&mut world);
    assert_eq!(world.users[&id].work_due(), None);
}

/// Whoever was held for a date that is no more is held no more.
#[test]
fn held_as_long_as_the_date_counts() {
    let held = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        world.users[&employee("E-7")].held
    };
    let given = || {
        vec![
            Step::from(hr(1)),
            leaves("2026-03-06").into(),
            role(Role::Admin).into(),
            alone(),
            begins(0, 0),
        ]
    };
    assert!(held(given()));
    let with = |step: Step| {
        let mut steps = given();
        steps.push(step);
        held(steps)
    };
    assert!(!with(leaves_by(None, "").into()), "removed");
    assert!(!with(leaves_by(None, "2026-04-01").into()), "moved");
    assert!(with(hr(2).name("A").into()), "HR's word is none on it");
}

/// Of an admin no clock says that another is left: two may have the same date.
#[test]
fn the_clock_alone_takes_no_admins_access() {
    let access = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        world
            .user(&employee("E-7"))
            .access_at(start() + TimeDelta::days(30))
    };
    let is = |is| Step::from(role(is));
    let (admin, member) = (|| is(Role::Admin), || is(Role::Member));
    let given = || vec![Step::from(hr(1)), leaves("2026-03-06").into()];
    let with = |more: Vec<Step>| access(given().into_iter().chain(more).collect());
    assert_eq!(with(vec![]), Access::Revoked);
    assert_eq!(with(vec![admin()]), Access::Granted);
    assert_eq!(with(vec![admin(), member()]), Access::Revoked, "demoted");
    assert_eq!(
        with(vec![admin(), hr(2).inactive().into()]),
        Access::Revoked,
        "no admin from the first ground on"
    );
    assert_eq!(
        with(vec![admin(), begins(0, 0)]),
        Access::Revoked,
        "decided: another admin is left"
    );
}
