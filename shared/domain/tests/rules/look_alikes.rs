//! Employees who are unknown, inactive, and look like somebody who is here.

use offramp_domain::decide::{Gate, Outcome, Refusal};
use offramp_domain::{
    Access, EmployeeId, Event, Field, Happening, HoldId, HrEvent, Role, SnapshotId, Status,
    SubjectKind,
};

use crate::steps::{except, off};
use crate::world::{Says, World, admin, employee, hr, instant, listed, source};

/// `E-7` is unknown, and looks like `e-7`.
fn unknown() -> World {
    let mut world = World::new();
    world.alike = Some(employee("e-7"));
    world
}

fn hold() -> HoldId {
    HoldId::new("hold_1").unwrap()
}

fn says(world: &mut World, event: HrEvent) -> Outcome {
    let id = event.employee_id.clone();
    let event = Event::Hr {
        source: source("hris"),
        event,
    };
    world.happens(&id, &event).unwrap().answered.outcome
}

/// The same, in the hold that the breaker has opened.
fn held() -> World {
    let mut world = unknown();
    let (hold, seq) = (hold(), 1);
    world.gate = Gate::Held { hold, seq };
    assert_eq!(
        says(&mut world, hr(1).inactive().name("Ada")),
        Outcome::Held
    );
    world.gate = Gate::OPEN;
    world
}

fn answer(approve: bool) -> Event {
    let (by, hold, until) = (admin(Some("E-1")), hold(), 1);
    match approve {
        true => Event::Approve { by, hold, until },
        false => Event::Keep { by, hold, until },
    }
}

fn id() -> EmployeeId {
    employee("E-7")
}

#[test]
fn an_admin_is_asked_before_anybody_is_created() {
    let mut world = unknown();
    let event = Event::Hr {
        source: source("hris"),
        event: hr(1).inactive(),
    };
    let decision = world.decide(&id(), &event).unwrap();
    assert!(decision.counted.unwrap().is_always_held());
    assert_eq!(decision.answered.outcome, Outcome::Held);
    let reason = decision.answered.reason.unwrap();
    assert!(reason.contains("e-7"), "{reason}");
    // Somebody who is active, or looks like nobody, is created.
    assert_eq!(says(&mut world, hr(1)), Outcome::Created);
    let mut world = World::new();
    assert_eq!(says(&mut world, hr(1).inactive()), Outcome::Created);
}

#[test]
fn who_waits_is_nobody_yet() {
    let mut world = held();
    let user = world.user(&id());
    assert_eq!(user.access(), Access::Revoked);
    assert_eq!(user.look_alike.as_ref().unwrap().of, employee("e-7"));
    assert_eq!(user.hold.as_ref().unwrap().hold, hold());
    // Nobody is told of them but by the hold, and no timer is about them.
    let before = unknown();
    assert_eq!(world.notices, before.notices);
    assert_eq!(world.armed, before.armed);
    assert!(user.work_due().is_none());
    let by = || admin(Some("E-1"));
    for event in [
        Event::Restore { by: by() },
        Event::Delete { by: by() },
        Event::DeactivateNow { by: by() },
        listed(by()),
        Event::Tidy,
        Event::SetRole {
            by: by(),
            role: Role::Admin,
            login: None,
            signs_in_by: SubjectKind::EmployeeId,
        },
    ] {
        let refused = world.happens(&id(), &event);
        assert_eq!(refused.unwrap_err(), Refusal::NotFound, "{event:?}");
    }
    let missing = Event::Missing {
        source: source("hris"),
        snapshot: SnapshotId::new("snap_1").unwrap(),
        at: instant(9),
    };
    let missing = world.happens(&id(), &missing).unwrap();
    assert_eq!(missing.answered.outcome, Outcome::Unchanged);
    assert_eq!(world.user(&id()), user);
    // Turning the sync off gives nobody access who never had any.
    (off().0)(&mut world);
    let settled = world.user(&id()).as_of(&world.policy);
    assert_eq!(settled.access(), Access::Revoked);
}

#[test]
fn what_hr_says_meanwhile_is_kept() {
    let mut world = held();
    assert_eq!(
        says(&mut world, hr(1).inactive().name("Ada")),
        Outcome::Unchanged
    );
    assert_eq!(
        says(&mut world, hr(3).inactive().name("Ada O.")),
        Outcome::Held
    );
    assert_eq!(says(&mut world, hr(2).name("Ada")), Outcome::Stale);
    let user = world.user(&id());
    assert_eq!(user.get(Field::Name), Some("Ada O."));
    assert_eq!(user.hold.as_ref().unwrap().seq, 1);
    // HR calls them active: then they are whom HR says they are.
    assert_eq!(says(&mut world, hr(4).name("Ada O.")), Outcome::Created);
    let user = world.user(&id());
    assert!(user.look_alike.is_none() && user.hold.is_none());
    assert_eq!(
        (user.status(), user.access()),
        (Status::Active, Access::Granted)
    );
    let entry = world.history[&id()].last().unwrap();
    assert_eq!((&entry.happening, entry.from), (&Happening::Created, None));
    assert_eq!(entry.version, 2);
    assert!(!entry.fields.is_empty());
    // From then on they leave as anybody does.
    assert_eq!(
        says(&mut world, hr(5).inactive().name("Ada O.")),
        Outcome::Scheduled
    );
}

#[test]
fn the_admins_answer() {
    let mut world = held();
    let approved = world.happens(&id(), &answer(true)).unwrap();
    assert_eq!(approved.answered.outcome, Outcome::Created);
    let user = world.user(&id());
    assert!(user.look_alike.is_none() && user.hold.is_none());
    assert_eq!(user.status(), Status::Deactivated);
    // A repeated answer does nothing.
    let again = world.happens(&id(), &answer(true)).unwrap();
    assert!(again.change.is_none());
    assert_eq!(says(&mut world, hr(3)), Outcome::Reactivated);

    let mut world = held();
    let rejected = world.happens(&id(), &answer(false)).unwrap();
    assert_eq!(rejected.answered.outcome, Outcome::Updated);
    let user = world.user(&id());
    assert!(user.look_alike.as_ref().unwrap().refused && user.hold.is_none());
    // The same again is no question, and neither is another field of the same person.
    assert_eq!(
        says(&mut world, hr(3).inactive().name("Ada")),
        Outcome::Unchanged
    );
    assert_eq!(
        says(&mut world, hr(4).inactive().name("Ad")),
        Outcome::Ignored
    );
    assert!(world.user(&id()).hold.is_none());
    assert_eq!(says(&mut world, hr(5).name("Ad")), Outcome::Created);
}

/// A source that has called an id inactive first does not keep it from the one whose it is.
#[test]
fn no_source_owns_them() {
    for answered in [None, Some(false)] {
        let mut world = held();
        if let Some(approve) = answered {
            world.happens(&id(), &answer(approve)).unwrap();
        }
        let event = Event::Hr {
            source: source("payroll"),
            event: hr(3).name("Ada"),
        };
        let decision = world.happens(&id(), &event).unwrap();
        assert_eq!(decision.answered.outcome, Outcome::Created);
        assert_eq!(world.user(&id()).origin.source(), Some(&source("payroll")));
    }
}

#[test]
fn a_rule_that_leaves_them_out_keeps_them_out() {
    let mut world = held();
    (except(Field::Name, "Ada").0)(&mut world);
    let approved = world.happens(&id(), &answer(true)).unwrap();
    assert_eq!(approved.answered.outcome, Outcome::Excluded);
    assert!(world.user(&id()).look_alike.as_ref().unwrap().refused);
    let mut world = held();
    world.rule.fails = true;
    let approved = world.happens(&id(), &answer(true)).unwrap();
    assert_eq!(approved.answered.outcome, Outcome::Rejected);
    assert!(
        world.user(&id()).hold.is_some(),
        "an admin can answer again"
    );
}

#[test]
fn an_observed_source_opens_no_question() {
    let mut world = unknown();
    world.observing = true;
    assert_eq!(says(&mut world, hr(1).inactive()), Outcome::Ignored);
    assert!(!world.users.contains_key(&id()));
}

#[test]
fn an_admin_may_add_them_all_the_same() {
    let mut world = held();
    let add = Event::Add {
        by: admin(Some("E-1")),
        employee_id: id(),
        profile: [(Field::Email, "ada@acme.example".to_owned())].into(),
        role: Role::Member,
        login: None,
        signs_in_by: SubjectKind::EmployeeId,
    };
    let added = world.happens(&id(), &add).unwrap();
    assert_eq!(added.answered.outcome, Outcome::Created);
    let user = world.user(&id());
    assert_eq!(user.access(), Access::Granted);
    assert!(user.look_alike.is_none() && user.hold.is_none() && user.address_changed.is_none());
    let again = world.happens(&id(), &add);
    assert_eq!(again.unwrap_err(), Refusal::Exists);
}

#[test]
fn ids_look_alike_that_differ_in_spelling_only() {
    let alike = |a: &str, b: &str| employee(a).likeness() == employee(b).likeness();
    for (a, b) in [
        ("E-1007", "e-1007"),
        ("E-1007", " E-1007 "),
        ("E-1007", "\u{200b}E-1007"),
        ("E-1007", "E\u{2011}1007\u{ad}"),
        ("\u{c9}va", "E\u{301}va"),
        ("\u{ff25}-7", "E-7"),
        ("1007", "001007"),
        ("1007", "1007.0"),
        ("0", "000"),
        ("stra\u{df}e", "STRA\u{1e9e}E"),
    ] {
        assert!(alike(a, b), "{a:?} and {b:?}");
    }
    for (a, b) in [
        ("E-1007", "E-107"),
        ("E-007", "E-7"),
        ("1007", "10070"),
        ("1007", "1007.5"),
        ("E-7.0", "E-7"),
        ("A-7", "\u{391}-7"),
        ("0", "O"),
    ] {
        assert!(!alike(a, b), "{a:?} and {b:?}");
    }
}
