//! Every few minutes: what is overdue or half done is finished.

use lambda_runtime::LambdaEvent;
use offramp_app::upkeep::sweep;
use offramp_app::{Clock, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Offramp, Ses, deadline, offramp};
use serde_json::Value;

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    ses: Ses,
}

impl State {
    /// Builds the clients; nothing is connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] where the environment lacks something.
    pub fn new(config: &Config, clock: Clock) -> Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        let ses = Ses::new(clients.sesv2(), config.need_sender()?);
        Ok(Self {
            offramp: offramp(config, &clients, clock),
            ses,
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

/// Takes up what is overdue; the event says nothing.
///
/// # Errors
/// A fault of the index: Lambda runs it again. What fails by itself is taken up by the next sweep.
pub async fn handle(state: &State, event: LambdaEvent<Value>) -> Result<(), Error> {
    let deadline = deadline(&event.context);
    let holder = &event.context.request_id;
    let swept = sweep::sweep(&state.offramp, &state.ses, holder, deadline).await?;
    if swept.found > 0 {
        tracing::warn!(
            found = swept.found,
            finished = swept.finished,
            failed = swept.failed,
            "swept"
        );
    }
    Ok(())
}

/// The HTTP status of an answer, where it has one; for the log.
#[must_use]
pub fn status((): &()) -> Option<i64> {
    None
}
