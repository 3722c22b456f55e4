//! Who answers for an address, as a table; and what a change of an address leaves behind.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::{
    Answering, Cause, Deactivation, EmployeeId, Epoch, Event, Field, FormerAddress, Generation,
    Ground, GroundKind, Grounds, Had, Happening, HrEvent, Origin, Refusal, User, who_answers,
};

use crate::world::{Says, World, admin, employee, hr, source, start};

const DESK: &str = "desk@acme.example";
const OTHER: &str = "other@acme.example";

/// So many hours after the start.
fn hour(hours: i64) -> DateTime<Utc> {
    start() + TimeDelta::hours(hours)
}

/// Somebody who has had this address from the first.
fn person(id: &str, address: &str) -> User {
    let mut user = User::new(employee(id), Origin::Manual, Grounds::default());
    user.profile.insert(Field::Email, address.to_owned());
    user
}

/// Somebody to whom HR has given this address later.
fn since(hours: i64, user: User) -> User {
    User {
        address_changed: Some(hour(hours)),
        ..user
    }
}

/// Somebody whose account has ended on this ground.
fn ended(kind: GroundKind, hours: i64, user: User) -> User {
    let mut user = unheard(kind, hours, user);
    user.generation = Generation(2);
    user
}

/// Somebody who was gone when HR first spoke of them.
fn unheard(kind: GroundKind, hours: i64, mut user: User) -> User {
    let at = hour(hours);
    let ground = Ground::in_force(at, at, Epoch::default());
    user.grounds.set(kind, ground);
    user.grounds.end(Deactivation {
        cause: match kind {
            GroundKind::Hr => Cause::Hr,
            _ => Cause::Admin,
        },
        at,
        policy: None,
    });
    user
}

fn left(hours: i64, user: User) -> User {
    ended(GroundKind::Hr, hours, user)
}

fn deleted(hours: i64, user: User) -> User {
    ended(GroundKind::Deleted, hours, user)
}

fn put_out(hours: i64, user: User) -> User {
    ended(GroundKind::Admin, hours, user)
}

/// An admin has confirmed the address for this person.
fn confirmed(address: &str, user: User) -> User {
    User {
        confirmed_address: Some(address.to_owned()),
        ..user
    }
}

/// From when until when somebody had the desk's address; `None` for from the first.
type Times<'a> = (&'a str, Option<i64>, i64);

/// Who answers for the desk's address at the tenth hour: who, and what they are.
fn answer(users: &[User], had: &[Times<'_>]) -> String {
    let had: BTreeMap<EmployeeId, Had> = had
        .iter()
        .map(|(id, from, until)| {
            let from = from.map_or(DateTime::UNIX_EPOCH, hour);
            let until = hour(*until);
            (employee(id), Had { from, until })
        })
        .collect();
    match who_answers(DESK, users, &had, hour(10)) {
        Answering::Of(user) => format!("{} {}", user.employee_id, user.status().as_str()),
        Answering::Disputed { here, out } => {
            format!("{} or {}", here.employee_id, out.employee_id)
        }
        Answering::Nobody => "nobody".to_owned(),
    }
}

#[test]
fn one_person() {
    let (a, moved) = (|| person("A", DESK), || since(1, person("A", OTHER)));
    let rows: [(&str, User, &[Times<'_>], &str); 6] = [
        ("has it", a(), &[], "A active"),
        ("has it, and left", left(1, a()), &[], "A deactivated"),
        ("was deleted", deleted(1, a()), &[], "A deleted"),
        ("had it", moved(), &[("A", None, 1)], "A active"),
        (
            "had it, and left",
            left(2, moved()),
            &[("A", None, 1)],
            "A deactivated",
        ),
        ("never had it: the index is late", moved(), &[], "nobody"),
    ];
    for (what, user, had, expected) in rows {
        assert_eq!(answer(&[user], had), expected, "{what}");
    }
    assert_eq!(answer(&[], &[]), "nobody");
}

#[test]
fn two_people_have_it() {
    let (a, b) = (|| person("A", DESK), || person("B", DESK));
    let rows: [(&str, [User; 2], &str); 10] = [
        ("one has left", [left(1, a()), b()], "B active"),
        ("both have", [left(1, a()), left(2, b())], "B deactivated"),
        ("one is deleted", [deleted(1, a()), b()], "B or A"),
        ("one is put out", [put_out(1, a()), b()], "B or A"),
        (
            "confirmed",
            [deleted(1, a()), confirmed(DESK, b())],
            "B active",
        ),
        (
            "another address is",
            [deleted(1, a()), confirmed(OTHER, b())],
            "B or A",
        ),
        (
            "the deleted one's is",
            [deleted(1, confirmed(DESK, a())), b()],
            "B or A",
        ),
        (
            "confirmed, and left",
            [deleted(1, a()), left(1, confirmed(DESK, b()))],
            "B deactivated",
        ),
        // HR shuts nobody out by giving their address to somebody who is gone.
        (
            "deleted before",
            [since(2, deleted(1, a())), b()],
            "B active",
        ),
        ("deleted since", [since(2, deleted(3, a())), b()], "B or A"),
    ];
    for (what, users, expected) in rows {
        let gone_last = what == "both have";
        let answered = answer(&users, &[]);
        match gone_last {
            // Either of them says the same.
            true => assert!(answered.ends_with("deactivated"), "{what}: {answered}"),
            false => assert_eq!(answered, expected, "{what}"),
        }
        let [one, other] = users;
        let turned = answer(&[other, one], &[]);
        assert_eq!(
            turned.split(' ').next_back(),
            answered.split(' ').next_back(),
            "{what}"
        );
    }
}

#[test]
fn one_has_it_and_another_had_it() {
    let b = || person("B", DESK);
    let a = || since(4, person("A", OTHER));
    let had: &[Times<'_>] = &[("A", None, 4)];
    let rows: [(&str, [User; 2], &str); 11] = [
        ("whoever is here has it", [a(), b()], "B active"),
        (
            "B left after A lost it",
            [a(), left(5, b())],
            "B deactivated",
        ),
        ("B had left before", [a(), left(3, b())], "A active"),
        (
            "B had left before they got it",
            [a(), since(6, left(5, b()))],
            "A active",
        ),
        (
            "B was never here",
            [a(), unheard(GroundKind::Hr, 5, b())],
            "A active",
        ),
        (
            "B was deleted before: A has not been confirmed",
            [a(), deleted(3, b())],
            "A or B",
        ),
        (
            "… and has been",
            [confirmed(DESK, a()), deleted(3, b())],
            "A active",
        ),
        (
            "A was deleted when they had it",
            [deleted(3, a()), b()],
            "B or A",
        ),
        ("A was deleted later", [deleted(5, a()), b()], "B or A"),
        ("A is put out", [put_out(5, a()), b()], "B or A"),
        ("A has left", [left(5, a()), b()], "B active"),
    ];
    for (what, users, expected) in rows {
        assert_eq!(answer(&users, had), expected, "{what}");
    }
    // A was deleted before HR gave them the address for a while.
    let users = [since(4, deleted(1, person("A", OTHER))), b()];
    assert_eq!(answer(&users, &[("A", Some(2), 4)]), "B active");
    assert_eq!(answer(&users, &[("A", Some(0), 4)]), "B or A");
}

#[test]
fn two_people_had_it() {
    let (a, b) = (|| person("A", OTHER), || person("B", OTHER));
    let rows: [(&str, [User; 2], &[Times<'_>], &str); 4] = [
        (
            "the last of them answers",
            [a(), b()],
            &[("A", None, 2), ("B", Some(2), 4)],
            "B active",
        ),
        (
            "… and nobody does when they have left",
            [a(), left(5, b())],
            &[("A", None, 2), ("B", Some(2), 4)],
            "B deactivated",
        ),
        (
            "the first one answers still where the last was gone",
            [a(), left(1, b())],
            &[("A", None, 2), ("B", Some(2), 4)],
            "A active",
        ),
        (
            "one was deleted",
            [deleted(1, a()), b()],
            &[("A", None, 2), ("B", Some(2), 4)],
            "B or A",
        ),
    ];
    for (what, users, had, expected) in rows {
        assert_eq!(answer(&users, had), expected, "{what}");
    }
}

/// HR's statement about E-7.
fn says(event: HrEvent) -> Event {
    Event::Hr {
        source: source("hris"),
        event,
    }
}

#[test]
fn what_hr_takes_is_noted() {
    let (mut world, id) = (World::new(), employee("E-7"));
    let mail = |minute: i64, to: &str| says(hr(minute).set(Field::Email, to));
    let taken = |world: &mut World, event: &Event| {
        let decision = world.happens(&id, event).unwrap();
        decision.change.unwrap().former
    };
    assert_eq!(taken(&mut world, &says(hr(1))), None);
    assert_eq!(
        taken(&mut world, &mail(2, "Desk@acme.example")),
        None,
        "the first"
    );
    assert_eq!(
        taken(&mut world, &mail(3, DESK)),
        None,
        "the same, in another case"
    );
    world.now = hour(1);
    let first = FormerAddress {
        address: DESK.to_owned(),
        had: Had {
            from: DateTime::UNIX_EPOCH,
            until: hour(1),
        },
    };
    assert_eq!(taken(&mut world, &mail(4, OTHER)), Some(first));
    world.now = hour(2);
    let second = FormerAddress {
        address: OTHER.to_owned(),
        had: Had {
            from: hour(1),
            until: hour(2),
        },
    };
    assert_eq!(
        taken(&mut world, &says(hr(5).clear(Field::Email))),
        Some(second)
    );
    assert_eq!(taken(&mut world, &mail(6, DESK)), None, "there was none");
    assert_eq!(world.user(&id).address_changed, Some(hour(2)));
}

/// An address that HR gives to somebody for the first time, whom an admin has put out before, was not theirs then.
#[test]
fn a_first_address_after_the_end_is_a_change() {
    let (mut world, id) = (World::new(), employee("E-7"));
    world.happens(&id, &says(hr(1))).unwrap();
    let out = Event::DeactivateNow {
        by: admin(Some("E-1")),
    };
    world.happens(&id, &out).unwrap();
    world.now = hour(1);
    let given = says(hr(2).set(Field::Email, DESK));
    world.happens(&id, &given).unwrap();
    assert_eq!(world.user(&id).address_changed, Some(hour(1)));
    let users = [world.user(&id), person("B", DESK)];
    assert_eq!(answer(&users, &[]), "B active");
}

#[test]
fn an_admin_confirms_an_address() {
    let (mut world, id) = (World::new(), employee("E-7"));
    let confirm = Event::ConfirmAddress {
        by: admin(Some("E-1")),
    };
    assert_eq!(world.happens(&id, &confirm), Err(Refusal::NotFound));
    world.happens(&id, &says(hr(1))).unwrap();
    assert_eq!(world.happens(&id, &confirm), Err(Refusal::NoAddressYet));
    let given = says(hr(2).set(Field::Email, "Desk@acme.example"));
    world.happens(&id, &given).unwrap();
    let change = world.happens(&id, &confirm).unwrap().change.unwrap();
    assert_eq!(change.entry.unwrap().happening, Happening::AddressConfirmed);
    assert_eq!(world.user(&id).confirmed_address.as_deref(), Some(DESK));
    let again = world.happens(&id, &confirm).unwrap();
    assert!(again.change.is_none(), "said before");
    // Another address is another question.
    world
        .happens(&id, &says(hr(3).set(Field::Email, OTHER)))
        .unwrap();
    let change = world.happens(&id, &confirm).unwrap().change.unwrap();
    assert_eq!(change.user.confirmed_address.as_deref(), Some(OTHER));
    let delete = Event::Delete {
        by: admin(Some("E-1")),
    };
    world.happens(&id, &delete).unwrap();
    assert_eq!(world.happens(&id, &confirm), Err(Refusal::Deleted));
}
