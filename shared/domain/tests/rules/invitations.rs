//! Invitations: the only mail that a user ever gets.

use offramp_domain::settings::Invitations::{self, All, None as Nobody, Restored};
use offramp_domain::settings::LeaveDates;
use offramp_domain::{Field, Role};

use crate::leave::dates;
use crate::steps::{Step, add, delete, finished, immediate, now, restore, set, table};
use crate::world::{Says, hr};

fn invites(whom: Invitations) -> Step {
    set(move |world| world.settings(|s| s.invitations = whom))
}

#[test]
fn who_is_invited() {
    table! {
        "the first word of HR: nobody, unless set": [] => hr(1) => "created; nobody > active";
        "restored: the same": [invites(Restored)] => hr(1) => "created; nobody > active";
        "none: the same": [invites(Nobody)] => hr(1) => "created; nobody > active";
        "all: whoever is new": [invites(All)] => hr(1)
            => "created; nobody > active; arms digest t+2m; tells invited";
        "not who is gone already": [invites(All)] => hr(1).inactive()
            => "created (inactive from the start); nobody > deactivated by hr";
        "nor whose leave date has come": [invites(All), dates(LeaveDates::All)] => hr(1).set(Field::LeaveDate, "2026-03-01")
            => "scheduled until t+3d (leave date); nobody > scheduled by leave_date; arms digest t+2m, deactivate t+3d; tells scheduled";
        "nor immediate": [invites(All), dates(LeaveDates::All), immediate()] => hr(1).set(Field::LeaveDate, "2026-03-01")
            => "deactivated (leave date); nobody > deactivated by leave_date; terminating; arms finish t+2m";
        "added by hand: nobody": [] => add(Role::Member) => "created; nobody > active";
        "all: by hand as well": [invites(All)] => add(Role::Member)
            => "created; nobody > active; arms digest t+2m; tells invited";
        "restored by HR: the admins are told too": [hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "all: the same": [invites(All), hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
        "none: the admins are told": [invites(Nobody), hr(1).name("A"), delete(), finished()] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored";
        "restored by hand": [hr(1), delete(), finished()] => restore()
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells invited";
        "none: restored by hand": [invites(Nobody), hr(1), delete(), finished()] => restore()
            => "restored; deleted > active; arms finish t+2m";
        "reactivated by HR": [hr(1).inactive()] => hr(2)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "all: reactivated by HR": [invites(All), hr(1).inactive()] => hr(2)
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "none: reactivated by HR": [invites(Nobody), hr(1).inactive()] => hr(2)
            => "reactivated; deactivated > active; arms finish t+2m";
        "reactivated by hand": [hr(1), now(), finished()] => restore()
            => "reactivated; deactivated > active; arms finish t+2m, digest t+2m; tells invited";
        "in the grace period HR's return invites nobody": [invites(All), hr(1), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "nor does an admin's": [invites(All), hr(1), hr(2).inactive()] => restore()
            => "reactivated (HR still says inactive); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "an edit invites nobody": [invites(All), hr(1)] => hr(2).name("A") => "updated; active > active";
    }
}
