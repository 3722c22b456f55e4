//! A model that knows no epochs, generations, stamps or versions: it keeps all that HR ever said and
//! looks up the newest, and turning the sync off rewrites everybody at once. Slow and plain.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::{Outcome, Refusal};
use offramp_domain::settings::RestoreDeletedOn;
use offramp_domain::{Actor, EmployeeId, Event, Field, HrEvent, HrStatus, Role};

use crate::leaves::Leaves;
use crate::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    /// With the number of the timer that ends it, among all that were ever armed.
    Grace {
        why: Why,
        due: DateTime<Utc>,
        timer: usize,
    },
    Gone,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Sync,
    Date,
    Admin,
}

/// What HR said, all told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) active: bool,
    pub(crate) fields: BTreeMap<Field, Option<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) state: State,
    pub(crate) role: Role,
    pub(crate) shown: BTreeMap<Field, String>,
    pub(crate) source: Option<&'static str>,
    /// In the order of arrival.
    pub(crate) said: Vec<HrEvent>,
    pub(crate) leaves: Leaves,
}

impl Person {
    pub(crate) fn new(state: State, role: Role) -> Self {
        Self {
            state,
            role,
            shown: BTreeMap::new(),
            source: None,
            said: Vec::new(),
            leaves: Leaves::default(),
        }
    }

    /// The newest statement about everything; of equally new ones, the last to arrive.
    pub(crate) fn view(said: &[HrEvent]) -> View {
        let mut by_instant: Vec<&HrEvent> = said.iter().collect();
        by_instant.sort_by_key(|event| event.occurred_at);
        let mut view = View {
            active: false,
            fields: BTreeMap::new(),
        };
        for event in by_instant {
            view.active = event.status == HrStatus::Active;
            view.fields.extend(event.fields.clone());
        }
        view
    }

    /// Whether everything in the event was said anew since.
    pub(crate) fn outdated(&self, event: &HrEvent) -> bool {
        let newer = |field: Option<&Field>| {
            let mut said = self.said.iter();
            said.any(|other| {
                other.occurred_at > event.occurred_at
                    && field.is_none_or(|field| other.fields.contains_key(field))
            })
        };
        newer(None) && event.fields.keys().all(|field| newer(Some(field)))
    }

    pub(crate) fn show(&mut self) {
        for (field, value) in Self::view(&self.said).fields {
            match value {
                Some(value) => self.shown.insert(field, value),
                None => self.shown.remove(&field),
            };
        }
    }

    pub(crate) fn is_last_admin(&self, id: &EmployeeId, admins: &BTreeSet<EmployeeId>) -> bool {
        let alone = admins.iter().all(|admin| admin == id);
        self.state == State::Active && self.role == Role::Admin && alone
    }
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) people: BTreeMap<EmployeeId, Person>,
}

impl Model {
    /// What HR says; `world` gives the settings, the rule, the clock and the admins.
    pub(crate) fn hr(&mut self, from: &'static str, event: &HrEvent, world: &World) -> Outcome {
        let settings = &world.policy.settings;
        let excluded = |view: &View| view.excluded(world);
        let id = &event.employee_id;
        if event.occurred_at > world.now + TimeDelta::minutes(10) {
            return Outcome::Rejected;
        }
        let Some(person) = self.people.get_mut(&event.employee_id) else {
            let said = vec![event.clone()];
            let view = Person::view(&said);
            if excluded(&view) {
                return Outcome::Excluded;
            }
            let state = if view.active {
                State::Active
            } else {
                State::Gone
            };
            let mut person = Person::new(state, Role::Member);
            person.source = Some(from);
            person.said = said;
            person.show();
            let word = person.settle(&event.employee_id, world, world.now);
            self.people.insert(event.employee_id.clone(), person);
            return word.unwrap_or(Outcome::Created);
        };
        if person.source.is_some_and(|owner| owner != from) {
            return Outcome::Rejected;
        }
        if person.outdated(event) {
            return Outcome::Stale;
        }
        let before = Person::view(&person.said);
        let first = person.said.is_empty();
        let again = person.said.contains(event);
        if !again {
            person.said.push(event.clone());
        }
        let after = Person::view(&person.said);
        let (nothing, deleted) = match person.state {
            State::Deleted => (Outcome::Ignored, true),
            _ => (Outcome::Unchanged, false),
        };
        if again {
            let newest = person.said.iter().map(|event| event.occurred_at).max();
            let superseded = newest > Some(event.occurred_at);
            return if superseded { Outcome::Stale } else { nothing };
        }
        let known = |field: &Field| before.fields.get(field).cloned().flatten();
        let differs = |field: &&Field| known(field) != after.fields[*field];
        let changed: Vec<&Field> = after.fields.keys().filter(differs).collect();
        let came_or_went = first || before.active != after.active;
        if changed.is_empty() && !came_or_went {
            return nothing;
        }
        let mutation = came_or_went
            || changed
                .iter()
                .any(|field| before.fields.contains_key(*field));
        let returned = !first && !before.active && after.active;
        person.source = Some(from);
        if excluded(&after) {
            if let State::Grace { why: Why::Sync, .. } = person.state {
                person.enter(State::Active);
                return person
                    .settle(id, world, world.now)
                    .unwrap_or(Outcome::Excluded);
            }
            if person.leaves.by_hand.is_none() {
                person.settle(id, world, world.now);
            }
            return Outcome::Excluded;
        }
        if deleted {
            let back = match settings.restore_deleted_on {
                RestoreDeletedOn::AnyChange => after.active && mutation && !first,
                RestoreDeletedOn::Reactivation => returned,
                RestoreDeletedOn::Never => false,
            };
            if !back {
                return Outcome::Ignored;
            }
            let shown = person.shown.clone();
            person.show();
            if person.has_come(world) {
                person.shown = shown;
                return Outcome::Ignored;
            }
            person.enter(State::Active);
            person.role = Role::Member;
            let word = person.settle(id, world, world.now);
            return word.unwrap_or(Outcome::Restored);
        }
        person.show();
        let sync = settings.deactivation_sync;
        if !after.active && matches!(person.state, State::Grace { why: Why::Date, .. }) {
            person.settle(id, world, world.now);
        }
        let word = match person.state {
            State::Active if !after.active && mutation => {
                if !sync.enabled {
                    Outcome::Ignored
                } else if person.is_last_admin(id, &world.admins) {
                    person.leaves.held = true;
                    Outcome::Held
                } else {
                    person.end(Why::Sync, world, world.now)
                }
            }
            State::Grace { why: Why::Sync, .. } if after.active => {
                person.enter(State::Active);
                Outcome::Reactivated
            }
            State::Gone if returned && !person.has_come(world) => {
                person.enter(State::Active);
                Outcome::Reactivated
            }
            _ => {
                person.leaves.held &= !after.active;
                Outcome::Updated
            }
        };
        person.settle(id, world, world.now).unwrap_or(word)
    }

    /// What an admin wants.
    pub(crate) fn by_hand(
        &mut self,
        id: &EmployeeId,
        event: &Event,
        world: &World,
    ) -> Result<(), Refusal> {
        if let Event::Add { profile, role, .. } = event {
            let mut person = Person::new(State::Active, *role);
            person.shown = profile.clone();
            return match self.people.insert(id.clone(), person) {
                None => Ok(()),
                Some(known) => {
                    self.people.insert(id.clone(), known);
                    Err(Refusal::Exists)
                }
            };
        }
        let person = self.people.get_mut(id).ok_or(Refusal::NotFound)?;
        let last = person.is_last_admin(id, &world.admins);
        let on_self = |by: &Actor| {
            let Actor::Admin { employee_id, .. } = by else {
                unreachable!()
            };
            employee_id.as_ref() == Some(id)
        };
        match event {
            Event::DeactivateNow { by }
            | Event::Delete { by }
            | Event::Restore { by }
            | Event::Leave { by }
            | Event::SetLeaveDate { by, .. }
                if on_self(by) =>
            {
                return Err(Refusal::OnSelf);
            }
            Event::DeactivateNow { .. } => match person.state {
                State::Deleted => return Err(Refusal::Deleted),
                State::Gone => return Ok(()),
                _ if last => return Err(Refusal::LastAdmin),
                _ => person.enter(State::Gone),
            },
            Event::Delete { .. } if person.state == State::Deleted => return Ok(()),
            Event::Delete { .. } if last => return Err(Refusal::LastAdmin),
            Event::Delete { .. } => person.enter(State::Deleted),
            Event::Restore { .. } => {
                // Somebody whose schedule an epoch has ended, and who is not yet rewritten, is brought back too.
                let rewritten = world.users[id].generation == world.user(id).generation;
                if person.state == State::Active && rewritten {
                    return Ok(());
                }
                if person.state == State::Deleted {
                    person.role = Role::Member;
                }
                person.enter(State::Active);
                if person.has_come(world) {
                    person.leaves.spent = person.counting(world);
                }
            }
            Event::Leave { .. } if person.state != State::Active => return Ok(()),
            Event::Leave { .. } if last => return Err(Refusal::LastAdmin),
            Event::Leave { .. } => person.schedule(Why::Admin, world, world.now),
            Event::SetLeaveDate { date, .. } => {
                if person.state == State::Deleted {
                    return Err(Refusal::Deleted);
                }
                let before = std::mem::replace(&mut person.leaves.by_hand, *date);
                if before == *date {
                    return Ok(());
                }
                if last && person.has_come(world) {
                    person.leaves.by_hand = before;
                    return Err(Refusal::LastAdmin);
                }
                if date.is_some() {
                    person.leaves.spent = None;
                }
            }
            Event::SetRole { by, role, .. } => match (person.state, *role) {
                (State::Deleted, _) => return Err(Refusal::Deleted),
                (_, role) if role == person.role => return Ok(()),
                (_, Role::Member) if on_self(by) => return Err(Refusal::OnSelf),
                (_, Role::Member) if last => return Err(Refusal::LastAdmin),
                (_, role) => person.role = role,
            },
            _ => unreachable!("not by hand"),
        }
        person.settle(id, world, world.now);
        Ok(())
    }

    /// The `number`th timer fires.
    pub(crate) fn fires(&mut self, id: &EmployeeId, number: usize, world: &World) {
        let Some(person) = self.people.get_mut(id) else {
            return;
        };
        if let State::Grace { due, timer, why } = person.state
            && timer == number
            && due <= world.now + TimeDelta::seconds(30)
        {
            let excluded = why == Why::Sync && Person::view(&person.said).excluded(world);
            person.enter(if excluded { State::Active } else { State::Gone });
            person.settle(id, world, world.now);
        }
    }

    /// The user is held against rules and settings that have changed.
    pub(crate) fn tidied(&mut self, id: &EmployeeId, world: &World) {
        let person = self.people.get_mut(id).unwrap();
        if let State::Grace { why: Why::Sync, .. } = person.state
            && Person::view(&person.said).excluded(world)
        {
            person.enter(State::Active);
        }
        person.settle(id, world, world.now);
    }

    pub(crate) fn sync_turned_off(&mut self) {
        for person in self.people.values_mut() {
            if let State::Grace { why: Why::Sync, .. } = person.state {
                person.state = State::Active;
            }
        }
    }
}
