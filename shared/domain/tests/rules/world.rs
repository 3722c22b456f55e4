//! What stands around `decide` in production, in memory: it reads, applies every part of a decision,
//! and forgets nothing that it was told to arm. It has no rules of its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use offramp_domain::decide::{
    AdminsChange, Change, Context, Decision, Gate, LoginChange, Refusal, SyncRule, Zone, decide,
};
use offramp_domain::{
    Actor, Arrival, AtEnd, Breaker, Departure, EmployeeId, Entry, Event, EventId, Field, HrEvent,
    HrRecord, HrStatus, Logins, Notice, NoticeKey, OrgId, Policy, Role, Settings, SourceId,
    SourceSync, Subject, SubjectKind, Timer, User,
};

/// Where every story starts; a whole minute.
pub(crate) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap()
}

/// An instant of HR's, long before the stories start.
pub(crate) fn instant(minute: i64) -> DateTime<Utc> {
    start() - TimeDelta::days(30) + TimeDelta::minutes(minute)
}

pub(crate) fn employee(id: &str) -> EmployeeId {
    EmployeeId::new(id).unwrap()
}

pub(crate) fn source(id: &str) -> SourceId {
    SourceId::new(id).unwrap()
}

/// An admin; `None` is the bootstrap identity.
pub(crate) fn admin(id: Option<&str>) -> Actor {
    Actor::Admin {
        subject: Subject::new(id.unwrap_or("bootstrap")).unwrap(),
        employee_id: id.map(employee),
    }
}

/// A list of leavers names somebody, without a date.
pub(crate) fn listed(by: Actor) -> Event {
    Event::Leave {
        by,
        how: Departure::Grace,
        then: AtEnd::Deactivate,
    }
}

/// HR's statement about E-7 at an instant: active, until said otherwise.
pub(crate) fn hr(minute: i64) -> HrEvent {
    HrEvent {
        id: None,
        occurred_at: instant(minute),
        employee_id: employee("E-7"),
        status: HrStatus::Active,
        fields: BTreeMap::new(),
        unread: Vec::new(),
        arrival: Arrival::default(),
    }
}

/// Reads like the statement that it builds.
pub(crate) trait Says: Sized {
    fn inactive(self) -> Self;
    fn set(self, field: Field, value: &str) -> Self;
    fn clear(self, field: Field) -> Self;
    fn called(self, id: &str) -> Self;
    fn name(self, value: &str) -> Self {
        self.set(Field::Name, value)
    }
}

impl Says for HrEvent {
    fn inactive(mut self) -> Self {
        self.status = HrStatus::Inactive;
        self
    }
    fn set(mut self, field: Field, value: &str) -> Self {
        self.fields.insert(field, Some(value.to_owned()));
        self
    }
    fn clear(mut self, field: Field) -> Self {
        self.fields.insert(field, None);
        self
    }
    fn called(mut self, id: &str) -> Self {
        self.id = Some(EventId::new(id).unwrap());
        self
    }
}

/// A rule that leaves out whoever has a value, or that fails on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) except: Option<(Field, String)>,
    pub(crate) fails: bool,
}

impl SyncRule for Rule {
    fn includes(&self, _: &EmployeeId, record: &HrRecord) -> Result<bool, String> {
        if self.fails {
            return Err("no such key: team".to_owned());
        }
        Ok(self
            .except
            .as_ref()
            .is_none_or(|(field, value)| record.get(*field) != Some(value)))
    }
}

/// When days begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Days {
    #[default]
    Utc,
    /// Two hours ahead of it.
    East,
    /// Three hours behind, and two from 6 March 2026 on, a day that begins at one o'clock.
    Gap,
}

impl Zone for Days {
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        let hours = match self {
            Self::Utc => 0,
            Self::East => -2,
            Self::Gap if date <= day("2026-03-06") => 3,
            Self::Gap => 2,
        };
        date.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::hours(hours)
    }
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// One organisation.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) org: OrgId,
    pub(crate) policy: Policy,
    pub(crate) rule: Rule,
    pub(crate) zone: Days,
    /// What sources have of their own, by name; the policy has the same.
    pub(crate) own: BTreeMap<&'static str, SourceSync>,
    /// How long a day of the grace period lasts.
    pub(crate) day: TimeDelta,
    pub(crate) now: DateTime<Utc>,
    pub(crate) users: BTreeMap<EmployeeId, User>,
    pub(crate) admins: BTreeSet<EmployeeId>,
    pub(crate) logins: Logins,
    /// Every timer that was ever armed: each may fire, at any time, any number of times.
    pub(crate) armed: Vec<Timer>,
    /// Those that were armed and not disarmed.
    pub(crate) standing: Vec<Timer>,
    pub(crate) notices: BTreeMap<NoticeKey, Notice>,
    pub(crate) history: BTreeMap<EmployeeId, Vec<Entry>>,
    /// The breaker of the source, where the story has one, and what it has said last.
    pub(crate) breaker: Option<Breaker>,
    pub(crate) gate: Gate,
    /// True while the source of what happens is only observed.
    pub(crate) observing: bool,
    /// Whom an unknown employee looks like.
    pub(crate) alike: Option<EmployeeId>,
}

impl World {
    /// An organisation with the settings that everybody has at first, and one admin, E-1.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            org: OrgId::new("acme").unwrap(),
            policy: Policy::default(),
            rule: Rule::default(),
            zone: Days::default(),
            own: BTreeMap::new(),
            day: offramp_domain::decide::DAY,
            now: start(),
            users: BTreeMap::new(),
            admins: BTreeSet::new(),
            logins: Logins::default(),
            armed: Vec::new(),
            standing: Vec::new(),
            notices: BTreeMap::new(),
            history: BTreeMap::new(),
            breaker: None,
            gate: Gate::OPEN,
            observing: false,
            alike: None,
        };
        let first = Event::Add {
            by: admin(None),
            employee_id: employee("E-1"),
            profile: BTreeMap::new(),
            role: Role::Admin,
            login: None,
            signs_in_by: SubjectKind::EmployeeId,
        };
        world.happens(&employee("E-1"), &first).unwrap();
        world
    }

    pub(crate) fn decide(&self, id: &EmployeeId, event: &Event) -> Result<Decision, Refusal> {
        let ctx = Context {
            zone: &self.zone,
            org: &self.org,
            policy: &self.policy,
            rule: &self.rule,
            admins: &self.admins,
            logins: &self.logins,
            alike: self.alike.as_ref(),
            breaker: self.breaker.as_ref(),
            gate: &self.gate,
            observing: self.observing,
            day: self.day,
            now: self.now,
        };
        decide(self.users.get(id), event, &ctx)
    }

    pub(crate) fn happens(&mut self, id: &EmployeeId, event: &Event) -> Result<Decision, Refusal> {
        let decision = self.decide(id, event)?;
        if let Some(change) = &decision.change {
            self.apply(id, change);
        }
        Ok(decision)
    }

    /// True if a timer of this name is armed.
    pub(crate) fn stands(&self, timer: &Timer) -> bool {
        let name = timer.name();
        self.standing.iter().any(|armed| armed.name() == name)
    }

    /// All of a change, with the conditions that the transaction has.
    fn apply(&mut self, id: &EmployeeId, change: &Change) {
        let known = self.users.get(id);
        assert_eq!(change.base_rev, known.map(|user| user.rev), "the condition");
        assert_eq!(&change.user.employee_id, id);
        // Only the commit that begins a deactivation or deletion makes work.
        let user = &change.user;
        let began = known.is_none_or(|known| known.generation != user.generation);
        assert_eq!(change.makes_work, began && !user.pending.is_done(), "{id}");
        self.armed.extend(change.arm.iter().cloned());
        self.standing.extend(change.arm.iter().cloned());
        // Scheduler identifies a timer by its name. The source in its payload may be out of date.
        let gone: Vec<String> = change.disarm.iter().map(Timer::name).collect();
        self.standing.retain(|timer| !gone.contains(&timer.name()));
        if let Some(key) = &change.withdraw {
            assert!(self.notices.remove(key).is_some(), "withdraws {key:?}");
        }
        if let Some(notice) = &change.notice {
            let before = self.notices.insert(notice.key(), notice.clone());
            // At one instant the end of one grace period may move twice. The last notice of it takes the place of the first.
            let own = known.is_some_and(|known| known.notice == Some(notice.key()));
            assert!(before.is_none() || own, "one key, two notices: {notice:?}");
        }
        if let Some(power) = &change.power {
            let before = self.notices.insert(power.key(), power.clone());
            assert_eq!(before, None, "one key, two changes of power");
        }
        if let Some(entry) = &change.entry {
            let entries = self.history.entry(id.clone()).or_default();
            entries.push(entry.clone());
        }
        match change.admins {
            AdminsChange::Join => assert!(self.admins.insert(id.clone()), "joins twice"),
            AdminsChange::Leave => assert!(self.admins.remove(id), "leaves twice"),
            AdminsChange::None => {}
        }
        if let Some(LoginChange { freed, bound }) = &change.login {
            let freed = freed.as_ref();
            let owner = freed.and_then(|login| self.logins.who(login.as_str()));
            assert!(freed.is_none() || owner == Some(id), "frees another's");
            let bound = bound.as_ref().map(|login| (login, id));
            let taken = bound.and_then(|(login, _)| self.logins.who(login.as_str()));
            assert!(taken.is_none_or(|who| who == id), "one login, two people");
            self.logins.change(freed, bound);
        }
        self.users.insert(id.clone(), change.user.clone());
    }

    /// An admin changes the settings.
    pub(crate) fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.policy.settings.clone();
        change(&mut settings);
        assert_eq!(settings.check(), Ok(()));
        self.policy = self.policy.with(settings);
    }

    /// An admin gives a source a grace period of its own.
    pub(crate) fn own(&mut self, from: &'static str, own: SourceSync) {
        self.own.insert(from, own);
        self.policy = self.policy.with_source(source(from), own);
    }

    /// The user as everybody has to see them.
    pub(crate) fn user(&self, id: &EmployeeId) -> User {
        self.users[id].as_of(&self.policy)
    }
}
