//! Who else is mailed when a hold waits for an answer.

use chrono::{DateTime, TimeDelta, Utc};

use super::Settings;

/// The default of [`Settings::escalate_after_hours`].
pub(super) fn after_hours() -> u16 {
    4
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
pub(super) fn is_after_hours(hours: &u16) -> bool {
    *hours == after_hours()
}

impl Settings {
    /// True if a hold that was opened at `opened` has waited so long by `now` that the address in `escalation` is
    /// mailed.
    #[must_use]
    pub fn escalates(&self, opened: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let after = TimeDelta::hours(i64::from(self.escalate_after_hours));
        self.escalation.is_some() && now - opened >= after
    }

    /// What is wrong with the escalation: the JSON pointer and the rule.
    pub(super) fn check_escalation(&self) -> Option<(&'static str, &'static str)> {
        let fits = (1..=720).contains(&self.escalate_after_hours);
        (!fits).then_some(("/escalate_after_hours", "must be 1 to 720"))
    }
}
