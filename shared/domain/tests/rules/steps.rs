//! The words that the tables are written in.
//!
//! A row is a name, what went before, what happens, and what comes of it: the outcome's word; then
//! `nothing` (no write), `quiet` (an instant only) or the statuses before and after with the cause;
//! then `terminating` while cards are or may be alive; then what is armed, disarmed, told, withdrawn.
//! Times count from the start: `t+3d`. All of it is about E-7; E-1 is an admin.

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::{AdminsChange, Decision, Refusal};
use offramp_domain::settings::{Behaviour, RestoreDeletedOn};
use offramp_domain::{
    Actor, CardId, Cause, Epoch, Event, Field, Generation, Ground, GroundKind, Happening, HrEvent,
    IgnoredBy, LeaveGround, NoticeKind, Role, Status, SubjectKind, Timer, TimerKind, User, Whose,
};
use serde_json::{Value, json};

use crate::world::{World, admin, employee, instant, source, start};

/// Something that happens to E-7, or around them; tells what came of it.
pub(crate) struct Step(pub(crate) Box<dyn Fn(&mut World) -> String>);

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) given: Vec<Step>,
    pub(crate) when: Step,
    pub(crate) then: &'static str,
}

macro_rules! table {
    ($($name:literal: [$($given:expr),*] => $when:expr => $then:literal;)*) => {
        $crate::steps::check(vec![$($crate::steps::Row {
            name: $name,
            given: vec![$($crate::steps::Step::from($given)),*],
            when: $crate::steps::Step::from($when),
            then: $then,
        }),*])
    };
}

pub(crate) use table;

/// Tells every row that differs, not only the first.
pub(crate) fn check(rows: Vec<Row>) {
    let mut wrong = String::new();
    for row in rows {
        let mut world = World::new();
        for step in &row.given {
            (step.0)(&mut world);
        }
        let then = (row.when.0)(&mut world);
        if then != row.then {
            wrong += &format!("\n{}\n  want {}\n  have {then}\n", row.name, row.then);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

impl From<HrEvent> for Step {
    fn from(event: HrEvent) -> Self {
        says("hris", event)
    }
}

impl From<Event> for Step {
    fn from(event: Event) -> Self {
        Self(Box::new(move |world| tell(world, &event)))
    }
}

pub(crate) fn set(change: impl Fn(&mut World) + 'static) -> Step {
    Step(Box::new(move |world| {
        change(world);
        String::new()
    }))
}

pub(crate) fn says(from: &str, event: HrEvent) -> Step {
    let event = Event::Hr {
        source: source(from),
        event,
    };
    event.into()
}

pub(crate) fn off() -> Step {
    set(|world| world.settings(|s| s.deactivation_sync.enabled = false))
}

pub(crate) fn on() -> Step {
    set(|world| world.settings(|s| s.deactivation_sync.enabled = true))
}

pub(crate) fn delay(days: u8) -> Step {
    set(move |world| world.settings(|s| s.deactivation_sync.delay_days = days))
}

pub(crate) fn immediate() -> Step {
    set(|world| world.settings(|s| s.deactivation_sync.behaviour = Behaviour::Immediate))
}

pub(crate) fn restore_on(when: RestoreDeletedOn) -> Step {
    set(move |world| world.settings(|s| s.restore_deleted_on = when))
}

pub(crate) fn except(field: Field, value: &'static str) -> Step {
    set(move |world| world.rule.except = Some((field, value.to_owned())))
}

pub(crate) fn everybody() -> Step {
    set(|world| world.rule.except = None)
}

pub(crate) fn rule_fails() -> Step {
    set(|world| world.rule.fails = true)
}

pub(crate) fn after(minutes: i64) -> Step {
    set(move |world| world.now += TimeDelta::minutes(minutes))
}

pub(crate) fn to_the_second(seconds: i64, millis: i64) -> Step {
    set(move |world| {
        world.now = start() + TimeDelta::seconds(seconds) + TimeDelta::milliseconds(millis);
    })
}

/// Whatever an API of a later issue will have made of E-7.
pub(crate) fn is(change: impl Fn(&mut User) + 'static) -> Step {
    set(move |world| change(world.users.get_mut(&employee("E-7")).unwrap()))
}

/// In the grace period on one ground.
pub(crate) fn scheduled_by(cause: Cause) -> Step {
    set(move |world| {
        let user = world.users.get_mut(&employee("E-7")).unwrap();
        user.generation = user.generation.next();
        let due = start() + TimeDelta::days(3);
        let mut ground = Ground::in_force(start(), due, Epoch(0));
        if cause == Cause::LeaveDate {
            let date = start().date_naive();
            user.leave.by_hand = Some(date);
            let by = Whose::Admin;
            ground.date = Some(LeaveGround { date, by });
        }
        user.grounds.set(cause.into(), ground);
    })
}

/// In the last snapshot no more, since an instant.
pub(crate) fn missing(minute: i64) -> Step {
    is(move |user| {
        let mut record: Value = serde_json::to_value(&user.hr).unwrap();
        record["missing"] = json!(instant(minute));
        user.hr = serde_json::from_value(record).unwrap();
        let ground = match user.status() {
            Status::Active => Ground::ignored(IgnoredBy::OnMissing, start()),
            _ => Ground::in_force(start(), start() + TimeDelta::days(3), Epoch(0)),
        };
        user.grounds.set(GroundKind::Missing, ground);
    })
}

/// Everything that a deactivation had left to do.
pub(crate) fn finished() -> Step {
    is(|user| user.pending = offramp_domain::Pending::default())
}

pub(crate) fn alone() -> Step {
    set(|world| {
        let event = Event::SetRole {
            by: admin(None),
            role: Role::Member,
            login: None,
            signs_in_by: SubjectKind::EmployeeId,
        };
        world.happens(&employee("E-1"), &event).unwrap();
    })
}

pub(crate) fn now() -> Event {
    now_by(Some("E-1"))
}

pub(crate) fn now_by(id: Option<&str>) -> Event {
    Event::DeactivateNow { by: admin(id) }
}

pub(crate) fn delete() -> Event {
    delete_by(Some("E-1"))
}

pub(crate) fn delete_by(id: Option<&str>) -> Event {
    Event::Delete { by: admin(id) }
}

pub(crate) fn restore() -> Event {
    restore_by(Some("E-1"))
}

pub(crate) fn restore_by(id: Option<&str>) -> Event {
    Event::Restore { by: admin(id) }
}

pub(crate) fn role(role: Role) -> Event {
    role_by(Some("E-1"), role)
}

pub(crate) fn role_by(id: Option<&str>, role: Role) -> Event {
    Event::SetRole {
        by: admin(id),
        role,
        login: None,
        signs_in_by: SubjectKind::EmployeeId,
    }
}

pub(crate) fn add(role: Role) -> Event {
    Event::Add {
        by: admin(Some("E-1")),
        employee_id: employee("E-7"),
        profile: [(Field::Name, "Ada".to_owned())].into(),
        role,
        login: None,
        signs_in_by: SubjectKind::EmployeeId,
    }
}

pub(crate) fn cards(difference: i32) -> Event {
    Event::CardsCounted {
        by: admin(Some("E-1")),
        what: Happening::CardAdded { card: card("c-1") },
        difference,
    }
}

pub(crate) fn card(id: &str) -> CardId {
    CardId::new(id).unwrap()
}

pub(crate) fn machine() -> Actor {
    Actor::Timer {
        kind: TimerKind::Finish,
        due: start(),
    }
}

pub(crate) fn cancelled(ids: &[&str]) -> Event {
    Event::CardsCancelled {
        cards: ids.iter().map(|id| card(id)).collect(),
        by: machine(),
    }
}

pub(crate) fn done(generation: u64) -> Event {
    Event::Finished {
        generation: Generation(generation),
        by: machine(),
    }
}

/// The timer that was armed `nth` (from 0) for E-7, `seconds` after its due second.
pub(crate) fn fires(nth: usize, seconds: i64) -> Step {
    Step(Box::new(move |world| {
        let timers = world.armed.iter();
        let (generation, due) = timers
            .filter_map(|timer| match timer {
                Timer::Deactivate {
                    generation, due, ..
                } => Some((*generation, *due)),
                _ => None,
            })
            .nth(nth)
            .unwrap();
        world.now = due + TimeDelta::seconds(seconds);
        tell(world, &Event::Due { generation, due })
    }))
}

/// A timer that nobody armed.
pub(crate) fn forged(generation: u64, seconds: i64) -> Step {
    Step(Box::new(move |world| {
        let due = start() + TimeDelta::days(3) + TimeDelta::seconds(seconds);
        world.now = due + TimeDelta::minutes(1);
        let generation = Generation(generation);
        tell(world, &Event::Due { generation, due })
    }))
}

pub(crate) fn tell(world: &mut World, event: &Event) -> String {
    let id = employee("E-7");
    match world.happens(&id, event) {
        Ok(decision) => told(&decision, world),
        Err(Refusal::NotFound) => "refused: not found".to_owned(),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

pub(crate) fn told(decision: &Decision, world: &World) -> String {
    let word = serde_json::to_value(decision.answered.outcome).unwrap();
    let mut parts = vec![word.as_str().unwrap().to_owned()];
    if let Some(due) = decision.answered.due_at {
        assert_eq!(world.users[&employee("E-7")].due_at(), Some(due));
        parts[0] += &format!(" until {}", at(due));
    }
    if let Some(reason) = &decision.answered.reason {
        parts[0] += &format!(" ({reason})");
    }
    let Some(change) = &decision.change else {
        parts.push("nothing".to_owned());
        return parts.join("; ");
    };
    match &change.entry {
        None => parts.push("quiet".to_owned()),
        Some(entry) => {
            let from = entry.from.map_or("nobody", short);
            let cause = entry.cause.map_or(String::new(), |cause| {
                format!(
                    " by {}",
                    serde_json::to_value(cause).unwrap().as_str().unwrap()
                )
            });
            let access = entry.access.map_or("", |_| " with access");
            parts.push(format!("{from} > {}{access}{cause}", short(entry.to)));
        }
    }
    if !change.user.pending.is_done() {
        parts.push("terminating".to_owned());
    }
    let timers = |verb: &str, timers: &[Timer]| {
        let each = timers.iter().map(|timer| match timer {
            Timer::Leave { plan, due, .. } => format!("leave {plan} {}", at(*due)),
            _ => format!("{} {}", timer.kind(), at(timer.due())),
        });
        let each: Vec<String> = each.collect();
        (!each.is_empty()).then(|| format!("{verb} {}", each.join(", ")))
    };
    parts.extend(timers("arms", &change.arm));
    parts.extend(timers("disarms", &change.disarm));
    let tells = change.notice.as_ref();
    parts.extend(tells.map(|notice| {
        let invites = notice.kind == NoticeKind::Restored { invited: true };
        let also = if invites { " and invites" } else { "" };
        format!("tells {}{also}", notice.kind.as_str())
    }));
    parts.extend(change.power.as_ref().map(|_| "tells power".to_owned()));
    let withdraws = change.withdraw.as_ref();
    parts.extend(withdraws.map(|key| format!("withdraws {}", key.kind)));
    match change.admins {
        AdminsChange::Join => parts.push("joins the admins".to_owned()),
        AdminsChange::Leave => parts.push("leaves the admins".to_owned()),
        AdminsChange::None => {}
    }
    parts.join("; ")
}

pub(crate) fn short(status: Status) -> &'static str {
    match status {
        Status::DeactivationScheduled => "scheduled",
        other => other.as_str(),
    }
}

pub(crate) fn at(at: DateTime<Utc>) -> String {
    let seconds = (at - start()).num_seconds();
    let mut text = if seconds < 0 { "t-" } else { "t+" }.to_owned();
    let mut seconds = seconds.abs();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            text += &format!("{}{unit}", seconds / length);
            seconds %= length;
        }
    }
    text
}
