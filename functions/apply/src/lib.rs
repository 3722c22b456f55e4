//! Long work in resumable steps: applying a snapshot, letting approved people go,
//! rewriting those whom a policy has moved.

use lambda_runtime::LambdaEvent;
use offramp_app::snapshots::apply;
use offramp_app::{Clock, Error, holds, tidy};
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

/// Does as much as there is time for, and arms the next step where some is left.
///
/// # Errors
/// Any fault: Lambda runs it again, twice, and then it goes to the on-failure queue.
pub async fn handle(state: &State, event: LambdaEvent<Timer>) -> Result<(), Error> {
    let deadline = deadline(&event.context);
    let env = &state.offramp;
    match &event.payload {
        Timer::Tidy { org, epoch, .. } => {
            let done = tidy::step(env, org, *epoch, deadline).await?;
            tracing::info!(%org, epoch = epoch.0, done, "rewrote users whose schedules the policy has ended");
        }
        Timer::Answer {
            org,
            hold,
            run,
            until,
            ..
        } => {
            let left = holds::step(env, org, hold, run.as_ref(), *until, deadline).await?;
            tracing::info!(%org, %hold, left, "did what an admin has answered");
        }
        Timer::Snapshot {
            org,
            source,
            snapshot,
            ..
        } => {
            let done = apply::work(env, org, source, snapshot, deadline).await?;
            tracing::info!(%org, %source, %snapshot, done, "worked on a snapshot");
        }
        other => tracing::error!(kind = other.kind(), "not a timer of this function"),
    }
    Ok(())
}
