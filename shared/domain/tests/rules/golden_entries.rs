//! The stored form of the history.

use chrono::TimeDelta;
use offramp_domain::{
    Access, Actor, AtEnd, CardId, Cause, Entry, EventId, Field, GivenReason, Happening, Ignored,
    Policy, Status, Subject, TimerKind,
};

use super::Golden;
use super::breakers::{hold_id, run_id};
use crate::world::{admin, day, employee, instant, source, start};

pub(super) fn check(golden: &mut Golden) {
    let card = || CardId::new("c-1").unwrap();
    let due_at = start() + TimeDelta::days(3);
    let happenings = [
        Happening::Created,
        Happening::Updated,
        Happening::Scheduled { due_at },
        Happening::Deactivated,
        Happening::Reactivated,
        Happening::Deleted,
        Happening::Restored,
        crate::logins::appointment(),
        Happening::AddressConfirmed,
        Happening::Invited,
        Happening::HandedOver {
            from: source("hris"),
            to: source("payroll"),
        },
        Happening::Held,
        Happening::Stopped { hold: hold_id() },
        Happening::Kept { hold: hold_id() },
        Happening::Postponed { until: due_at },
        Happening::LeaveDateSet {
            leave_date: Some(day("2026-03-31")),
            first_day_out: None,
        },
        Happening::LeaveDateSet {
            leave_date: Some(day("2026-03-31")),
            first_day_out: Some(day("2026-04-01")),
        },
        Happening::LeaveDateSet {
            leave_date: None,
            first_day_out: None,
        },
        Happening::DueMoved {
            due_at,
            reason: GivenReason::new("They give back the car on Friday.").unwrap(),
        },
        Happening::ObjectivesClosed { count: 3 },
        Happening::ObjectivesReopened { count: 2, lost: 1 },
        Happening::CardsTerminated {
            cards: vec![card()],
        },
        Happening::Finished { cards: 2 },
        Happening::CardAdded { card: card() },
        Happening::CardGiven {
            card: card(),
            to: employee("E-8"),
        },
        Happening::CardTaken {
            card: card(),
            from: employee("E-8"),
        },
        Happening::CardFrozen { card: card() },
        Happening::CardThawed { card: card() },
    ];
    let actors = [
        Actor::Hr {
            source: source("hris"),
            event_id: Some(EventId::new("evt-2").unwrap()),
            occurred_at: instant(2),
        },
        admin(Some("E-1")),
        admin(None),
        Actor::Service {
            subject: Subject::new("login-page").unwrap(),
        },
        Actor::Timer {
            kind: TimerKind::Deactivate,
            due: due_at,
        },
        Actor::SyncTurnedOff,
        Actor::RuleChanged,
        Actor::SettingsChanged,
        Actor::RunUndone {
            run: run_id(),
            subject: None,
            employee_id: None,
        },
        Policy::default()
            .without_run(run_id(), admin(Some("E-1")), start())
            .undone[0]
            .actor(),
        Actor::Operator {
            request_id: "8d1f6b0e-5b0c-4b0e-9a57-4f1f3f1f6f10".to_owned(),
        },
    ];
    let entry = |by: &Actor, happening: &Happening| Entry {
        version: 2,
        at: start(),
        by: by.clone(),
        happening: happening.clone(),
        from: Some(Status::Active),
        to: Status::DeactivationScheduled,
        access: None,
        cause: Some(Cause::Hr),
        then: AtEnd::Deactivate,
        fields: vec![Field::Name, Field::CostCentre],
        ignored: None,
    };
    let by_whom: Vec<Entry> = actors
        .iter()
        .map(|by| entry(by, &Happening::Updated))
        .collect();
    golden.check("entries-by-actor", &by_whom);
    let of_what: Vec<Entry> = happenings
        .iter()
        .map(|happening| entry(&Actor::SyncTurnedOff, happening))
        .collect();
    golden.check("entries-by-happening", &of_what);
    let first = Entry {
        version: 1,
        from: None,
        to: Status::Active,
        cause: None,
        fields: Vec::new(),
        ..entry(&actors[0], &Happening::Created)
    };
    golden.check("entry-first", &first);
    let ignored = [Ignored::SyncOff, Ignored::Observing, Ignored::Missing].map(|why| Entry {
        to: Status::Active,
        cause: None,
        ignored: Some(why),
        ..entry(&actors[0], &Happening::Updated)
    });
    golden.check("entries-ignored", &ignored.to_vec());
    let kept = Entry {
        access: Some(Access::Granted),
        ..entry(&actors[0], &Happening::Updated)
    };
    golden.check("entry-with-access", &kept);
    let deletes = Entry {
        then: AtEnd::Delete,
        ..entry(&actors[0], &Happening::Scheduled { due_at: start() })
    };
    golden.check("entry-then-delete", &deletes);
}
