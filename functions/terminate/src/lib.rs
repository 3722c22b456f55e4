//! A timer fired: the end of a grace period, or what a deactivation has left to do.

use lambda_runtime::LambdaEvent;
use offramp_app::engine::leave;
use offramp_app::engine::terminate::{Terminated, due, finish_timer};
use offramp_app::{Clock, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Offramp, deadline, offramp};
use offramp_domain::Timer;

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

/// Does what the timer was armed for, if it still fits.
///
/// # Errors
/// Any fault: Lambda runs it again, twice, and then it goes to the on-failure queue.
pub async fn handle(state: &State, event: LambdaEvent<Timer>) -> Result<(), Error> {
    let deadline = deadline(&event.context);
    let timer = event.payload;
    let env = &state.offramp;
    let done = match &timer {
        Timer::Deactivate {
            org,
            employee_id,
            generation,
            due: at,
        } => due(&env.of(org), employee_id, *generation, *at, deadline).await?,
        Timer::Finish {
            org,
            employee_id,
            generation,
            due: at,
        } => finish_timer(&env.of(org), employee_id, *generation, *at, deadline).await?,
        Timer::Leave {
            org,
            employee_id,
            plan,
            due: at,
        } => leave::due(&env.of(org), employee_id, *plan, *at, deadline).await?,
        Timer::Digest { .. }
        | Timer::Tidy { .. }
        | Timer::Answer { .. }
        | Timer::Snapshot { .. } => Terminated::NoOp {
            reason: "not a timer of this function".to_owned(),
        },
    };
    match done {
        Terminated::Done { cards } => {
            tracing::info!(org = %timer.org(), timer = timer.name(), kind = timer.kind(), cards, "terminated");
        }
        Terminated::NoOp { reason } => {
            tracing::info!(org = %timer.org(), timer = timer.name(), kind = timer.kind(), reason, "a timer did nothing");
        }
    }
    Ok(())
}

/// The HTTP status of an answer, where it has one; for the log.
#[must_use]
pub fn status((): &()) -> Option<i64> {
    None
}
