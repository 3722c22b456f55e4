//! Words that cross: late ones, repeated ones, and ones that meet what somebody else has done. The model found these.

use offramp_domain::{Event, Field, GroundKind, GroundState, HrEvent, Role, SnapshotId};

use crate::leave::{DAY, HOUR, at, begins, leaves};
use crate::steps::{
    Step, alone, delay, except, finished, immediate, off, restore, role, set, table,
};
use crate::world::{Says, World, admin, employee, hr, instant, source};

/// A snapshot of the instant lacks them.
fn lacked(minute: i64) -> Event {
    Event::Missing {
        source: source("hris"),
        snapshot: SnapshotId::new("snap_1").unwrap(),
        at: instant(minute),
    }
}

/// HR says it while its source is only observed.
fn watched(event: HrEvent) -> Step {
    set(move |world| {
        world.observing = true;
        let (id, source) = (event.employee_id.clone(), source("hris"));
        let event = event.clone();
        world.happens(&id, &Event::Hr { source, event }).unwrap();
        world.observing = false;
    })
}

#[test]
fn words_that_come_late() {
    table! {
        "an edit of before they were missing ends nobody again": [hr(1).name("A"), lacked(5), restore()] => hr(3).name("B")
            => "updated; active > active";
        "nor does it postpone the end": [hr(1).name("A"), lacked(5), at(HOUR)] => hr(3).name("B")
            => "updated until t+3d; scheduled > scheduled by missing";
        "that they were gone before they were missing is known": [hr(1), lacked(5), restore()] => hr(3).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "that they had come back before is, too: then only the snapshot stands":
            [hr(1), hr(2).inactive(), at(HOUR), lacked(5)] => hr(3)
            => "updated until t+3d1h; scheduled > scheduled by missing; arms deactivate t+3d1h, digest t+1h2m; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
    }
}

#[test]
fn inactive_gives_nobody_access_back() {
    table! {
        "missing, and then inactive": [hr(1), immediate(), lacked(2), finished()] => hr(3).inactive()
            => "updated; deactivated > deactivated by hr";
        "also where the word is ignored": [hr(1), immediate(), lacked(2), finished(), off()] => hr(3).inactive()
            => "updated; deactivated > deactivated by missing";
    }
}

#[test]
fn an_announced_end_stands() {
    table! {
        "a return that was only observed, and then inactive again": [hr(1), hr(2).inactive(), at(HOUR), watched(hr(3))]
            => hr(4).inactive()
            => "updated until t+3d; scheduled > scheduled by hr";
        "a leave date brings it forward, and the history has it":
            [hr(1), hr(2).inactive(), delay(1), leaves("2026-03-03")] => begins(0, 0)
            => "updated until t+1d15h; scheduled > scheduled by leave_date; arms deactivate t+1d15h, digest t+15h2m; disarms deactivate t+3d, leave 1 t+15h; tells scheduled; withdraws scheduled";
        "a date that ends the cards at once is in the history":
            [hr(1), hr(2).inactive(), immediate(), leaves("2026-03-03")] => begins(0, 0)
            => "deactivated; scheduled > deactivated by leave_date; terminating; arms finish t+15h2m; disarms deactivate t+3d, leave 1 t+15h; withdraws scheduled";
        "an end that has passed is looked at soon, and not in the past":
            [hr(1), hr(2).inactive(), at(HOUR), leaves("2026-03-02"), at(4 * DAY), off()] => Event::Tidy
            => "updated until t+3d1h; scheduled > scheduled by leave_date; arms deactivate t+4d2m, digest t+4d2m; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
    }
}

#[test]
fn what_a_rule_keeps_out() {
    table! {
        "whoever is left out is left out, though their own date comes":
            [hr(1), hr(2).inactive(), leaves("2026-03-03"), at(DAY), except(Field::Team, "x")]
            => hr(3).inactive().set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); scheduled > scheduled by leave_date; arms digest t+1d2m, deactivate t+4d; disarms deactivate t+3d, leave 1 t+15h; tells scheduled; withdraws scheduled";
    }
}

/// A restore is the rejection of what a safeguard holds, and overrides nothing that has not counted.
#[test]
fn a_restore_refuses_a_date_that_is_held() {
    let mut world = World::new();
    let given = [
        Step::from(hr(1)),
        leaves("2026-03-03").into(),
        role(Role::Admin).into(),
        alone(),
        begins(0, 0),
        Event::Restore { by: admin(None) }.into(),
    ];
    for step in given {
        (step.0)(&mut world);
    }
    let state = world.users[&employee("E-7")]
        .grounds
        .state(GroundKind::LeaveDate);
    assert_eq!(state, Some(GroundState::Refused));
}
