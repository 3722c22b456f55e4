//! The JSON that is stored, and that Scheduler hands over: what is written down outlives the code
//! that wrote it. `UPDATE_EXPECT=1 cargo test -p offramp-domain --test rules golden` writes the files anew.

#[path = "golden_breakers.rs"]
mod breakers;
#[path = "golden_entries.rs"]
mod entries;
#[path = "golden_notices.rs"]
mod notices;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use chrono::TimeDelta;
use expect_test::expect_file;
use offramp_domain::settings::{
    AccessDuringGrace, Behaviour, DeactivationSync, DelayCounts, Invitations, LeaveDates,
    Objectives, OnMissing, Reminders, RestoreDeletedOn, Safeguards, Weekday,
};
use offramp_domain::{
    AtEnd, Card, CardId, CardKind, CardStatus, Cause, CompactUser, Deactivation, DigestMinute,
    Email, Epoch, Generation, Ground, GroundKind, GroundState, Grounds, HrRecord, IgnoredBy, Leave,
    LeaveGround, OrgId, Origin, Policy, Role, Settings, SourceSync, Status, Timer, User, Whose,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::{admin, day, employee, hr, source, start};
use breakers::{hold_id, run_id, snapshot_id};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// Compares every value with its file, reads it back, and refuses files that belong to none.
#[derive(Default)]
pub(super) struct Golden {
    names: BTreeSet<String>,
}

impl Golden {
    pub(super) fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
        &mut self,
        name: &str,
        value: &T,
    ) {
        let name = format!("{name}.json");
        let path = PathBuf::from(FOLDER).join(&name);
        let text = serde_json::to_string_pretty(value).unwrap() + "\n";
        expect_file![path].assert_eq(&text);
        let read: T = serde_json::from_str(&text).unwrap();
        assert_eq!(&read, value, "{name}");
        assert!(self.names.insert(name), "named twice");
    }

    /// Reads a file that an earlier release wrote, and writes it again as it was.
    fn kept(&mut self, name: &str) -> User {
        let path = PathBuf::from(FOLDER).join(format!("{name}.json"));
        let read = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        self.user(name, &read);
        read
    }

    /// A user in both stored forms.
    fn user(&mut self, name: &str, user: &User) {
        self.check(name, user);
        self.check(&format!("compact-{name}"), &CompactUser::from(user));
    }

    fn unreferenced(self) {
        let files = fs::read_dir(PathBuf::from(FOLDER)).unwrap();
        let files: BTreeSet<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(
            files, self.names,
            "files without a value, or values without a file"
        );
    }
}

#[test]
fn golden() {
    let mut golden = Golden::default();
    users(&mut golden);
    timers(&mut golden);
    notices::check(&mut golden);
    entries::check(&mut golden);
    policies(&mut golden);
    cards(&mut golden);
    breakers::breakers(&mut golden);
    golden.unreferenced();
}

fn users(golden: &mut Golden) {
    let due = start() + TimeDelta::days(3);
    let by_hand = User::new(employee("E-1"), Origin::Manual, Grounds::default());
    golden.user(
        "user-by-hand",
        &User {
            role: Role::Admin,
            version: 1,
            rev: 1,
            ..by_hand.clone()
        },
    );
    let leave = Leave {
        by_hand: Some(day("2026-03-20")),
        remind_at: Some(due),
        ..Leave::default()
    };
    golden.user(
        "user-reminded",
        &User {
            leave: leave.clone(),
            ..by_hand.clone()
        },
    );
    let leave = Leave {
        then: AtEnd::Delete,
        ..leave
    };
    let listed = Ground {
        then: AtEnd::Delete,
        ..Ground::in_force(start(), due, Epoch::default())
    };
    let mut grounds = Grounds::default();
    grounds.set(GroundKind::Admin, listed);
    let deletes = User {
        leave,
        grounds,
        ..by_hand
    };
    golden.user("user-then-deleted", &deletes);
    let origin = Origin::Source(source("payroll"));
    let mut handed = User::new(employee("E-7"), origin, Grounds::default());
    handed.hr = Some(HrRecord::first(&hr(1)));
    handed.awaits_base = true;
    golden.user("user-handed-over", &handed);

    // These were written before users had grounds. They are read, and written as they were.
    let scheduled: User = golden.kept("user-scheduled");
    let back: User = golden.kept("user-back");
    let implied = [
        (&scheduled, GroundKind::Hr, GroundState::InForce),
        (&back, GroundKind::Hr, GroundState::Ignored),
        (&back, GroundKind::LeaveDate, GroundState::Overridden),
        (
            &golden.kept("user-deactivated"),
            GroundKind::LeaveDate,
            GroundState::InForce,
        ),
        (
            &golden.kept("user-deleted"),
            GroundKind::Deleted,
            GroundState::InForce,
        ),
    ];
    for (user, kind, state) in implied {
        assert_eq!(
            user.grounds.state(kind),
            Some(state),
            "{kind:?} of {user:?}"
        );
    }
    assert_eq!(back.status(), Status::Active);
    let held: User = golden.kept("user-held");
    assert!(held.held && held.hold.is_some());

    // An admin deactivated them in the grace period, and HR's word came later.
    let mut grounds = scheduled.grounds.clone();
    grounds.set(
        GroundKind::Admin,
        Ground {
            run: Some(run_id()),
            approved: true,
            ..Ground::in_force(due, due, Epoch(2))
        },
    );
    grounds.set(
        GroundKind::LeaveDate,
        Ground {
            date: Some(LeaveGround {
                date: day("2026-03-05"),
                by: Whose::Hr,
            }),
            ..Ground::ignored(IgnoredBy::SyncOff, due)
        },
    );
    grounds.end(Deactivation {
        cause: Cause::Admin,
        at: due,
        policy: Some(7),
    });
    let several = User {
        grounds,
        notice: None,
        ..scheduled
    };
    golden.user("user-with-grounds", &several);
    let mut keeps = several;
    let ground = Ground {
        keeps_access: true,
        ..Ground::in_force(start(), start() + TimeDelta::days(3), Epoch(0))
    };
    keeps.grounds = Grounds::default();
    keeps.grounds.set(GroundKind::Hr, ground);
    golden.user("user-keeps-access", &keeps);
}

fn timers(golden: &mut Golden) {
    let org = OrgId::new("acme").unwrap();
    let due = start() + TimeDelta::days(3);
    let (employee_id, generation) = (employee("E-7"), Generation(2));
    let timers = [
        Timer::Deactivate {
            org: org.clone(),
            employee_id: employee_id.clone(),
            source: Some(source("hris")),
            generation,
            due,
        },
        Timer::Finish {
            org: org.clone(),
            employee_id: employee_id.clone(),
            generation,
            due,
            swept: false,
        },
        Timer::Leave {
            org: org.clone(),
            employee_id,
            source: None,
            plan: 2,
            due,
        },
        Timer::Remind {
            org: org.clone(),
            employee_id: employee("E-7"),
            plan: 2,
            due,
        },
        Timer::Digest {
            org: org.clone(),
            minute: DigestMinute::of(start()),
        },
        Timer::Answer {
            org: org.clone(),
            hold: hold_id(),
            run: Some(run_id()),
            until: 3,
            due,
        },
        Timer::Snapshot {
            org: org.clone(),
            source: source("hris"),
            snapshot: snapshot_id(),
            due,
        },
        Timer::Tidy {
            org,
            epoch: Epoch(1),
            due,
        },
    ];
    for timer in &timers {
        golden.check(&format!("timer-{}", timer.kind()), timer);
    }
    golden.check("timer-names", &timers.map(|timer| timer.name()).to_vec());
}

fn policies(golden: &mut Golden) {
    golden.check("policy-default", &Policy::default());
    let settings = Settings {
        deactivation_sync: DeactivationSync {
            enabled: false,
            behaviour: Behaviour::Immediate,
            delay_days: 1,
        },
        on_missing: OnMissing::Hold,
        restore_deleted_on: RestoreDeletedOn::Reactivation,
        leave_dates: LeaveDates::All,
        invitations: Invitations::None,
        objectives: Objectives::Keep,
        time_zone: "Europe/Berlin".to_owned(),
        safeguards: Safeguards {
            max_users: 500,
            max_percent: 100,
            window_hours: 1,
            ..Safeguards::default()
        },
        ..Settings::default()
    };
    golden.check("policy-set", &Policy::default().with(settings));
    let settings = Settings {
        access_during_grace: AccessDuringGrace::Kept,
        delay_counts: DelayCounts::WorkingDays,
        weekend: [Weekday::Friday].into(),
        holidays: [day("2026-12-25")].into(),
        ..Settings::default()
    };
    golden.check("policy-grace", &Policy::default().with(settings));
    let settings = Settings {
        reminders: Reminders {
            before_leave_days: [1, 7].into(),
        },
        ..Settings::default()
    };
    golden.check("policy-reminders", &Policy::default().with(settings));
    let settings = Settings {
        escalation: Some(Email::new("on-call@acme.example").unwrap()),
        escalate_after_hours: 12,
        ..Settings::default()
    };
    golden.check("policy-escalation", &Policy::default().with(settings));
    let own = SourceSync {
        behaviour: Some(Behaviour::Immediate),
        delay_days: Some(2),
    };
    let own = Policy::default().with_source(source("hris"), own);
    golden.check("policy-sources", &own);
    let active = r#"employee.team != "x""#.to_owned();
    golden.check("policy-rules", &Policy::default().with_rules(active));
    golden.check(
        "policy-undone",
        &Policy::default().without_run(run_id(), admin(Some("E-1")), start()),
    );
}

fn cards(golden: &mut Golden) {
    let card = Card {
        card_id: CardId::new("c-1").unwrap(),
        label: "Travel".to_owned(),
        kind: CardKind::Virtual,
        last4: "4242".to_owned(),
        external_id: None,
        status: CardStatus::Active,
        owner: employee("E-7"),
        cancelling: false,
    };
    golden.check("card", &card);
    let cancelling = Card {
        kind: CardKind::Physical,
        external_id: Some("iss_1".to_owned()),
        status: CardStatus::Frozen,
        cancelling: true,
        ..card
    };
    golden.check("card-cancelling", &cancelling);
}
