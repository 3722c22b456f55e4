//! Objectives: closed with a deactivation, opened again with its end; and the rule at the end of a
//! grace period.

use offramp_domain::settings::Objectives::{self, Complete, Delete, Keep};
use offramp_domain::{Actor, Cause, Event, Field, Generation};

use chrono::TimeDelta;

use crate::steps::{
    Step, cancelled, delete, done, everybody, except, finished, fires, immediate, machine, now,
    restore, rule_fails, scheduled_by, set, table,
};
use crate::world::{Says, World, employee, hr, start};

fn become_(what: Objectives) -> Step {
    set(move |world| world.settings(|s| s.objectives = what))
}

pub(crate) fn closed(generation: u64, count: u32, all: bool) -> Event {
    Event::ObjectivesClosed {
        generation: Generation(generation),
        count,
        all,
        by: machine(),
    }
}

fn opened(generation: u64, count: u32, lost: u32, all: bool) -> Event {
    Event::ObjectivesReopened {
        generation: Generation(generation),
        count,
        lost,
        all,
        by: machine(),
    }
}

#[test]
fn closed_in_batches() {
    table! {
        "some": [hr(1), now()] => closed(2, 25, false)
            => "updated; deactivated > deactivated by admin; terminating";
        "the rest": [hr(1), now(), closed(2, 25, false)] => closed(2, 3, true)
            => "updated; deactivated > deactivated by admin; terminating";
        "then no more": [hr(1), now(), closed(2, 3, true)] => closed(2, 3, true)
            => "unchanged (no objectives are pending for this deactivation); nothing";
        "there were none": [hr(1), now()] => closed(2, 0, true) => "updated; quiet; terminating";
        "kept: nothing to close": [become_(Keep), hr(1), now()] => closed(2, 3, true)
            => "unchanged (no objectives are pending for this deactivation); nothing";
        "of a deletion": [become_(Delete), hr(1), delete()] => closed(2, 3, true)
            => "updated; deleted > deleted by admin; terminating";
        "of the deactivation before": [hr(1), now(), restore(), now()] => closed(2, 3, true)
            => "unchanged (no objectives are pending for this deactivation); nothing";
        "in the grace period": [hr(1), hr(2).inactive()] => closed(2, 3, true)
            => "unchanged (no objectives are pending for this deactivation); nothing";
        "after a return": [hr(1), now(), restore()] => closed(3, 3, true)
            => "unchanged (no objectives are pending for this deactivation); nothing";
        "not done while they are open": [hr(1), now(), closed(2, 3, false)] => done(2)
            => "unchanged (objectives are still open); nothing";
        "kept: done without them": [become_(Keep), hr(1), now()] => done(2)
            => "deactivated; deactivated > deactivated by admin; arms digest t+2m; disarms finish t+2m; tells terminated";
        "all is done": [hr(1), now(), closed(2, 3, true), cancelled(&["c-1"])] => done(2)
            => "deactivated; deactivated > deactivated by admin; arms digest t+2m; disarms finish t+2m; tells terminated";
    }
}

#[test]
fn opened_again() {
    table! {
        "after a restore": [hr(1), now(), closed(2, 3, true), restore()] => opened(2, 3, 0, true)
            => "updated; active > active; disarms finish t+2m";
        "in batches": [hr(1), now(), closed(2, 3, true), restore()] => opened(2, 2, 1, false)
            => "updated; active > active";
        "the rest": [hr(1), now(), closed(2, 3, true), restore(), opened(2, 2, 0, false)] => opened(2, 0, 0, true)
            => "updated; quiet; disarms finish t+2m";
        "some are lost": [hr(1), now(), closed(2, 3, true), restore()] => opened(2, 0, 3, true)
            => "updated; active > active; disarms finish t+2m";
        "once": [hr(1), now(), closed(2, 3, true), restore(), opened(2, 3, 0, true)] => opened(2, 3, 0, true)
            => "unchanged (nothing is to be opened again); nothing";
        "of another deactivation": [hr(1), now(), restore()] => opened(3, 3, 0, true)
            => "unchanged (nothing is to be opened again); nothing";
        "after HR's return": [immediate(), hr(1), hr(2).inactive(), hr(3)] => opened(2, 3, 0, true)
            => "updated; active > active; disarms finish t+2m";
        "after a deletion": [hr(1), delete(), finished(), restore()] => opened(2, 3, 0, true)
            => "updated; active > active; disarms finish t+2m";
        "deactivated again: dropped": [hr(1), now(), restore(), now()] => opened(2, 3, 0, true)
            => "unchanged (nothing is to be opened again); nothing";
        "in another grace period it goes on": [hr(1), now(), restore(), hr(2).inactive()] => opened(2, 3, 0, true)
            => "updated; scheduled > scheduled by hr; disarms finish t+2m";
        "from the grace period nothing was closed": [hr(1), hr(2).inactive(), hr(3)] => opened(2, 3, 0, true)
            => "unchanged (nothing is to be opened again); nothing";
    }
}

/// What is left to do, and when the sweep takes over.
#[test]
fn both_are_work_to_do() {
    let user = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        world.users[&employee("E-7")].clone()
    };
    let soon = Some(start() + TimeDelta::minutes(2));
    for (what, pending) in [(Complete, true), (Delete, true), (Keep, false)] {
        let gone = user(vec![become_(what), hr(1).into(), now().into()]);
        assert_eq!(gone.pending.objectives, pending, "{what:?}");
        let deleted = user(vec![become_(what), hr(1).into(), delete().into()]);
        assert_eq!(deleted.pending.objectives, pending, "{what:?}");
        assert_eq!((gone.work_due(), deleted.work_due()), (soon, soon));
    }
    let scheduled = user(vec![hr(1).into(), hr(2).inactive().into()]);
    assert!(!scheduled.pending.objectives, "not in the grace period");
    let from_the_start = user(vec![hr(1).inactive().into()]);
    assert!(from_the_start.pending.is_done(), "nor who never was here");
    let back = || vec![Step::from(hr(1)), now().into(), restore().into()];
    assert_eq!(
        user(back()).reopening.map(|it| it.generation),
        Some(Generation(2))
    );
    assert_eq!(user(back()).work_due(), soon);
    let mut opened_ = back();
    opened_.push(opened(2, 1, 1, false).into());
    assert_eq!(user(opened_).work_due(), soon, "not all");
    let mut opened_ = back();
    opened_.push(opened(2, 1, 1, true).into());
    assert_eq!(user(opened_).work_due(), None);
    let mut again = back();
    again.push(now().into());
    assert_eq!(user(again).reopening, None);
}

#[test]
fn the_rule_at_the_end() {
    table! {
        "it fails when the grace period ends": [hr(1), hr(2).inactive(), rule_fails()] => fires(0, 0)
            => "unchanged (the sync rule fails on this employee); nothing";
        "it works again": [hr(1), hr(2).inactive(), rule_fails(), fires(0, 0), set(|world| world.rule.fails = false)] => fires(0, 60)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+3d3m; disarms deactivate t+3d; withdraws scheduled";
        "it fails, but an admin planned it": [hr(1), scheduled_by(Cause::Admin), rule_fails()] => crate::steps::forged(2, 0)
            => "deactivated; scheduled > deactivated by admin; terminating; arms finish t+3d3m; disarms deactivate t+3d";
        "it comes to exclude": [hr(1).set(Field::Team, "x"), hr(2).inactive(), except(Field::Team, "x")] => Event::Tidy
            => "excluded (the sync rule leaves this employee out); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "it fails": [hr(1), hr(2).inactive(), rule_fails()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "an admin's plan": [hr(1).set(Field::Team, "x"), scheduled_by(Cause::Admin), except(Field::Team, "x")] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "it comes back: nobody is planned anew": [hr(1).set(Field::Team, "x"), hr(2).inactive(), except(Field::Team, "x"), Event::Tidy, everybody()]
            => Event::Tidy => "unchanged (the user is as the policy says); nothing";
    }
}

#[test]
fn the_history_names_the_rule() {
    let mut world = World::new();
    for step in [
        Step::from(hr(1).set(Field::Team, "x")),
        hr(2).inactive().into(),
        except(Field::Team, "x"),
        Event::Tidy.into(),
    ] {
        (step.0)(&mut world);
    }
    let entry = world.history[&employee("E-7")].last().unwrap();
    assert_eq!(entry.by, Actor::RuleChanged);
}
