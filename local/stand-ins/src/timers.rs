use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::queues::QueuedMessage;
use crate::scheduler::{Delivery, Group, Schedule};

/// All that is going to happen, and what it happens to. Whatever is due at the same instant comes in the order in which
/// it was put here.
#[derive(Default)]
pub(crate) struct Timers {
    sequence: u64,
    once: BTreeMap<Key, Due>,
    /// What ticks: apart, because a long jump coalesces it.
    recurring: BTreeMap<Key, Due>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// By group and name, the order in which they are listed.
    pub(crate) schedules: BTreeMap<(String, String), Schedule>,
    pub(crate) deliveries: HashMap<Uuid, Delivery>,
    pub(crate) invocations: HashMap<Uuid, PendingInvocation>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) queued: Vec<QueuedMessage>,
    /// How many of the next deliveries are made twice.
    pub(crate) duplicates: usize,
}

/// When something is due, and its place among what is due then.
pub(crate) type Key = (DateTime<Utc>, u64);

#[derive(Clone, Debug)]
pub(crate) enum Due {
    Schedule { group: String, name: String },
    Delivery(Uuid),
    Invocation(Uuid),
    Rule(usize),
}

/// A rule that invokes a function every so often.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) period: Duration,
    pub(crate) function: String,
    pub(crate) input: Value,
}

/// An event in a function's queue. It stays until it was handled or given up, also while it runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingInvocation {
    pub(crate) id: Uuid,
    pub(crate) request_id: String,
    pub(crate) function: String,
    pub(crate) payload: Value,
    pub(crate) queued_at: DateTime<Utc>,
    pub(crate) due: DateTime<Utc>,
    /// How many attempts have failed.
    pub(crate) failed: u32,
}

impl PendingInvocation {
    pub(crate) fn new(function: &str, payload: Value, now: DateTime<Utc>) -> Self {
        let id = Uuid::new_v4();
        Self {
            id,
            request_id: id.to_string(),
            function: function.to_owned(),
            payload,
            queued_at: now,
            due: now,
            failed: 0,
        }
    }
}

/// What outlives a restart. Rules do not: they are made anew when the stand-ins start.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    groups: BTreeMap<String, Group>,
    schedules: Vec<Schedule>,
    deliveries: Vec<Delivery>,
    invocations: Vec<PendingInvocation>,
    queued: Vec<QueuedMessage>,
}

impl Timers {
    pub(crate) fn saved(&self) -> Saved {
        let mut invocations: Vec<_> = self.invocations.values().cloned().collect();
        invocations.sort_by_key(|pending| (pending.due, pending.queued_at));
        Saved {
            groups: self.groups.clone(),
            schedules: self.schedules.values().cloned().collect(),
            deliveries: self.deliveries.values().cloned().collect(),
            invocations,
            queued: self.queued.clone(),
        }
    }

    pub(crate) fn restore(saved: Saved) -> Self {
        let mut timers = Self {
            groups: saved.groups,
            queued: saved.queued,
            ..Self::default()
        };
        for pending in saved.invocations {
            timers.enqueue(pending);
        }
        for delivery in saved.deliveries {
            timers.enqueue_delivery(delivery);
        }
        for schedule in saved.schedules {
            timers.put_schedule(schedule);
        }
        timers
    }

    pub(crate) fn enqueue(&mut self, pending: PendingInvocation) {
        let key = self.key(pending.due);
        self.once.insert(key, Due::Invocation(pending.id));
        self.invocations.insert(pending.id, pending);
    }

    pub(crate) fn enqueue_delivery(&mut self, delivery: Delivery) {
        let key = self.key(delivery.due);
        self.once.insert(key, Due::Delivery(delivery.id));
        self.deliveries.insert(delivery.id, delivery);
    }

    /// Stores a schedule in place of the one of the same name, and arms it for its next due instant.
    pub(crate) fn put_schedule(&mut self, mut schedule: Schedule) {
        self.remove_schedule(&schedule.group, &schedule.name);
        if let Some(at) = schedule.next.filter(|_| schedule.is_enabled()) {
            let key = self.key(at);
            let due = Due::Schedule {
                group: schedule.group.clone(),
                name: schedule.name.clone(),
            };
            if schedule.is_recurring() {
                self.recurring.insert(key, due);
            } else {
                self.once.insert(key, due);
            }
            schedule.armed = Some(key);
        }
        self.schedules
            .insert((schedule.group.clone(), schedule.name.clone()), schedule);
    }

    pub(crate) fn remove_schedule(&mut self, group: &str, name: &str) -> Option<Schedule> {
        let removed = self
            .schedules
            .remove(&(group.to_owned(), name.to_owned()))?;
        if let Some(key) = removed.armed {
            self.once.remove(&key);
            self.recurring.remove(&key);
        }
        Some(removed)
    }

    /// Arms a rule for the first time, or again after a tick.
    pub(crate) fn arm_rule(&mut self, index: usize, at: DateTime<Utc>) {
        let key = self.key(at);
        self.recurring.insert(key, Due::Rule(index));
    }

    /// Takes out what is due first, and no later than `until`.
    pub(crate) fn pop(
        &mut self,
        until: DateTime<Utc>,
        with_recurring: bool,
    ) -> Option<(DateTime<Utc>, Due)> {
        let once = self.once.first_key_value().map(|(key, _)| *key);
        let tick = self
            .recurring
            .first_key_value()
            .map(|(key, _)| *key)
            .filter(|_| with_recurring);
        let first = once
            .into_iter()
            .chain(tick)
            .min()
            .filter(|(at, _)| *at <= until)?;
        let due = if Some(first) == once {
            self.once.remove(&first)
        } else {
            self.recurring.remove(&first)
        }?;
        Some((first.0, due))
    }

    /// When the next thing is due.
    pub(crate) fn next(&self) -> Option<DateTime<Utc>> {
        self.next_of(true)
    }

    /// When the next thing is due, what ticks left out where it is to be.
    pub(crate) fn next_of(&self, with_recurring: bool) -> Option<DateTime<Utc>> {
        let once = self.once.first_key_value();
        let tick = self.recurring.first_key_value().filter(|_| with_recurring);
        once.into_iter().chain(tick).map(|(key, _)| key.0).min()
    }

    fn key(&mut self, at: DateTime<Utc>) -> Key {
        self.sequence += 1;
        (at, self.sequence)
    }
}

/// The first instant after `now` on the grid that `due` and `period` span.
pub(crate) fn next_tick(
    due: DateTime<Utc>,
    period: Duration,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let period_ms = i64::try_from(period.as_millis())
        .ok()
        .filter(|ms| *ms > 0)?;
    let behind = (now - due).num_milliseconds().max(0);
    let ticks = (behind / period_ms).checked_add(1)?;
    TimeDelta::try_milliseconds(ticks.checked_mul(period_ms)?)
        .and_then(|ahead| due.checked_add_signed(ahead))
}
