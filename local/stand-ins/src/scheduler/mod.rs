//! EventBridge Scheduler, API version 2021-06-30.

mod api;
mod check;
mod deliver;
mod model;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::shared::Shared;
use crate::sync::lock;

pub(crate) use api::{handle, operation};
pub(crate) use deliver::{Delivery, fire, retry};
pub(crate) use model::{Group, Schedule};

/// A schedule that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleView {
    /// The name.
    pub name: String,
    /// The group.
    pub group: String,
    /// The expression, such as `at(2026-03-01T09:00:00)`.
    pub expression: String,
    /// The target's ARN.
    pub target: String,
    /// The input as it was given: JSON text with its placeholders.
    pub input: Option<String>,
    /// When it fires next; `None` when it is disabled or has fired.
    pub next: Option<DateTime<Utc>>,
}

/// The EventBridge Scheduler stand-in. Clones are the same.
#[derive(Clone)]
pub struct Scheduler(pub(crate) Arc<Shared>);

impl Scheduler {
    /// Makes each of the next `n` deliveries twice: Scheduler promises at least once.
    pub fn duplicate_next(&self, n: usize) {
        lock(&self.0.timers).duplicates = n;
    }

    /// Makes a group, as `template.yaml` would, unless it exists. The group `default` is always there.
    pub fn create_group(&self, name: &str) {
        let group = Group::new(None, self.0.clock.now());
        lock(&self.0.timers)
            .groups
            .entry(name.to_owned())
            .or_insert(group);
        self.0.timers_changed();
    }

    /// The schedules that stand, by group and name.
    #[must_use]
    pub fn schedules(&self) -> Vec<ScheduleView> {
        let timers = lock(&self.0.timers);
        timers.schedules.values().map(Schedule::view).collect()
    }

    /// Deletes a schedule by hand, as somebody with the console might. Says whether there was one.
    pub fn delete(&self, group: &str, name: &str) -> bool {
        let removed = lock(&self.0.timers).remove_schedule(group, name);
        self.0.timers_changed();
        removed.is_some()
    }
}
