//! The end of a grace period, and the work that a deactivation or deletion leaves. A timer starts it, or the table's
//! stream after another function's commit. No other function speaks to an issuer.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod stream;

use lambda_runtime::LambdaEvent;
use offramp_app::engine::leave;
use offramp_app::engine::terminate::{Person, Terminated, due, finish_timer};
use offramp_app::metrics::Metric;
use offramp_app::{Clock, Deadline, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Function, Terminating, deadline, terminating};
use offramp_domain::Timer;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use stream::{Batch, Failures};

/// The clients of this instance.
#[derive(Debug)]
pub struct State {
    env: Terminating,
}

impl Function for State {
    type Event = Event;
    type Answer = Answer;

    fn over(config: &Config, clients: &Clients, clock: Clock) -> Result<Self, ConfigError> {
        Ok(Self {
            env: terminating(config, clients, clock),
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        self.env.store.prime().await
    }

    /// Does the timer's work if the timer still matches the user, or the work that the stream hands over.
    ///
    /// # Errors
    /// Any fault of a timer's work. Lambda tries again twice, and then the event goes to the on-failure queue. Failures
    /// of the stream's records are in the answer.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer, Error> {
        let deadline = deadline(&event.context);
        match event.payload {
            Event::Timer(timer) => {
                fire(&self.env, &timer, deadline).await?;
                Ok(Answer::Timer)
            }
            Event::Stream(batch) => {
                let failures = stream::take(&self.env, &batch, deadline).await;
                Ok(Answer::Stream(failures))
            }
        }
    }
}

/// The event that starts the function.
#[derive(Debug)]
pub enum Event {
    /// A timer has fired.
    Timer(Timer),
    /// The table's stream has records of other functions' commits.
    Stream(Batch),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        let read = match event.get("Records") {
            Some(_) => serde_json::from_value(event).map(Self::Stream),
            None => serde_json::from_value(event).map(Self::Timer),
        };
        read.map_err(D::Error::custom)
    }
}

/// The answer of an invocation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// A timer gets no answer.
    Timer,
    /// The stream gets its failed records.
    Stream(Failures),
}

async fn fire(env: &Terminating, timer: &Timer, deadline: Deadline) -> Result<(), Error> {
    let done = match timer {
        Timer::Deactivate {
            org,
            employee_id,
            source,
            generation,
            due: at,
        } => {
            let person = Person::new(employee_id, source.as_ref());
            due(&env.of(org), person, *generation, *at, deadline).await
        }
        Timer::Finish {
            org,
            employee_id,
            generation,
            due: at,
            ..
        } => finish_timer(&env.of(org), employee_id, *generation, *at, deadline).await,
        Timer::Leave {
            org,
            employee_id,
            source,
            plan,
            due: at,
        } => {
            let person = Person::new(employee_id, source.as_ref());
            leave::due(&env.of(org), person, *plan, *at, deadline).await
        }
        Timer::Remind {
            org,
            employee_id,
            plan,
            due: at,
        } => leave::remind(&env.of(org), employee_id, *plan, *at).await,
        Timer::Digest { .. }
        | Timer::Tidy { .. }
        | Timer::Answer { .. }
        | Timer::Snapshot { .. } => Ok(Terminated::NoOp {
            reason: "not a timer of this function".to_owned(),
        }),
    };
    let (org, name, kind) = (timer.org(), timer.name(), timer.kind());
    match done {
        Ok(Terminated::Done { cards }) => {
            tracing::info!(%org, timer = name, kind, cards, "terminated");
            Ok(())
        }
        Ok(Terminated::NoOp { reason }) => {
            tracing::info!(%org, timer = name, kind, reason, "a timer did nothing");
            Ok(())
        }
        // The sweep's next timer tries again. If this were an error, an issuer that is down for a day would fill the
        // queue.
        Err(error) if matches!(timer, Timer::Finish { swept: true, .. }) => {
            env.meter.record(Metric::OverdueWorkFailed, 1_u32);
            tracing::error!(%org, timer = name, kind, %error, "an overdue piece of work failed");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
