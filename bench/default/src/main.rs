//! `functions/hr-sync` with what `cargo add` and the SDK's guide give: the default features of every crate, the default
//! release profile, `aws-config`, the HTTP client that the SDK takes unless told otherwise (rustls on AWS-LC, the machine's
//! roots), and a runtime of many threads.

use std::sync::Arc;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use hr_sync::State;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use offramp_app::Clock;
use offramp_aws::{Clients, Config, Function, diagnostic, invoke};

#[tokio::main]
async fn main() -> Result<(), Error> {
    offramp_aws::log::init();
    let config = Config::from_env()?;
    // Region and credentials; ours take them from the environment as well.
    let _aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let clients = Clients::over(&config.aws, http);
    let state = Arc::new(State::over(&config, &clients, Clock::system())?);
    run(service_fn(move |event: LambdaEvent<_>| {
        let (state, telemetry) = (Arc::clone(&state), config.telemetry.clone());
        async move {
            let answer = invoke(&*state, &telemetry, event).await;
            answer.map_err(diagnostic)
        }
    }))
    .await
}
