//! Mails the digests of an organisation when a `digest` timer fires.

use lambda_runtime::LambdaEvent;
use offramp_app::outbound::digest;
use offramp_app::{Clock, Error, Fault};
use offramp_aws::{Clients, Config, ConfigError, Function, Offramp, Ses, deadline, offramp};
use offramp_domain::Timer;

/// The clients of this instance.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    ses: Ses,
}

impl Function for State {
    type Event = Timer;
    type Answer = ();

    fn over(config: &Config, clients: &Clients, clock: Clock) -> Result<Self, ConfigError> {
        let ses = Ses::new(clients.sesv2(), config.need_sender()?);
        Ok(Self {
            offramp: offramp(config, clients, clock),
            ses,
        })
    }

    async fn prime(&self) -> Result<(), Fault> {
        tokio::try_join!(self.offramp.store.prime(), self.ses.prime()).map(drop)
    }

    /// Mails the notices that are not mailed yet.
    ///
    /// # Errors
    /// Any fault. Lambda tries again twice, and then the event goes to the on-failure queue.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer, Error> {
        let Timer::Digest { org, minute } = &event.payload else {
            tracing::error!(kind = event.payload.kind(), "not a timer of this function");
            return Ok(());
        };
        let holder = &event.context.request_id;
        let deadline = deadline(&event.context);
        let tenant = self.offramp.of(org);
        let mailed = digest::mail(&tenant, &self.ses, *minute, holder, deadline).await?;
        tracing::info!(%org, digest = %minute.start(), sent = mailed.sent, refused = mailed.refused, "mailed");
        Ok(())
    }
}
