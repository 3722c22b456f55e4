//! Plays a story in the world and in the model, and compares them after every step: what the model
//! says of every user must be what is stored, settled; and the invariants of the design hold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use offramp_domain::decide::{Decision, Refusal, Word};
use offramp_domain::{
    Access, Actor, CardId, Cause, EmployeeId, Event, Field, Happening, HrEvent, HrRecord, HrWord,
    Lifecycle, NoticeKind, Role, Status, Timer, User,
};

use crate::model::{Model, Person, State, View};
use crate::stories::{ByHand, Op, PEOPLE, SOURCES};
use crate::world::{World, admin, employee, source};

/// Plays a story in the world and in the model, and compares them after every step.
pub(crate) struct Stage {
    pub(crate) world: World,
    model: Model,
    /// What came about, for the test of the tests.
    pub(crate) seen: BTreeSet<String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut model = Model::default();
        let first = Person {
            state: State::Active,
            role: Role::Admin,
            shown: BTreeMap::new(),
            source: None,
            said: Vec::new(),
        };
        model.people.insert(employee("E-1"), first);
        Self {
            world: World::new(),
            model,
            seen: BTreeSet::new(),
        }
    }

    pub(crate) fn play(&mut self, events: &[HrEvent], ops: &[Op]) {
        for op in ops {
            self.step(events, op);
            self.compare();
        }
    }

    fn step(&mut self, events: &[HrEvent], op: &Op) {
        let person = |at: &usize| employee(PEOPLE[*at]);
        match op {
            Op::Deliver {
                event,
                other_source,
            } => {
                let event = &events[event % events.len()];
                self.deliver(SOURCES[usize::from(*other_source)], event);
            }
            Op::ByHand { what, whom, by } => self.by_hand(*what, &person(whom), *by),
            Op::Enabled(enabled) => {
                let was = self.world.policy.settings.deactivation_sync.enabled;
                self.world
                    .settings(|s| s.deactivation_sync.enabled = *enabled);
                if was && !enabled {
                    self.model.sync_turned_off();
                }
            }
            Op::Delay(days) => self
                .world
                .settings(|s| s.deactivation_sync.delay_days = *days),
            Op::Behaviour(behaviour) => {
                self.world
                    .settings(|s| s.deactivation_sync.behaviour = *behaviour);
            }
            Op::RestoreDeletedOn(when) => self.world.settings(|s| s.restore_deleted_on = *when),
            Op::Except(team) => {
                self.world.rule.except = team.map(|team| (Field::Team, team.to_owned()));
            }
            Op::Fire { timer, in_time } => self.fire(*timer, *in_time),
            Op::Wait { seconds } => self.world.now += TimeDelta::milliseconds(seconds * 1000 + 250),
            Op::Tidy(whom) => {
                if self.world.users.contains_key(&person(whom)) {
                    self.happens(&person(whom), &Event::Tidy).unwrap();
                }
            }
            Op::CardAdded(whom) => self.card_added(&person(whom)),
            Op::CardCancelled(whom) => {
                let owner = self.world.users.get(&person(whom));
                if owner.is_some_and(|user| user.active_cards > 0) {
                    self.cards_cancelled(&person(whom), 1);
                }
            }
        }
    }

    /// An event happens in the world, and what must be true of every single change is checked.
    pub(crate) fn happens(&mut self, id: &EmployeeId, event: &Event) -> Result<Decision, Refusal> {
        let before = self.world.users.get(id).cloned();
        let admins = self.world.admins.clone();
        let first = self.world.decide(id, event);
        assert_eq!(first, self.world.decide(id, event), "the same twice");
        let decision = self.world.happens(id, event)?;
        if !matches!(
            event,
            Event::CardsCounted { .. } | Event::CardsCancelled { .. }
        ) {
            let again = self.world.decide(id, event);
            let writes = again.is_ok_and(|decision| decision.change.is_some());
            assert!(!writes, "planning again plans something: {event:?}");
        }
        let by_machine = matches!(event, Event::Hr { .. } | Event::Due { .. } | Event::Tidy);
        if by_machine && !admins.is_empty() {
            assert!(
                !self.world.admins.is_empty(),
                "a machine takes the last admin"
            );
        }
        assert!(!self.world.admins.is_empty(), "nobody is left");
        let Some(change) = &decision.change else {
            return Ok(decision);
        };
        let after = &change.user;
        self.seen.insert(format!("{:?}", decision.outcome.word));
        if let Some(entry) = &change.entry {
            self.seen
                .insert(format!("{:?} > {:?}", entry.from, entry.to));
        }
        let stored = serde_json::to_string(after).unwrap();
        let read: User = serde_json::from_str(&stored).unwrap();
        assert_eq!(&read, after, "what is stored is read");
        // Counters.
        let version = before.as_ref().map_or(0, |user| user.version);
        assert_eq!(after.rev, before.as_ref().map_or(0, |user| user.rev) + 1);
        assert_eq!(after.version, version + u64::from(change.entry.is_some()));
        if let Some(before) = &before {
            assert!(after.generation >= before.generation);
            let moved = after.lifecycle != before.lifecycle;
            let renumbered = after.generation > before.generation;
            assert_eq!(
                moved, renumbered,
                "every lifecycle change bumps the generation"
            );
        }
        // Cards: a machine begins to terminate them for a reason only.
        let began = !after.pending.is_done()
            && before
                .as_ref()
                .is_none_or(|user| user.generation < after.generation);
        if began && by_machine {
            let sync = after.cause().is_some_and(Cause::is_sync);
            let active = after.hr_word() == Some(HrWord::Active);
            assert!(!(sync && active), "HR says active");
            let enabled = self.world.policy.settings.deactivation_sync.enabled;
            assert!(enabled, "the sync is off");
        }
        // Timers: in time, and never one that the change itself needs.
        for timer in &change.arm {
            let ahead = timer.due() - self.world.now;
            assert!(ahead >= TimeDelta::minutes(1), "{timer:?} in {ahead}");
            assert!(
                !change.disarm.contains(timer),
                "armed and disarmed: {timer:?}"
            );
        }
        if let Some(notice) = &change.notice {
            let told = |timer: &Timer| matches!(timer, Timer::Digest { minute, .. } if *minute == notice.key().minute);
            assert!(change.arm.iter().any(told), "no digest for {notice:?}");
        }
        Ok(decision)
    }

    pub(crate) fn deliver(&mut self, from: &'static str, event: &HrEvent) {
        let id = event.employee_id.clone();
        let before = self.world.users.get(&id).cloned();
        let accepted = self
            .model
            .people
            .get(&id)
            .is_some_and(|person| person.source == Some(from) && person.said.contains(event));
        let want = self.model.hr(from, event, &self.world);
        let armed = self.world.armed.len();
        let event = Event::Hr {
            source: source(from),
            event: event.clone(),
        };
        let decision = self.happens(&id, &event).unwrap();
        assert_eq!(decision.outcome.word, want, "{event:?}");
        if accepted || matches!(want, Word::Stale | Word::Rejected) {
            assert_eq!(
                decision.change, None,
                "replayed, stale or rejected: {event:?}"
            );
        }
        if want == Word::Excluded {
            let shown = |user: Option<&User>| user.map(|user| (user.profile.clone(), user.role));
            assert_eq!(shown(self.world.users.get(&id)), shown(before.as_ref()));
        }
        if let Some(person) = self.model.people.get_mut(&id)
            && let State::Grace { timer, .. } = &mut person.state
            && *timer == usize::MAX
        {
            let is_deactivate = |timer: &Timer| matches!(timer, Timer::Deactivate { .. });
            let mut new =
                (armed..self.world.armed.len()).filter(|at| is_deactivate(&self.world.armed[*at]));
            *timer = new.next().unwrap();
            assert_eq!(new.next(), None, "one timer ends a grace period");
        }
    }

    fn by_hand(&mut self, what: ByHand, whom: &EmployeeId, by: Option<usize>) {
        let by = admin(by.map(|at| PEOPLE[at]));
        let event = match what {
            ByHand::Add(role) => Event::Add {
                by,
                employee_id: whom.clone(),
                profile: [(Field::Name, "c".to_owned())].into(),
                role,
            },
            ByHand::Now => Event::DeactivateNow { by },
            ByHand::Delete => Event::Delete { by },
            ByHand::Restore => Event::Restore { by },
            ByHand::Role(role) => Event::SetRole { by, role },
        };
        let want = self.model.by_hand(whom, &event, &self.world);
        let have = self.happens(whom, &event).map(|_| ());
        if let Err(refusal) = &have {
            self.seen.insert(format!("{refusal:?}"));
        }
        assert_eq!(have, want, "{event:?}");
    }

    pub(crate) fn fire(&mut self, number: usize, in_time: bool) {
        if self.world.armed.is_empty() {
            return;
        }
        let number = number % self.world.armed.len();
        let timer = self.world.armed[number].clone();
        if in_time {
            self.world.now = self.world.now.max(timer.due());
        }
        match timer {
            Timer::Deactivate {
                employee_id,
                generation,
                due,
                ..
            } => {
                self.model.fires(&employee_id, number, &self.world);
                let event = Event::Due { generation, due };
                let decision = self.happens(&employee_id, &event).unwrap();
                if decision.change.is_none() {
                    assert!(decision.outcome.reason.is_some(), "a no-op says why");
                    self.seen.insert(decision.outcome.reason.unwrap());
                }
            }
            Timer::Finish {
                employee_id,
                generation,
                ..
            } => {
                let user = &self.world.users[&employee_id];
                if user.generation == generation && user.pending.cards && user.active_cards > 0 {
                    let all = user.active_cards;
                    self.cards_cancelled(&employee_id, all);
                }
                let by = Actor::SyncTurnedOff;
                let event = Event::Finished { generation, by };
                self.happens(&employee_id, &event).unwrap();
            }
            Timer::Digest { .. } | Timer::Tidy { .. } => {}
        }
    }

    fn card_added(&mut self, whom: &EmployeeId) {
        let event = Event::CardsCounted {
            by: admin(None),
            what: Happening::CardAdded {
                card: CardId::new("c").unwrap(),
            },
            difference: 1,
        };
        let active = self
            .model
            .people
            .get(whom)
            .map(|person| person.state == State::Active);
        let want = match active {
            None => Err(Refusal::NotFound),
            Some(false) => Err(Refusal::NotActive),
            Some(true) => Ok(()),
        };
        assert_eq!(self.happens(whom, &event).map(|_| ()), want);
    }

    fn cards_cancelled(&mut self, whom: &EmployeeId, count: u32) {
        let cards = (0..count).map(|at| CardId::new(format!("c-{at}")).unwrap());
        let event = Event::CardsCancelled {
            cards: cards.collect(),
            by: Actor::SyncTurnedOff,
        };
        let before = self.world.users[whom].active_cards;
        self.happens(whom, &event).unwrap();
        assert_eq!(self.world.users[whom].active_cards, before - count);
    }

    /// The world is as the model says, and as the invariants say.
    pub(crate) fn compare(&self) {
        let world = &self.world;
        assert!(world.users.keys().eq(self.model.people.keys()));
        for (id, person) in &self.model.people {
            let stored = &world.users[id];
            let user = world.user(id);
            let (status, due) = match person.state {
                State::Active => (Status::Active, None),
                State::Grace { due, .. } => (Status::DeactivationScheduled, Some(due)),
                State::Gone => (Status::Deactivated, None),
                State::Deleted => (Status::Deleted, None),
            };
            assert_eq!((user.status(), user.due_at()), (status, due), "{id}");
            let granted = user.access() == Access::Granted;
            assert_eq!(granted, person.state == State::Active, "{id}: access");
            assert_eq!(user.role, person.role, "{id}");
            assert_eq!(user.profile, person.shown, "{id}");
            let sent = user.hr.as_ref().map(values);
            let said = (!person.said.is_empty()).then(|| Person::view(&person.said));
            assert_eq!(sent, said, "{id}");
            invariants(world, stored);
        }
        let acting = |user: &&User| user.is_acting_admin();
        let acting = world.users.values().filter(acting);
        let acting: BTreeSet<_> = acting.map(|user| user.employee_id.clone()).collect();
        assert_eq!(world.admins, acting, "the admins' item");
        for notice in world.notices.values() {
            if let (NoticeKind::Scheduled { due_at, .. }, Some(id)) =
                (&notice.kind, &notice.employee_id)
            {
                let user = &world.users[id];
                assert_eq!(user.notice, Some(notice.key()), "a notice of nothing");
                assert_eq!(user.due_at(), Some(*due_at), "told another date");
            }
        }
    }
}

/// What is true of every stored user.
fn invariants(world: &World, user: &User) {
    let id = &user.employee_id;
    if !user.pending.is_done() {
        assert!(
            matches!(
                user.lifecycle,
                Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. }
            ),
            "{id}: cards are pending"
        );
        let finish = Timer::Finish {
            org: world.org.clone(),
            employee_id: id.clone(),
            generation: user.generation,
            due: user.pending.due.unwrap(),
        };
        assert!(world.standing.contains(&finish), "{id}: no {finish:?}");
        assert_eq!(user.work_due(), user.pending.due);
    }
    if let Lifecycle::Scheduled(schedule) = &user.lifecycle {
        let deactivate = Timer::Deactivate {
            org: world.org.clone(),
            employee_id: id.clone(),
            generation: user.generation,
            due: schedule.due_at,
        };
        assert!(
            world.standing.contains(&deactivate),
            "{id}: no {deactivate:?}"
        );
        assert_eq!(user.work_due(), Some(schedule.due_at));
        let notice = user.notice.as_ref().unwrap();
        assert!(world.notices.contains_key(notice), "{id}: nobody is told");
    } else {
        assert_eq!(user.notice, None, "{id}");
    }
    let entries = &world.history[id];
    let mut status = None;
    for (number, entry) in (1..).zip(entries) {
        assert_eq!(entry.version, number, "{id}");
        assert_eq!(entry.from, status, "{id}: the chain of {entries:#?}");
        status = Some(entry.to);
    }
    assert_eq!(status, Some(user.status()), "{id}: the history replays");
    assert_eq!(entries.last().unwrap().version, user.version, "{id}");
}

fn values(record: &HrRecord) -> View {
    View {
        active: record.says() == HrWord::Active,
        fields: record
            .sent()
            .map(|(field, value)| (field, value.map(str::to_owned)))
            .collect(),
    }
}
