//! One event in the log for each decision, and what it counts for.
//!
//! An event says who decided about whom and what came of it, in ids, words of ours and numbers: no
//! field of it can hold a name, an address or a sentence.

use std::time::Instant;

use chrono::{DateTime, Utc};
use offramp_domain::decide::Word;
use offramp_domain::{Change, EmployeeId, Event, Generation, Happening, OrgId, Status};
use serde::Serialize;
use serde_json::Value;

use crate::metrics::{Meter, Metric};
use crate::{Env, Ports, Tenant};

/// A decision that is made, and where it changes something committed.
#[derive(Debug)]
pub struct Decided<'a> {
    /// Whose.
    pub org: &'a OrgId,
    /// About whom.
    pub employee_id: &'a EmployeeId,
    /// What it was about: a name of ours.
    pub event: &'static str,
    /// When it was due, where a timer asked for it.
    pub due: Option<DateTime<Utc>>,
    /// What came of it.
    pub outcome: Word,
    /// The user's generation after it, where there is a user.
    pub generation: Option<Generation>,
    /// What was committed.
    pub change: Option<&'a Change>,
    /// When the work on it began.
    pub begun: Instant,
}

impl Decided<'_> {
    /// Logs and counts it.
    pub fn tell<P: Ports>(&self, env: &Env<P>) {
        let entry = self.change.and_then(|change| change.entry.as_ref());
        tracing::info!(
            org = %self.org,
            employee_id = %self.employee_id,
            generation = self.generation.map(|generation| generation.0),
            event = self.event,
            outcome = word(&Some(self.outcome)),
            from = word(&entry.and_then(|entry| entry.from)),
            to = word(&entry.map(|entry| entry.to)),
            cause = word(&entry.and_then(|entry| entry.cause)),
            duration_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "decided"
        );
        self.count(&env.meter, env.clock.now());
    }

    fn count(&self, meter: &Meter, now: DateTime<Utc>) {
        let Some(entry) = self.change.and_then(|change| change.entry.as_ref()) else {
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
            // Whom HR brings along as inactive was never here.
            (Some(from), Status::Deactivated) if here(from) => {
                meter.record(Metric::DeactivationsDone, 1_u32);
                if let Some(due) = self.due {
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

/// Tells that cards of somebody came, went or changed by hand.
pub(crate) fn counted<P: Ports>(tenant: &Tenant<'_, P>, change: &Change, begun: Instant) {
    let decided = Decided {
        org: tenant.org,
        employee_id: &change.user.employee_id,
        event: "cards_counted",
        due: None,
        outcome: Word::Updated,
        generation: Some(change.user.generation),
        change: Some(change),
        begun,
    };
    decided.tell(tenant);
}

/// A word of ours as the API writes it.
fn word<T: Serialize>(word: &Option<T>) -> Option<String> {
    match serde_json::to_value(word) {
        Ok(Value::String(word)) => Some(word),
        _ => None,
    }
}

/// When a timer's event was due.
#[must_use]
pub fn due(event: &Event) -> Option<DateTime<Utc>> {
    match event {
        Event::Due { due, .. } | Event::LeaveDue { due, .. } => Some(*due),
        _ => None,
    }
}

/// Our name for what a decision is about.
#[must_use]
pub fn name(event: &Event) -> &'static str {
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
        Event::SetLeaveDate { .. } => "set_leave_date",
        Event::Leave { .. } => "leave",
        Event::LeaveDue { .. } => "leave_due",
        Event::ObjectivesClosed { .. } => "objectives_closed",
        Event::ObjectivesReopened { .. } => "objectives_reopened",
        Event::Due { .. } => "due",
        Event::CardsCancelled { .. } => "cards_cancelled",
        Event::Finished { .. } => "finished",
        Event::Tidy => "tidy",
        Event::CardsCounted { .. } => "cards_counted",
    }
}
