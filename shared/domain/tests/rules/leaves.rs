//! The model's leave dates: no plans and no counters, only the date, the calendar, and what the log says of it.

use chrono::NaiveDate;
use offramp_domain::decide::Zone;
use offramp_domain::settings::LeaveDates;
use offramp_domain::{Field, GroundKind, GroundState, Status, Whose};

use crate::facts::Facts;
use crate::model::Person;
use crate::reasons::{Line, Reason};
use crate::world::World;

impl Person {
    /// The date that stands in the profile, and whose it is.
    pub(crate) fn stated(&self) -> Option<(NaiveDate, Whose)> {
        let hr = || {
            Some((
                self.shown.get(&Field::LeaveDate)?.parse().unwrap(),
                Whose::Hr,
            ))
        };
        self.by_hand.map(|date| (date, Whose::Admin)).or_else(hr)
    }

    /// Whose date counts is looked up, not remembered.
    pub(crate) fn counting(&self, world: &World) -> Option<(NaiveDate, Whose)> {
        let (date, whose) = self.stated()?;
        let counts = match (world.policy.settings.leave_dates, whose) {
            (LeaveDates::Ignore, _) => false,
            (_, Whose::Admin) => true,
            (LeaveDates::Manual, Whose::Hr) => false,
            (LeaveDates::All, Whose::Hr) => !self.is_left_out(world),
        };
        let starts = self.shown.get(&Field::StartDate);
        let before = starts.is_some_and(|starts| date < starts.parse().unwrap());
        (counts && !before).then_some((date, whose))
    }

    /// The date that counts, where its day has begun.
    pub(crate) fn come(&self, facts: &Facts) -> Option<(NaiveDate, Whose)> {
        let zone = facts.world.zone;
        self.counting(facts.world)
            .filter(|(date, _)| zone.start_of_day(*date) <= facts.now)
    }

    /// Somebody looks at the leave date.
    pub(crate) fn look(&mut self, facts: &Facts) {
        self.date_begins(facts);
        self.date_goes(facts);
    }

    fn date_begins(&mut self, facts: &Facts) {
        let Some(date) = self.come(facts) else {
            return;
        };
        let case = self.case();
        if let Some(known) = case.reasons.get(&GroundKind::LeaveDate) {
            let same = known.date.unwrap().0 == date.0;
            if (same && !known.open) || (!same && known.is_in_force()) {
                if known.is_in_force() {
                    self.log.push(Line::Redated(date.0, date.1));
                }
                return;
            }
        }
        let enabled = facts.world.policy.settings.deactivation_sync.enabled;
        let deaf = facts.observing || !enabled;
        let last = case.status() == Status::Active && self.is_last_admin(facts.world);
        let (stand, open) = match date.1 {
            Whose::Hr if deaf => (GroundState::Ignored, false),
            _ if last => (GroundState::Held, true),
            _ if facts.is_undone() => (GroundState::Ignored, false),
            _ => (GroundState::InForce, false),
        };
        let from = self.source.filter(|_| date.1 == Whose::Hr);
        let reason = Reason {
            run: facts.run.clone(),
            date: Some(date),
            open,
            ..Reason::of(stand, facts.end(from))
        };
        self.begins(GroundKind::LeaveDate, reason, facts);
    }

    /// A date that was moved or removed takes its own reason away. One that does not count any more is ignored.
    pub(crate) fn date_goes(&mut self, facts: &Facts) {
        let case = self.case();
        let Some(reason) = case.reasons.get(&GroundKind::LeaveDate) else {
            return;
        };
        let is_it =
            |date: Option<(NaiveDate, Whose)>| date.map(|it| it.0) == reason.date.map(|it| it.0);
        if is_it(self.come(facts)) {
            return;
        }
        if !is_it(self.stated()) {
            self.log.push(Line::TakenBack(GroundKind::LeaveDate));
        } else if !case.over && reason.is_in_force() {
            self.log.push(match self.counting(facts.world) {
                Some(_) => Line::TakenBack(GroundKind::LeaveDate),
                None => Line::DateDoesNotCount,
            });
        }
    }
}
