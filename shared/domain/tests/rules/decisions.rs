//! The decisions below the lifecycle table, where the sources disagree or are silent.

use offramp_domain::{Access, Cause, Event, Field, HrRecord, Refusal, Role, Status, SubjectKind};

use crate::steps::*;
use crate::world::{Says, World, admin, employee, hr, source};

#[test]
fn turning_the_sync_off() {
    table! {
        "the timer of before": [hr(1), hr(2).inactive(), off()] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "also when it is turned on again": [hr(1), hr(2).inactive(), off(), on()] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "also when the user was rewritten meanwhile": [hr(1), hr(2).inactive(), off(), Event::Tidy, on()] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "rewriting tidies": [hr(1), hr(2).inactive(), off()] => Event::Tidy
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "once": [hr(1), hr(2).inactive(), off(), Event::Tidy] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "an admin among them is one again": [hr(1), role(Role::Admin), hr(2).inactive(), off()] => Event::Tidy
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled; joins the admins";
        "cause missing: the same": [hr(1), missing(2), scheduled_by(Cause::Missing), off()] => Event::Tidy
            => "reactivated; scheduled > active; disarms deactivate t+3d";
        "cause leave_date: stays": [hr(1), scheduled_by(Cause::LeaveDate), off()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "cause admin: stays": [hr(1), scheduled_by(Cause::Admin), off()] => Event::Tidy
            => "unchanged (the user is as the policy says); nothing";
        "turned on again, the same record newer": [hr(1), hr(2).inactive(), off(), on()] => hr(3).inactive()
            => "unchanged; quiet";
        "ignored while off, then on: the record was seen": [hr(1), off(), hr(2).inactive(), on()] => hr(3).inactive()
            => "unchanged; quiet";
        "a new field of it is no mutation": [hr(1), off(), hr(2).inactive(), on()] => hr(3).inactive().name("Ada")
            => "updated; active > active";
        "a change of something else is no other word": [hr(1).name("A"), off(), hr(2).inactive(), on()] => hr(3).inactive().name("B")
            => "updated; active > active";
        "off, on, and HR says it anew: another schedule": [hr(1), hr(2).inactive(), off(), on(), after(60), hr(3)] => hr(4).inactive()
            => "scheduled until t+3d1h; active > scheduled by hr; arms digest t+1h2m, deactivate t+3d1h; tells scheduled";
        "whose timer is its own: the first does nothing": [hr(1), hr(2).inactive(), off(), on(), after(60), hr(3), hr(4).inactive()]
            => fires(0, 3600)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "and the second deactivates": [hr(1), hr(2).inactive(), off(), on(), after(60), hr(3), hr(4).inactive()]
            => fires(1, 0)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+3d1h2m; disarms deactivate t+3d1h; withdraws scheduled";
        "an edit of somebody not yet rewritten": [hr(1), hr(2).inactive(), off()] => hr(3).inactive().name("Ada")
            => "updated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "nor of somebody not yet rewritten, on again": [hr(1).name("A"), hr(2).inactive(), off(), on(), after(60)]
            => hr(3).inactive().name("B")
            => "updated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "deactivate now of somebody not yet rewritten": [hr(1), hr(2).inactive(), off()] => now()
            => "deactivated; scheduled > deactivated by admin; terminating; arms finish t+2m; disarms deactivate t+3d; withdraws scheduled";
        "restored before it was rewritten": [hr(1), hr(2).inactive(), off()] => restore()
            => "reactivated (HR still says inactive); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "excluded before it was rewritten": [hr(1), hr(2).inactive(), off(), except(Field::Team, "x")]
            => hr(3).inactive().set(Field::Team, "x")
            => "excluded (the sync rule leaves this employee out); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "other settings end no epoch": [hr(1), hr(2).inactive(), delay(1), immediate(), on()] => fires(0, 0)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+3d2m; disarms deactivate t+3d; withdraws scheduled";
    }
}

#[test]
fn settled_is_active_with_access_before_anything_is_written() {
    let mut world = World::new();
    let id = employee("E-7");
    for event in [hr(1), hr(2).inactive()] {
        let source = source("hris");
        let event = Event::Hr { source, event };
        world.happens(&id, &event).unwrap();
    }
    assert_eq!(world.user(&id).access(), Access::Revoked);
    world.settings(|settings| settings.deactivation_sync.enabled = false);
    assert_eq!(world.user(&id).access(), Access::Granted);
    assert_eq!(world.user(&id).status(), Status::Active);
    assert_eq!(world.user(&id).due_at(), None);
    assert_eq!(world.users[&id].status(), Status::DeactivationScheduled);
    world.settings(|settings| settings.deactivation_sync.enabled = true);
    assert_eq!(world.user(&id).access(), Access::Granted, "and stays so");
}

#[test]
fn instants() {
    table! {
        "the same delivery again": [hr(1).name("A")] => hr(1).name("A") => "unchanged; nothing";
        "again, after an HR edit": [hr(1).name("A"), hr(2).name("B")] => hr(1).name("A") => "stale; nothing";
        "older": [hr(2).name("A")] => hr(1).inactive().name("B") => "stale; nothing";
        "older, where the newer was equal to what was known": [hr(1).name("A"), hr(3).name("A")] => hr(2).inactive().name("A")
            => "stale; nothing";
        "newer and equal: only the instant": [hr(1).name("A")] => hr(2).name("A") => "unchanged; quiet";
        "older, of a field that was never sent": [hr(2)] => hr(1).inactive().name("A")
            => "updated; active > active";
        "older status, newer field": [hr(1).name("A"), hr(3).inactive(), now()] => hr(2).name("B")
            => "updated; deactivated > deactivated by admin; terminating";
        "at an equal instant the later arrival wins": [hr(1), hr(2)] => hr(2).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "both ways": [hr(1), hr(2).inactive()] => hr(2)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "unless it is a replay": [hr(1), hr(2).inactive(), hr(2)] => hr(2).inactive()
            => "unchanged; nothing";
        "another event of the same words is none": [hr(1), hr(2).inactive().called("e1"), hr(2).called("e2")]
            => hr(2).inactive().called("e3")
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "a replay in the grace period": [hr(1), hr(2).inactive()] => hr(2).inactive() => "unchanged; nothing";
        "a replay of a leaver's event after the return": [hr(1), hr(2).inactive(), hr(3)] => hr(2).inactive()
            => "stale; nothing";
        "a replay after a restore by hand": [hr(1), hr(2).inactive(), restore()] => hr(2).inactive()
            => "unchanged; nothing";
        "10 minutes ahead of our clock": [hr(1)] => hr(30 * 24 * 60 + 10).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled";
        "more": [hr(1)] => hr(30 * 24 * 60 + 11).inactive()
            => "rejected (occurred_at is more than 10 minutes in the future); nothing";
        "also of somebody unknown": [] => hr(30 * 24 * 60 + 11)
            => "rejected (occurred_at is more than 10 minutes in the future); nothing";
    }
}

#[test]
fn one_employee_belongs_to_one_source() {
    table! {
        "another source": [hr(1)] => says("payroll", hr(2).inactive())
            => "rejected (the employee belongs to another source: a hand-over by an admin moves them); nothing";
        "its own word of before": [hr(1)] => says("payroll", hr(1))
            => "rejected (the employee belongs to another source: a hand-over by an admin moves them); nothing";
        "also of a deleted one": [hr(1), delete(), finished()] => says("payroll", hr(2).name("A"))
            => "rejected (the employee belongs to another source: a hand-over by an admin moves them); nothing";
        "added by hand: the first that speaks adopts": [add(Role::Member)] => says("payroll", hr(1).name("B"))
            => "updated; active > active";
        "and then the others do not": [add(Role::Member), says("payroll", hr(1))] => hr(2).inactive()
            => "rejected (the employee belongs to another source: a hand-over by an admin moves them); nothing";
    }
}

#[test]
fn the_last_admin_and_oneself() {
    table! {
        "made an admin": [hr(1)] => role(Role::Admin) => "updated; active > active; arms digest t+2m; tells power; joins the admins";
        "an admin among others goes": [hr(1), role(Role::Admin)] => hr(2).inactive()
            => "scheduled until t+3d; active > scheduled by hr; arms digest t+2m, deactivate t+3d; tells scheduled; leaves the admins";
        "and comes back as one": [hr(1), role(Role::Admin), hr(2).inactive()] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled; joins the admins";
        "the last: a machine holds": [hr(1), role(Role::Admin), alone()] => hr(2).inactive()
            => "held (this is the last admin with access); active > active";
        "also immediate": [hr(1), role(Role::Admin), alone(), immediate()] => hr(2).inactive()
            => "held (this is the last admin with access); active > active";
        "again with the next change": [hr(1).name("A"), role(Role::Admin), alone(), hr(2).inactive()] => hr(3).inactive().name("B")
            => "held (this is the last admin with access); active > active";
        "not with the same": [hr(1).name("A"), role(Role::Admin), alone(), hr(2).inactive()] => hr(3).inactive()
            => "unchanged; quiet";
        "the last, now": [hr(1), role(Role::Admin), alone()] => now_by(None)
            => "refused: this is the last admin with access";
        "the last, deleted": [hr(1), role(Role::Admin), alone()] => delete_by(None)
            => "refused: this is the last admin with access";
        "the last, demoted": [hr(1), role(Role::Admin), alone()] => role_by(None, Role::Member)
            => "refused: this is the last admin with access";
        "not the last: demoted": [hr(1), role(Role::Admin)] => role(Role::Member)
            => "updated; active > active; arms digest t+2m; tells power; leaves the admins";
        "not the last: now": [hr(1), role(Role::Admin)] => now()
            => "deactivated; active > deactivated by admin; terminating; arms finish t+2m, digest t+2m; tells power; leaves the admins";
        "an admin without access is no admin": [hr(1), role(Role::Admin), hr(2).inactive()] => delete()
            => "deactivated; scheduled > deleted by admin; terminating; arms finish t+2m; disarms deactivate t+3d; withdraws scheduled";
        "a role in the grace period gives no access": [hr(1), hr(2).inactive(), role(Role::Admin)] => hr(3)
            => "reactivated; scheduled > active; disarms deactivate t+3d; withdraws scheduled; joins the admins";
        "oneself, now": [hr(1), role(Role::Admin)] => now_by(Some("E-7"))
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "oneself, deleted": [hr(1), role(Role::Admin)] => delete_by(Some("E-7"))
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "oneself, restored": [hr(1), role(Role::Admin)] => restore_by(Some("E-7"))
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "oneself, demoted": [hr(1), role(Role::Admin)] => role_by(Some("E-7"), Role::Member)
            => "refused: nobody deactivates, deletes, restores or demotes themselves";
        "the same role": [hr(1)] => role(Role::Member) => "unchanged; nothing";
        "added as an admin": [] => add(Role::Admin) => "created; nobody > active; arms digest t+2m; tells power; joins the admins";
    }
}

#[test]
fn held_until_hr_says_active_or_somebody_acts() {
    let held = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in [hr(1).into(), role(Role::Admin).into(), alone()] {
            (step.0)(&mut world);
        }
        (Step::from(hr(2).inactive()).0)(&mut world);
        assert!(world.users[&employee("E-7")].held);
        for step in steps {
            (step.0)(&mut world);
        }
        world.users[&employee("E-7")].held
    };
    assert!(held(vec![hr(3).inactive().into()]));
    assert!(!held(vec![hr(3).into()]));
    assert!(!held(vec![add_another_admin(), now().into()]));
}

/// If tokens name people by address, an admin needs an address and a member needs none. If tokens name people by id,
/// nobody needs one.
#[test]
fn an_admin_can_be_named_by_a_token() {
    use SubjectKind::{Email, EmployeeId};
    let address = "ada@acme.example";
    for (kind, has_address, role, allowed) in [
        (Email, false, Role::Admin, false),
        (Email, false, Role::Member, true),
        (Email, true, Role::Admin, true),
        (EmployeeId, false, Role::Admin, true),
    ] {
        let said = if has_address {
            hr(1).set(Field::Email, address)
        } else {
            hr(1)
        };
        let mut world = World::new();
        (Step::from(said).0)(&mut world);
        let event = Event::SetRole {
            by: admin(Some("E-1")),
            role,
            login: None,
            signs_in_by: kind,
        };
        let refused = (!allowed).then_some(Refusal::NoAddress);
        assert_eq!(world.happens(&employee("E-7"), &event).err(), refused);

        let mut world = World::new();
        let event = Event::Add {
            by: admin(Some("E-1")),
            employee_id: employee("E-8"),
            profile: has_address
                .then(|| (Field::Email, address.to_owned()))
                .into_iter()
                .collect(),
            role,
            login: None,
            signs_in_by: kind,
        };
        assert_eq!(world.happens(&employee("E-8"), &event).err(), refused);
    }
}

fn add_another_admin() -> Step {
    set(|world| {
        let event = Event::SetRole {
            by: admin(None),
            role: Role::Admin,
            login: None,
            signs_in_by: SubjectKind::EmployeeId,
        };
        world.happens(&employee("E-1"), &event).unwrap();
    })
}

#[test]
fn sync_rules_come_and_go() {
    table! {
        "what HR said meanwhile is known": [hr(1), except(Field::Team, "x"), hr(2).inactive().set(Field::Team, "x"), everybody()]
            => hr(3).inactive().set(Field::Team, "x")
            => "unchanged; quiet";
        "and a change of something else is no other word": [hr(1), except(Field::Team, "x"), hr(2).inactive().set(Field::Team, "x"), everybody()]
            => hr(3).inactive().set(Field::Team, "y")
            => "updated; active > active";
        "the timer of somebody whom the rule excludes since": [hr(1).set(Field::Team, "x"), hr(2).inactive(), except(Field::Team, "x")]
            => fires(0, 0)
            => "excluded (the sync rule leaves this employee out); scheduled > active; disarms deactivate t+3d; withdraws scheduled";
        "but not what an admin planned": [hr(1).set(Field::Team, "x"), scheduled_by(Cause::Admin), except(Field::Team, "x")]
            => forged(2, 0)
            => "deactivated; scheduled > deactivated by admin; terminating; arms finish t+3d3m; disarms deactivate t+3d";
    }
}

#[test]
fn timers() {
    table! {
        "late": [hr(1), hr(2).inactive()] => fires(0, 86_400)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+4d2m; disarms deactivate t+3d; withdraws scheduled";
        "twice": [hr(1), hr(2).inactive(), fires(0, 0)] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "as early as clocks differ": [hr(1), hr(2).inactive()] => fires(0, -30)
            => "deactivated; scheduled > deactivated by hr; terminating; arms finish t+3d1m30s; disarms deactivate t+3d; withdraws scheduled";
        "early": [hr(1), hr(2).inactive()] => fires(0, -31)
            => "unchanged (the timer is early); nothing";
        "of the generation before": [hr(1), hr(2).inactive()] => forged(1, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "of the generation after": [hr(1), hr(2).inactive()] => forged(3, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "of another second": [hr(1), hr(2).inactive()] => forged(2, 1)
            => "unchanged (the user is due at another second); nothing";
        "of somebody active": [hr(1)] => forged(1, 0)
            => "unchanged (the user is not scheduled); nothing";
        "after a return": [hr(1), hr(2).inactive(), hr(3)] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "after a return and another leave in the same second": [hr(1), hr(2).inactive(), hr(3), hr(4).inactive()] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "after a deletion": [hr(1), hr(2).inactive(), delete()] => fires(0, 0)
            => "unchanged (the user has changed since the timer was armed); nothing";
        "armed to the second": [hr(1), to_the_second(59, 999)] => hr(2).inactive()
            => "scheduled until t+3d59s; active > scheduled by hr; arms digest t+2m, deactivate t+3d59s; tells scheduled";
        "and ahead, though the second is cut off": [hr(1), immediate(), to_the_second(59, 999)] => hr(2).inactive()
            => "deactivated; active > deactivated by hr; terminating; arms finish t+2m59s";
        "the digest of the next minute": [hr(1), to_the_second(60, 0)] => hr(2).inactive()
            => "scheduled until t+3d1m; active > scheduled by hr; arms digest t+3m, deactivate t+3d1m; tells scheduled";
    }
}

#[test]
fn what_is_shown() {
    let shown = |steps: Vec<Step>| {
        let mut world = World::new();
        for step in steps {
            (step.0)(&mut world);
        }
        let user = &world.users[&employee("E-7")];
        let fields = [Field::Name, Field::Team].map(|field| user.get(field).unwrap_or("-"));
        let entry = world.history[&employee("E-7")].last().unwrap();
        let changed: Vec<_> = entry.fields.iter().map(|field| field.as_str()).collect();
        format!("{} {}; {}", fields[0], fields[1], changed.join(" "))
    };
    let ada = || Step::from(hr(1).name("Ada").set(Field::Team, "x"));
    assert_eq!(shown(vec![ada()]), "Ada x; name team");
    let partial = hr(2).set(Field::Team, "y").into();
    assert_eq!(shown(vec![ada(), partial]), "Ada y; team");
    let cleared = hr(2).clear(Field::Team).into();
    assert_eq!(shown(vec![ada(), cleared]), "Ada -; team");
    let by_hand = || Step::from(add(Role::Member));
    let adopted = hr(1).set(Field::Team, "y").into();
    assert_eq!(shown(vec![by_hand(), adopted]), "Ada y; team");
    let left_out = vec![
        ada(),
        except(Field::Team, "y"),
        hr(2).name("B").set(Field::Team, "y").into(),
    ];
    assert_eq!(
        shown(left_out),
        "Ada x; name team",
        "the sync does not update"
    );
    let gone = vec![ada(), delete().into(), hr(2).inactive().name("B").into()];
    assert_eq!(shown(gone), "Ada x; ", "nor somebody who stays deleted");
    let back = vec![
        ada(),
        delete().into(),
        hr(2).inactive().name("B").into(),
        hr(3).into(),
    ];
    assert_eq!(shown(back), "B x; name", "until they come back");
}

/// HR speaks of whom it has; somebody added by hand is nobody's to bring back.
#[test]
fn a_record_that_never_was_is_no_mutation_of_a_deleted_user() {
    table! {
        "deleted before any source spoke": [add(Role::Member), delete(), finished()] => hr(1).name("Ada")
            => "ignored (the account was deleted by hand); quiet";
        "its next change brings them back": [add(Role::Member), delete(), finished(), hr(1).name("Ada")] => hr(2).name("B")
            => "restored; deleted > active; arms finish t+2m, digest t+2m; tells restored and invites";
    }
}

#[test]
fn the_record_that_merges_is_the_one_that_is_stored() {
    let mut world = World::new();
    for event in [
        hr(3).name("C"),
        hr(1).name("A").set(Field::Team, "x"),
        hr(2).inactive(),
    ] {
        (Step::from(event).0)(&mut world);
    }
    let mut record = HrRecord::first(&hr(1).name("A").set(Field::Team, "x"));
    for event in [hr(2).inactive(), hr(3).name("C")] {
        if let offramp_domain::Merge::Changed { record: next, .. } = record.merge(&event) {
            record = next;
        }
    }
    assert_eq!(world.users[&employee("E-7")].hr, Some(record));
}
