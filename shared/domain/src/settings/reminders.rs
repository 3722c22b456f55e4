//! When admins and managers are reminded of a leave date.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Settings;

/// The most reminders of a leave date.
pub const MOST_REMINDERS: usize = 5;

/// When the admins and the manager are reminded of a leave date that lies ahead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reminders {
    /// How many days before the first day without access each reminder is: at most 5, each 1 to 365. It is mailed when
    /// that day begins in the organisation's time zone.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(max_items = 5, value_type = BTreeSet<u16>))]
    pub before_leave_days: BTreeSet<u16>,
}

impl Reminders {
    pub(super) fn is_none(&self) -> bool {
        self.before_leave_days.is_empty()
    }
}

impl Settings {
    /// What is wrong with the reminders: the JSON pointer and the rule.
    pub(super) fn check_reminders(&self) -> Option<(&'static str, &'static str)> {
        let days = &self.reminders.before_leave_days;
        let wrong =
            days.len() > MOST_REMINDERS || !days.iter().all(|days| (1..=365).contains(days));
        wrong.then_some((
            "/reminders/before_leave_days",
            "must be at most 5 numbers of days, each 1 to 365",
        ))
    }
}
