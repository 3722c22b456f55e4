//! Logs one event for each decision, and records its metrics.
//!
//! An event says which decision was made about which user. Its fields are ids, fixed words and numbers. No field can
//! contain a name, an address or a sentence.

use std::time::Instant;

use chrono::{DateTime, Utc};
use offramp_domain::{Change, Decision, EmployeeId, Entry, Event, Happening, Status, User};
use serde::Serialize;
use serde_json::Value;

use crate::metrics::{Meter, Metric};
use crate::{Ports, Tenant};

/// A decision. If it changes something, the change is committed.
#[derive(Debug)]
pub struct Decided<'a> {
    /// The user.
    pub employee_id: &'a EmployeeId,
    /// The event.
    pub event: &'a Event,
    /// The decision.
    pub decision: &'a Decision,
    /// The user before the event; `None` if there is none.
    pub user: Option<&'a User>,
    /// When the work on the decision began.
    pub begun: Instant,
}

impl<'a> Decided<'a> {
    /// The change to write; `None` if the decision changes nothing.
    #[must_use]
    pub fn change(&self) -> Option<&'a Change> {
        self.decision.change.as_deref()
    }

    /// Logs and counts the decision.
    pub fn tell<P: Ports>(&self, tenant: &Tenant<'_, P>) {
        let entry = self.entry();
        let user = self.change().map(|change| &change.user).or(self.user);
        tracing::info!(
            org = %tenant.org,
            employee_id = %self.employee_id,
            generation = user.map(|user| user.generation.0),
            event = name(self.event),
            outcome = word(&Some(self.decision.answered.outcome)),
            from = word(&entry.and_then(|entry| entry.from)),
            to = word(&entry.map(|entry| entry.to)),
            cause = word(&entry.and_then(|entry| entry.cause)),
            duration_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "decided"
        );
        self.count(&tenant.meter, tenant.clock.now());
    }

    fn entry(&self) -> Option<&'a Entry> {
        self.change().and_then(|change| change.entry.as_ref())
    }

    fn count(&self, meter: &Meter, now: DateTime<Utc>) {
        let Some(entry) = self.entry() else {
            return;
        };
        let here = |status| matches!(status, Status::Active | Status::DeactivationScheduled);
        match (entry.from, entry.to) {
            (Some(Status::DeactivationScheduled), Status::Active) => {
                meter.record(Metric::DeactivationsCancelled, 1_u32);
            }
            (from, Status::DeactivationScheduled) if from != Some(entry.to) => {
                meter.record(Metric::DeactivationsScheduled, 1_u32);
            }
            // A user that HR sends as inactive from the start was never active, so nobody is deactivated.
            (Some(from), Status::Deactivated) if here(from) => {
                meter.record(Metric::DeactivationsDone, 1_u32);
                if let Some(due) = due(self.event) {
                    let lag = u64::try_from((now - due).num_seconds()).unwrap_or(0);
                    meter.record(Metric::DeactivationLag, lag);
                }
            }
            _ => {}
        }
        if let Happening::CardsTerminated { cards } = &entry.happening {
            let count = u64::try_from(cards.len()).unwrap_or(u64::MAX);
            meter.record(Metric::CardsCancelled, count);
        }
    }
}

/// A fixed word, spelled as in the API.
fn word<T: Serialize>(word: &Option<T>) -> Option<String> {
    match serde_json::to_value(word) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

/// When a timer's event was due.
fn due(event: &Event) -> Option<DateTime<Utc>> {
    match event {
        Event::Due { due, .. } | Event::LeaveDue { due, .. } => Some(*due),
        _ => None,
    }
}

/// The name of an event in the log.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Hr { .. } => "hr",
        Event::Missing { .. } => "missing",
        Event::Approve { .. } => "approve",
        Event::Keep { .. } => "keep",
        Event::Add { .. } => "add",
        Event::DeactivateNow { .. } => "deactivate_now",
        Event::Delete { .. } => "delete",
        Event::Restore { .. } => "restore",
        Event::SetRole { .. } => "set_role",
        Event::SetLogin { .. } => "set_login",
        Event::ConfirmAddress { .. } => "confirm_address",
        Event::Invite { .. } => "invite",
        Event::BindLogin { .. } => "bind_login",
        Event::SetLeaveDate { .. } => "set_leave_date",
        Event::Postpone { .. } => "postpone",
        Event::HandOver { .. } => "hand_over",
        Event::Leave { .. } => "leave",
        Event::LeaveDue { .. } => "leave_due",
        Event::RemindDue { .. } => "remind_due",
        Event::ObjectivesClosed { .. } => "objectives_closed",
        Event::ObjectivesReopened { .. } => "objectives_reopened",
        Event::Due { .. } => "due",
        Event::Reconsider { .. } => "reconsider",
        Event::CardsCancelled { .. } => "cards_cancelled",
        Event::Finished { .. } => "finished",
        Event::Tidy => "tidy",
        Event::CardsCounted { .. } => "cards_counted",
    }
}
