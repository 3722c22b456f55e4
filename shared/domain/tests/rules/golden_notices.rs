//! The JSON of what admins are told, as it is stored until it is mailed.

use chrono::TimeDelta;
use offramp_domain::settings::Behaviour;
use offramp_domain::{
    Cause, Email, Generation, Health, HoldState, Login, Notice, NoticeKind, PersonPower, Power,
    Role, SourcePower, SourceSync, Subject, Tripped,
};

use super::Golden;
use super::breakers::{hold_id, run_id};
use crate::world::{admin, day, employee, source, start};

pub(super) fn notice(kind: NoticeKind) -> Notice {
    Notice {
        at: start() + TimeDelta::seconds(59),
        kind,
        employee_id: Some(employee("E-7")),
        name: Some("Ada Lovelace".to_owned()),
        generation: Generation(2),
    }
}

pub(super) fn check(golden: &mut Golden) {
    let by = || Subject::new("ada@example.com").unwrap();
    let kinds = [
        NoticeKind::Scheduled {
            cause: Cause::Missing,
            due_at: start() + TimeDelta::days(3),
            active_cards: 2,
        },
        NoticeKind::Terminated {
            cause: Cause::Admin,
            cards: 2,
        },
        NoticeKind::LeavesSoon {
            date: day("2026-03-20"),
            active_cards: 2,
            admins_only: true,
        },
        NoticeKind::Restored { invited: true },
        NoticeKind::invited(true),
        NoticeKind::SyncTurnedOff {
            by: by(),
            reverted: 12,
            at_least: false,
        },
        NoticeKind::SafeguardsLoosened { by: by() },
        NoticeKind::HoldOpened {
            hold: hold_id(),
            source: source("hris"),
            rule: Tripped::EmptySnapshot,
            people: 25,
        },
        NoticeKind::HoldWaits {
            hold: hold_id(),
            source: source("hris"),
            since: start(),
            escalated: true,
        },
        NoticeKind::HoldAnswered {
            hold: hold_id(),
            source: source("hris"),
            answer: HoldState::Rejected,
            by: Some(admin(Some("E-1"))),
            people: 9,
            open: true,
            freed: true,
        },
        NoticeKind::RunUndone {
            run: run_id(),
            source: source("hris"),
            ran_at: start(),
            by: admin(Some("E-1")),
            reverted: 3,
            at_least: false,
        },
        NoticeKind::SourceHealth {
            source: source("hris"),
            health: Health::Silent,
        },
    ];
    for kind in kinds {
        let name = kind.as_str();
        let of_a_user = notice(kind.clone());
        let notice = match kind {
            NoticeKind::SyncTurnedOff { .. }
            | NoticeKind::SafeguardsLoosened { .. }
            | NoticeKind::HoldOpened { .. }
            | NoticeKind::HoldWaits { .. }
            | NoticeKind::HoldAnswered { .. }
            | NoticeKind::RunUndone { .. }
            | NoticeKind::SourceHealth { .. } => Notice {
                employee_id: None,
                name: None,
                ..of_a_user
            },
            _ => of_a_user,
        };
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!(json["kind"], name, "the key's kind is the JSON's");
        golden.check(&format!("notice-{name}"), &notice);
        golden.check(&format!("notice-{name}-key"), &notice.key());
    }
    let by_hand = notice(NoticeKind::Invited {
        back: false,
        by_hand: true,
    });
    golden.check("notice-invited-by-hand", &by_hand);
    power(golden);
}

fn power(golden: &mut Golden) {
    let (by, login) = (admin(Some("E-1")), |text| Login::new(text).ok());
    let person = PersonPower {
        was: Role::Auditor,
        is: Role::Admin,
        by_access: false,
        was_login: login("old@example.com"),
        is_login: login("new@example.com"),
        was_address: Some("old@example.com".to_owned()),
        is_address: Some("newer@example.com".to_owned()),
        counts: true,
        fresh: false,
    };
    let of_source = |change| Power::Source {
        source: source("hris"),
        change,
    };
    let own = SourceSync {
        behaviour: Some(Behaviour::Delayed),
        delay_days: Some(1),
    };
    let kinds = [
        ("source_made", of_source(SourcePower::Made)),
        (
            "source_changed",
            of_source(SourcePower::Changed {
                state: ("observing".to_owned(), "active".to_owned()),
                sync: (SourceSync::default(), own),
                silent_after_hours: (None, Some(24)),
            }),
        ),
        (
            "source_handed_over",
            of_source(SourcePower::HandedOver {
                to: source("payroll"),
                people: 120,
                part: true,
            }),
        ),
        (
            "secret_made",
            of_source(SourcePower::SecretMade {
                revoked_previous: true,
            }),
        ),
        (
            "machine",
            Power::Machine {
                name: "erp".to_owned(),
                subject: Subject::new("m-1").unwrap(),
                may: vec!["access".to_owned(), "cards".to_owned()],
                removed: true,
            },
        ),
        ("sync_rule", Power::SyncRule),
        (
            "escalation",
            Power::Escalation {
                from: None,
                to: Email::new("on-call@example.com").ok(),
            },
        ),
    ];
    let of_nobody = |what| Notice::of_power(start(), &by, what, 7);
    let mut notices: Vec<(&str, Notice)> = kinds.map(|(name, what)| (name, of_nobody(what))).into();
    let what = Power::Person(person);
    let by = by.clone();
    notices.push(("person", notice(NoticeKind::Power { by, what })));
    for (name, notice) in notices {
        assert!(notice.key().kind.is_power(), "{name}");
        golden.check(&format!("notice-power-{name}"), &notice);
        golden.check(&format!("notice-power-{name}-key"), &notice.key());
    }
}
