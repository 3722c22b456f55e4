use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::error::Error;
use crate::lambda::{self, Function, InvocationKind, InvokeError};
use crate::persist::File;
use crate::queues::QueuedMessage;
use crate::scheduler;
use crate::shared::Shared;
use crate::streams;
use crate::sync::{lock, rfc3339};
use crate::timers::{Due, PendingInvocation, next_tick};

/// A jump that is longer than this fires each recurring rule once, at its end.
const COALESCE_BEYOND: TimeDelta = TimeDelta::hours(1);

/// The background task looks at the clock at least this often, as wall time may leap (a laptop that slept).
const LOOK_AT_LEAST: Duration = Duration::from_secs(30);

/// Moves the clock to where `target` says, seen from the present, firing in order all that is due on the way.
pub(crate) async fn advance(
    shared: &Arc<Shared>,
    target: impl FnOnce(DateTime<Utc>) -> Result<DateTime<Utc>, Error>,
) -> Result<DateTime<Utc>, Error> {
    let _driving = quiet(shared).await;
    let start = shared.clock.now();
    let target = target(start)?;
    if target < start {
        return Err(Error::Backwards {
            now: start,
            asked: target,
        });
    }
    shared.clock.hold(start);
    let long = target - start > COALESCE_BEYOND;
    fire_until(shared, target, !long).await;
    if !shared.is_stopping() {
        shared.clock.hold(target);
        fire_until(shared, target, true).await;
    }
    let reached = shared.clock.now();
    shared.clock.release(reached);
    shared.store.mark(File::Clock);
    shared.scheduled.notify_one();
    if shared.is_stopping() {
        Err(Error::Stopped)
    } else {
        Ok(reached)
    }
}

/// Runs all that is due now, and what that makes due now.
pub(crate) async fn settle(shared: &Arc<Shared>) {
    let _driving = quiet(shared).await;
    let now = shared.clock.now();
    fire_until(shared, now, true).await;
}

/// Delivers what was written, and what that has written, as far as it is due now.
pub(crate) async fn deliver(shared: &Arc<Shared>) {
    let _driving = quiet(shared).await;
    while !shared.is_stopping() {
        streams::read(shared).await;
        let now = shared.clock.now();
        if streams::next(shared).is_none_or(|at| at > now) {
            return;
        }
        streams::deliver_due(shared).await;
    }
}

/// Delivers the stream, and fires in real time what falls due, until the stand-ins stop. A frozen clock has no real time:
/// with one, the stream alone is delivered.
pub(crate) async fn background(shared: Arc<Shared>) {
    loop {
        let wait = {
            let _driving = shared.driving.lock().await;
            streams::read(&shared).await;
            streams::spawn_due(&shared);
            match shared.clock.is_running() {
                true => fire_now(&shared),
                false => LOOK_AT_LEAST,
            }
        };
        tokio::select! {
            () = shared.scheduled.notified() => {}
            () = shared.faults.changed() => {}
            () = tokio::time::sleep(wait) => {}
            () = shared.stopped() => return,
        }
    }
}

/// Fires what is due by now, and says how long there is nothing more.
fn fire_now(shared: &Arc<Shared>) -> Duration {
    let now = shared.clock.now();
    loop {
        let popped = lock(&shared.timers).pop(now, true);
        let Some((at, due)) = popped else { break };
        if let Some(pending) = fire(shared, at, due) {
            spawn(shared, pending);
        }
    }
    let next = lock(&shared.timers).next();
    let next = next.into_iter().chain(streams::next(shared)).min();
    next.map_or(LOOK_AT_LEAST, |next| {
        // What fell due meanwhile is negative, and fires at once.
        let wait = (next - shared.clock.now()).to_std().unwrap_or_default();
        wait.clamp(Duration::from_millis(1), LOOK_AT_LEAST)
    })
}

/// The right to drive time, once nothing runs that the background task has started.
async fn quiet(shared: &Arc<Shared>) -> tokio::sync::MutexGuard<'_, ()> {
    let driving = shared.driving.lock().await;
    // The sender lives in `shared`, so that waiting cannot fail.
    let _ = shared
        .in_flight
        .subscribe()
        .wait_for(|running| *running == 0)
        .await;
    driving
}

async fn fire_until(shared: &Arc<Shared>, target: DateTime<Utc>, with_recurring: bool) {
    while !shared.is_stopping() {
        streams::read(shared).await;
        let batch = streams::next(shared).filter(|at| *at <= target);
        let timer = lock(&shared.timers).next_of(with_recurring);
        if let Some(at) = batch.filter(|at| timer.is_none_or(|timer| *at <= timer)) {
            if at > shared.clock.now() {
                shared.clock.hold(at);
                shared.store.mark(File::Clock);
            }
            streams::deliver_due(shared).await;
            continue;
        }
        let popped = lock(&shared.timers).pop(target, with_recurring);
        let Some((at, due)) = popped else { return };
        if at > shared.clock.now() {
            shared.clock.hold(at);
            shared.store.mark(File::Clock);
        }
        if let Some(pending) = fire(shared, at, due) {
            attempt(shared, pending).await;
        }
    }
}

/// Does what is due. An invocation is handed back to be run.
fn fire(shared: &Arc<Shared>, at: DateTime<Utc>, due: Due) -> Option<PendingInvocation> {
    match due {
        Due::Invocation(id) => return lock(&shared.timers).invocations.get(&id).cloned(),
        Due::Schedule { group, name } => scheduler::fire(shared, at, &group, &name),
        Due::Delivery(id) => scheduler::retry(shared, id),
        Due::Rule(index) => tick(shared, at, index),
    }
    shared.timers_changed();
    None
}

fn tick(shared: &Shared, at: DateTime<Utc>, index: usize) {
    let now = shared.clock.now();
    let mut timers = lock(&shared.timers);
    let Some(rule) = timers.rules.get(index).cloned() else {
        return;
    };
    timers.enqueue(PendingInvocation::new(&rule.function, rule.input, now));
    if let Some(next) = next_tick(at, rule.period, now) {
        timers.arm_rule(index, next);
    }
}

fn spawn(shared: &Arc<Shared>, pending: PendingInvocation) {
    let running = Running::new(shared);
    tokio::spawn(async move { attempt(&running.0, pending).await });
}

/// Counts an invocation as running for as long as it lives.
pub(crate) struct Running(Arc<Shared>);

impl Running {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.send_modify(|running| *running += 1);
        Self(Arc::clone(shared))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|running| *running -= 1);
    }
}

/// One attempt at an asynchronous event, and what follows from how it ends.
async fn attempt(shared: &Arc<Shared>, mut pending: PendingInvocation) {
    let function = lock(&shared.registry).by_name(&pending.function);
    let Some(function) = function else {
        tracing::warn!(function = %pending.function, "an event for a function that does not exist is dropped");
        lock(&shared.timers).invocations.remove(&pending.id);
        return shared.timers_changed();
    };
    if is_too_old(shared, &function, &pending) {
        return give_up(shared, &function, &pending, "EventAgeExceeded", None);
    }
    let (payload, request_id) = (pending.payload.clone(), pending.request_id.clone());
    let number = pending.failed + 1;
    let result = lambda::run(
        shared,
        &function,
        payload,
        request_id,
        InvocationKind::Async,
        number,
    )
    .await;
    match result {
        // What was cut off by the end of the stand-ins runs again when they are back.
        Err(InvokeError::Killed) if shared.is_stopping() => {}
        Ok(_) => {
            lock(&shared.timers).invocations.remove(&pending.id);
            shared.timers_changed();
        }
        Err(error) => {
            pending.failed += 1;
            if pending.failed > function.max_retries {
                return give_up(
                    shared,
                    &function,
                    &pending,
                    "RetriesExhausted",
                    Some(&error),
                );
            }
            // A minute before the second attempt, two before the third: the Lambda developer guide.
            let wait = if pending.failed == 1 {
                TimeDelta::minutes(1)
            } else {
                TimeDelta::minutes(2)
            };
            pending.due = shared.clock.now() + wait;
            lock(&shared.timers).enqueue(pending);
            shared.timers_changed();
        }
    }
}

fn is_too_old(shared: &Shared, function: &Function, pending: &PendingInvocation) -> bool {
    let age = (shared.clock.now() - pending.queued_at)
        .to_std()
        .unwrap_or_default();
    // A first attempt that a stop delayed is made all the same, as no queue has lost it at AWS.
    pending.failed > 0 && age > function.max_event_age
}

/// Sends the record of an on-failure destination, if the function has one.
fn give_up(
    shared: &Shared,
    function: &Function,
    pending: &PendingInvocation,
    condition: &str,
    error: Option<&InvokeError>,
) {
    let now = shared.clock.now();
    let mut timers = lock(&shared.timers);
    timers.invocations.remove(&pending.id);
    if let Some(arn) = &function.on_failure {
        let mut record = json!({
            "version": "1.0",
            "timestamp": rfc3339(now),
            "requestContext": {
                "requestId": pending.request_id,
                "functionArn": format!("{}:$LATEST", function.arn),
                "condition": condition,
                "approximateInvokeCount": pending.failed,
            },
            "requestPayload": pending.payload,
        });
        if let (Some(error), Some(record)) = (error, record.as_object_mut()) {
            record.insert("responseContext".to_owned(), response_context());
            record.insert(
                "responsePayload".to_owned(),
                response_payload(function, error),
            );
        }
        timers.queued.push(QueuedMessage {
            arn: arn.clone(),
            body: record.to_string(),
            attributes: [].into(),
            at: now,
        });
    }
    drop(timers);
    tracing::warn!(function = %function.name, request_id = %pending.request_id, condition, "an event is given up");
    shared.timers_changed();
}

fn response_context() -> Value {
    json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"})
}

fn response_payload(function: &Function, error: &InvokeError) -> Value {
    match error {
        InvokeError::TimedOut => {
            json!({"errorMessage": format!("Task timed out after {:.2} seconds", function.timeout.as_secs_f64())})
        }
        InvokeError::Killed | InvokeError::Unknown => {
            json!({"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited"})
        }
        InvokeError::Handler(error) => {
            json!({"errorType": error.kind, "errorMessage": error.message})
        }
    }
}
