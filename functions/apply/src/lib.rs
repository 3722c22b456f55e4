//! Long work in resumable steps: applying a snapshot, letting approved people go, rewriting those whom a
//! policy has moved; and what whoever operates the stack asks for: exports, imports, erasures.

mod operate;

use lambda_runtime::LambdaEvent;
use offramp_api::invoked::{self, Invoked};
use offramp_app::engine::{holds, tidy};
use offramp_app::inbound::snapshots::apply;
use offramp_app::{Clock, Deadline, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Offramp, deadline, offramp};
use offramp_domain::Timer;

pub use operate::Operation;

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
}

impl State {
    /// Builds the clients; nothing is connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] where the environment lacks something.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        Ok(Self {
            offramp: offramp(config, &clients, clock),
        })
    }

    /// Opens the connection to the table by reading a key that does not exist.
    ///
    /// # Errors
    /// Those of AWS, which need not keep it from starting.
    pub async fn prime(&self) -> Result<(), Fault> {
        self.offramp.store.prime().await
    }
}

/// What an invocation answers; to a timer, nothing.
pub type Answer = invoked::Answer<()>;

/// Does a timer's work, or what an operator asks by invoking the function.
///
/// # Errors
/// Any fault of a timer's work: Lambda runs it again, twice, and then it goes to the on-failure queue.
pub async fn handle(
    state: &State,
    event: LambdaEvent<Invoked<Timer, Operation>>,
) -> Result<Answer, Error> {
    let deadline = deadline(&event.context);
    match event.payload {
        Invoked::Event(timer) => {
            fire(state, &timer, deadline).await?;
            Ok(Answer::Event(()))
        }
        Invoked::Operation(operation) => {
            let done = operate::operate(state, operation, &event.context, deadline);
            let done = Box::pin(done).await;
            let clock = &state.offramp.clock;
            let answer = invoked::answer(done, clock, &event.context.request_id)?;
            Ok(Answer::Operation(answer))
        }
    }
}

/// The HTTP status of an answer, where it has one; for the log.
#[must_use]
pub fn status(_: &Answer) -> Option<i64> {
    None
}

/// Does as much as there is time for, and arms the next step where some is left.
async fn fire(state: &State, timer: &Timer, deadline: Deadline) -> Result<(), Error> {
    let env = &state.offramp;
    match timer {
        Timer::Tidy { org, epoch, .. } => {
            let done = tidy::step(&env.of(org), *epoch, deadline).await?;
            tracing::info!(%org, epoch = epoch.0, done, "rewrote users whose schedules the policy has ended");
        }
        Timer::Answer {
            org,
            hold,
            run,
            until,
            ..
        } => {
            let left = holds::step(&env.of(org), hold, run.as_ref(), *until, deadline).await?;
            tracing::info!(%org, %hold, left, "did what an admin has answered");
        }
        Timer::Snapshot {
            org,
            source,
            snapshot,
            ..
        } => {
            let done = apply::work(&env.of(org), source, snapshot, deadline).await?;
            tracing::info!(%org, %source, %snapshot, done, "worked on a snapshot");
        }
        other => tracing::error!(kind = other.kind(), "not a timer of this function"),
    }
    Ok(())
}
