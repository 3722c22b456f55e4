//! The Lambda of the crate: builds the clients once and lends them to the handler.

use std::sync::Arc;

use admin::{State, handle, status};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use offramp_app::Clock;
use offramp_aws::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    offramp_aws::log::init();
    let config = Config::from_env()?;
    let state = Arc::new(State::new(&config, Clock::system())?);
    offramp_aws::prime(&config, state.prime()).await;
    run(service_fn(move |event: LambdaEvent<_>| {
        let (state, telemetry) = (Arc::clone(&state), config.telemetry.clone());
        async move {
            let id = event.context.request_id.clone();
            let work = Box::pin(handle(&state, event));
            telemetry.invocation(&id, status, work).await
        }
    }))
    .await
}
