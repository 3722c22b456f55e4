//! The lifecycle table of the design, row by row.

use offramp_domain::settings::RestoreDeletedOn;
use offramp_domain::{Cause, Event, Field, Role};

use crate::steps::{
    add, after, delay, delete, except, finished, fires, forged, immediate, missing, now, off,
    restore, restore_on, role, rule_fails, scheduled_by, table,
};
use crate::world::{Says, hr};

#[test]
fn unknown() {
    table! {
        "HR active": [] => hr(1).name("Ada")
            => "created; nobody > active";
        "HR inactive: stored, no mail": [] => hr(1).inactive()
            => "created (inactive from the start); nobody > deactivated by hr";
        "the same with the sync off": [off()] => hr(1).inactive()
            => "created (inactive from the start); nobody > deactivated by hr";
        "excluded: not created": [except(Field::Team, "x")] => hr(1).set(Field::Team, "x")
            => "excluded; nothing";
        "the rule fails": [rule_fails()] => hr(1)
            => "rejected (no such key: team); nothing";
        "nothing can be done to nobody": [] => now() => "refused: not found";
        "no timer either": [] => forged(1, 0) => "refused: not found";
    }
}

#[test]
fn active() {
    table! {
        "HR inactive, delayed by 1 day": [hr(1), delay(1)] => hr(2).inactive()
            => "scheduled until t+1d; active > scheduled by hr; arms digest t+2m, deactivate t+1d; tells scheduled";
        "by 2": [hr(1), delay(2)] => hr(2).inactive()
            => "scheduled until t+2d; active > scheduled by hr; arms digest t+2m, deactivate t+2d; tells scheduled";
        "by 3, unless set": [hr(1)] => hr(2).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "immediate": [hr(1), immediate()] => hr(2).inactive()
            => "deactivated; active > deactivated by hr; terminating; arms finish t+2m";
        "deactivate now": [hr(1)] => now()
            => "deactivated; active > deactivated by admin; terminating; arms finish t+2m";
        "sync off": [hr(1), off()] => hr(2).inactive()
            => "ignored (deactivation sync is off); active > active";
        "excluded": [hr(1), except(Field::Team, "x")] => hr(2).inactive().set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); quiet";
        "the rule fails": [hr(1), rule_fails()] => hr(2).inactive()
            => "rejected (no such key: team); nothing";
        "HR edits": [hr(1)] => hr(2).name("Ada L.")
            => "updated; active > active";
        "deleted by hand": [hr(1)] => delete()
            => "deactivated; active > deleted by admin; terminating; arms finish t+2m";
        "restored while active": [hr(1)] => restore() => "unchanged; nothing";
        "added by hand, and HR's first word is inactive": [add(Role::Member)] => hr(1).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
    }
}

#[test]
fn in_the_grace_period() {
    table! {
        "HR changes to active": [hr(1), hr(2).inactive(), after(5)] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "cause missing: the same": [hr(1), missing(2), scheduled_by(Cause::Missing)] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d";
        "cause admin: HR too, after it has called them gone": [hr(1), hr(2).inactive(), scheduled_by(Cause::Admin)] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "cause leave_date: the same": [hr(1), scheduled_by(Cause::LeaveDate)] => hr(2).name("Ada")
            => "updated until t+3d; scheduled > scheduled by leave_date";
        "cause admin: an admin restores": [hr(1), scheduled_by(Cause::Admin)] => restore()
            => "reactivated; scheduled > active; disarms deactivate t+3d";
        "an admin restores though HR says inactive": [hr(1), hr(2).inactive()] => restore()
            => "reactivated (HR still says inactive); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "the rule comes to exclude": [hr(1), hr(2).inactive(), except(Field::Team, "x")]
            => hr(3).inactive().set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "but not for what an admin planned": [hr(1), scheduled_by(Cause::Admin), except(Field::Team, "x")]
            => hr(3).set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); quiet";
        "HR edits, still inactive: due_at stands": [hr(1), hr(2).inactive(), after(60)] => hr(3).inactive().name("Ada")
            => "updated until t+3d; scheduled > scheduled by hr";
        "a changed delay leaves it": [hr(1), hr(2).inactive(), after(60), delay(1)] => hr(3).inactive().name("Ada")
            => "updated until t+3d; scheduled > scheduled by hr";
        "so does immediate": [hr(1), hr(2).inactive(), after(60), immediate()] => hr(3).inactive().name("Ada")
            => "updated until t+3d; scheduled > scheduled by hr";
        "its timer": [hr(1), hr(2).inactive()] => fires(0, 0)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+3d2m; disarms deactivate t+3d; withdraws scheduled";
        "its timer keeps the cause": [hr(1), scheduled_by(Cause::LeaveDate)] => forged(2, 0)
            => "deactivated; scheduled > deactivated by leave_date; terminating; arms finish t+3d3m; disarms deactivate t+3d";
        "its timer, though the sync is off: an admin's": [hr(1), scheduled_by(Cause::Admin), off()] => forged(2, 0)
            => "deactivated; scheduled > deactivated by admin; terminating; arms finish t+3d3m; disarms deactivate t+3d";
        "deactivate now": [hr(1), hr(2).inactive(), after(1)] => now()
            => "deactivated; scheduled > deactivated by admin; terminating; arms finish t+3m; disarms deactivate t+3d; withdraws scheduled";
        "deleted by hand": [hr(1), hr(2).inactive()] => delete()
            => "deactivated; scheduled > deleted by admin; terminating; arms finish t+2m; disarms deactivate t+3d; withdraws scheduled";
        "the rule fails: nothing is touched": [hr(1), hr(2).inactive(), rule_fails()] => hr(3)
            => "rejected (no such key: team); nothing";
        "a role is no matter of the lifecycle": [hr(1), hr(2).inactive()] => role(Role::Admin)
            => "updated; scheduled > scheduled by hr; arms digest t+2m; tells power";
    }
}

#[test]
fn deactivated() {
    table! {
        "HR edits, still inactive": [hr(1), immediate(), hr(2).inactive()] => hr(3).inactive().name("Ada")
            => "updated; deactivated > deactivated by hr; terminating";
        "HR changes to active: what was left to do is dropped": [hr(1), immediate(), hr(2).inactive()] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "from missing to active": [hr(1), immediate(), now(), missing(2)] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "who was inactive from the start comes back": [hr(1).inactive()] => hr(2)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "deactivate now in the grace period, and HR edits": [hr(1), hr(2).inactive(), now()] => hr(3).inactive().name("Ada")
            => "updated; deactivated > deactivated by admin; terminating";
        "and HR changes to active": [hr(1), hr(2).inactive(), now()] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "by hand while HR says active, and HR edits": [hr(1), now()] => hr(2).name("Ada")
            => "updated; deactivated > deactivated by admin; terminating";
        "by hand, and HR's first word is active": [add(Role::Member), now()] => hr(1)
            => "updated; deactivated > deactivated by admin; terminating";
        "by hand, HR goes and comes back": [hr(1), now(), hr(2).inactive()] => hr(3)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "excluded: the sync does not bring back": [hr(1), immediate(), hr(2).inactive(), except(Field::Team, "x")]
            => hr(3).set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); quiet; terminating";
        "the sync off brings nobody back": [hr(1), immediate(), hr(2).inactive(), off()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "an admin restores": [hr(1), now()] => restore()
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "an admin restores, and says what HR says": [hr(1).inactive()] => restore()
            => "reactivated (HR still says inactive); deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "or does not say": [hr(1), missing(2), now()] => restore()
            => "reactivated (missing from the last snapshot); deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "now, twice": [hr(1), now()] => now() => "unchanged; nothing";
        "deleted by hand": [hr(1), now(), finished()] => delete()
            => "deactivated; deactivated > deleted by admin; terminating; arms finish t+2m";
    }
}

#[test]
fn deleted() {
    use RestoreDeletedOn::{AnyChange, Never, Reactivation};
    table! {
        "the same record": [hr(1).name("A"), delete()] => hr(1).name("A")
            => "ignored (the account was deleted by hand); nothing";
        "the same record, newer": [hr(1).name("A"), delete()] => hr(2).name("A")
            => "ignored (the account was deleted by hand); quiet; terminating";
        "an older one": [hr(2).name("A"), delete()] => hr(1).name("B")
            => "stale; nothing";
        "a changed one, any_change": [hr(1).name("A"), delete(), finished()] => hr(2).name("A. B.")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "what was left to do is dropped": [hr(1).name("A"), delete()] => hr(2).name("A. B.")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "a cleared field is a change": [hr(1).name("A"), delete(), finished()] => hr(2).clear(Field::Name)
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "a field that was never sent is none": [hr(1).name("A"), delete(), finished()] => hr(2).set(Field::Team, "x")
            => "ignored (the account was deleted by hand); quiet";
        "nor the same field, newer": [hr(1).name("A"), delete(), finished(), hr(2).set(Field::Team, "x")]
            => hr(3).set(Field::Team, "x")
            => "ignored (the account was deleted by hand); quiet";
        "but from then on it is": [hr(1).name("A"), delete(), finished(), hr(2).set(Field::Team, "x")]
            => hr(3).set(Field::Team, "y")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "a change to inactive": [hr(1), delete(), finished()] => hr(2).inactive()
            => "ignored (the account was deleted by hand); quiet";
        "and then to active": [hr(1), delete(), finished(), hr(2).inactive()] => hr(3)
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "any_change while still inactive": [hr(1).inactive(), delete(), finished()] => hr(2).inactive().name("A")
            => "ignored (the account was deleted by hand); quiet";
        "reactivation: another change": [restore_on(Reactivation), hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "ignored (the account was deleted by hand); quiet";
        "reactivation: inactive to active": [restore_on(Reactivation), hr(1).inactive(), delete(), finished()] => hr(2)
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "reactivation: missing to active": [restore_on(Reactivation), hr(1), delete(), missing(2), finished()] => hr(3)
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "never": [restore_on(Never), hr(1).inactive().name("A"), delete(), finished()] => hr(2).name("B")
            => "ignored (the account was deleted by hand); quiet";
        "any_change, as set": [restore_on(AnyChange), hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "excluded": [hr(1).name("A"), delete(), finished(), except(Field::Name, "B")] => hr(2).name("B")
            => "excluded (the sync rule leaves this employee out); quiet";
        "sync off: it is about deactivation": [off(), hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "an admin restores": [hr(1), delete(), finished()] => restore()
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells invited";
        "an admin restores while HR says inactive": [hr(1).inactive(), delete(), finished()] => restore()
            => "restored (HR still says inactive); deleted > active; arms finish t+2m, digest t+2m; tells invited";
        "who was an admin is a member": [hr(1).name("A"), role(Role::Admin), delete(), finished(), hr(2).name("B")]
            => role(Role::Member)
            => "unchanged; nothing";
        "restored by hand as well": [hr(1), role(Role::Admin), delete(), finished(), restore()] => role(Role::Member)
            => "unchanged; nothing";
        "twice": [hr(1), delete()] => delete() => "unchanged; nothing";
        "deactivate now": [hr(1), delete()] => now() => "refused: the user is deleted; restore them first";
        "a role": [hr(1), delete()] => role(Role::Admin)
            => "refused: the user is deleted; restore them first";
        "the id is taken": [hr(1), delete()] => add(Role::Member)
            => "refused: there is already a user with this id; one who is deleted is restored";
    }
}
