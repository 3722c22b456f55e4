//! Every few minutes: what is overdue or half done is finished.

use lambda_runtime::LambdaEvent;
use offramp_app::upkeep::sweep;
use offramp_app::{Clock, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Function, Offramp, Ses, deadline, offramp};
use serde_json::Value;

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    ses: Ses,
}

impl Function for State {
    type Event = Value;
    type Answer = ();

    fn new(config: &Config, clock: Clock) -> Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        let ses = Ses::new(clients.sesv2(), config.need_sender()?);
        Ok(Self {
            offramp: offramp(config, &clients, clock),
            ses,
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        self.offramp.store.prime().await
    }

    /// Takes up what is overdue; the event says nothing.
    ///
    /// # Errors
    /// A fault of the index: Lambda runs it again. What fails by itself is taken up by the next sweep.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer, Error> {
        let deadline = deadline(&event.context);
        let holder = &event.context.request_id;
        let swept = sweep::sweep(&self.offramp, &self.ses, holder, deadline).await?;
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
}
