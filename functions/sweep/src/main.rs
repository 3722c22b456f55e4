//! The Lambda of the crate: builds the clients once and lends them to the handler.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use offramp_app::Clock;
use offramp_aws::Config;
use sweep::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    offramp_aws::log::init();
    let state = Arc::new(State::new(&Config::from_env()?, Clock::system())?);
    run(service_fn(move |event: LambdaEvent<_>| {
        let state = Arc::clone(&state);
        async move {
            Box::pin(handle(&state, event))
                .await
                .map_err(offramp_aws::diagnostic)
        }
    }))
    .await
}
