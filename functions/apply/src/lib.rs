//! Long work in resumable steps: rewriting those whose schedules the end of the sync has ended.

use lambda_runtime::LambdaEvent;
use offramp_app::{Clock, Error, tidy};
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
}

/// Rewrites as many as there is time for, and arms the next step where some are left.
///
/// # Errors
/// Any fault: Lambda runs it again, twice, and then it goes to the on-failure queue.
pub async fn handle(state: &State, event: LambdaEvent<Timer>) -> Result<(), Error> {
    let deadline = deadline(&event.context);
    let Timer::Tidy { org, epoch, .. } = &event.payload else {
        tracing::error!(kind = event.payload.kind(), "not a timer of this function");
        return Ok(());
    };
    let done = tidy::step(&state.offramp, org, *epoch, deadline).await?;
    tracing::info!(%org, epoch = epoch.0, done, "rewrote users whose schedules an epoch has ended");
    Ok(())
}
