//! Long work in resumable steps: applying snapshots, applying answers to holds, and rewriting users after a change of
//! the policy. An operator of the stack can also ask for exports, imports and erasures.

mod operate;

use lambda_runtime::LambdaEvent;
use offramp_api::invoked::{self, Invoked};
use offramp_app::engine::{holds, tidy};
use offramp_app::inbound::snapshots::apply;
use offramp_app::{Clock, Deadline, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Function, Offramp, deadline, offramp};
use offramp_domain::Timer;

pub use operate::Operation;

/// The clients of this instance.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
}

impl Function for State {
    type Event = Invoked<Timer, Operation>;
    type Answer = Answer;

    fn over(config: &Config, clients: &Clients, clock: Clock) -> Result<Self, ConfigError> {
        Ok(Self {
            offramp: offramp(config, clients, clock),
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        self.offramp.store.prime().await
    }

    /// Does a timer's work, or an operation that an operator of the stack asks for.
    ///
    /// # Errors
    /// Any fault of a timer's work, and a timer that asks for an operation. Lambda tries again twice, and then the event
    /// goes to the on-failure queue.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer, Error> {
        let deadline = deadline(&event.context);
        match event.payload.admitted(&event.context)? {
            Invoked::Event(timer) => {
                fire(self, &timer, deadline).await?;
                Ok(Answer::Event(()))
            }
            Invoked::Operation(operation) => {
                let done = operate::operate(self, operation, &event.context, deadline);
                let done = Box::pin(done).await;
                let clock = &self.offramp.clock;
                let answer = invoked::answer(done, clock, &event.context.request_id)?;
                Ok(Answer::Operation(answer))
            }
        }
    }
}

/// The answer of an invocation. A timer gets none.
pub type Answer = invoked::Answer<()>;

/// Does as many steps as the time allows, and arms a timer for the rest.
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
