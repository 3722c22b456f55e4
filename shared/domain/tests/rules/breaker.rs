//! The breaker: whom it lets go, whom it holds, and what an answer comes to.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::breaker::{Base, Breaker, Counted, Keeps, Tripped, Verdict};
use offramp_domain::decide::{Gate, Outcome};
use offramp_domain::settings::{OnMissing, Safeguards};
use offramp_domain::{
    Access, Cause, EmployeeId, Event, Field, Happening, HoldId, HrWord, Lifecycle, RunId,
    SnapshotId, Status, Timer,
};

use crate::world::{Says, World, admin, employee, hr, instant, source, start};

pub(crate) fn people(from: usize, to: usize) -> BTreeSet<EmployeeId> {
    (from..to).map(|n| employee(&format!("P-{n}"))).collect()
}

pub(crate) fn limits(max_users: u32, max_percent: u8) -> Safeguards {
    Safeguards {
        max_users,
        max_percent,
        window_hours: 24,
        max_returns: max_users,
        ..Safeguards::default()
    }
}

fn of(active: u32) -> Breaker {
    Breaker {
        base: Some(Base {
            active,
            at: start(),
        }),
        ..Breaker::default()
    }
}

fn tripped(verdict: &Verdict) -> Option<Tripped> {
    match verdict {
        Verdict::Trips(tripped, _) => Some(*tripped),
        _ => None,
    }
}

#[test]
fn whichever_limit_is_reached_first() {
    let now = start();
    for (breaker, count, limits, wanted) in [
        (Breaker::default(), 50, limits(50, 20), None),
        (
            Breaker::default(),
            51,
            limits(50, 20),
            Some(Tripped::MaxUsers),
        ),
        // A share counts only where somebody has counted, and from twenty people on.
        (of(19), 19, limits(50, 20), None),
        (of(20), 4, limits(50, 20), None),
        (of(20), 5, limits(50, 20), Some(Tripped::MaxPercent)),
        (of(1_000), 50, limits(50, 20), None),
        (of(1_000), 51, limits(50, 20), Some(Tripped::MaxUsers)),
        (of(100), 1, limits(50, 1), None),
        (of(100), 2, limits(50, 1), Some(Tripped::MaxPercent)),
        (of(100), 100, limits(100, 100), None),
        (of(100), 0, limits(1, 1), None),
    ] {
        let verdict = breaker.weigh(&people(0, count), limits, None, now);
        assert_eq!(tripped(&verdict), wanted, "{count} of {breaker:?}");
    }
    // What the snapshot itself has tripped holds the few as well.
    let verdict = of(100).weigh(&people(0, 1), limits(50, 20), Some(Tripped::EmptyPage), now);
    assert_eq!(tripped(&verdict), Some(Tripped::EmptyPage));
}

#[test]
fn the_window_rolls_and_a_person_has_one_place() {
    let (limits, now) = (limits(10, 100), start());
    let first = Breaker::default().admitting(&people(0, 6), limits, now);
    let again = first.admitting(&people(0, 6), limits, now + TimeDelta::hours(1));
    assert_eq!(
        again.window.len(),
        6,
        "the same people take no second place"
    );
    assert_eq!(
        again.weigh(&people(0, 6), limits, None, now),
        Verdict::Admitted
    );
    let later = now + TimeDelta::hours(23);
    assert!(tripped(&again.weigh(&people(6, 11), limits, None, later)).is_some());
    let next_day = now + TimeDelta::hours(24);
    assert_eq!(
        again.weigh(&people(6, 11), limits, None, next_day),
        Verdict::Admitted
    );
    // Those who left within the window were active when it began: they are part of what the share is of.
    let counted_after = Breaker {
        base: Some(Base {
            active: 94,
            at: now + TimeDelta::minutes(5),
        }),
        ..first
    };
    let Verdict::Trips(_, figures) =
        counted_after.weigh(&people(6, 17), limits, None, now + TimeDelta::hours(1))
    else {
        panic!("sixteen and one are more than ten");
    };
    assert_eq!((figures.active, figures.in_window), (Some(100), 6));
}

#[test]
fn while_a_hold_is_open_everybody_joins_it_and_an_answer_empties_the_window() {
    let (limits, now) = (limits(3, 100), start());
    let hold = HoldId::new("hold_1").unwrap();
    let breaker = Breaker::default().admitting(&people(0, 3), limits, now);
    let open = breaker.tripping(hold.clone(), limits, now);
    assert_eq!(
        open.weigh(&people(9, 10), limits, None, now),
        Verdict::Joins(hold.clone())
    );
    // Also days later: the window stays as it was.
    let days = now + TimeDelta::days(9);
    assert_eq!(
        open.weigh(&people(0, 1), limits, None, days),
        Verdict::Joins(hold)
    );
    let answered = open.answering(false, days);
    assert_eq!(
        answered.weigh(&people(9, 12), limits, None, days),
        Verdict::Admitted
    );
    assert!(answered.window.is_empty() && answered.spared.is_none());
    let spared = open.answering(true, days).spared;
    assert_eq!(spared.map(|spared| spared.window.len()), Some(3));
}

#[test]
fn an_answer_for_a_part_leaves_the_hold_open_and_those_in_the_window_waiting() {
    let (limits, now) = (limits(3, 100), start());
    let full = Breaker::default().admitting(&people(0, 3), limits, now);
    let open = full.tripping(HoldId::new("hold_1").unwrap(), limits, now);
    let part = open.answering_until(4);
    assert_eq!((part.answered, &part.hold), (4, &open.hold));
    let waits = |id| part.keeps(&id, now) == Some(Keeps::UntilAnswered);
    assert!(people(0, 3).into_iter().all(waits));
}

#[test]
fn a_window_is_stored_in_one_text_and_read_back() {
    let breaker = of(7).admitting(&people(0, 40), limits(50, 20), start());
    let text = serde_json::to_string(&breaker).unwrap();
    assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker);
    for bad in ["x", "00000000000000000g", "ü0000000000000000"] {
        let text = format!("{{\"window\":\"{bad}\",\"rev\":1}}");
        assert!(serde_json::from_str::<Breaker>(&text).is_err(), "{bad}");
    }
}

/// E-7 is active in HR, and here.
fn world() -> World {
    let mut world = World::new();
    world.breaker = Some(Breaker::default());
    says(&mut world, hr(1).name("Ada"));
    world
}

fn says(world: &mut World, event: offramp_domain::HrEvent) -> Outcome {
    let id = event.employee_id.clone();
    let event = Event::Hr {
        source: source("hris"),
        event,
    };
    world.happens(&id, &event).unwrap().answered.outcome
}

fn missing(world: &mut World, minute: i64) -> Outcome {
    let event = Event::Missing {
        source: source("hris"),
        snapshot: SnapshotId::new("snap_1").unwrap(),
        at: instant(minute),
    };
    outcome(world, &event)
}

fn outcome(world: &mut World, event: &Event) -> Outcome {
    let decision = world.happens(&employee("E-7"), event).unwrap();
    decision.answered.outcome
}

fn hold_1() -> HoldId {
    HoldId::new("hold_1").unwrap()
}

fn held_gate() -> Gate {
    Gate::Held {
        hold: hold_1(),
        seq: 2,
    }
}

fn answer(world: &mut World, approve: bool, until: u64) -> Outcome {
    let (by, hold) = (admin(Some("E-1")), hold_1());
    let event = match approve {
        true => Event::Approve { by, hold, until },
        false => Event::Keep { by, hold, until },
    };
    outcome(world, &event)
}

#[test]
fn whoever_is_held_keeps_everything_and_waits_for_an_answer() {
    let mut world = world();
    world.gate = held_gate();
    assert_eq!(says(&mut world, hr(2).inactive()), Outcome::Held);
    let user = world.user(&employee("E-7"));
    assert_eq!(
        (user.status(), user.access()),
        (Status::Active, Access::Granted)
    );
    assert_eq!(
        user.hr_word(),
        Some(HrWord::Inactive),
        "what HR says is remembered"
    );
    assert_eq!(user.hold.as_ref().map(|held| held.seq), Some(2));
    let last = world.history[&employee("E-7")].last().unwrap();
    assert_eq!(last.happening, Happening::Stopped { hold: hold_1() });

    // While it waits, what is news of them asks for nothing.
    world.breaker.as_mut().unwrap().hold = Some(hold_1());
    let event = Event::Hr {
        source: source("hris"),
        event: hr(3).inactive().name("Ada L."),
    };
    let decision = world.happens(&employee("E-7"), &event).unwrap();
    assert_eq!(
        (decision.answered.outcome, decision.counted),
        (Outcome::Held, None)
    );
    // Of a version that the admin has not read nobody goes; of the one that they have, they do.
    assert_eq!(answer(&mut world, true, 1), Outcome::Unchanged);
    world.gate = Gate::Open {
        run: RunId::new("run_1").ok(),
    };
    assert_eq!(answer(&mut world, true, 2), Outcome::Scheduled);
    let user = world.user(&employee("E-7"));
    let Lifecycle::Scheduled(schedule) = user.lifecycle() else {
        panic!("{user:?}");
    };
    assert_eq!(schedule.run, RunId::new("run_1").ok());
    assert_eq!((schedule.cause, user.hold.clone()), (Cause::Hr, None));
    assert_eq!(answer(&mut world, true, 2), Outcome::Unchanged, "once");
    // The run is taken back.
    let (run, by) = (RunId::new("run_1").unwrap(), admin(Some("E-1")));
    world.policy = world.policy.without_run(run, by, world.now);
    assert_eq!(world.user(&employee("E-7")).status(), Status::Active);
    world.happens(&employee("E-7"), &Event::Tidy).unwrap();
    assert_eq!(world.users[&employee("E-7")].status(), Status::Active);
}

#[test]
fn whom_hr_or_the_rule_or_an_admin_has_taken_out_is_left_out_of_an_approval() {
    type Then = fn(&mut World);
    let cases: [(&str, Then, Outcome); 4] = [
        (
            "HR says active",
            |world| assert_eq!(says(world, hr(3)), Outcome::Updated),
            Outcome::Unchanged,
        ),
        (
            "the rule leaves them out",
            |world| world.rule.except = Some((Field::Name, "Ada".to_owned())),
            Outcome::Excluded,
        ),
        (
            "the sync is off",
            |world| world.settings(|s| s.deactivation_sync.enabled = false),
            Outcome::Ignored,
        ),
        (
            "an admin was quicker",
            |world| {
                let by = admin(Some("E-1"));
                let event = Event::DeactivateNow { by };
                world.happens(&employee("E-7"), &event).unwrap();
            },
            Outcome::Unchanged,
        ),
    ];
    for (what, then, word) in cases {
        let mut world = world();
        world.gate = held_gate();
        says(&mut world, hr(2).inactive());
        then(&mut world);
        assert_eq!(answer(&mut world, true, 2), word, "{what}");
        assert_eq!(world.users[&employee("E-7")].hold, None, "{what}");
    }
    // Rejected: the same word does not raise it again, whatever else changes; the next different word does.
    let mut world = world();
    world.gate = held_gate();
    says(&mut world, hr(2).inactive());
    assert_eq!(answer(&mut world, false, 2), Outcome::Updated);
    world.gate = Gate::OPEN;
    assert_eq!(says(&mut world, hr(4).inactive()), Outcome::Unchanged);
    assert_eq!(
        says(&mut world, hr(5).inactive().name("Else")),
        Outcome::Updated
    );
    assert_eq!(says(&mut world, hr(6)), Outcome::Updated);
    assert_eq!(says(&mut world, hr(7).inactive()), Outcome::Scheduled);
}

#[test]
fn the_timers_of_the_window_wait_while_a_hold_is_open() {
    let mut world = world();
    let (id, limits) = (employee("E-7"), limits(50, 20));
    let breaker = world.breaker.take().unwrap();
    let breaker = breaker.admitting(&BTreeSet::from([id.clone()]), limits, world.now);
    world.breaker = Some(breaker.tripping(hold_1(), limits, world.now));
    assert_eq!(says(&mut world, hr(2).inactive()), Outcome::Scheduled);
    let due_at = world.user(&id).due_at().unwrap();
    fire(&mut world, due_at);
    let user = world.user(&id);
    assert_eq!(user.status(), Status::DeactivationScheduled);
    assert_eq!(user.due_at(), Some(due_at), "what was announced stands");
    assert_eq!(user.work_due(), Some(due_at + TimeDelta::hours(1)));
    // Rejected: a whole grace period from then on, whatever was announced.
    let rejected = due_at + TimeDelta::minutes(30);
    let breaker = world.breaker.take().unwrap();
    world.breaker = Some(breaker.answering(true, rejected));
    fire(&mut world, due_at + TimeDelta::hours(1));
    let again = rejected + TimeDelta::days(3);
    assert_eq!(world.user(&id).due_at(), Some(again));
    fire(&mut world, again);
    assert_eq!(world.user(&id).status(), Status::Deactivated);
}

/// The `deactivate` timer that was armed for a second fires then.
fn fire(world: &mut World, at: DateTime<Utc>) {
    world.now = at;
    let is_due = |timer: &&Timer| matches!(timer, Timer::Deactivate { due, .. } if *due == at);
    let timer = world.armed.iter().find(is_due).unwrap().clone();
    let Timer::Deactivate {
        employee_id,
        generation,
        due,
        ..
    } = timer
    else {
        unreachable!()
    };
    world
        .happens(&employee_id, &Event::Due { generation, due })
        .unwrap();
}

#[test]
fn only_becoming_missing_is_a_mutation() {
    let mut world = world();
    assert_eq!(
        missing(&mut world, 0),
        Outcome::Unchanged,
        "something newer is known"
    );
    assert_eq!(missing(&mut world, 5), Outcome::Scheduled);
    assert_eq!(world.user(&employee("E-7")).cause(), Some(Cause::Missing));
    assert_eq!(missing(&mut world, 6), Outcome::Unchanged);
    let by = admin(Some("E-1"));
    world
        .happens(&employee("E-7"), &Event::Restore { by })
        .unwrap();
    assert_eq!(
        missing(&mut world, 7),
        Outcome::Unchanged,
        "whom an admin brought back stays"
    );
    assert_eq!(
        says(&mut world, hr(8)),
        Outcome::Updated,
        "HR has them again"
    );
    assert_eq!(missing(&mut world, 9), Outcome::Scheduled);
    assert_eq!(says(&mut world, hr(10)), Outcome::Reactivated);
    world.settings(|s| s.on_missing = OnMissing::Ignore);
    assert_eq!(missing(&mut world, 11), Outcome::Ignored);
    assert_eq!(world.user(&employee("E-7")).status(), Status::Active);
    // Of another source's people, and of people added by hand, a snapshot says nothing.
    let event = Event::Missing {
        source: source("other"),
        snapshot: SnapshotId::new("snap_2").unwrap(),
        at: instant(12),
    };
    for id in ["E-7", "E-1", "E-99"] {
        let decision = world.happens(&employee(id), &event).unwrap();
        assert_eq!(
            (decision.answered.outcome, decision.change),
            (Outcome::Unchanged, None)
        );
    }
}

#[test]
fn what_is_older_than_an_applied_snapshot_is_stale() {
    let mut world = world();
    let breaker = world.breaker.as_mut().unwrap();
    breaker.mark = breaker.mark.after(instant(10), [Field::Name]);
    assert_eq!(
        says(&mut world, hr(9).inactive().name("Old")),
        Outcome::Stale
    );
    // A field that the snapshot did not carry is not outdated by it.
    let team = hr(9).inactive().set(Field::Team, "Blue");
    assert_eq!(says(&mut world, team), Outcome::Updated);
    let user = world.user(&employee("E-7"));
    assert_eq!(
        (user.get(Field::Team), user.hr_word()),
        (Some("Blue"), Some(HrWord::Active))
    );
    assert_eq!(says(&mut world, hr(11).inactive()), Outcome::Scheduled);
    let mut nobody = hr(9);
    nobody.employee_id = employee("E-8");
    assert_eq!(says(&mut world, nobody), Outcome::Stale);
}

#[test]
fn a_return_from_a_deletion_counts_as_well() {
    let mut world = world();
    let by = admin(Some("E-1"));
    world
        .happens(&employee("E-7"), &Event::Delete { by })
        .unwrap();
    let event = Event::Hr {
        source: source("hris"),
        event: hr(2).name("Ada L."),
    };
    let decision = world.decide(&employee("E-7"), &event).unwrap();
    assert_eq!(decision.counted, Some(Counted::Return));
    world.gate = held_gate();
    assert_eq!(outcome(&mut world, &event), Outcome::Held);
    assert_eq!(world.user(&employee("E-7")).status(), Status::Deleted);
    world.gate = Gate::OPEN;
    assert_eq!(answer(&mut world, true, 2), Outcome::Restored);
    assert_eq!(
        world.user(&employee("E-7")).get(Field::Name),
        Some("Ada L.")
    );
}
