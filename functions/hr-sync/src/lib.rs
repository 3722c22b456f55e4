//! HR events come in, signed.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_runtime::LambdaEvent;
use offramp_app::signature::Signed;
use offramp_app::view::Seen;
use offramp_app::{Clock, Deadline, Error, Result, hr, sources};
use offramp_aws::http::{Reply, Request, problem};
use offramp_aws::{Clients, Config, ConfigError, Offramp, Opener, deadline, offramp};
use offramp_domain::{Policy, SourceId};

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    opener: Opener,
}

impl State {
    /// Builds the clients; nothing is connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] where the environment lacks something.
    pub fn new(config: &Config, clock: Clock) -> std::result::Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        let opener = Opener::new(clients.kms(), config.need_secrets_key()?);
        Ok(Self {
            offramp: offramp(config, &clients, clock),
            opener,
        })
    }
}

/// Answers one request of API Gateway.
///
/// # Errors
/// None: every error is an answer.
pub async fn handle(
    state: &State,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> std::result::Result<ApiGatewayV2httpResponse, lambda_runtime::Error> {
    let deadline = deadline(&event.context);
    let request = Request::new(event.payload);
    let reply = match Box::pin(answer(state, &request, deadline)).await {
        Ok(reply) => reply,
        Err(error) => {
            let seen = Seen {
                policy: &Policy::default(),
                now: state.offramp.clock.now(),
            };
            problem(&error, seen, request.id())
        }
    };
    Ok(reply.into_response())
}

async fn answer(state: &State, request: &Request, deadline: Deadline) -> Result<Reply> {
    match request.route() {
        "POST /v1/orgs/{org}/sources/{source}/events" => events(state, request, deadline).await,
        _ => Err(Error::NotFound("route")),
    }
}

async fn events(state: &State, request: &Request, deadline: Deadline) -> Result<Reply> {
    let body = request.body()?;
    // Nothing is read, and little hashed, for a body that no route takes.
    if body.len() > hr::MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    let org = request.org().map_err(|_| Error::BadSignature)?;
    let source = SourceId::new(request.path("source")).map_err(|_| Error::BadSignature)?;
    let header = |name| request.header(name).unwrap_or_default();
    let signed = Signed {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let env = &state.offramp;
    let state = sources::authenticate(env, &state.opener, &org, &source, signed, &body)
        .await
        .inspect_err(|error| {
            if matches!(error, Error::BadSignature) {
                tracing::warn!(
                    metric = "failed_signatures",
                    "a webhook's signature does not verify"
                );
            }
        })?;
    let parsed = hr::parse(&body)?;
    let answers = hr::take(env, &org, &source, state, parsed, deadline).await?;
    Reply::json(200, &answers)
}
