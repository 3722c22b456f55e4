//! An admin or auditor is named by the login that an appointment has bound, which HR never writes.

use chrono::TimeDelta;
use offramp_domain::decide::{Outcome, Refusal};
use offramp_domain::{
    CompactUser, Event, Field, Happening, HrEvent, Login, Role, SubjectKind, TimerKind, User,
};

use crate::world::{Says, World, admin, employee, hr, source};

const OWN: &str = "ada@acme.example";
const OTHER: &str = "lena@acme.example";

fn login(text: &str) -> Login {
    Login::new(text).unwrap()
}

/// An entry of a history, as the releases before logins wrote one.
pub(crate) fn appointment() -> Happening {
    Happening::RoleChanged {
        role: Role::Admin,
        auditor: false,
        login: None,
    }
}

fn address(at: i64, address: &str) -> HrEvent {
    hr(at).set(Field::Email, address)
}

fn says(world: &mut World, event: HrEvent) {
    let event = Event::Hr {
        source: source("hris"),
        event,
    };
    world.happens(&employee("E-7"), &event).unwrap();
}

/// E-1 gives E-7 a role, where tokens have addresses.
fn appoint(world: &mut World, role: Role, with: Option<&str>) -> Result<Outcome, Refusal> {
    appoint_by(world, "E-1", role, with)
}

fn appoint_by(
    world: &mut World,
    by: &str,
    role: Role,
    with: Option<&str>,
) -> Result<Outcome, Refusal> {
    let event = Event::SetRole {
        by: admin(Some(by)),
        role,
        login: with.map(login),
        signs_in_by: SubjectKind::Email,
    };
    let decision = world.happens(&employee("E-7"), &event)?;
    Ok(decision.answered.outcome)
}

fn renames(world: &mut World, by: &str, to: &str) -> Result<Outcome, Refusal> {
    let event = Event::SetLogin {
        by: admin(Some(by)),
        login: login(to),
        signs_in_by: SubjectKind::Email,
    };
    let decision = world.happens(&employee("E-7"), &event)?;
    Ok(decision.answered.outcome)
}

fn user(world: &World) -> User {
    world.user(&employee("E-7"))
}

fn named(world: &World) -> Option<String> {
    user(world).login().map(ToString::to_string)
}

/// E-7 is here with an address, and an admin or auditor.
fn appointed(role: Role) -> World {
    let mut world = World::new();
    says(&mut world, address(1, OWN));
    assert_eq!(appoint(&mut world, role, None), Ok(Outcome::Updated));
    world
}

#[test]
fn an_appointment_binds_the_address_and_hr_changes_it_no_more() {
    for role in [Role::Admin, Role::Auditor] {
        let mut world = appointed(role);
        assert_eq!(named(&world).as_deref(), Some(OWN));
        says(&mut world, address(2, OTHER));
        let user = user(&world);
        assert_eq!(user.email().unwrap().as_str(), OTHER, "the address is HR's");
        assert_eq!(user.login(), Some(&login(OWN)), "{role:?}");
        assert_eq!(world.logins.who("ADA@acme.example"), Some(&employee("E-7")));
        assert_eq!(world.logins.who(OTHER), None);
    }
}

#[test]
fn the_login_ends_with_the_role_and_the_next_appointment_takes_the_last() {
    let mut world = appointed(Role::Admin);
    assert_eq!(
        renames(&mut world, "E-1", "ada@old.example"),
        Ok(Outcome::Updated)
    );
    assert_eq!(
        appoint(&mut world, Role::Auditor, None),
        Ok(Outcome::Updated)
    );
    assert_eq!(named(&world).as_deref(), Some("ada@old.example"));
    assert_eq!(
        appoint(&mut world, Role::Member, None),
        Ok(Outcome::Updated)
    );
    assert_eq!(
        (named(&world), world.logins.who("ada@old.example")),
        (None, None)
    );
    assert_eq!(appoint(&mut world, Role::Admin, None), Ok(Outcome::Updated));
    assert_eq!(named(&world).as_deref(), Some("ada@old.example"));
    // A deletion frees it too: somebody else may come back under that address.
    let by = admin(Some("E-1"));
    world
        .happens(&employee("E-7"), &Event::Delete { by })
        .unwrap();
    assert_eq!(
        (named(&world), world.logins.who("ada@old.example")),
        (None, None)
    );
}

#[test]
fn an_address_that_hr_changed_lately_needs_a_login() {
    for (days, clears, with, answer) in [
        (6, false, None, Err(Refusal::AddressChanged)),
        (6, true, None, Err(Refusal::AddressChanged)),
        (6, false, Some(OTHER), Ok(Outcome::Updated)),
        (7, false, None, Ok(Outcome::Updated)),
    ] {
        let mut world = World::new();
        says(&mut world, address(1, OWN));
        if clears {
            says(&mut world, hr(2).clear(Field::Email));
        }
        says(&mut world, address(3, OTHER));
        world.now += TimeDelta::days(days);
        assert_eq!(
            appoint(&mut world, Role::Admin, with),
            answer,
            "{days} {clears} {with:?}"
        );
    }
    // The first address is no change, nor is its case, nor another field.
    let mut world = World::new();
    says(&mut world, hr(1));
    says(&mut world, address(2, OWN));
    says(
        &mut world,
        address(3, "Ada@acme.example").set(Field::Name, "A"),
    );
    assert_eq!(appoint(&mut world, Role::Admin, None), Ok(Outcome::Updated));
}

#[test]
fn a_login_is_one_persons_and_nobody_changes_their_own() {
    let mut world = appointed(Role::Admin);
    let second = Event::Add {
        by: admin(Some("E-7")),
        employee_id: employee("E-8"),
        profile: [(Field::Email, "ada@ACME.example".to_owned())].into(),
        role: Role::Auditor,
        login: None,
        signs_in_by: SubjectKind::Email,
    };
    let taken = world.happens(&employee("E-8"), &second).err();
    assert_eq!(taken, Some(Refusal::LoginTaken), "by an appointment");
    assert_eq!(renames(&mut world, "E-7", OTHER), Err(Refusal::OnSelf));
    let own = appoint_by(&mut world, "E-7", Role::Admin, Some(OTHER));
    assert_eq!(own, Err(Refusal::OnSelf), "by the role");
    let own = appoint_by(&mut world, "E-7", Role::Auditor, None);
    assert_eq!(own, Err(Refusal::OnSelf), "nobody steps down to auditor");
    assert_eq!(
        appoint(&mut world, Role::Admin, Some(OWN)),
        Ok(Outcome::Unchanged)
    );
    assert_eq!(renames(&mut world, "E-1", OTHER), Ok(Outcome::Updated));
    assert_eq!(named(&world).as_deref(), Some(OTHER));
    assert_eq!(world.logins.who(OWN), None, "the old one is free");
    let decision = world.happens(&employee("E-8"), &second);
    assert!(decision.is_ok(), "{decision:?}");
    assert_eq!(
        renames(&mut world, "E-1", OWN),
        Err(Refusal::LoginTaken),
        "by a change"
    );
    assert_eq!(
        renames(&mut world, "E-1", "no address"),
        Err(Refusal::LoginNoAddress)
    );
    let member = appoint(&mut world, Role::Member, Some(OTHER));
    assert_eq!(member, Err(Refusal::NoLogin));
}

#[test]
fn the_last_admin_becomes_no_auditor() {
    let mut world = World::new();
    let event = Event::SetRole {
        by: admin(None),
        role: Role::Auditor,
        login: None,
        signs_in_by: SubjectKind::EmployeeId,
    };
    let refused = world.happens(&employee("E-1"), &event).err();
    assert_eq!(refused, Some(Refusal::LastAdmin));
}

/// An admin as the releases before logins stored one.
fn before_logins() -> World {
    let mut world = appointed(Role::Admin);
    let user = world.users.get_mut(&employee("E-7")).unwrap();
    let freed = user.bound.take();
    world.logins.change(freed.as_ref(), None);
    world
}

#[test]
fn hr_changes_no_address_that_names_an_admin_until_the_login_is_bound() {
    let mut world = before_logins();
    says(&mut world, address(2, OTHER).set(Field::Team, "x"));
    let user_now = user(&world);
    assert_eq!(user_now.email().unwrap().as_str(), OWN, "it is kept");
    assert_eq!(user_now.get(Field::Team), Some("x"), "and nothing else is");
    let bind = Event::BindLogin {
        by: offramp_domain::Actor::Timer {
            kind: TimerKind::Sweep,
            due: world.now,
        },
        signs_in_by: SubjectKind::Email,
    };
    let decision = world.happens(&employee("E-7"), &bind).unwrap();
    let change = decision.change.unwrap();
    let told = change.entry.unwrap().happening;
    let role = Happening::RoleChanged {
        role: Role::Admin,
        auditor: false,
        login: Some(login(OWN)),
    };
    assert_eq!(told, role);
    assert_eq!(named(&world).as_deref(), Some(OWN));
    let shown = user(&world).email().unwrap();
    assert_eq!(shown.as_str(), OTHER, "what HR said meanwhile is shown");
    let again = world.happens(&employee("E-7"), &bind).unwrap();
    assert_eq!(again.change, None, "once");
}

#[test]
fn a_bound_login_takes_nobody_elses() {
    let mut world = before_logins();
    let (who, other) = (employee("E-8"), login(OWN));
    world.logins.change(None, Some((&other, &who)));
    let bind = Event::BindLogin {
        by: admin(None),
        signs_in_by: SubjectKind::Email,
    };
    let decision = world.happens(&employee("E-7"), &bind).unwrap();
    assert_eq!((decision.change, named(&world)), (None, None));
}

/// The releases before auditors and logins read an auditor as a member, and know nothing else of it.
#[test]
fn an_auditor_is_a_member_to_the_release_before() {
    let mut world = appointed(Role::Auditor);
    says(&mut world, address(2, OTHER));
    let user = user(&world);
    let mut stored = serde_json::to_value(&user).unwrap();
    assert_eq!(
        (&stored["role"], &stored["auditor"]),
        (&"member".into(), &true.into())
    );
    let read: User = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(read, user);
    let compact = serde_json::to_value(CompactUser::from(&user)).unwrap();
    assert_eq!(compact.get("role"), None, "a member is not written");
    let read: CompactUser<'_> = serde_json::from_value(compact).unwrap();
    assert_eq!(User::from(read), user);
    // Rewritten by that release, they are a member.
    for field in ["auditor", "login", "address_changed"] {
        stored.as_object_mut().unwrap().remove(field);
    }
    let read: User = serde_json::from_value(stored).unwrap();
    assert_eq!((read.role, read.login()), (Role::Member, None));
}
