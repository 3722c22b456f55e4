//! Plays a story in the world and in the model, and compares them after every step: what the model
//! says of every user must be what is stored, settled; and the invariants of the design hold.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::{Gate, Outcome, Refusal};
use offramp_domain::settings::OnMissing;
use offramp_domain::{
    Actor, EmployeeId, Event, Field, GivenReason, GroundKind, HrEvent, Lifecycle, Role, RunId,
    SnapshotId, SubjectKind, Timer, User, Whose,
};

use crate::by_hand::out_of_range;
use crate::model::{Model, Person};
use crate::reasons::Line;
use crate::stories::{ByHand, How, Op, PEOPLE, RUNS, SOURCES};
use crate::world::{World, admin, employee, instant, listed, source, start};

/// Plays a story in the world and in the model, and compares them after every step.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) model: Model,
    /// What came about, for the test of the tests.
    pub(crate) seen: BTreeSet<String>,
    /// Who is not yet held against settings and rules that have changed.
    pub(crate) changed_for: BTreeSet<EmployeeId>,
    /// Whose source has spoken of them while it was only observed.
    pub(crate) observed: BTreeSet<EmployeeId>,
    /// True where only what the model says is compared, so that many histories are told in the time of a few.
    pub(crate) lean: bool,
    /// The line of the log with which a grace period began, and the first timer that may end it.
    graces: BTreeMap<EmployeeId, (usize, usize)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut model = Model::default();
        let first = Person::new(&employee("E-1"), Role::Admin);
        model.people.insert(first.id.clone(), first);
        Self {
            world: World::new(),
            model,
            seen: BTreeSet::new(),
            changed_for: BTreeSet::new(),
            observed: BTreeSet::new(),
            lean: false,
            graces: BTreeMap::new(),
        }
    }

    pub(crate) fn play(&mut self, events: &[HrEvent], ops: &[Op]) {
        for op in ops {
            self.act(|stage| stage.step(events, op));
        }
    }

    /// Something happens; then world and model are compared.
    pub(crate) fn act(&mut self, what: impl FnOnce(&mut Self)) {
        let armed = self.world.armed.len();
        what(self);
        // The timers that may end a grace period are those that were armed since it began.
        for (id, person) in &self.model.people {
            match person.case().grace {
                None => drop(self.graces.remove(id)),
                Some(line) if self.graces.get(id).is_some_and(|known| known.0 == line) => {}
                Some(line) => drop(self.graces.insert(id.clone(), (line, armed))),
            }
        }
        self.compare();
    }

    fn step(&mut self, events: &[HrEvent], op: &Op) {
        let person = |at: &usize| employee(PEOPLE[*at]);
        match op {
            Op::Deliver {
                event,
                other_source,
                how,
            } => {
                let event = &events[event % events.len()];
                self.comes(*how);
                self.deliver(SOURCES[usize::from(*other_source)], event);
                self.comes(How::default());
            }
            Op::Missing { whom, minute, how } => {
                self.comes(*how);
                self.missing(&person(whom), instant(*minute));
                self.comes(How::default());
            }
            Op::OnMissing(what) => {
                let ignores = |world: &World| world.policy.settings.on_missing == OnMissing::Ignore;
                let was = ignores(&self.world);
                self.world.settings(|s| s.on_missing = *what);
                if !was && ignores(&self.world) {
                    self.model.everybody(&Line::MissingIgnored);
                }
            }
            Op::Undo(run) => {
                let run = RunId::new(RUNS[*run]).unwrap();
                let policy = &self.world.policy;
                self.world.policy = policy.without_run(run.clone(), admin(None), self.world.now);
                self.model.everybody(&Line::Undone(run));
            }
            Op::ByHand { what, whom, by } => self.by_hand(*what, &person(whom), *by),
            Op::Enabled(enabled) => {
                let was = self.world.policy.settings.deactivation_sync.enabled;
                self.world
                    .settings(|s| s.deactivation_sync.enabled = *enabled);
                if was && !enabled {
                    self.model.everybody(&Line::SyncOff);
                }
            }
            Op::Delay(days) => self
                .world
                .settings(|s| s.deactivation_sync.delay_days = *days),
            Op::Behaviour(behaviour) => {
                self.world
                    .settings(|s| s.deactivation_sync.behaviour = *behaviour);
            }
            Op::Own { other_source, own } => {
                self.world.own(SOURCES[usize::from(*other_source)], *own);
            }
            Op::Access(during) => self.world.settings(|s| s.access_during_grace = *during),
            Op::RestoreDeletedOn(when) => self.world.settings(|s| s.restore_deleted_on = *when),
            Op::Except(team) => {
                self.world.rule.except = team.map(|team| (Field::Team, team.to_owned()));
                self.changed_for = self.world.users.keys().cloned().collect();
            }
            Op::LeaveDates(whose) => {
                // A setting that comes and goes before anybody looks has not been.
                for id in self.world.users.keys().cloned().collect::<Vec<_>>() {
                    self.tidy(&id);
                }
                self.world.settings(|s| s.leave_dates = *whose);
                self.model.everybody(&Line::DatesCount(*whose));
                self.changed_for = self.world.users.keys().cloned().collect();
            }
            Op::Reminders(days) => {
                self.world
                    .settings(|s| s.reminders.before_leave_days = days.clone());
                for id in self.world.users.keys().cloned().collect::<Vec<_>>() {
                    self.tidy(&id);
                }
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
        self.model.tidied(id, &self.world);
        self.happens(id, &Event::Tidy).unwrap();
        self.changed_for.remove(id);
    }

    /// How what happens from now on comes.
    fn comes(&mut self, how: How) {
        let run = how.run.map(|run| RunId::new(RUNS[run]).unwrap());
        self.world.gate = Gate::Open { run };
        self.world.observing = how.observing;
    }

    fn missing(&mut self, id: &EmployeeId, at: DateTime<Utc>) {
        let from = SOURCES[0];
        if self.world.observing {
            self.observed.insert(id.clone());
        }
        let want = self.model.missing(from, id, at, &self.world);
        let event = Event::Missing {
            source: source(from),
            snapshot: SnapshotId::new("snap_1").unwrap(),
            at,
        };
        let decision = self.happens(id, &event).unwrap();
        assert_eq!(decision.answered.outcome, want, "{event:?}");
    }

    pub(crate) fn deliver(&mut self, from: &'static str, event: &HrEvent) {
        let id = event.employee_id.clone();
        let before = self.world.users.get(&id).cloned();
        let accepted = self
            .model
            .people
            .get(&id)
            .is_some_and(|person| person.source == Some(from) && person.said.contains(event));
        if self.world.observing {
            self.observed.insert(id.clone());
        }
        let want = self.model.hr(from, event, &self.world);
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
        let view = |user: Option<&User>| user.map(|user| (user.profile.clone(), user.role));
        let person = self.model.people.get(&id);
        let excluded = person.is_some_and(|person| person.is_left_out(&self.world));
        if let Some(before) = before
            && excluded
            && decision.change.is_some()
        {
            assert_eq!(view(self.world.users.get(&id)), view(Some(&before)));
            let before = before.as_of(&self.world.policy);
            let after = self.world.user(&id);
            let undone = matches!(before.lifecycle(), Lifecycle::Scheduled(_));
            // An admin's leave date is independent of the rule, and its day may have begun.
            let date = after
                .grounds
                .get(GroundKind::LeaveDate)
                .and_then(|one| one.date);
            let by_admin = date.is_some_and(|date| date.by == Whose::Admin);
            assert!(
                undone || by_admin || after.lifecycle() == before.lifecycle(),
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
                login: None,
                signs_in_by: SubjectKind::EmployeeId,
            },
            ByHand::Now => Event::DeactivateNow { by },
            ByHand::Delete => Event::Delete { by },
            ByHand::Restore => Event::Restore { by },
            ByHand::Role(role) => Event::SetRole {
                by,
                role,
                login: None,
                signs_in_by: SubjectKind::EmployeeId,
            },
            ByHand::LeaveDate(date) => Event::SetLeaveDate { by, date },
            ByHand::Leave => listed(by),
            ByHand::Postpone(hours) => {
                let due = self.world.users.get(whom).and_then(User::due_at);
                let due = due.unwrap_or(self.world.now) + TimeDelta::hours(hours);
                // Within the limit for whoever left after the stories had begun.
                let due_at = due.min(start() + TimeDelta::days(40));
                let reason = GivenReason::new("a trip").unwrap();
                Event::Postpone { by, due_at, reason }
            }
        };
        let want = self.model.by_hand(whom, &event, &self.world);
        let have = self.happens(whom, &event).map(|_| ());
        let have = have.map_err(|refusal| match refusal {
            Refusal::EndOutOfRange { .. } => out_of_range(),
            refusal => refusal,
        });
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
                // The one that was armed last in this grace period, or another of its name.
                let (_, from) = self
                    .graces
                    .get(&employee_id)
                    .copied()
                    .unwrap_or((0, usize::MAX));
                let armed = self.world.armed.iter().skip(from);
                let mut theirs = armed.filter(|it| matches!(it, Timer::Deactivate { employee_id: id, .. } if *id == employee_id));
                let is_last = theirs.next_back().is_some_and(|last| last.due() == due);
                // A change of policy may have given the grace period the end back that it had before; then the timer of
                // that end, which nobody took back, is the right one.
                let user = self.world.user(&employee_id);
                let waits = user
                    .lifecycle()
                    .schedule()
                    .is_some_and(|it| it.waits_until.is_some());
                let model = self.model.people[&employee_id].case().due();
                let is_right = is_last || (!waits && model == Some(due));
                if number >= from && is_right {
                    self.model.fires(&employee_id, due, &self.world);
                }
                let event = Event::Due { generation, due };
                let decision = self.happens(&employee_id, &event).unwrap();
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
            Timer::Remind {
                employee_id,
                plan,
                due,
                ..
            } => {
                let planned = self.world.users[&employee_id].leave.remind_at;
                let event = Event::RemindDue { plan, due };
                let decision = self.happens(&employee_id, &event).unwrap();
                if let Some(change) = decision.change {
                    assert!(planned.is_some_and(|at| at <= due), "not its own reminder");
                    assert!(change.user.leave.remind_at.is_none_or(|next| due < next));
                }
                self.seen.insert(decision.answered.reason.unwrap());
            }
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
        let leave = &self.world.users[id].leave;
        let current = leave.plan.is_some() && leave.count == plan;
        if current && due <= self.world.now + TimeDelta::seconds(30) {
            self.model.day_begins(id, due, &self.world);
            self.changed_for.remove(id);
        }
        let decision = self.happens(id, &Event::LeaveDue { plan, due }).unwrap();
        if decision.change.is_none() {
            self.seen.insert(decision.answered.reason.unwrap());
        }
    }
}
