//! The model of what admins and timers do.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use offramp_domain::decide::Refusal;
use offramp_domain::{
    Access, Actor, EmployeeId, Event, Field, GroundKind, GroundState, ImplausibleDate, Role, Status,
};

use crate::facts::Facts;
use crate::model::{Model, Person};
use crate::reasons::{Line, Reason};
use crate::world::{World, start};

impl Person {
    /// An admin ends their access and cards now.
    fn out(&mut self, kind: GroundKind, facts: &Facts) {
        let reason = Reason::of(GroundState::InForce, facts.now);
        self.begins(kind, reason, facts);
    }

    fn restored(&mut self, facts: &Facts) {
        if self.status() == Status::Deleted {
            self.role = Role::Member;
        }
        self.log.push(Line::Restored);
        // The date has come, and the admin knows it.
        let Some(date) = self.come(facts) else { return };
        let reason = Reason {
            date: Some(date),
            ..Reason::of(GroundState::Overridden, facts.now)
        };
        let case = self.case();
        let known = case.reasons.get(&GroundKind::LeaveDate);
        let refused = known.is_some_and(|known| {
            known.stand == GroundState::Refused && known.date.map(|it| it.0) == Some(date.0)
        });
        if !refused {
            self.log.push(Line::Against(GroundKind::LeaveDate, reason));
        }
    }

    fn dated(&mut self, date: Option<NaiveDate>, facts: &Facts) -> Result<(), Refusal> {
        if self.by_hand == date {
            return Ok(());
        }
        let starts = self.shown.get(&Field::StartDate);
        let starts = starts.map(|starts| starts.parse().unwrap());
        // The stories know no other date that nobody can mean.
        if date.is_some_and(|date| starts.is_some_and(|starts| date < starts)) {
            return Err(Refusal::LeaveDate(ImplausibleDate::BeforeStart));
        }
        let before = self.clone();
        self.by_hand = date;
        // Another wish than the one that an admin overrode or refused.
        if date.is_some() && !self.case().stands(GroundKind::LeaveDate) {
            self.log.push(Line::TakenBack(GroundKind::LeaveDate));
        }
        if self.is_last_admin(facts.world) && self.come(facts).is_some() {
            *self = before;
            return Err(Refusal::LastAdmin);
        }
        self.look(facts);
        Ok(())
    }
}

impl Model {
    /// What an admin wants.
    pub(crate) fn by_hand(
        &mut self,
        id: &EmployeeId,
        event: &Event,
        world: &World,
    ) -> Result<(), Refusal> {
        let facts = &Facts::of(world);
        if let Event::Add { profile, role, .. } = event {
            if self.people.contains_key(id) {
                return Err(Refusal::Exists);
            }
            let mut person = Person::new(id, *role);
            person.shown = profile.clone();
            self.people.insert(id.clone(), person);
            return Ok(());
        }
        let person = self.people.get_mut(id).ok_or(Refusal::NotFound)?;
        let last = person.is_last_admin(world);
        let on_self = |by: &Actor| matches!(by, Actor::Admin { employee_id, .. } if employee_id.as_ref() == Some(id));
        let case = person.case();
        match event {
            Event::DeactivateNow { by }
            | Event::Delete { by }
            | Event::Restore { by }
            | Event::Leave { by, .. }
            | Event::SetLeaveDate { by, .. }
            | Event::Postpone { by, .. }
                if on_self(by) =>
            {
                Err(Refusal::OnSelf)
            }
            Event::DeactivateNow { .. } => match case.status() {
                Status::Deleted => Err(Refusal::Deleted),
                Status::Deactivated if case.stands(GroundKind::Admin) => Ok(()),
                _ if last => Err(Refusal::LastAdmin),
                _ => {
                    person.out(GroundKind::Admin, facts);
                    Ok(())
                }
            },
            Event::Delete { .. } => match case.status() {
                Status::Deleted => Ok(()),
                _ if last => Err(Refusal::LastAdmin),
                _ => {
                    person.out(GroundKind::Deleted, facts);
                    Ok(())
                }
            },
            Event::Restore { .. } => {
                // Somebody whom a policy has brought back, and who is not yet rewritten, is brought back too.
                let rewritten = world.users[id].generation == world.user(id).generation;
                if case.status() != Status::Active || !rewritten || case.is_held() {
                    person.restored(facts);
                }
                Ok(())
            }
            Event::Leave { .. } => match case.status() {
                Status::Active if last => Err(Refusal::LastAdmin),
                Status::Deactivated | Status::Deleted => Ok(()),
                // They are leaving already, and have lost their access.
                Status::DeactivationScheduled if case.access() == Access::Revoked => Ok(()),
                _ => {
                    let due = case
                        .announced()
                        .map_or(facts.grace(), |due| due.max(facts.grace()));
                    let reason = Reason::of(GroundState::InForce, due);
                    person.begins(GroundKind::Admin, reason, facts);
                    Ok(())
                }
            },
            Event::Postpone { due_at, .. } => match case.status() {
                Status::Deleted => Err(Refusal::Deleted),
                Status::Active | Status::Deactivated => Err(Refusal::NotScheduled),
                Status::DeactivationScheduled => {
                    let earliest = case.first_due().map_or(facts.now, |due| due.max(facts.now));
                    if *due_at < earliest {
                        return Err(out_of_range());
                    }
                    person.log.push(Line::Moved(*due_at));
                    Ok(())
                }
            },
            Event::SetLeaveDate { .. } if case.status() == Status::Deleted => Err(Refusal::Deleted),
            Event::SetLeaveDate { date, .. } => person.dated(*date, facts),
            Event::SetRole { by, role, .. } => match (case.status(), *role) {
                (Status::Deleted, _) => Err(Refusal::Deleted),
                (_, role) if role == person.role => Ok(()),
                (_, Role::Member) if on_self(by) => Err(Refusal::OnSelf),
                (_, Role::Member) if last => Err(Refusal::LastAdmin),
                (_, role) => {
                    person.role = role;
                    Ok(())
                }
            },
            _ => unreachable!("not by hand"),
        }
    }

    /// The timer of the grace period that the person is in fires. It was armed for the end of the cards, or for soon after
    /// where that had passed.
    pub(crate) fn fires(&mut self, id: &EmployeeId, due: DateTime<Utc>, world: &World) {
        let facts = &Facts::of(world);
        let person = self.people.get_mut(id).unwrap();
        let soon = world.now + TimeDelta::seconds(30);
        if person.case().due().is_none_or(|end| end > due) || due > soon {
            return;
        }
        if person.is_left_out(world) {
            person.log.push(Line::LeftOut);
        }
        person.date_goes(facts);
        if person.case().due().is_some_and(|due| due <= soon) {
            person.log.push(Line::Ended);
        }
    }

    /// The day of a leave date begins.
    pub(crate) fn day_begins(&mut self, id: &EmployeeId, due: DateTime<Utc>, world: &World) {
        let facts = Facts {
            now: world.now.max(due),
            ..Facts::of(world)
        };
        self.people.get_mut(id).unwrap().look(&facts);
    }

    /// The user is held against rules and settings that have changed.
    pub(crate) fn tidied(&mut self, id: &EmployeeId, world: &World) {
        let person = self.people.get_mut(id).unwrap();
        if person.is_left_out(world) {
            person.log.push(Line::LeftOut);
        }
        person.look(&Facts::of(world));
    }
}

/// The refusal without its limits: those are the tables'.
pub(crate) fn out_of_range() -> Refusal {
    let (earliest, latest) = (start(), start());
    Refusal::EndOutOfRange { earliest, latest }
}
