//! Reminders of a leave date that lies ahead. It is 9 o'clock on 2 March.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use offramp_domain::settings::LeaveDates::All;
use offramp_domain::{Event, Notice, NoticeKind, Role, Settings, Timer, User};

use crate::leave::{DAY, HOUR, at, begins, dates, leaves, until, zone};
use crate::steps::{Step, cards, now, off, role, set, table, tell};
use crate::world::{Days, Says, World, day, employee, hr, start};

fn remind(days: &[u16]) -> Step {
    let days: BTreeSet<u16> = days.iter().copied().collect();
    set(move |world| world.settings(|s| s.reminders.before_leave_days = days.clone()))
}

/// The reminder's timer that was armed `nth` (from 0), `seconds` after its due second.
fn reminds(nth: usize, seconds: i64) -> Step {
    Step(Box::new(move |world| {
        let timers = world.armed.iter().filter_map(|timer| match timer {
            Timer::Remind { plan, due, .. } => Some((*plan, *due)),
            _ => None,
        });
        let (plan, due) = timers.clone().nth(nth).unwrap();
        world.now = due + TimeDelta::seconds(seconds);
        tell(world, &Event::RemindDue { plan, due })
    }))
}

#[test]
fn a_reminder_is_planned_with_its_date() {
    table! {
        "none unless the settings say so": [hr(1)] => leaves("2026-03-20")
            => "updated; active > active; arms leave 1 t+17d15h";
        "so many days before": [remind(&[7]), hr(1)] => leaves("2026-03-20")
            => "updated; active > active; arms leave 1 t+17d15h, remind t+10d15h";
        "the earliest of several": [remind(&[1, 3, 7]), hr(1)] => leaves("2026-03-20")
            => "updated; active > active; arms leave 1 t+17d15h, remind t+10d15h";
        "the earliest that lies ahead": [remind(&[1, 3, 30]), hr(1)] => leaves("2026-03-20")
            => "updated; active > active; arms leave 1 t+17d15h, remind t+14d15h";
        "of HR's date": [remind(&[1]), dates(All), hr(1)] => until(2, "2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h, remind t+2d15h";
        "tomorrow: none a day before": [remind(&[1]), hr(1)] => leaves("2026-03-03")
            => "updated; active > active; arms leave 1 t+15h";
        "today: none at all": [remind(&[1]), hr(1)] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "in the days of the organisation": [remind(&[1]), zone(Days::East), hr(1)] => leaves("2026-03-06")
            => "updated; active > active; arms leave 1 t+3d13h, remind t+2d13h";
        "where the clock skips midnight": [remind(&[1, 2]), zone(Days::Gap), hr(1)] => leaves("2026-03-09")
            => "updated; active > active; arms leave 1 t+6d17h, remind t+4d17h";
        "with the date it is moved": [remind(&[7]), hr(1), leaves("2026-03-20")] => leaves("2026-03-21")
            => "updated; active > active; arms leave 2 t+18d15h, remind t+11d15h; disarms remind t+10d15h, leave 1 t+17d15h";
        "with the date it is removed": [remind(&[7]), hr(1), leaves("2026-03-20")] => leaves("")
            => "updated; active > active; disarms remind t+10d15h, leave 1 t+17d15h";
        "moved to the same instant, it is of the new date": [remind(&[7, 8]), hr(1), leaves("2026-03-20")] => leaves("2026-03-19")
            => "updated; active > active; arms leave 2 t+16d15h, remind t+8d15h; disarms remind t+9d15h, leave 1 t+17d15h";
        "the same instant is armed for the new date": [remind(&[7]), hr(1), leaves("2026-03-20"), remind(&[8])] => leaves("2026-03-21")
            => "updated; active > active; arms leave 2 t+18d15h, remind t+10d15h; disarms remind t+10d15h, leave 1 t+17d15h";
    }
}

/// Of an admin's date the other admins are told a week before, whatever the settings say.
#[test]
fn of_an_admins_date_the_other_admins_are_told() {
    let demoted = || Step::from(role(Role::Member));
    table! {
        "planned with the date": [hr(1), role(Role::Admin)] => leaves("2026-03-20")
            => "updated; active > active; arms leave 1 t+17d15h, remind t+10d15h";
        "planned with the role": [hr(1), leaves("2026-03-20")] => role(Role::Admin)
            => "updated; active > active; arms remind t+10d15h, digest t+2m; tells power; joins the admins";
        "gone with the role": [hr(1), role(Role::Admin), leaves("2026-03-20")] => role(Role::Member)
            => "updated; active > active; arms digest t+2m; disarms remind t+10d15h; tells power; leaves the admins";
        "one that another admin sets nearer is known": [hr(1), role(Role::Admin)] => leaves("2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h";
        "HR's at once where it is nearer": [dates(All), hr(1), role(Role::Admin)] => until(2, "2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h, remind t+2m";
        "at once where the role is new": [dates(All), until(1, "2026-03-06")] => role(Role::Admin)
            => "updated; active > active; arms remind t+2m, digest t+2m; tells power; joins the admins";
        "not for a date that has come": [hr(1), leaves("2026-03-06"), at(4 * DAY)] => role(Role::Admin)
            => "updated; active > active; arms digest t+4d2m; tells power; joins the admins";
        "told": [hr(1), role(Role::Admin), leaves("2026-03-20")] => reminds(0, 0)
            => "unchanged (the other admins are told); quiet; arms digest t+10d15h2m; disarms remind t+10d15h; tells leaves_soon";
        "told at once, once": [dates(All), hr(1), role(Role::Admin), until(2, "2026-03-06"), reminds(0, 0)] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "nor again with another zone": [dates(All), hr(1), role(Role::Admin), until(2, "2026-03-06"), reminds(0, 0), zone(Days::East)]
            => Event::Tidy => "unchanged; quiet; arms leave 2 t+3d13h; disarms leave 1 t+3d15h";
        "a reminder of the settings at that instant is told to the manager too": [remind(&[7]), hr(1), role(Role::Admin), leaves("2026-03-20")]
            => reminds(0, 0)
            => "unchanged (the admins and the manager are reminded); quiet; arms digest t+10d15h2m; disarms remind t+10d15h; tells leaves_soon";
        "nobody who is no admin any more": [hr(1), role(Role::Admin), leaves("2026-03-20"), demoted(), remind(&[])] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "nobody whose access has ended": [hr(1), role(Role::Admin), leaves("2026-03-20"), hr(2).inactive()] => reminds(0, 0)
            => "unchanged (the leave date ends no access); quiet; disarms remind t+10d15h";
    }
}

#[test]
fn a_change_of_the_settings_plans_again() {
    table! {
        "it comes": [hr(1), leaves("2026-03-20"), remind(&[7])] => Event::Tidy
            => "unchanged; quiet; arms remind t+10d15h";
        "it goes": [remind(&[7]), hr(1), leaves("2026-03-20"), remind(&[])] => Event::Tidy
            => "unchanged; quiet; disarms remind t+10d15h";
        "another comes first": [remind(&[1]), hr(1), leaves("2026-03-20"), remind(&[1, 7])] => Event::Tidy
            => "unchanged; quiet; arms remind t+10d15h; disarms remind t+16d15h";
        "another comes later": [remind(&[7]), hr(1), leaves("2026-03-20"), remind(&[1, 7])] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "one that has passed is not sent": [remind(&[1]), hr(1), leaves("2026-03-20"), at(12 * DAY), remind(&[1, 7])] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "one whose timer is lost is still owed": [remind(&[1, 7]), hr(1), leaves("2026-03-20"), at(12 * DAY)] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "unless nobody wants it any more": [remind(&[1, 7]), hr(1), leaves("2026-03-20"), at(12 * DAY), remind(&[1])] => Event::Tidy
            => "unchanged; quiet; arms remind t+16d15h; disarms remind t+10d15h";
    }
}

#[test]
fn a_reminder_is_told_once() {
    let given = || [remind(&[1, 7]), hr(1).into(), cards(3).into()];
    let with = |more: Vec<Step>| given().into_iter().chain(more).collect::<Vec<_>>();
    let rows = |name, more: Vec<Step>, when: Step, then| crate::steps::Row {
        name,
        given: with(more),
        when,
        then,
    };
    let set_ = || leaves("2026-03-20").into();
    let first = "unchanged (the admins and the manager are reminded); quiet; arms remind t+16d15h, digest t+10d15h2m; disarms remind t+10d15h; tells leaves_soon";
    crate::steps::check(vec![
        rows("in time", vec![set_()], reminds(0, 0), first),
        rows("a little early", vec![set_()], reminds(0, -20), first),
        rows(
            "too early",
            vec![set_()],
            reminds(0, -31),
            "unchanged (the timer is early); nothing",
        ),
        rows(
            "twice",
            vec![set_(), reminds(0, 0)],
            reminds(0, 5),
            "unchanged (the next reminder is at another second); nothing",
        ),
        rows(
            "early, and again in time",
            vec![set_(), reminds(0, -20), Event::Tidy.into()],
            reminds(0, 0),
            "unchanged (the next reminder is at another second); nothing",
        ),
        rows(
            "the second",
            vec![set_(), reminds(0, 0)],
            reminds(1, 0),
            "unchanged (the admins and the manager are reminded); quiet; arms digest t+16d15h2m; disarms remind t+16d15h; tells leaves_soon",
        ),
        rows(
            "the second twice",
            vec![set_(), reminds(0, 0), reminds(1, 0)],
            reminds(1, 0),
            "unchanged (no reminder of the leave date is left); nothing",
        ),
        rows(
            "so late that the second is due, too: one is told",
            vec![set_()],
            reminds(0, 6 * DAY + HOUR),
            "unchanged (the admins and the manager are reminded); quiet; arms digest t+16d16h2m; disarms remind t+10d15h; tells leaves_soon",
        ),
        rows(
            "of a date that has moved",
            vec![set_(), leaves("2026-03-21").into()],
            reminds(0, 0),
            "unchanged (the leave date has changed since the timer was armed); nothing",
        ),
        rows(
            "of a date that was removed",
            vec![set_(), leaves("").into()],
            reminds(0, 0),
            "unchanged (no leave date is planned); nothing",
        ),
        rows(
            "of somebody who is out already",
            vec![set_(), now().into()],
            reminds(0, 0),
            "unchanged (the leave date ends no access); quiet; terminating; arms remind t+16d15h; disarms remind t+10d15h",
        ),
        rows(
            "once the day has begun",
            vec![set_()],
            reminds(0, 8 * DAY),
            "unchanged (the leave date ends no access); quiet; disarms remind t+10d15h",
        ),
        rows(
            "the day itself begins as ever",
            vec![set_(), reminds(0, 0), reminds(1, 0)],
            begins(0, 0),
            "scheduled until t+20d15h (leave date); active > scheduled by leave_date; arms digest t+17d15h2m, deactivate t+20d15h; disarms leave 1 t+17d15h; tells scheduled",
        ),
    ]);
}

#[test]
fn hrs_date_is_not_told_while_the_sync_is_off() {
    table! {
        "HR's": [remind(&[1]), dates(All), until(1, "2026-03-06"), off()] => reminds(0, 0)
            => "unchanged (the leave date ends no access); quiet; disarms remind t+2d15h";
        "an admin's is": [remind(&[1]), hr(1), leaves("2026-03-06"), off()] => reminds(0, 0)
            => "unchanged (the admins and the manager are reminded); quiet; arms digest t+2d15h2m; disarms remind t+2d15h; tells leaves_soon";
    }
}

#[test]
fn the_notice_has_the_date_and_the_cards_and_the_sweep_sees_it() {
    let mut world = World::new();
    for step in [
        remind(&[7]),
        hr(1).into(),
        cards(2).into(),
        leaves("2026-03-20").into(),
    ] {
        (step.0)(&mut world);
    }
    let id = employee("E-7");
    let remind_at = Some(start() + TimeDelta::days(10) + TimeDelta::hours(15));
    let user: &User = &world.users[&id];
    assert_eq!(
        (user.work_due(), user.leave.remind_at),
        (remind_at, remind_at)
    );
    for timer in user.timers(&world.org) {
        assert!(world.armed.contains(&timer), "{timer:?}");
    }
    (reminds(0, 0).0)(&mut world);
    let soon = |notice: &&Notice| matches!(notice.kind, NoticeKind::LeavesSoon { .. });
    let told = world.notices.values().find(soon).unwrap();
    let kind = NoticeKind::LeavesSoon {
        date: day("2026-03-20"),
        active_cards: 2,
        admins_only: false,
    };
    assert_eq!((&told.kind, &told.employee_id), (&kind, &Some(id.clone())));
    let user = &world.users[&id];
    assert_eq!(user.work_due(), user.leave.plan.map(|plan| plan.at));
}

#[test]
fn the_days_have_a_range() {
    let wrong = |days: &[u16]| {
        let mut settings = Settings::default();
        settings.reminders.before_leave_days = days.iter().copied().collect();
        settings.check().is_err()
    };
    assert!(!wrong(&[]) && !wrong(&[1, 2, 3, 4, 365]));
    assert!(wrong(&[0]) && wrong(&[366]) && wrong(&[1, 2, 3, 4, 5, 6]));
    let stored = serde_json::to_string(&Settings::default()).unwrap();
    assert!(!stored.contains("reminders"), "earlier releases refuse it");
}
