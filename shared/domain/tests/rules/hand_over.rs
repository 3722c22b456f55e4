//! A user is given to another source: nothing of them changes, and what that source says first is the base of what it says
//! later, whatever its instant. Its status is a word all the same.

use offramp_domain::decide::Outcome;
use offramp_domain::{
    EmployeeId, Event, Field, Happening, HrEvent, HrWord, Origin, SnapshotId, Status, User, roster,
};
use proptest::prelude::*;

use crate::world::{Says, World, admin, employee, hr, instant, source};

fn says(from: &str, event: HrEvent) -> Event {
    Event::Hr {
        source: source(from),
        event,
    }
}

fn lacks(from: &str, minute: i64) -> Event {
    Event::Missing {
        source: source(from),
        snapshot: SnapshotId::new("snap-1").unwrap(),
        at: instant(minute),
    }
}

fn handed(from: &str, to: &str) -> Event {
    Event::HandOver {
        by: admin(Some("E-1")),
        from: source(from),
        to: source(to),
    }
}

fn seven() -> EmployeeId {
    employee("E-7")
}

fn user(world: &World) -> User {
    world.user(&seven())
}

/// What the source before said at last.
fn record() -> HrEvent {
    hr(100).name("Ada").set(Field::Team, "x")
}

/// E-7 with a history at the first source.
fn with(events: &[Event]) -> World {
    let mut world = World::new();
    world.happens(&seven(), &says("hris", record())).unwrap();
    for event in events {
        world.happens(&seven(), event).unwrap();
    }
    world
}

/// The grace period ends.
fn ends(mut world: World) -> World {
    let due = user(&world).due_at().unwrap();
    world.now = due;
    let generation = user(&world).generation;
    let due = Event::Due { generation, due };
    world.happens(&seven(), &due).unwrap();
    world
}

/// Somebody in each state.
fn people() -> Vec<(&'static str, World)> {
    let gone = says("hris", hr(101).inactive());
    let by = || admin(Some("E-1"));
    let restored = Event::Restore { by: by() };
    vec![
        ("active", with(&[])),
        ("scheduled", with(std::slice::from_ref(&gone))),
        ("deactivated", ends(with(std::slice::from_ref(&gone)))),
        ("restored", with(&[gone, restored])),
        ("missing", with(&[lacks("hris", 101)])),
        ("deactivated, missing", ends(with(&[lacks("hris", 101)]))),
        ("deleted", with(&[Event::Delete { by: by() }])),
    ]
}

#[test]
fn each_state_and_each_first_word_of_the_new_source() {
    use Status::{Active, Deactivated, DeactivationScheduled as Scheduled, Deleted};
    // After `active`, after `inactive`, and after a snapshot without them.
    let expected = [
        ("active", [Active, Scheduled, Scheduled]),
        ("scheduled", [Active, Scheduled, Scheduled]),
        ("deactivated", [Active, Deactivated, Deactivated]),
        ("restored", [Active, Active, Scheduled]),
        ("missing", [Active, Scheduled, Scheduled]),
        ("deactivated, missing", [Active, Deactivated, Deactivated]),
        ("deleted", [Deleted, Deleted, Deleted]),
    ];
    let people = people();
    assert_eq!(people.len(), expected.len());
    for ((name, world), (of, after)) in people.into_iter().zip(expected) {
        assert_eq!(name, of);
        // Before what the source before has said, at the same time, and after it.
        for minute in [1, 100, 101, 200] {
            let other = hr(minute).name("Spelt Otherwise").set(Field::Team, "y");
            let words = [
                says("payroll", other.clone()),
                says("payroll", other.inactive()),
                lacks("payroll", minute),
            ];
            for (word, status) in words.iter().zip(after) {
                let mut world = world.clone();
                world.happens(&seven(), &handed("hris", "payroll")).unwrap();
                assert!(user(&world).awaits_base);
                let decision = world.happens(&seven(), word).unwrap();
                let case = format!("{name}, {minute}, {word:?}");
                assert_eq!(user(&world).status(), status, "{case}");
                assert_ne!(decision.answered.outcome, Outcome::Stale, "{case}");
                assert!(!user(&world).awaits_base, "{case}");
                if let Event::Hr { event, .. } = word {
                    let record = user(&world).hr.unwrap();
                    assert_eq!(record.get(Field::Team), Some("y"), "{case}");
                    assert_eq!(record.status(), event.status, "{case}");
                    assert_eq!(record.latest(), instant(minute), "{case}");
                }
            }
        }
    }
}

#[test]
fn nothing_but_the_source_changes_and_it_is_in_the_history() {
    for (name, world) in people() {
        let (mut world, before) = (world.clone(), user(&world));
        let decision = world.happens(&seven(), &handed("hris", "payroll")).unwrap();
        let change = decision.change.unwrap();
        let expected = User {
            origin: Origin::Source(source("payroll")),
            awaits_base: true,
            version: before.version + 1,
            rev: before.rev + 1,
            ..before.clone()
        };
        assert_eq!(change.user, expected, "{name}");
        assert!(change.arm.is_empty() && change.disarm.is_empty() && change.notice.is_none());
        let entry = change.entry.unwrap();
        let (from, to) = (source("hris"), source("payroll"));
        assert_eq!(entry.happening, Happening::HandedOver { from, to });
        assert_eq!(
            (entry.from, entry.to),
            (Some(before.status()), before.status())
        );
        // A repetition, and a hand-over of another source's people, are none.
        for again in [handed("hris", "payroll"), handed("other", "hris")] {
            let decision = world.happens(&seven(), &again).unwrap();
            assert_eq!(decision.change, None, "{name}");
        }
        // The source before is not heard any more.
        let foreign = world.happens(&seven(), &says("hris", hr(300).inactive()));
        assert_eq!(foreign.unwrap().answered.outcome, Outcome::Rejected);
    }
}

#[test]
fn only_the_first_record_is_the_base() {
    let deleted = Event::Delete {
        by: admin(Some("E-1")),
    };
    let other = |minute, team: &str| hr(minute).name("Ada Lovelace").set(Field::Team, team);
    // Without a hand-over a changed field brings back whom an admin deleted.
    let mut same = with(std::slice::from_ref(&deleted));
    same.happens(&seven(), &says("hris", other(200, "y")))
        .unwrap();
    assert_eq!(user(&same).status(), Status::Active);

    let mut world = with(&[deleted, handed("hris", "payroll")]);
    for (minute, team, outcome) in [
        (50, "y", Outcome::Ignored),
        (51, "y", Outcome::Ignored),
        (49, "z", Outcome::Stale),
        (52, "z", Outcome::Restored),
    ] {
        let decision = world.happens(&seven(), &says("payroll", other(minute, team)));
        assert_eq!(decision.unwrap().answered.outcome, outcome, "{minute}");
    }
}

#[test]
fn whoever_is_handed_over_is_news_to_the_next_snapshot() {
    for (name, mut world) in people() {
        let before = user(&world);
        let said = record();
        let print = roster::print(&before);
        let is_missing = before.hr_word() == Some(HrWord::Missing);
        assert_eq!(roster::is_missing(&print), is_missing, "{name}");
        world.happens(&seven(), &handed("hris", "payroll")).unwrap();
        let print = roster::print(&user(&world));
        assert!(!roster::says_the_same(&print, &said), "{name}");
        assert!(!roster::is_missing(&print), "{name}");
        assert_eq!(
            print.first(),
            roster::print(&before).first(),
            "counted as before"
        );
        // A snapshot that lacks them as the one before did changes nothing that anybody sees.
        if is_missing {
            let decision = world.happens(&seven(), &lacks("payroll", 50)).unwrap();
            assert_eq!(decision.answered.outcome, Outcome::Unchanged);
            assert_eq!(decision.change.unwrap().entry, None);
            assert!(roster::is_missing(&roster::print(&user(&world))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What the source before has said is said again by the new one, at any instant: nothing changes.
    #[test]
    fn the_same_record_changes_nothing(
        gone in any::<bool>(),
        before in 0..40_000_i64,
        after in -100_000..43_000_i64,
        values in proptest::collection::btree_map(proptest::sample::select(Field::ALL), "[a-z]{0,3}", 0..5),
    ) {
        let mut said = hr(before);
        for (field, value) in values {
            if field != Field::LeaveDate {
                said = said.set(field, &value);
            }
        }
        if gone {
            said = said.inactive();
        }
        let mut world = World::new();
        world.happens(&seven(), &says("hris", said.clone())).unwrap();
        world.happens(&seven(), &handed("hris", "payroll")).unwrap();
        let known = user(&world);
        said.occurred_at = instant(after);
        let decision = world.happens(&seven(), &says("payroll", said)).unwrap();
        prop_assert_eq!(decision.answered.outcome, Outcome::Unchanged);
        let entry = decision.change.and_then(|change| change.entry);
        prop_assert_eq!(entry, None);
        let now = user(&world);
        prop_assert_eq!((&now.profile, &now.grounds), (&known.profile, &known.grounds));
        prop_assert_eq!(now.hr.unwrap().latest(), instant(after));
    }
}
