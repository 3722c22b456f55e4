//! The end of a grace period, and whatever a deactivation or deletion has left to do: for a timer that fired, and for a commit
//! of another function, handed over by the table's stream. No other function speaks to an issuer.

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

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    env: Terminating,
}

impl Function for State {
    type Event = Event;
    type Answer = Answer;

    fn new(config: &Config, clock: Clock) -> Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        Ok(Self {
            env: terminating(config, &clients, clock),
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        self.env.store.prime().await
    }

    /// Does what the timer was armed for, if it still fits, or what the stream hands over.
    ///
    /// # Errors
    /// Any fault of a timer's work: Lambda runs it again, twice, and then it goes to the on-failure queue. What of the stream
    /// failed is in the answer.
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

/// What starts the function: a timer, or the table's stream.
#[derive(Debug)]
pub enum Event {
    /// A timer fired.
    Timer(Timer),
    /// Other functions have committed what this one finishes.
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

/// What an invocation answers; to a timer, nothing.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a timer.
    Timer,
    /// To the stream.
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
        // The sweep's next timer is the next try; else an issuer that is down for a day fills the queue.
        Err(error) if matches!(timer, Timer::Finish { swept: true, .. }) => {
            env.meter.record(Metric::OverdueWorkFailed, 1_u32);
            tracing::error!(%org, timer = name, kind, %error, "an overdue piece of work failed");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
