//! Grace periods that a source has of its own.

use offramp_domain::settings::{Behaviour, LeaveDates};
use offramp_domain::{Event, Field, Policy, SourceSync, Status};
use serde_json::json;

use crate::leave::{dates, leaves};
use crate::steps::{Step, delay, immediate, now, says, set};
use crate::world::{Says, World, admin, employee, hr, listed, source, start};

fn own(from: &'static str, behaviour: Option<Behaviour>, delay_days: Option<u8>) -> Step {
    let own = SourceSync {
        behaviour,
        delay_days,
    };
    set(move |world| world.own(from, own))
}

/// The days until the cards of E-7 end, 0 where they have; `None` if nothing ends them.
fn days(steps: Vec<Step>) -> Option<i64> {
    let mut world = World::new();
    for step in steps {
        (step.0)(&mut world);
    }
    let user = world.user(&employee("E-7"));
    match user.status() {
        Status::Active => None,
        Status::DeactivationScheduled => Some((user.due_at().unwrap() - start()).num_days()),
        Status::Deactivated | Status::Deleted => Some(0),
    }
}

fn lacked() -> Step {
    let event = Event::Missing {
        source: source("hris"),
        snapshot: offramp_domain::SnapshotId::new("snap_1").unwrap(),
        at: start(),
    };
    event.into()
}

#[test]
fn what_hr_says_ends_as_its_source_has_it_and_what_an_admin_says_as_the_organisation_has_it() {
    let here = || Step::from(hr(1));
    let gone = || Step::from(hr(2).inactive());
    let at_once = Some(Behaviour::Immediate);
    let delayed = Some(Behaviour::Delayed);
    let date = |text| Step::from(hr(2).set(Field::LeaveDate, text));
    let list = || Step::from(listed(admin(None)));
    for (name, steps, want) in [
        ("the organisation's", vec![here(), gone()], Some(3)),
        (
            "fewer days",
            vec![own("hris", None, Some(1)), here(), gone()],
            Some(1),
        ),
        (
            "at once",
            vec![own("hris", at_once, None), here(), gone()],
            Some(0),
        ),
        (
            "with the organisation's delay",
            vec![
                immediate(),
                delay(2),
                own("hris", delayed, None),
                here(),
                gone(),
            ],
            Some(2),
        ),
        (
            "with days that do not matter",
            vec![immediate(), own("hris", None, Some(1)), here(), gone()],
            Some(0),
        ),
        (
            "another source's",
            vec![own("payroll", at_once, Some(1)), here(), gone()],
            Some(3),
        ),
        (
            "taken back",
            vec![
                own("hris", at_once, Some(1)),
                own("hris", None, None),
                here(),
                gone(),
            ],
            Some(3),
        ),
        (
            "announced before",
            vec![here(), gone(), own("hris", at_once, Some(1))],
            Some(3),
        ),
        (
            "missing",
            vec![own("hris", None, Some(2)), here(), lacked()],
            Some(2),
        ),
        (
            "HR's date",
            vec![
                own("hris", None, Some(1)),
                dates(LeaveDates::All),
                here(),
                date("2026-03-02"),
            ],
            Some(1),
        ),
        (
            "an admin's date",
            vec![
                own("hris", None, Some(1)),
                here(),
                leaves("2026-03-02").into(),
            ],
            Some(3),
        ),
        (
            "an admin's date, at once",
            vec![
                own("hris", delayed, None),
                immediate(),
                here(),
                leaves("2026-03-02").into(),
            ],
            Some(0),
        ),
        (
            "a list",
            vec![own("hris", at_once, Some(1)), here(), list()],
            Some(3),
        ),
        (
            "by hand",
            vec![own("hris", delayed, Some(3)), here(), now().into()],
            Some(0),
        ),
        (
            "adopted by the source that speaks",
            vec![
                own("payroll", None, Some(2)),
                crate::steps::add(offramp_domain::Role::Member).into(),
                says("payroll", hr(2).inactive()),
            ],
            Some(2),
        ),
        (
            "shorter, but another end is announced",
            vec![own("hris", None, Some(1)), here(), list(), gone()],
            Some(3),
        ),
        (
            "longer, and the end that is announced stands",
            vec![own("hris", None, Some(3)), delay(1), here(), list(), gone()],
            Some(1),
        ),
    ] {
        assert_eq!(days(steps), want, "{name}");
    }
}

#[test]
fn a_policy_without_such_sources_is_stored_as_before() {
    let stored = |policy: &Policy| serde_json::to_value(policy).unwrap()["sources"].clone();
    let nothing = SourceSync::default();
    let two = SourceSync {
        delay_days: Some(2),
        ..nothing
    };
    let policy = Policy::default().with_source(source("hris"), two);
    assert_eq!(
        policy.version, 1,
        "a change that others must not overwrite unseen"
    );
    assert_eq!(
        stored(&policy),
        json!({ "hris": { "behaviour": null, "delay_days": 2 } })
    );
    let policy = policy.with_source(source("hris"), nothing);
    assert_eq!((stored(&policy), policy.version), (json!(null), 2));
}
