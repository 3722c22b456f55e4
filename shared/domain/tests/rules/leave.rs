//! Leave dates: whose counts, and what their day brings. It is 9 o'clock on 2 March.

use offramp_domain::settings::LeaveDates::{self, All, Ignore, Manual};
use offramp_domain::{Event, Field, HrEvent, Role, Timer};

use chrono::TimeDelta;

use crate::steps::{
    Step, add, alone, cards, delete, except, finished, fires, immediate, now, off, restore, role,
    rule_fails, set, table, tell,
};
use crate::world::{Days, Says, admin, day, hr, listed, start};

pub(crate) fn dates(whose: LeaveDates) -> Step {
    set(move |world| world.settings(|s| s.leave_dates = whose))
}

pub(crate) fn zone(zone: Days) -> Step {
    set(move |world| world.zone = zone)
}

pub(crate) fn leaves_by(by: Option<&str>, date: &str) -> Event {
    Event::SetLeaveDate {
        by: admin(by),
        date: (!date.is_empty()).then(|| day(date)),
    }
}

/// An admin sets the date, or removes it.
pub(crate) fn leaves(date: &str) -> Event {
    leaves_by(Some("E-1"), date)
}

fn handed_in() -> Event {
    listed(admin(Some("E-1")))
}

pub(crate) fn until(minute: i64, date: &str) -> HrEvent {
    hr(minute).set(Field::LeaveDate, date)
}

pub(crate) fn at(seconds: i64) -> Step {
    set(move |world| world.now = start() + TimeDelta::seconds(seconds))
}

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

/// The leave timer that was armed `nth` (from 0), `seconds` after its due second.
pub(crate) fn begins(nth: usize, seconds: i64) -> Step {
    Step(Box::new(move |world| {
        let timers = world.armed.iter().filter_map(|timer| match timer {
            Timer::Leave { plan, due, .. } => Some((*plan, *due)),
            _ => None,
        });
        let (plan, due) = timers.clone().nth(nth).unwrap();
        world.now = due + TimeDelta::seconds(seconds);
        tell(world, &Event::LeaveDue { plan, due })
    }))
}

fn forged(plan: u64, seconds: i64) -> Step {
    Step(Box::new(move |world| {
        let due = start() + TimeDelta::seconds(seconds);
        world.now = world.now.max(due);
        tell(world, &Event::LeaveDue { plan, due })
    }))
}

#[test]
fn whose_date_counts() {
    table! {
        "manual: an admin's": [hr(1)] => leaves("2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h";
        "manual: not HR's": [hr(1)] => until(2, "2026-03-06") => "updated; active > active";
        "not even a past one": [hr(1)] => until(2, "2020-01-01") => "updated; active > active";
        "all: an admin's": [dates(All), hr(1)] => leaves("2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h";
        "all: HR's": [dates(All), hr(1)] => until(2, "2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h";
        "all: HR's, at once": [dates(All), hr(1)] => until(2, "2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "all: with the first word": [dates(All)] => until(1, "2026-03-06")
            => "created; nobody > active; arms leave 1 t+3d15h";
        "all: gone before we came": [dates(All)] => until(1, "2026-03-01")
            => "scheduled until t+3d (leave date); nobody > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "the same, and HR says so": [dates(All)] => until(1, "2026-03-01").inactive()
            => "created (inactive from the start); nobody > deactivated by hr";
        "ignore: not an admin's": [dates(Ignore), hr(1)] => leaves("2026-03-06")
            => "updated; active > active";
        "nor a past one": [dates(Ignore), hr(1)] => leaves("2020-01-01") => "updated; active > active";
        "ignore: not HR's": [dates(Ignore), hr(1)] => until(2, "2020-01-01") => "updated; active > active";
        "an admin's replaces HR's": [dates(All), until(1, "2026-03-06")] => leaves("2026-03-07")
            => "updated; active > active; arms leave 2 t+4d15h; disarms leave 1 t+3d15h";
        "also a later one replaces one that has come": [dates(All), until(1, "2026-03-01")] => leaves("2026-03-07")
            => "reactivated (leave date); scheduled > active; arms leave 1 t+4d15h; disarms deactivate t+3d; withdraws scheduled";
        "HR's is not heard until it is removed": [dates(All), hr(1), leaves("2026-03-07")] => until(2, "2020-01-01")
            => "updated; active > active";
        "then HR's counts": [dates(All), hr(1), leaves("2026-03-07"), until(2, "2026-03-06")] => leaves("")
            => "updated; active > active; arms leave 2 t+3d15h; disarms leave 1 t+4d15h";
        "and acts, if it has come": [dates(All), hr(1), leaves("2026-03-07"), until(2, "2026-03-01")] => leaves("")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; disarms leave 1 t+4d15h; tells scheduled";
        "manual: with the admin's gone, none": [until(1, "2026-03-06"), leaves("2026-03-07")] => leaves("")
            => "updated; active > active; disarms leave 1 t+4d15h";
        "excluded by the rule: not HR's": [dates(All), except(Field::Team, "x"), until(1, "2026-03-06")]
            => until(2, "2026-03-07").set(Field::Team, "x") => "excluded (the sync rule leaves this employee out); quiet; disarms leave 1 t+3d15h";
        "which ends what it had begun": [dates(All), except(Field::Team, "x"), until(1, "2026-03-01")]
            => hr(2).set(Field::Team, "x") => "excluded (the sync rule leaves this employee out); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "an admin's counts all the same": [except(Field::Team, "x"), hr(1), leaves("2026-03-06")]
            => hr(2).set(Field::Team, "x") => "excluded (the sync rule leaves this employee out); quiet";
        "and acts": [hr(1).set(Field::Team, "x"), except(Field::Team, "x")] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "a rule that fails changes nothing": [dates(All), until(1, "2026-03-06"), rule_fails()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "nor does it end anybody when the day comes": [dates(All), until(1, "2026-03-06"), rule_fails()] => begins(0, 0)
            => "unchanged (the leave date has begun already); nothing";
    }
}

#[test]
fn what_its_day_brings() {
    table! {
        "today": [hr(1)] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "long ago": [hr(1)] => leaves("2020-02-29")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "tomorrow": [hr(1)] => leaves("2026-03-03") => "updated; active > active; arms leave 1 t+15h";
        "immediate": [immediate(), hr(1)] => leaves("2026-03-02")
            => "deactivated (leave date); active > deactivated by leave_date; terminating; arms finish t+2m";
        "the sync off: a leave date is none of its business": [off(), hr(1)] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "its timer": [hr(1), leaves("2026-03-06")] => begins(0, 0)
            => "scheduled until t+6d15h (leave date); active > scheduled by leave_date; arms digest t+3d15h2m, deactivate t+6d15h; disarms leave 1 t+3d15h; tells scheduled";
        "its timer, immediate": [hr(1), leaves("2026-03-06"), immediate()] => begins(0, 0)
            => "deactivated (leave date); active > deactivated by leave_date; terminating; arms finish t+3d15h2m; disarms leave 1 t+3d15h";
        "its timer, late": [hr(1), leaves("2026-03-06")] => begins(0, 3600)
            => "scheduled until t+6d16h (leave date); active > scheduled by leave_date; arms digest t+3d16h2m, deactivate t+6d16h; disarms leave 1 t+3d15h; tells scheduled";
        "as early as clocks differ": [hr(1), leaves("2026-03-06")] => begins(0, -30)
            => "scheduled until t+6d15h (leave date); active > scheduled by leave_date; arms digest t+3d15h2m, deactivate t+6d15h; disarms leave 1 t+3d15h; tells scheduled";
        "early": [hr(1), leaves("2026-03-06")] => begins(0, -31) => "unchanged (the timer is early); nothing";
        "twice": [hr(1), leaves("2026-03-06"), begins(0, 0)] => begins(0, 0)
            => "unchanged (no leave date is planned); nothing";
        "an earlier second": [hr(1), leaves("2026-03-06")] => forged(1, 3 * DAY)
            => "unchanged (the leave date begins at another second); nothing";
        "the plan before": [hr(1), leaves("2026-03-06"), leaves("2026-03-07")] => begins(0, 0)
            => "unchanged (the leave date has changed since the timer was armed); nothing";
        "a plan to come": [hr(1), leaves("2026-03-06")] => forged(2, 4 * DAY)
            => "unchanged (the leave date has changed since the timer was armed); nothing";
        "no plan": [hr(1)] => forged(0, 0) => "unchanged (no leave date is planned); nothing";
        "no plan any more": [hr(1), leaves("2026-03-06"), leaves("")] => begins(0, 0)
            => "unchanged (no leave date is planned); nothing";
        "nobody": [] => forged(1, 0) => "refused: not found";
        "the end of its grace period": [hr(1), leaves("2026-03-06"), begins(0, 0)] => fires(0, 0)
            => "deactivated; scheduled > deactivated by leave_date; terminating; arms finish t+6d15h2m; disarms deactivate t+6d15h; withdraws scheduled";
        "which the sync cannot undo": [hr(1), leaves("2026-03-02"), off()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "nor its timer's rule": [hr(1).set(Field::Team, "x"), leaves("2026-03-02"), off(), except(Field::Team, "x")] => fires(0, 0)
            => "deactivated; scheduled > deactivated by leave_date; terminating; arms finish t+3d2m; disarms deactivate t+3d; withdraws scheduled";
        "a day that begins in a minute is armed ahead": [hr(1), at(15 * HOUR - 60)] => leaves("2026-03-03")
            => "updated; active > active; arms leave 1 t+15h1m";
    }
}

#[test]
fn moved_and_removed() {
    table! {
        "moved": [hr(1), leaves("2026-03-06")] => leaves("2026-03-07")
            => "updated; active > active; arms leave 2 t+4d15h; disarms leave 1 t+3d15h";
        "removed": [hr(1), leaves("2026-03-06")] => leaves("")
            => "updated; active > active; disarms leave 1 t+3d15h";
        "the same": [hr(1), leaves("2026-03-06")] => leaves("2026-03-06") => "unchanged; nothing";
        "none, again": [hr(1)] => leaves("") => "unchanged; nothing";
        "planned anew: another count": [hr(1), leaves("2026-03-06"), leaves("")] => leaves("2026-03-06")
            => "updated; active > active; arms leave 2 t+3d15h";
        "in the grace period, moved ahead": [hr(1), leaves("2026-03-02")] => leaves("2026-03-06")
            => "reactivated (leave date); scheduled > active; arms leave 1 t+3d15h; disarms deactivate t+3d; withdraws scheduled";
        "in the grace period, removed": [hr(1), leaves("2026-03-02")] => leaves("")
            => "reactivated (leave date); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "in the grace period, moved back: due_at stands": [hr(1), leaves("2026-03-02"), at(HOUR)] => leaves("2026-03-01")
            => "updated; scheduled > scheduled by leave_date";
        "and from there ahead": [hr(1), leaves("2026-03-02"), leaves("2026-03-01")] => leaves("2026-03-06")
            => "reactivated (leave date); scheduled > active; arms leave 1 t+3d15h; disarms deactivate t+3d; withdraws scheduled";
        "HR moves its own": [dates(All), until(1, "2026-03-01")] => until(2, "2026-03-06")
            => "reactivated (leave date); scheduled > active; arms leave 1 t+3d15h; disarms deactivate t+3d; withdraws scheduled";
        "HR clears its own": [dates(All), until(1, "2026-03-01")] => hr(2).clear(Field::LeaveDate)
            => "reactivated (leave date); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "but HR's word holds that they are gone": [dates(All), until(1, "2026-03-01")] => hr(2).inactive().clear(Field::LeaveDate)
            => "updated until t+3d; scheduled > scheduled by hr";
        "also if it said so before": [dates(All), until(1, "2026-03-01"), hr(2).inactive(), at(HOUR)] => hr(3).inactive().clear(Field::LeaveDate)
            => "updated until t+3d; scheduled > scheduled by hr";
        "unless the sync is off": [dates(All), off(), until(1, "2026-03-01")] => hr(2).inactive().clear(Field::LeaveDate)
            => "ignored (deactivation sync is off); active > active";
        "still inactive, still leaving: due_at stands": [dates(All), until(1, "2026-03-01"), at(HOUR)] => hr(2).inactive()
            => "updated until t+3d; scheduled > scheduled by leave_date";
        "HR's no longer count": [dates(All), until(1, "2026-03-01"), dates(Manual)] => Event::Tidy
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "nor what was planned": [dates(All), until(1, "2026-03-06"), dates(Manual)] => Event::Tidy
            => "unchanged; quiet; disarms leave 1 t+3d15h";
        "moved after the end: access comes back": [immediate(), hr(1), leaves("2026-03-02"), finished()] => leaves("2026-03-06")
            => "reactivated (leave date); deactivated > active; arms finish t+2m, digest t+2m, leave 1 t+3d15h; tells invited";
        "rehired with a later first day: the date is of an employment that is over": [dates(All), until(1, "2026-03-01"), fires(0, 0), finished()]
            => hr(2).set(Field::LeaveDate, "2026-03-01").set(Field::StartDate, "2026-03-05")
            => "reactivated (leave date); deactivated > active; arms finish t+3d2m, digest t+3d2m; tells invited";
        "removed after the end, too": [immediate(), hr(1), leaves("2026-03-02"), finished()] => leaves("")
            => "reactivated (leave date); deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "and HR may bring back then": [immediate(), hr(1), leaves("2026-03-02"), leaves(""), hr(2).inactive()] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "an admin's grace period is no date's": [hr(1), handed_in()] => leaves("2026-03-06")
            => "updated; scheduled > scheduled by admin; arms leave 1 t+3d15h";
        "nor removing one": [hr(1), leaves("2026-03-06"), handed_in()] => leaves("")
            => "updated; scheduled > scheduled by admin; disarms leave 1 t+3d15h";
    }
}

#[test]
fn whom_an_admin_brings_back() {
    table! {
        "restored after it acted": [hr(1), leaves("2026-03-02")] => restore()
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "an edit does not end it again": [hr(1), leaves("2026-03-02"), restore()] => hr(2).name("A")
            => "updated; active > active";
        "nor a look": [hr(1), leaves("2026-03-02"), restore()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "nor a return": [hr(1), leaves("2026-03-02"), restore(), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "nor HR's of that day": [dates(All), until(1, "2026-03-02"), leaves("2026-03-02"), restore()] => leaves("")
            => "updated; active > active";
        "another one does": [hr(1), leaves("2026-03-02"), restore()] => leaves("2026-03-01")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "HR's other one, too": [dates(All), until(1, "2026-03-02"), restore()] => until(2, "2026-03-01")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "and the same, set anew": [hr(1), leaves("2026-03-02"), restore(), leaves("")] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "a zone in which it lies ahead plans nothing": [hr(1), at(-10 * HOUR), zone(Days::East), leaves("2026-03-02"), restore(), zone(Days::Gap)]
            => Event::Tidy => "unchanged (the user is as the policy says); nothing";
        "from a deactivation": [immediate(), hr(1), leaves("2026-03-02")] => restore()
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "deactivated by hand, and the date came since": [hr(1), leaves("2026-03-06"), now(), begins(0, 0)] => restore()
            => "reactivated; deactivated > active; arms finish t+3d15h2m, digest t+3d15h2m; tells invited";
        "even if no timer fired": [hr(1), leaves("2026-03-06"), now(), at(4 * DAY)] => restore()
            => "reactivated; deactivated > active; arms finish t+4d2m, digest t+4d2m; disarms leave 1 t+3d15h; tells invited";
        "deleted by hand, and the date came since": [hr(1), leaves("2026-03-06"), delete(), at(4 * DAY)] => restore()
            => "restored; deleted > active; arms finish t+4d2m, digest t+4d2m; tells invited";
        "scheduled by HR, and the date came since": [hr(1), leaves("2026-03-04"), hr(2).inactive(), begins(0, 0)] => restore()
            => "reactivated (HR still says inactive); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "before it comes, it is planned again": [hr(1), leaves("2026-03-06"), delete()] => restore()
            => "restored; deleted > active; arms finish t+2m, digest t+2m, leave 2 t+3d15h; tells invited";
        "HR does not": [immediate(), hr(1), leaves("2026-03-02"), hr(2).inactive()] => hr(3)
            => "updated (their leave date has come); deactivated > deactivated by leave_date; terminating";
        "nor from a deletion": [hr(1).name("A"), leaves("2026-03-02"), delete(), finished()] => hr(2).name("B")
            => "ignored (their leave date has come); quiet";
        "unless it moves the date": [dates(All), until(1, "2026-03-01"), delete(), finished()] => until(2, "2026-03-06")
            => "restored; deleted > active; arms finish t+2m, digest t+2m, leave 1 t+3d15h; tells restored and invites";
        "before it comes, HR does": [hr(1), leaves("2026-03-06"), now(), hr(2).inactive()] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
    }
}

#[test]
fn plans_survive_the_lifecycle() {
    table! {
        "scheduled by HR": [hr(1), leaves("2026-03-06")] => hr(2).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "and reactivated: the same plan": [hr(1), leaves("2026-03-06"), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "whose timer ends access": [hr(1), leaves("2026-03-06"), hr(2).inactive(), hr(3)] => begins(0, 0)
            => "scheduled until t+6d15h (leave date); active > scheduled by leave_date; arms digest t+3d15h2m, deactivate t+6d15h; disarms leave 1 t+3d15h; tells scheduled";
        "deactivated and restored: the same": [hr(1), leaves("2026-03-06"), now(), restore()] => begins(0, 0)
            => "scheduled until t+6d15h (leave date); active > scheduled by leave_date; arms digest t+3d15h2m, deactivate t+6d15h; disarms leave 1 t+3d15h; tells scheduled";
        "comes in HR's grace period": [hr(1), leaves("2026-03-04"), hr(2).inactive()] => begins(0, 0)
            => "unchanged; quiet; disarms leave 1 t+1d15h";
        "and holds when HR takes it back": [hr(1), leaves("2026-03-04"), hr(2).inactive(), begins(0, 0)] => hr(3)
            => "updated until t+4d15h (their leave date has come); scheduled > scheduled by leave_date; arms deactivate t+4d15h, digest t+1d15h2m; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
        "or the sync is turned off": [hr(1), leaves("2026-03-04"), hr(2).inactive(), begins(0, 0), off()] => Event::Tidy
            => "updated until t+4d15h; scheduled > scheduled by leave_date; arms deactivate t+4d15h, digest t+1d15h2m; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
        "or the rule comes to exclude": [hr(1).set(Field::Team, "x"), leaves("2026-03-04"), hr(2).inactive(), begins(0, 0), except(Field::Team, "x")]
            => Event::Tidy => "excluded (the sync rule leaves this employee out); scheduled > scheduled by leave_date; arms deactivate t+4d15h, digest t+1d15h2m; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
        "a deletion ends it": [hr(1), leaves("2026-03-06")] => delete()
            => "deactivated; active > deleted by admin; terminating; arms finish t+2m; disarms leave 1 t+3d15h";
        "another zone": [hr(1), leaves("2026-03-07"), zone(Days::East)] => Event::Tidy
            => "unchanged; quiet; arms leave 2 t+4d13h; disarms leave 1 t+4d15h";
        "once": [hr(1), leaves("2026-03-07"), zone(Days::East), Event::Tidy] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "a day without midnight": [zone(Days::Gap), hr(1)] => leaves("2026-03-06")
            => "updated; active > active; arms leave 1 t+3d18h";
        "and the day after": [zone(Days::Gap), hr(1)] => leaves("2026-03-07")
            => "updated; active > active; arms leave 1 t+4d17h";
        "a zone in which it has come": [hr(1), at(14 * HOUR), leaves("2026-03-03"), zone(Days::East)] => Event::Tidy
            => "scheduled until t+3d14h (leave date); active > scheduled by leave_date; arms digest t+14h2m, deactivate t+3d14h; disarms leave 1 t+15h; tells scheduled";
        "the timer of the zone before": [hr(1), leaves("2026-03-07"), zone(Days::Gap)] => begins(0, 0)
            => "unchanged; quiet; arms leave 2 t+4d17h; disarms leave 1 t+4d15h";
        "no card for whose date has come": [hr(1), leaves("2026-03-06"), at(4 * DAY)] => cards(1)
            => "refused: the user is not active";
        "what an admin does then does not bring it about": [hr(1), leaves("2026-03-06"), at(4 * DAY)] => role(Role::Admin)
            => "updated; active > active; arms digest t+4d2m; tells power; joins the admins";
    }
}

#[test]
fn the_last_admin_and_oneself() {
    table! {
        "the last, by a timer: held": [hr(1), leaves("2026-03-06"), role(Role::Admin), alone()] => begins(0, 0)
            => "held (leave date); active > active; disarms leave 1 t+3d15h";
        "once": [hr(1), leaves("2026-03-06"), role(Role::Admin), alone(), begins(0, 0)] => begins(0, 0)
            => "unchanged (no leave date is planned); nothing";
        "by HR: held": [dates(All), hr(1), role(Role::Admin), alone()] => until(2, "2026-03-01")
            => "held (leave date); active > active";
        "by hand, today": [hr(1), role(Role::Admin), alone()] => leaves_by(None, "2026-03-02")
            => "refused: this is the last admin with access";
        "by hand, ahead": [hr(1), role(Role::Admin), alone()] => leaves_by(None, "2026-03-06")
            => "updated; active > active; arms leave 1 t+3d15h, remind t+2m";
        "handed in": [hr(1), role(Role::Admin), alone()] => listed(admin(None))
            => "refused: this is the last admin with access";
        "not the last": [hr(1), role(Role::Admin)] => leaves("2026-03-02")
            => "scheduled until t+3d (leave date); active > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled; tells power; leaves the admins";
        "oneself": [hr(1), role(Role::Admin)] => leaves_by(Some("E-7"), "2026-03-06")
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "oneself, removed": [hr(1), role(Role::Admin)] => leaves_by(Some("E-7"), "")
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "deleted": [hr(1), delete()] => leaves("2026-03-06")
            => "refused: the user is deleted; restore them first";
        "deleted, removed": [hr(1), leaves("2026-03-06"), delete()] => leaves("")
            => "refused: the user is deleted; restore them first";
        "nobody": [] => leaves("2026-03-06") => "refused: not found";
    }
}

#[test]
fn handed_in_as_a_leaver() {
    table! {
        "the grace period, by an admin": [hr(1)] => handed_in()
            => "scheduled until t+3d; active > scheduled by admin; arms digest t+2m, deactivate t+3d; tells scheduled";
        "also immediate": [immediate(), hr(1)] => handed_in()
            => "scheduled until t+3d; active > scheduled by admin; arms digest t+2m, deactivate t+3d; tells scheduled";
        "also with the sync off": [off(), add(Role::Member)] => handed_in()
            => "scheduled until t+3d; active > scheduled by admin; arms digest t+2m, deactivate t+3d; tells scheduled";
        "twice": [hr(1), handed_in()] => handed_in() => "unchanged until t+3d; nothing";
        "deactivated": [hr(1), now()] => handed_in() => "unchanged; nothing";
        "deleted": [hr(1), delete()] => handed_in() => "unchanged; nothing";
        "HR undoes it after it has called them gone": [hr(1), handed_in(), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "nor does turning the sync off": [hr(1), handed_in(), off()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "of an ended epoch": [hr(1), hr(2).inactive(), off()] => handed_in()
            => "scheduled until t+3d; scheduled > scheduled by admin; arms digest t+2m, deactivate t+3d; disarms deactivate t+3d; tells scheduled; withdraws scheduled";
    }
}
