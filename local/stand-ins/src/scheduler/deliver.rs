use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::api;
use super::model::{Schedule, Timing};
use crate::queues::QueuedMessage;
use crate::shared::Shared;
use crate::sync::{lock, rfc3339};
use crate::timers::{PendingInvocation, Timers, next_tick};

/// The longest pause between two attempts to deliver. AWS backs off exponentially and does not say how far.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// One execution of a schedule, until its target took it or it was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) due: DateTime<Utc>,
    group: String,
    name: String,
    /// The schedule that made it; a later one of the same name is left alone.
    version: Uuid,
    schedule_arn: String,
    target_arn: String,
    /// `None` for the event that Scheduler makes up when a schedule has no input.
    input: Option<String>,
    scheduled: DateTime<Utc>,
    first_try: DateTime<Utc>,
    /// How many attempts have failed.
    failed: u32,
    max_age: Duration,
    max_retries: u32,
    dead_letters: Option<String>,
    /// Whether the schedule has nothing left to do after this.
    is_last: bool,
}

/// Fires a schedule that is due at `at`: once, or twice where duplicates were asked for.
pub(crate) fn fire(shared: &Shared, at: DateTime<Utc>, group: &str, name: &str) {
    let now = shared.clock.now();
    let mut timers = lock(&shared.timers);
    let Some(mut schedule) = timers
        .schedules
        .get(&(group.to_owned(), name.to_owned()))
        .cloned()
    else {
        return;
    };
    schedule.next = next(&schedule, at, now);
    schedule.armed = None;
    let delivery = delivery(shared, &schedule, at, now);
    timers.put_schedule(schedule);
    if timers.duplicates > 0 {
        timers.duplicates -= 1;
        attempt(
            shared,
            &mut timers,
            Delivery {
                id: Uuid::new_v4(),
                ..delivery.clone()
            },
        );
    }
    attempt(shared, &mut timers, delivery);
}

/// Tries a delivery again.
pub(crate) fn retry(shared: &Shared, id: Uuid) {
    let mut timers = lock(&shared.timers);
    if let Some(delivery) = timers.deliveries.remove(&id) {
        attempt(shared, &mut timers, delivery);
    }
}

fn next(schedule: &Schedule, at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match schedule.checked.timing {
        Timing::At(_) => None,
        Timing::Every(period) => next_tick(at, period, now)
            .filter(|next| schedule.checked.end.is_none_or(|end| *next <= end)),
    }
}

fn delivery(
    shared: &Shared,
    schedule: &Schedule,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Delivery {
    let target = schedule.definition.target.clone().unwrap_or_default();
    Delivery {
        id: Uuid::new_v4(),
        due: now,
        group: schedule.group.clone(),
        name: schedule.name.clone(),
        version: schedule.version,
        schedule_arn: api::arn(shared, &schedule.group, &schedule.name),
        target_arn: schedule.checked.target_arn.clone(),
        input: target.input,
        scheduled: at,
        first_try: now,
        failed: 0,
        max_age: schedule.checked.max_age,
        max_retries: schedule.checked.max_retries,
        dead_letters: target.dead_letter_config.and_then(|config| config.arn),
        is_last: schedule.next.is_none(),
    }
}

/// Hands the event to the target's queue of asynchronous invocations, which is all that Scheduler waits for.
fn attempt(shared: &Shared, timers: &mut Timers, mut delivery: Delivery) {
    let now = shared.clock.now();
    let function = lock(&shared.registry).by_arn(&delivery.target_arn);
    let problem = match (function, payload(shared, &delivery)) {
        (Some(function), Some(payload)) => {
            timers.enqueue(PendingInvocation::new(&function.name, payload, now));
            return complete(timers, &delivery);
        }
        (None, _) => ("AWS.Lambda.ResourceNotFoundException", "Function not found"),
        (_, None) => (
            "AWS.Lambda.InvalidRequestContentException",
            "The input is no JSON",
        ),
    };
    delivery.failed += 1;
    let pause = TimeDelta::seconds(1_i64 << delivery.failed.min(16)).min(LONGEST_PAUSE);
    delivery.due = now + pause;
    let age = (delivery.due - delivery.first_try)
        .to_std()
        .unwrap_or_default();
    let exhausted = if delivery.failed > delivery.max_retries {
        "MaximumRetryAttempts"
    } else if age > delivery.max_age {
        "MaximumEventAgeInSeconds"
    } else {
        return timers.enqueue_delivery(delivery);
    };
    tracing::warn!(schedule = %delivery.schedule_arn, exhausted, error = problem.1, "a delivery is given up");
    if let Some(arn) = delivery.dead_letters.clone() {
        timers
            .queued
            .push(dead_letter(&delivery, arn, problem, exhausted, now));
    }
    complete(timers, &delivery);
}

/// After the last execution, also a failed one, a schedule that asked for it is deleted.
fn complete(timers: &mut Timers, delivery: &Delivery) {
    let key = (delivery.group.clone(), delivery.name.clone());
    let is_done = |schedule: &Schedule| {
        schedule.version == delivery.version && schedule.checked.delete_after && delivery.is_last
    };
    if timers.schedules.get(&key).is_some_and(is_done) {
        timers.remove_schedule(&delivery.group, &delivery.name);
    }
}

/// The event: the input with Scheduler's context attributes filled in.
fn payload(shared: &Shared, delivery: &Delivery) -> Option<Value> {
    let Some(input) = &delivery.input else {
        return Some(json!({
            "version": "0",
            "id": delivery.id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": shared.config.account,
            "time": rfc3339(delivery.scheduled),
            "region": shared.config.region,
            "resources": [delivery.schedule_arn],
            "detail": "{}",
        }));
    };
    let filled = input
        .replace("<aws.scheduler.schedule-arn>", &delivery.schedule_arn)
        .replace(
            "<aws.scheduler.scheduled-time>",
            &rfc3339(delivery.scheduled),
        )
        .replace(
            "<aws.scheduler.execution-id>",
            &delivery.id.simple().to_string()[..16],
        )
        .replace(
            "<aws.scheduler.attempt-number>",
            &(delivery.failed + 1).to_string(),
        );
    serde_json::from_str(&filled).ok()
}

/// The attributes are those of the user guide's page on dead-letter queues.
fn dead_letter(
    delivery: &Delivery,
    arn: String,
    (code, message): (&str, &str),
    exhausted: &str,
    now: DateTime<Utc>,
) -> QueuedMessage {
    let attributes = [
        ("ERROR_CODE", code.to_owned()),
        ("ERROR_MESSAGE", message.to_owned()),
        (
            "EXECUTION_ID",
            delivery.id.simple().to_string()[..16].to_owned(),
        ),
        ("EXHAUSTED_RETRY_CONDITION", exhausted.to_owned()),
        ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
        ("RETRY_ATTEMPTS", (delivery.failed - 1).to_string()),
        ("SCHEDULED_TIME", rfc3339(delivery.scheduled)),
        ("SCHEDULE_ARN", delivery.schedule_arn.clone()),
        ("TARGET_ARN", delivery.target_arn.clone()),
    ];
    QueuedMessage {
        arn,
        body: delivery.input.clone().unwrap_or_else(|| "{}".to_owned()),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        at: now,
    }
}
