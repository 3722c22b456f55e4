//! A model that knows no epochs, generations, stamps or versions: it keeps all that HR ever said and looks up the newest,
//! and a log of what spoke against each person, which a change of policy is written into at once. Slow and plain.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::settings::{AccessDuringGrace, RestoreDeletedOn};
use offramp_domain::{
    EmployeeId, Field, GroundKind, GroundState, HrEvent, HrStatus, HrWord, Role, Status,
};

use crate::facts::Facts;
use crate::reasons::{Case, Line, Reason};
use crate::world::World;

/// What HR said, all told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) status: HrStatus,
    pub(crate) word: HrWord,
    pub(crate) fields: BTreeMap<Field, Option<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: EmployeeId,
    pub(crate) role: Role,
    pub(crate) shown: BTreeMap<Field, String>,
    pub(crate) source: Option<&'static str>,
    /// In the order of arrival.
    pub(crate) said: Vec<HrEvent>,
    /// The instants of the snapshots that lacked them and were heeded, each with how much HR had said when it came.
    pub(crate) lacked: Vec<(DateTime<Utc>, usize)>,
    pub(crate) by_hand: Option<NaiveDate>,
    pub(crate) log: Vec<Line>,
}

impl Person {
    pub(crate) fn new(id: &EmployeeId, role: Role) -> Self {
        Self {
            id: id.clone(),
            role,
            shown: BTreeMap::new(),
            source: None,
            said: Vec::new(),
            lacked: Vec::new(),
            by_hand: None,
            log: Vec::new(),
        }
    }

    pub(crate) fn case(&self) -> Case {
        Case::read(&self.log)
    }

    pub(crate) fn status(&self) -> Status {
        self.case().status()
    }

    /// The newest statement about everything; of equally new ones, the last to arrive.
    pub(crate) fn view(&self) -> Option<View> {
        let mut by_instant: Vec<&HrEvent> = self.said.iter().collect();
        by_instant.sort_by_key(|event| event.occurred_at);
        let last = by_instant.last()?;
        // Of one instant, what arrived later counts.
        let lacks = |(at, heard): &(DateTime<Utc>, usize)| {
            let mut since = self.said[*heard..].iter();
            *at >= last.occurred_at && !since.any(|event| event.occurred_at >= *at)
        };
        let word = match last.status {
            _ if self.lacked.iter().any(lacks) => HrWord::Missing,
            HrStatus::Active => HrWord::Active,
            HrStatus::Inactive => HrWord::Inactive,
        };
        let mut fields = BTreeMap::new();
        for event in &by_instant {
            fields.extend(event.fields.clone());
        }
        let status = last.status;
        Some(View {
            status,
            word,
            fields,
        })
    }

    pub(crate) fn is_left_out(&self, world: &World) -> bool {
        let Some((field, value)) = &world.rule.except else {
            return false;
        };
        let view = self.view();
        view.is_some_and(|view| view.fields.get(field) == Some(&Some(value.clone())))
    }

    /// Whether everything in the event was said anew since.
    pub(crate) fn is_outdated(&self, event: &HrEvent) -> bool {
        let newer = |field: Option<&Field>| {
            let mut said = self.said.iter();
            said.any(|other| {
                other.occurred_at > event.occurred_at
                    && field.is_none_or(|field| other.fields.contains_key(field))
            })
        };
        newer(None) && event.fields.keys().all(|field| newer(Some(field)))
    }

    /// The newest instant of HR's.
    fn newest(&self) -> Option<DateTime<Utc>> {
        let said = self.said.iter().map(|event| event.occurred_at);
        said.chain(self.lacked.iter().map(|(at, _)| *at)).max()
    }

    pub(crate) fn show(&mut self) {
        for (field, value) in self.view().unwrap().fields {
            // An admin without an address could not sign in.
            let keeps = self.role == Role::Admin && field == Field::Email;
            match value {
                Some(value) => self.shown.insert(field, value),
                None if keeps => None,
                None => self.shown.remove(&field),
            };
        }
    }

    pub(crate) fn is_last_admin(&self, world: &World) -> bool {
        let alone = world.admins.iter().all(|admin| *admin == self.id);
        self.status() == Status::Active && self.role == Role::Admin && alone
    }

    /// Something speaks against the person from now on. Where it ends the cards now, they have come to their end.
    pub(crate) fn begins(&mut self, kind: GroundKind, reason: Reason, facts: &Facts) {
        let ends = reason.is_in_force() && reason.due <= facts.now;
        self.log.push(Line::Against(kind, reason));
        if ends {
            self.log.push(Line::Ended);
        }
    }

    /// HR speaks against somebody. An end that is announced already is not brought forward.
    fn spoken_against(&mut self, kind: GroundKind, facts: &Facts) {
        let case = self.case();
        if case.stands(kind) {
            return;
        }
        // An admin is asked about missing people first, and nobody is asked about people who are out already.
        let asks = facts.asks_about(kind) && case.status() != Status::Active;
        let stand = if facts.is_deaf_to(kind) || asks {
            GroundState::Ignored
        } else if self.is_last_admin(facts.world) {
            GroundState::Held
        } else if facts.is_undone() {
            GroundState::Ignored
        } else {
            GroundState::InForce
        };
        let end = facts.end(self.source);
        let due = case.announced().map_or(end, |due| due.max(end));
        let during = facts.world.policy.settings.access_during_grace;
        let reason = Reason {
            keeps: during == AccessDuringGrace::Kept,
            run: facts.run.clone(),
            ..Reason::of(stand, due)
        };
        self.begins(kind, reason, facts);
    }

    /// HR calls somebody active whom it had called inactive or missing.
    fn back(&mut self, kinds: &[GroundKind]) {
        let case = self.case();
        let taken = kinds.iter().any(|kind| case.taken(*kind));
        let admin = taken.then_some(&GroundKind::Admin);
        let gone = kinds.iter().chain(admin);
        self.log.extend(gone.map(|kind| Line::TakenBack(*kind)));
    }

    /// The words against somebody in a change of what HR says.
    fn heed_against(&mut self, before: Option<&View>, after: &View, facts: &Facts) {
        let status = before.is_none_or(|before| before.status != after.status);
        let word = before.is_none_or(|before| before.word != after.word);
        if status && after.status == HrStatus::Inactive {
            self.spoken_against(GroundKind::Hr, facts);
        }
        if word && after.word == HrWord::Missing {
            self.spoken_against(GroundKind::Missing, facts);
        }
        // They are on the list again, as gone. That gives nobody their access back.
        let case = self.case();
        let needed = case.stands(GroundKind::Missing) && !case.stands(GroundKind::Hr);
        if word && after.word == HrWord::Inactive && !facts.observing && !needed {
            self.log.push(Line::TakenBack(GroundKind::Missing));
        }
    }

    /// The words for somebody in a change of what HR says.
    fn heed_for(&mut self, before: Option<&View>, after: &View, facts: &Facts) {
        let status = before.is_none_or(|before| before.status != after.status);
        let word = before.is_none_or(|before| before.word != after.word);
        let kinds: &[GroundKind] = match after.word {
            HrWord::Active if word => &[GroundKind::Hr, GroundKind::Missing],
            // A late word: they were there again before they were missing.
            HrWord::Missing if status && after.status == HrStatus::Active => &[GroundKind::Hr],
            _ => return,
        };
        if facts.observing {
            let case = self.case();
            let ignored = |kind: &&GroundKind| case.stand(**kind) == Some(GroundState::Ignored);
            let gone = kinds.iter().filter(ignored);
            self.log.extend(gone.map(|kind| Line::TakenBack(*kind)));
        } else {
            self.back(kinds);
        }
    }

    /// HR speaks of somebody whom the rule leaves out: it is written down, and acted on by nobody.
    fn heed_left_out(&mut self, before: Option<&View>, after: &View, facts: &Facts) {
        let status = before.is_none_or(|before| before.status != after.status);
        let word = before.is_none_or(|before| before.word != after.word);
        self.log.push(Line::LeftOut);
        let ignored = Reason::of(GroundState::Ignored, facts.now);
        let said = [
            (GroundKind::Hr, status && after.status == HrStatus::Inactive),
            (GroundKind::Missing, word && after.word == HrWord::Missing),
        ];
        for (kind, _) in said.into_iter().filter(|(_, said)| *said) {
            if !self.case().stands(kind) {
                self.log.push(Line::Against(kind, ignored.clone()));
            }
        }
        let here: &[GroundKind] = match after.word {
            HrWord::Active => &[GroundKind::Hr, GroundKind::Missing],
            HrWord::Missing if after.status == HrStatus::Active => &[GroundKind::Hr],
            _ => &[],
        };
        for kind in here {
            if !self.case().stands(*kind) {
                self.log.push(Line::TakenBack(*kind));
            }
        }
        self.look(facts);
    }

    /// What came of a change of what HR says, told by its effect. `spoken` is what HR began to say against the person.
    fn came_of(
        &self,
        before: &Case,
        after: &View,
        spoken: Option<GroundKind>,
        facts: &Facts,
    ) -> Outcome {
        let case = self.case();
        let held = case.is_held() && !before.is_held();
        match (before.status(), case.status()) {
            (Status::Active, Status::DeactivationScheduled) => Outcome::Scheduled,
            (Status::Active, Status::Deactivated) => Outcome::Deactivated,
            (Status::DeactivationScheduled | Status::Deactivated, Status::Active) => {
                Outcome::Reactivated
            }
            (_, Status::Active) if held => Outcome::Held,
            (_, status) => {
                let kind = spoken.or(match after.word {
                    HrWord::Active => None,
                    HrWord::Inactive => Some(GroundKind::Hr),
                    HrWord::Missing => Some(GroundKind::Missing),
                });
                let ignored = spoken.is_some() && status == Status::Active;
                match kind.and_then(|kind| case.stand(kind)) {
                    Some(GroundState::Held) => Outcome::Held,
                    Some(GroundState::Ignored)
                        if ignored && !spoken.is_some_and(|kind| facts.is_deaf_to(kind)) =>
                    {
                        Outcome::Unchanged
                    }
                    Some(GroundState::Ignored) if ignored => Outcome::Ignored,
                    _ => Outcome::Updated,
                }
            }
        }
    }

    /// HR's newest word is a change. `mutation` is true if a value changed that was known before.
    fn heed(&mut self, before: Option<&View>, mutation: bool, facts: &Facts) -> Outcome {
        let after = self.view().unwrap();
        let word = before.is_none_or(|before| before.word != after.word);
        let status = before.is_none_or(|before| before.status != after.status);
        let spoken = match after.word {
            HrWord::Missing if word => Some(GroundKind::Missing),
            _ if status && after.status == HrStatus::Inactive => Some(GroundKind::Hr),
            _ => None,
        };
        let case = self.case();
        if self.is_left_out(facts.world) {
            self.heed_left_out(before, &after, facts);
            return Outcome::Excluded;
        }
        if case.status() == Status::Deleted {
            return self.heed_deleted(before, mutation, facts);
        }
        self.heed_against(before, &after, facts);
        self.look(facts);
        self.heed_for(before, &after, facts);
        self.came_of(&case, &after, spoken, facts)
    }

    /// A deletion ends as `restore_deleted_on` says, and by nothing else; the words count all the same.
    fn heed_deleted(&mut self, before: Option<&View>, mutation: bool, facts: &Facts) -> Outcome {
        let after = self.view().unwrap();
        let case = self.case();
        let taken = case.taken(GroundKind::Hr) || case.taken(GroundKind::Missing);
        let returned = before.is_some_and(|before| before.word != after.word) && taken;
        let mutation = mutation && before.is_some_and(|before| before.word == after.word);
        let back = after.word == HrWord::Active
            && !facts.observing
            && match facts.world.policy.settings.restore_deleted_on {
                RestoreDeletedOn::AnyChange => mutation || returned,
                RestoreDeletedOn::Reactivation => returned,
                RestoreDeletedOn::Never => false,
            };
        self.heed_against(before, &after, facts);
        self.heed_for(before, &after, facts);
        if !back {
            return Outcome::Ignored;
        }
        let shown = self.shown.clone();
        self.show();
        let others = self.case().stands(GroundKind::Admin);
        if self.come(facts).is_some() || others {
            self.shown = shown;
            return Outcome::Ignored;
        }
        let gone = [GroundKind::Hr, GroundKind::Missing, GroundKind::LeaveDate];
        self.log.extend(gone.map(Line::TakenBack));
        self.log.push(Line::TakenBack(GroundKind::Deleted));
        self.role = Role::Member;
        Outcome::Restored
    }
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) people: BTreeMap<EmployeeId, Person>,
}

impl Model {
    /// What HR says.
    pub(crate) fn hr(&mut self, from: &'static str, event: &HrEvent, world: &World) -> Outcome {
        let facts = &Facts::of(world);
        if event.occurred_at > world.now + TimeDelta::minutes(10) {
            return Outcome::Rejected;
        }
        let Some(person) = self.people.get_mut(&event.employee_id) else {
            return self.new_person(from, event, facts);
        };
        if person.source.is_some_and(|owner| owner != from) {
            return Outcome::Rejected;
        }
        let nothing = match person.status() {
            Status::Deleted => Outcome::Ignored,
            _ => Outcome::Unchanged,
        };
        if person.is_outdated(event) {
            return Outcome::Stale;
        }
        if person.said.contains(event) {
            let superseded = person.newest() > Some(event.occurred_at);
            return if superseded { Outcome::Stale } else { nothing };
        }
        let before = person.view();
        person.said.push(event.clone());
        let after = person.view().unwrap();
        let known = |field: &Field| before.as_ref()?.fields.get(field).cloned();
        let differs = |field: &&Field| known(field).flatten() != after.fields[*field];
        let changed: Vec<&Field> = after.fields.keys().filter(differs).collect();
        let mutation = changed.iter().any(|field| known(field).is_some());
        let word = |view: &View| (view.word, view.status);
        if changed.is_empty() && before.as_ref().map(word) == Some(word(&after)) {
            return nothing;
        }
        person.source = Some(from);
        if person.status() != Status::Deleted && !person.is_left_out(world) {
            person.show();
        }
        person.heed(before.as_ref(), mutation, facts)
    }

    fn new_person(&mut self, from: &'static str, event: &HrEvent, facts: &Facts) -> Outcome {
        let mut person = Person::new(&event.employee_id, Role::Member);
        person.source = Some(from);
        person.said = vec![event.clone()];
        if person.is_left_out(facts.world) {
            return Outcome::Excluded;
        }
        person.show();
        if event.status == HrStatus::Inactive {
            let reason = Reason::of(GroundState::InForce, facts.now);
            person.begins(GroundKind::Hr, reason, facts);
        }
        let before = person.status();
        person.look(facts);
        let word = match (before, person.status()) {
            (Status::Active, Status::DeactivationScheduled) => Outcome::Scheduled,
            (Status::Active, Status::Deactivated) => Outcome::Deactivated,
            _ => Outcome::Created,
        };
        self.people.insert(event.employee_id.clone(), person);
        word
    }

    /// A snapshot of the instant `at` lacks somebody.
    pub(crate) fn missing(
        &mut self,
        from: &'static str,
        id: &EmployeeId,
        at: DateTime<Utc>,
        world: &World,
    ) -> Outcome {
        let Some(person) = self.people.get_mut(id) else {
            return Outcome::Unchanged;
        };
        let before = person.view();
        let newer = person.said.iter().any(|event| event.occurred_at > at);
        let known = before.as_ref().map(|before| before.word);
        if person.source != Some(from) || newer || matches!(known, None | Some(HrWord::Missing)) {
            return Outcome::Unchanged;
        }
        person.lacked.push((at, person.said.len()));
        person.heed(before.as_ref(), false, &Facts::of(world))
    }

    /// Everybody's log has a line more.
    pub(crate) fn everybody(&mut self, line: &Line) {
        for person in self.people.values_mut() {
            person.log.push(line.clone());
        }
    }

    pub(crate) fn admins(&self) -> BTreeSet<EmployeeId> {
        let acting =
            |person: &&Person| person.role == Role::Admin && person.status() == Status::Active;
        let acting = self.people.values().filter(acting);
        acting.map(|person| person.id.clone()).collect()
    }
}
