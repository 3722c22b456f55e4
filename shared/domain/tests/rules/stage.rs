//! Plays a story in the world and in the model, and compares them after every step: what the model
//! says of every user must be what is stored, settled; and the invariants of the design hold.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::{Decision, Outcome, Refusal};
use offramp_domain::{
    Access, Actor, CardId, Cause, EmployeeId, Event, Field, Happening, HrEvent, HrWord, Lifecycle,
    Role, SubjectKind, Timer, User,
};

use crate::model::{Model, Person, State};
use crate::replay::mails;
use crate::stories::{ByHand, Op, PEOPLE, SOURCES};
use crate::world::{World, admin, employee, source};

/// Plays a story in the world and in the model, and compares them after every step.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) model: Model,
    /// What came about, for the test of the tests.
    pub(crate) seen: BTreeSet<String>,
    /// Who is not yet held against settings and rules that have changed.
    pub(crate) changed_for: BTreeSet<EmployeeId>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut model = Model::default();
        let first = Person::new(State::Active, Role::Admin);
        model.people.insert(employee("E-1"), first);
        Self {
            world: World::new(),
            model,
            seen: BTreeSet::new(),
            changed_for: BTreeSet::new(),
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
                self.changed_for = self.world.users.keys().cloned().collect();
            }
            Op::LeaveDates(whose) => {
                self.world.settings(|s| s.leave_dates = *whose);
                self.changed_for = self.world.users.keys().cloned().collect();
            }
            Op::Days(days) => {
                self.world.zone = *days;
                self.changed_for = self.world.users.keys().cloned().collect();
            }
            Op::Objectives(what) => self.world.settings(|s| s.objectives = *what),
            Op::Invitations(whom) => self.world.settings(|s| s.invitations = *whom),
            Op::Objective { whom, all } => self.objective(&person(whom), *all),
            Op::Fire { timer, in_time } => self.fire(*timer, *in_time),
            Op::Wait { seconds } => self.world.now += TimeDelta::milliseconds(seconds * 1000 + 250),
            Op::Tidy(whom) => {
                if self.world.users.contains_key(&person(whom)) {
                    self.tidy(&person(whom));
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

    pub(crate) fn tidy(&mut self, id: &EmployeeId) {
        let armed = self.world.armed.len();
        self.model.tidied(id, &self.world);
        self.happens(id, &Event::Tidy).unwrap();
        self.changed_for.remove(id);
        self.number_timer(id, armed);
    }

    /// The model is told which timer ends a new grace period: the one that was armed with it.
    fn number_timer(&mut self, id: &EmployeeId, armed: usize) {
        if let Some(person) = self.model.people.get_mut(id)
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

    /// An event happens in the world, and what must be true of every single change is checked.
    pub(crate) fn happens(&mut self, id: &EmployeeId, event: &Event) -> Result<Decision, Refusal> {
        let before = self.world.users.get(id).cloned();
        let admins = self.world.admins.clone();
        let first = self.world.decide(id, event);
        assert_eq!(first, self.world.decide(id, event), "the same twice");
        let decision = self.world.happens(id, event)?;
        if !matches!(
            event,
            Event::CardsCounted { .. }
                | Event::CardsCancelled { .. }
                | Event::ObjectivesClosed { all: false, .. }
                | Event::ObjectivesReopened { all: false, .. }
        ) {
            let again = self.world.decide(id, event);
            let writes = again.is_ok_and(|decision| decision.change.is_some());
            assert!(!writes, "planning again plans something: {event:?}");
        }
        let by_machine = matches!(
            event,
            Event::Hr { .. } | Event::Due { .. } | Event::LeaveDue { .. } | Event::Tidy
        );
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
        if change.entry.is_some() {
            self.changed_for.remove(id);
        }
        let after = &change.user;
        self.seen.insert(format!("{:?}", decision.answered.outcome));
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
            assert!(enabled || !sync, "the sync is off");
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
            mails(&self.world.policy, before.as_ref(), after, notice);
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
        assert_eq!(decision.answered.outcome, want, "{event:?}");
        if accepted || matches!(want, Outcome::Stale | Outcome::Rejected) {
            assert_eq!(
                decision.change, None,
                "replayed, stale or rejected: {event:?}"
            );
        }
        self.number_timer(&id, armed);
        let view = |user: Option<&User>| user.map(|user| (user.profile.clone(), user.role));
        let excluded = self.model.people.get(&id).is_some_and(|person| {
            !person.said.is_empty() && Person::view(&person.said).excluded(&self.world)
        });
        if let Some(before) = before
            && excluded
            && decision.change.is_some()
        {
            assert_eq!(view(self.world.users.get(&id)), view(Some(&before)));
            let before = before.as_of(&self.world.policy);
            let after = self.world.user(&id);
            let undone = matches!(&before.lifecycle, Lifecycle::Scheduled(_));
            assert!(
                undone || after.lifecycle == before.lifecycle,
                "{id} is left out"
            );
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
                signs_in_by: SubjectKind::EmployeeId,
            },
            ByHand::Now => Event::DeactivateNow { by },
            ByHand::Delete => Event::Delete { by },
            ByHand::Restore => Event::Restore { by },
            ByHand::Role(role) => Event::SetRole {
                by,
                role,
                signs_in_by: SubjectKind::EmployeeId,
            },
            ByHand::LeaveDate(date) => Event::SetLeaveDate { by, date },
            ByHand::Leave => Event::Leave { by },
        };
        let armed = self.world.armed.len();
        let want = self.model.by_hand(whom, &event, &self.world);
        let have = self.happens(whom, &event).map(|_| ());
        if let Err(refusal) = &have {
            self.seen.insert(format!("{refusal:?}"));
        }
        assert_eq!(have, want, "{event:?}");
        self.number_timer(whom, armed);
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
                let armed = self.world.armed.len();
                self.model.fires(&employee_id, number, &self.world);
                let event = Event::Due { generation, due };
                let decision = self.happens(&employee_id, &event).unwrap();
                self.number_timer(&employee_id, armed);
                if decision.change.is_none() {
                    assert!(decision.answered.reason.is_some(), "a no-op says why");
                    self.seen.insert(decision.answered.reason.unwrap());
                }
            }
            Timer::Leave {
                employee_id,
                plan,
                due,
                ..
            } => self.leave_begins(&employee_id, plan, due),
            Timer::Finish {
                employee_id,
                generation,
                ..
            } => {
                let user = &self.world.users[&employee_id];
                if user.generation == generation || user.reopening.is_some() {
                    self.objective(&employee_id, true);
                }
                let user = &self.world.users[&employee_id];
                if user.generation == generation && user.pending.cards && user.active_cards > 0 {
                    let all = user.active_cards;
                    self.cards_cancelled(&employee_id, all);
                }
                let by = Actor::SyncTurnedOff;
                let event = Event::Finished { generation, by };
                self.happens(&employee_id, &event).unwrap();
            }
            Timer::Digest { .. }
            | Timer::Tidy { .. }
            | Timer::Answer { .. }
            | Timer::Snapshot { .. } => {}
        }
    }

    /// A leave timer acts for the plan that it was armed for, and not before its time.
    fn leave_begins(&mut self, id: &EmployeeId, plan: u64, due: DateTime<Utc>) {
        let armed = self.world.armed.len();
        let leave = &self.world.users[id].leave;
        let current = leave.plan.is_some() && leave.count == plan;
        if current && due <= self.world.now + TimeDelta::seconds(30) {
            let person = self.model.people.get_mut(id).unwrap();
            person.settle(id, &self.world, self.world.now.max(due));
            self.changed_for.remove(id);
        }
        let decision = self.happens(id, &Event::LeaveDue { plan, due }).unwrap();
        if decision.change.is_none() {
            self.seen.insert(decision.answered.reason.unwrap());
        }
        self.number_timer(id, armed);
    }

    /// Objectives are closed with a deactivation, and opened again with its end.
    fn objective(&mut self, id: &EmployeeId, all: bool) {
        let Some(user) = self.world.users.get(id).cloned() else {
            return;
        };
        let armed = self.world.armed.len();
        let (count, lost, by) = (1, 0, Actor::SyncTurnedOff);
        let close = Event::ObjectivesClosed {
            generation: user.generation,
            count,
            all,
            by: by.clone(),
        };
        let closes = user.pending.objectives;
        let closed = self.happens(id, &close).unwrap();
        assert_eq!(closed.change.is_some(), closes, "{id}: pending objectives");
        let open = Event::ObjectivesReopened {
            generation: user.reopening.map_or(user.generation, |it| it.generation),
            count,
            lost,
            all,
            by,
        };
        if user.reopening.is_some() {
            let person = self.model.people.get_mut(id).unwrap();
            person.settle(id, &self.world, self.world.now);
        }
        let opened = self.happens(id, &open).unwrap();
        assert_eq!(
            opened.change.is_some(),
            user.reopening.is_some(),
            "{id}: reopening"
        );
        self.number_timer(id, armed);
    }

    fn card_added(&mut self, whom: &EmployeeId) {
        let event = Event::CardsCounted {
            by: admin(None),
            what: Happening::CardAdded {
                card: CardId::new("c").unwrap(),
            },
            difference: 1,
        };
        let armed = self.world.armed.len();
        let now = self.world.now;
        let want = match self.world.users.contains_key(whom) {
            false => Err(Refusal::NotFound),
            true if self.world.user(whom).access_at(now) == Access::Revoked => {
                Err(Refusal::NotActive)
            }
            true => {
                let person = self.model.people.get_mut(whom).unwrap();
                person.settle(whom, &self.world, now);
                Ok(())
            }
        };
        assert_eq!(self.happens(whom, &event).map(|_| ()), want);
        self.number_timer(whom, armed);
    }

    fn cards_cancelled(&mut self, whom: &EmployeeId, count: u32) {
        let cards = (0..count).map(|at| CardId::new(format!("c-{at}")).unwrap());
        let event = Event::CardsCancelled {
            cards: cards.collect(),
            by: Actor::SyncTurnedOff,
        };
        let before = self.world.users[whom].active_cards;
        let armed = self.world.armed.len();
        let person = self.model.people.get_mut(whom).unwrap();
        person.settle(whom, &self.world, self.world.now);
        self.happens(whom, &event).unwrap();
        self.number_timer(whom, armed);
        assert_eq!(self.world.users[whom].active_cards, before - count);
    }
}
