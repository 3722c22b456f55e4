//! The sweep, which a schedule starts every five minutes. It does overdue work and continues half-done work.

use lambda_runtime::LambdaEvent;
use offramp_app::upkeep::sweep;
use offramp_app::{Clock, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Function, Offramp, Ses, deadline, offramp};
use offramp_domain::SubjectKind;
use serde_json::Value;

/// The clients of this instance.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    ses: Ses,
    signs_in_by: SubjectKind,
}

impl Function for State {
    type Event = Value;
    type Answer = ();

    fn over(config: &Config, clients: &Clients, clock: Clock) -> Result<Self, ConfigError> {
        let ses = Ses::new(clients.sesv2(), config.need_sender()?);
        Ok(Self {
            offramp: offramp(config, clients, clock),
            ses,
            signs_in_by: config.need_subject_kind()?,
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        self.offramp.store.prime().await
    }

    /// Does overdue work. The content of the event is ignored.
    ///
    /// # Errors
    /// A fault of the index; Lambda tries again. If a single piece of work fails, the next sweep tries it again.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer, Error> {
        let deadline = deadline(&event.context);
        let holder = &event.context.request_id;
        let by = self.signs_in_by;
        let swept = sweep::sweep(&self.offramp, &self.ses, by, holder, deadline).await?;
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
