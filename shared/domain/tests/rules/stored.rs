//! What is read still, though another version has stored it, and what never is; how timers are named.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use chrono::TimeDelta;
use offramp_domain::{
    DigestMinute, Epoch, Generation, Grounds, Leave, Notice, NoticeKind, OrgId, Origin, Pending,
    Policy, Settings, SyncRules, Timer, User,
};
use serde::de::DeserializeOwned;

use crate::world::{day, employee, start};

/// Named by everything that makes it another timer, within what Scheduler allows.
#[test]
fn timers_are_named_apart() {
    let due = start() + TimeDelta::days(3);
    let timer = |org: &str, id: &str, generation: u64, seconds: i64| Timer::Deactivate {
        org: OrgId::new(org).unwrap(),
        employee_id: employee(id),
        source: None,
        generation: Generation(generation),
        due: due + TimeDelta::seconds(seconds),
    };
    let minute = DigestMinute::of(start());
    let org = || OrgId::new("acme").unwrap();
    let timers = [
        timer("acme", "E-7", 2, 0),
        timer("acme", "E-7", 2, 1),
        timer("acme", "E-7", 3, 0),
        timer("acme", "E-72", 2, 0),
        timer("acm", "eE-7", 2, 0),
        timer("acme", &"/ ü#".repeat(32), u64::MAX, 1_000_000_000),
        Timer::Finish {
            org: org(),
            employee_id: employee("E-7"),
            generation: Generation(2),
            due,
            swept: false,
        },
        Timer::Leave {
            org: org(),
            employee_id: employee("E-7"),
            source: None,
            plan: 2,
            due,
        },
        Timer::Leave {
            org: org(),
            employee_id: employee("E-7"),
            source: None,
            plan: 3,
            due,
        },
        Timer::Remind {
            org: org(),
            employee_id: employee("E-7"),
            plan: 2,
            due,
        },
        Timer::Digest { org: org(), minute },
        Timer::Digest {
            org: org(),
            minute: DigestMinute::of(start() + TimeDelta::seconds(60)),
        },
        Timer::Tidy {
            org: org(),
            epoch: Epoch(2),
            due,
        },
        Timer::Tidy {
            org: org(),
            epoch: Epoch(3),
            due,
        },
    ];
    let names: BTreeSet<String> = timers.iter().map(Timer::name).collect();
    assert_eq!(names.len(), timers.len());
    for name in names {
        assert!((1..=64).contains(&name.len()), "{name}");
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(name.chars().all(allowed), "{name}");
    }
}

/// What was stored before a field came to be is read still.
#[test]
fn what_may_be_absent() {
    let user = r#"{"employee_id":"E-7","origin":"manual","role":"member",
        "lifecycle":{"state":"active"},"generation":1,"version":1,"rev":1}"#;
    let user: User = serde_json::from_str(user).unwrap();
    let bare = User::new(employee("E-7"), Origin::Manual, Grounds::default());
    assert_eq!(
        user,
        User {
            version: 1,
            rev: 1,
            ..bare
        }
    );
}

/// What the version before leave dates, objectives, invitations and rules has stored, and the invitation before it
/// told who had been here.
#[test]
fn the_previous_form() {
    fn read<T: DeserializeOwned>(name: &str) -> T {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/previous");
        let text = fs::read_to_string(folder.join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    }
    let user: User = read("user-deactivated.json");
    assert_eq!(
        user.pending,
        Pending {
            cards: true,
            objectives: false,
            notice: true,
            due: Some(start() + TimeDelta::days(3) + TimeDelta::minutes(2)),
            cancelled: 1,
        }
    );
    assert_eq!((user.leave, user.reopening), (Leave::default(), None));
    let user: User = read("user-by-hand.json");
    assert_eq!((user.leave, user.reopening), (Leave::default(), None));
    let policy: Policy = read("policy-set.json");
    assert_eq!(policy.rules, SyncRules::default());
    let notice: Notice = read("notice-restored.json");
    assert_eq!(notice.kind, NoticeKind::Restored { invited: false });
    let notice: Notice = read("notice-invited.json");
    assert_eq!(notice.kind, NoticeKind::invited(false));
    let notice: Notice = read("notice-leaves_soon.json");
    assert_eq!(
        notice.kind,
        NoticeKind::LeavesSoon {
            date: day("2026-03-20"),
            active_cards: 2,
            admins_only: false,
        }
    );
}

/// Ids are checked when they are read, too.
#[test]
fn what_is_stored_must_be_valid() {
    for bad in [r#""""#, r#""a\nb""#] {
        assert!(
            serde_json::from_str::<offramp_domain::EmployeeId>(bad).is_err(),
            "{bad}"
        );
    }
    let settings = serde_json::to_value(Settings::default()).unwrap();
    let mut typo = settings.clone();
    typo["delay_day"] = 3.into();
    assert!(serde_json::from_value::<Settings>(settings).is_ok());
    assert!(serde_json::from_value::<Settings>(typo).is_err());
}
