//! The model's leave dates: no plans and no counters, only the date, the calendar, and whether it has
//! had its say.

use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, Utc};
use offramp_domain::decide::{Outcome, Zone};
use offramp_domain::settings::{Behaviour, LeaveDates};
use offramp_domain::{EmployeeId, Field};

use crate::model::{Person, State, View, Why};
use crate::world::World;

#[derive(Debug, Clone, Default)]
pub(crate) struct Leaves {
    pub(crate) by_hand: Option<NaiveDate>,
    /// The date that has ended access, or that an admin has overruled.
    pub(crate) spent: Option<NaiveDate>,
    pub(crate) held: bool,
}

impl View {
    pub(crate) fn excluded(&self, world: &World) -> bool {
        let rule = world.rule.except.as_ref();
        rule.is_some_and(|(field, value)| self.fields.get(field) == Some(&Some(value.clone())))
    }
}

impl Person {
    /// Whose date counts is looked up, not remembered.
    pub(crate) fn counting(&self, world: &World) -> Option<NaiveDate> {
        let hr = || {
            let date = self.shown.get(&Field::LeaveDate)?;
            let excluded = Self::view(&self.said).excluded(world);
            (!excluded).then(|| date.parse().unwrap())
        };
        match world.policy.settings.leave_dates {
            LeaveDates::Ignore => None,
            LeaveDates::Manual => self.leaves.by_hand,
            LeaveDates::All => self.leaves.by_hand.or_else(hr),
        }
    }

    pub(crate) fn has_come(&self, world: &World) -> bool {
        self.counting(world)
            .is_some_and(|date| world.zone.start_of_day(date) <= world.now)
    }

    pub(crate) fn enter(&mut self, state: State) {
        self.state = state;
        self.leaves.held = false;
    }

    pub(crate) fn schedule(&mut self, why: Why, world: &World, now: DateTime<Utc>) {
        let second = now.duration_trunc(TimeDelta::seconds(1)).unwrap();
        let days = world.policy.settings.deactivation_sync.delay_days;
        self.enter(State::Grace {
            why,
            due: second + TimeDelta::days(days.into()),
            timer: usize::MAX,
        });
    }

    pub(crate) fn end(&mut self, why: Why, world: &World, now: DateTime<Utc>) -> Outcome {
        match world.policy.settings.deactivation_sync.behaviour {
            Behaviour::Immediate => {
                self.enter(State::Gone);
                Outcome::Deactivated
            }
            Behaviour::Delayed => {
                self.schedule(why, world, now);
                Outcome::Scheduled
            }
        }
    }

    /// What the calendar says of somebody; a word where that moves them.
    pub(crate) fn settle(
        &mut self,
        id: &EmployeeId,
        world: &World,
        now: DateTime<Utc>,
    ) -> Option<Outcome> {
        let counts = self.counting(world);
        let come = counts.is_some_and(|date| world.zone.start_of_day(date) <= now);
        let of_date = matches!(self.state, State::Grace { why: Why::Date, .. });
        if !come && (self.said.is_empty() || Self::view(&self.said).active) {
            self.leaves.held = false;
        }
        if of_date && come {
            self.leaves.spent = counts;
        } else if of_date && counts != self.leaves.spent {
            self.leaves.spent = None;
            self.enter(State::Active);
            return Some(Outcome::Reactivated);
        } else if self.state == State::Active && come && counts != self.leaves.spent {
            if self.is_last_admin(id, &world.admins) {
                let before = std::mem::replace(&mut self.leaves.held, true);
                return (!before).then_some(Outcome::Held);
            }
            self.leaves.spent = counts;
            return Some(self.end(Why::Date, world, now));
        }
        None
    }
}
