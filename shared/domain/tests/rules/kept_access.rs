//! Access that is kept until the deactivation: what ends it earlier, and who is an admin. It is 9 o'clock on 2 March.

use chrono::TimeDelta;
use offramp_domain::settings::AccessDuringGrace::{Kept, Revoked};
use offramp_domain::settings::LeaveDates::{All, Manual};
use offramp_domain::settings::{AccessDuringGrace, OnMissing};
use offramp_domain::{Access, Cause, Event, GroundKind, Role, SnapshotId, User};

use crate::leave::{HOUR, at, begins, dates, leaves, until};
use crate::steps::{
    Step, add, alone, cards, delete, fires, immediate, now, off, on, restore, role, set, table,
};
use crate::world::{Says, World, admin, employee, hr, listed, source, start};

fn access(during: AccessDuringGrace) -> Step {
    set(move |world| world.settings(|settings| settings.access_during_grace = during))
}

fn kept() -> Step {
    access(Kept)
}

fn lacked() -> Event {
    Event::Missing {
        source: source("hris"),
        snapshot: SnapshotId::new("snap_1").unwrap(),
        at: start(),
    }
}

fn list() -> Event {
    listed(admin(Some("E-1")))
}

fn user(steps: Vec<Step>) -> (World, User) {
    let mut world = World::new();
    for step in steps {
        (step.0)(&mut world);
    }
    let user = world.user(&employee("E-7"));
    (world, user)
}

/// Who has access in each state, with the setting at the time of the word.
#[test]
fn access_is_granted_where_no_ground_in_force_ends_it_yet() {
    let gone = || Step::from(hr(2).inactive());
    let here = || Step::from(hr(1));
    let date = || Step::from(leaves("2026-03-02"));
    for (name, steps, granted) in [
        ("unless set", vec![here(), gone()], false),
        ("inactive", vec![kept(), here(), gone()], true),
        ("missing", vec![kept(), here(), lacked().into()], true),
        (
            "after the deactivation",
            vec![kept(), here(), gone(), fires(0, 0)],
            false,
        ),
        (
            "without a grace period",
            vec![kept(), immediate(), here(), gone()],
            false,
        ),
        ("a leave date", vec![kept(), here(), date()], false),
        (
            "HR's leave date",
            vec![kept(), dates(All), until(1, "2026-03-02").into()],
            false,
        ),
        ("a list", vec![kept(), here(), list().into()], false),
        (
            "deactivated by hand",
            vec![kept(), here(), gone(), now().into()],
            false,
        ),
        (
            "deleted",
            vec![kept(), here(), gone(), delete().into()],
            false,
        ),
        (
            "inactive, and a date",
            vec![kept(), here(), gone(), date()],
            false,
        ),
        (
            "a date, and inactive",
            vec![kept(), here(), date(), gone()],
            false,
        ),
        (
            "inactive, and a list",
            vec![kept(), here(), gone(), list().into()],
            false,
        ),
        (
            "the date is removed again",
            vec![kept(), here(), gone(), date(), leaves("").into()],
            true,
        ),
        (
            "missing, and inactive",
            vec![kept(), here(), lacked().into(), hr(9).inactive().into()],
            true,
        ),
        (
            "what was announced stands",
            vec![kept(), here(), gone(), access(Revoked)],
            true,
        ),
        (
            "and it stands the other way",
            vec![here(), gone(), kept()],
            false,
        ),
        (
            "a later ground as it is set then",
            vec![kept(), here(), gone(), access(Revoked), lacked().into()],
            false,
        ),
        (
            "restored, and inactive again",
            vec![
                kept(),
                here(),
                gone(),
                access(Revoked),
                restore().into(),
                hr(3).into(),
                hr(4).inactive().into(),
            ],
            false,
        ),
        ("the sync is off", vec![kept(), here(), gone(), off()], true),
        (
            "ignored",
            vec![
                kept(),
                off(),
                here(),
                gone(),
                on(),
                date(),
                leaves("").into(),
            ],
            true,
        ),
    ] {
        let (_, user) = user(steps);
        assert_eq!(
            user.access() == Access::Granted,
            granted,
            "{name}: {:?}",
            user.grounds
        );
    }
}

/// A date ends it to the second, whether or not its timer has fired; and a hold keeps it as it keeps the cards.
#[test]
fn a_leave_date_ends_it_when_its_day_begins() {
    let steps = vec![
        kept(),
        hr(1).into(),
        leaves("2026-03-04").into(),
        hr(2).inactive().into(),
    ];
    let (_, user) = user(steps);
    let day = start() + TimeDelta::hours(39);
    let at = |seconds| user.access_at(day + TimeDelta::seconds(seconds));
    assert_eq!((at(-1), at(0)), (Access::Granted, Access::Revoked));
    assert_eq!(user.access(), Access::Granted, "the timer has not fired");
}

#[test]
fn what_ends_or_gives_it_back_in_between_is_told_and_written_down() {
    table! {
        "HR": [kept(), hr(1)] => hr(2).inactive()
            => "scheduled until t+3d; active > scheduled with access by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "a field": [kept(), hr(1), hr(2).inactive()] => hr(3).inactive().name("A")
            => "updated until t+3d; scheduled > scheduled with access by hr";
        "a day begins, and the end stays": [kept(), hr(1), leaves("2026-03-03"), hr(2).inactive()] => begins(0, 0)
            => "unchanged; scheduled > scheduled by hr; arms digest t+15h2m; disarms leave 1 t+15h; tells scheduled; withdraws scheduled";
        "the day is another": [kept(), hr(1), hr(2).inactive(), leaves("2026-03-02"), at(HOUR)] => leaves("2026-03-06")
            => "updated; scheduled > scheduled with access by hr; arms digest t+1h2m, leave 1 t+3d15h; tells scheduled; withdraws scheduled";
        "HR's dates do not count any more": [kept(), dates(All), hr(1), hr(2).inactive(), until(3, "2026-03-02").inactive(), at(HOUR), dates(Manual)]
            => Event::Tidy
            => "updated until t+3d; scheduled > scheduled with access by hr; arms digest t+1h2m; tells scheduled; withdraws scheduled";
        "back": [kept(), hr(1), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
    }
}

/// From the first ground in force on nobody is an admin, and nobody is given a card.
#[test]
fn a_leaver_with_access_is_no_admin_and_gets_no_cards() {
    let (world, leaver) = user(vec![
        kept(),
        add(Role::Admin).into(),
        hr(1).into(),
        hr(2).inactive().into(),
    ]);
    assert_eq!(
        (leaver.role, leaver.access()),
        (Role::Admin, Access::Granted)
    );
    assert!(!leaver.is_acting_admin() && !leaver.is_active_at(world.now));
    assert!(
        !world.admins.contains(&employee("E-7")),
        "not one of the admins"
    );
    let (world, _) = user(vec![kept(), hr(1).into(), hr(2).inactive().into()]);
    let card = world.decide(&employee("E-7"), &cards(1));
    assert_eq!(card.unwrap_err(), offramp_domain::Refusal::NotActive);
    // Somebody who is leaving is no other admin who would let the last one go.
    table! {
        "the last admin": [kept(), hr(1), role(Role::Admin), alone()] => hr(2).inactive()
            => "held (this is the last admin with access); active > active";
    }
    let (mut world, _) = user(vec![
        kept(),
        hr(1).into(),
        role(Role::Admin).into(),
        hr(2).inactive().into(),
    ]);
    let first = Event::DeactivateNow { by: admin(None) };
    let refused = world.happens(&employee("E-1"), &first).unwrap_err();
    assert_eq!(refused, offramp_domain::Refusal::LastAdmin);
}

#[test]
fn a_release_before_reads_that_access_has_ended() {
    let (_, kept) = user(vec![kept(), hr(1).into(), hr(2).inactive().into()]);
    let mut stored = serde_json::to_value(&kept).unwrap();
    let read = |stored| serde_json::from_value::<User>(stored).unwrap();
    assert_eq!(read(stored.clone()), kept);
    // It writes the user without what it does not know.
    let grounds = stored["grounds"].as_object_mut().unwrap();
    assert!(
        grounds["hr"]
            .as_object_mut()
            .unwrap()
            .remove("keeps_access")
            .is_some()
    );
    let older = read(stored);
    assert_eq!(older.access(), Access::Revoked);
    assert_eq!(older.lifecycle(), kept.lifecycle(), "and nothing else");
    let (_, revoked) = user(vec![hr(1).into(), hr(2).inactive().into()]);
    let stored = serde_json::to_string(&revoked).unwrap();
    assert!(
        !stored.contains("keeps_access") && !stored.contains("grounds"),
        "{stored}"
    );
    let settings = offramp_domain::Settings {
        access_during_grace: Kept,
        on_missing: OnMissing::Deactivate,
        ..Default::default()
    };
    assert!(serde_json::to_string(&settings).unwrap().contains("kept"));
}

/// An end whose own ground has gone is the other ground's from then on. A ground that joins later is not its cause, since
/// nothing would tell that.
#[test]
fn the_cause_of_an_end_does_not_move_unseen() {
    let moved = until(2, "2026-03-06").inactive();
    let (_, ended) = user(vec![dates(All), immediate(), until(1, "2026-03-02").into()]);
    assert_eq!(ended.cause(), Some(Cause::LeaveDate));
    let steps = vec![
        dates(All),
        immediate(),
        until(1, "2026-03-02").into(),
        moved.into(),
        begins(0, 0),
    ];
    let (world, after) = user(steps);
    assert!(
        after.grounds.counts(GroundKind::LeaveDate),
        "its day has begun"
    );
    assert_eq!(after.cause(), Some(Cause::Hr));
    let told = world.history[&employee("E-7")].last().unwrap();
    assert_eq!(told.cause, after.cause());
}
