//! The admin REST API: parses, lets the caller in, calls a use case, answers.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cards;
#[cfg(feature = "schema")]
pub mod contract;
mod cursor;
mod holds;
mod idempotency;
mod objectives;
mod operate;
mod paging;
mod query;
mod reports;
mod rules;
mod sources;
mod users;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_runtime::LambdaEvent;
use offramp_api::http::{Reply, Request, problem};
use offramp_api::invoked::{self, Invoked};
use offramp_api::view::{Seen, SettingsView};
use offramp_app::desk::settings;
use offramp_app::engine::holds::Verdict;
use offramp_app::identity::{Caller, Claims, admit};
use offramp_app::ports::Policies;
use offramp_app::{Clock, Deadline, Error, Fault, Result, Tenant};
use offramp_aws::{Aws, Clients, Config, ConfigError, Offramp, Sealer, deadline, offramp};
use offramp_domain::{OrgId, Policy};
use serde::Serialize;
use serde_json::Value;

pub use operate::Operation;

/// What an invocation works with.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    sealer: Sealer,
    claims: Claims,
}

impl State {
    /// Builds the clients; nothing is connected yet.
    ///
    /// # Errors
    /// [`ConfigError`] where the environment lacks something.
    pub fn new(config: &Config, clock: Clock) -> std::result::Result<Self, ConfigError> {
        let clients = Clients::new(&config.aws)?;
        let sealer = Sealer::new(clients.kms(), config.need_secrets_key()?);
        let claims = config.need_claims()?;
        Ok(Self {
            offramp: offramp(config, &clients, clock),
            sealer,
            claims,
        })
    }

    /// Opens the connection to the table by reading a key that does not exist.
    ///
    /// # Errors
    /// Those of AWS, which need not keep it from starting.
    pub async fn prime(&self) -> std::result::Result<(), Fault> {
        self.offramp.store.prime().await
    }
}

/// A request of somebody who was let in.
struct Call<'a> {
    state: &'a State,
    env: &'a Offramp,
    request: &'a Request,
    org: OrgId,
    caller: Caller,
    deadline: Deadline,
}

/// What an invocation answers.
pub type Answer = invoked::Answer<ApiGatewayV2httpResponse>;

/// Answers one request of API Gateway, or does what an operator asks by invoking the function.
///
/// # Errors
/// None of its own: every error is an answer.
pub async fn handle(
    state: &State,
    event: LambdaEvent<Invoked<ApiGatewayV2httpRequest, Operation>>,
) -> std::result::Result<Answer, lambda_runtime::Error> {
    match event.payload {
        Invoked::Event(request) => {
            let deadline = deadline(&event.context);
            Ok(Answer::Event(respond(state, *request, deadline).await))
        }
        Invoked::Operation(operation) => {
            let done = Box::pin(operate::operate(state, operation, &event.context)).await;
            let clock = &state.offramp.clock;
            let answer = invoked::answer(done, clock, &event.context.request_id)?;
            Ok(Answer::Operation(answer))
        }
    }
}

/// The HTTP status of an answer, where it has one; for the log.
#[must_use]
pub fn status(answered: &Answer) -> Option<i64> {
    match answered {
        Answer::Event(reply) => Some(reply.status_code),
        Answer::Operation(_) => None,
    }
}

async fn respond(
    state: &State,
    request: ApiGatewayV2httpRequest,
    deadline: Deadline,
) -> ApiGatewayV2httpResponse {
    let request = Request::new(request);
    let reply = match Box::pin(answer(state, &request, deadline)).await {
        Ok(reply) => reply,
        Err(error) => {
            let policy = policy_for(state, &request, &error).await;
            let seen = Seen {
                policy: &policy,
                now: state.offramp.clock.now(),
            };
            problem(&error, seen, request.id())
        }
    };
    reply.into_response()
}

/// The policy in whose time zone an error shows users.
async fn policy_for(state: &State, request: &Request, error: &Error) -> Policy {
    match (error, request.org()) {
        (Error::ConfirmationRequired { .. }, Ok(org)) => {
            state.offramp.store.policy(&org).await.unwrap_or_default()
        }
        _ => Policy::default(),
    }
}

/// The OpenAPI document: made from `contract` here and in hr-sync, checked in, and held to it by a test.
const OPENAPI: &str = include_str!("../openapi.json");

/// That the function runs.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct Health {
    status: &'static str,
}

/// The settings, and whom the change touched.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ChangedSettings))]
pub(crate) struct Touched {
    #[serde(flatten)]
    settings: SettingsView,
    affected: usize,
    users: Vec<offramp_domain::EmployeeId>,
}

async fn answer(state: &State, request: &Request, deadline: Deadline) -> Result<Reply> {
    if request.route() == "GET /healthz" {
        return Reply::json(200, &Health { status: "ok" });
    }
    if request.route() == "GET /v1/openapi.json" {
        return Ok(Reply::again(200, OPENAPI.to_owned(), None));
    }
    let org = request.org()?;
    let caller = admit(
        &state.offramp.store,
        &state.claims,
        &request.claims(),
        &org,
        state.offramp.clock.now(),
    )
    .await?;
    let route = request.route().to_owned();
    let Some((method, path)) = route.split_once(" /v1/orgs/{org}") else {
        return Err(Error::NotFound("route"));
    };
    if matches!(caller, Caller::Service { .. }) && !for_machines(method, path) {
        return Err(Error::Forbidden);
    }
    query::check(request, method, path)?;
    let call = Call {
        state,
        env: &state.offramp,
        request,
        org,
        caller,
        deadline,
    };
    match (method, path) {
        ("GET", "/settings") => call.settings().await,
        ("PATCH", "/settings") => call.patch_settings().await,
        ("GET", "/users") => call.users().await,
        ("POST", "/users") => call.add_user().await,
        ("GET", "/users/{id}") => call.user().await,
        ("DELETE", "/users/{id}") => call.delete_user().await,
        ("POST", "/users/{id}/deactivate-now") => call.deactivate_now().await,
        ("POST", "/users/{id}/restore") => call.restore().await,
        ("PUT", "/users/{id}/role") => call.set_role().await,
        ("GET", "/users/{id}/access") => call.access().await,
        ("GET", "/access") => call.access_by_email().await,
        ("GET", "/users/{id}/history") => call.history().await,
        ("GET", "/users/{id}/cards") => call.cards().await,
        ("POST", "/users/{id}/cards") => call.add_card().await,
        ("POST", "/cards/{card}/reassign") => call.reassign().await,
        ("PUT", "/cards/{card}/status") => call.set_card_status().await,
        ("PUT", "/users/{id}/leave-date") => call.set_leave_date().await,
        ("GET", "/users/{id}/explain") => call.explain().await,
        ("GET", "/reports/drift") => call.drift().await,
        ("GET", "/audit") => call.audit().await,
        ("POST", "/leavers") => call.leavers().await,
        ("GET", "/sync-rules") => call.rules().await,
        ("PUT", "/sync-rules") => call.put_rules().await,
        ("POST", "/sync-rules/test") => call.test_rules().await,
        ("GET", "/users/{id}/objectives") => call.objectives().await,
        ("POST", "/users/{id}/objectives") => call.add_objective().await,
        ("PATCH", "/objectives/{objective}") => call.set_objective_status().await,
        ("DELETE", "/objectives/{objective}") => call.delete_objective().await,
        ("GET", "/dashboard/objectives") => call.dashboard().await,
        ("GET", "/feeds/celebrating") => call.celebrating().await,
        ("GET", "/holds") => call.holds().await,
        ("GET", "/holds/{id}") => call.hold().await,
        ("POST", "/holds/{id}/approve") => call.answer_hold(Verdict::Approve).await,
        ("POST", "/holds/{id}/reject") => call.answer_hold(Verdict::Reject).await,
        ("GET", "/runs") => call.runs().await,
        ("GET", "/runs/{run}") => call.run().await,
        ("POST", "/runs/{run}/undo") => call.undo_run().await,
        ("GET", "/sources") => call.sources().await,
        ("POST", "/sources") => call.add_source().await,
        ("GET", "/sources/{source}") => call.source().await,
        ("PATCH", "/sources/{source}") => call.patch_source().await,
        ("GET", "/sources/{source}/rejections") => call.rejections().await,
        ("POST", "/sources/{source}/rotate-secret") => call.rotate_secret().await,
        _ => Err(Error::NotFound("route")),
    }
}

/// A machine's token reads access and users, and uses the card routes.
fn for_machines(method: &str, path: &str) -> bool {
    match (method, path) {
        ("GET", "/users" | "/users/{id}" | "/users/{id}/access" | "/access") => true,
        (_, path) => path == "/users/{id}/cards" || path.starts_with("/cards/"),
    }
}

impl Call<'_> {
    fn tenant(&self) -> Tenant<'_, Aws> {
        self.env.of(&self.org)
    }

    /// As of now, by a policy.
    fn seen<'p>(&self, policy: &'p Policy) -> Seen<'p> {
        Seen {
            policy,
            now: self.env.clock.now(),
        }
    }

    async fn settings(&self) -> Result<Reply> {
        let policy = self.env.store.policy(&self.org).await?;
        Ok(Reply::json(200, &SettingsView::of(&policy))?.with_version(policy.version))
    }

    async fn patch_settings(&self) -> Result<Reply> {
        let patch: Value = self.request.json()?;
        let if_match = self.request.if_match()?;
        let done =
            settings::patch(&self.tenant(), patch, if_match, &self.caller, self.deadline).await?;
        let view = Touched {
            settings: SettingsView::of(&done.policy),
            affected: done.touched.len(),
            users: done.touched,
        };
        Ok(Reply::json(200, &view)?.with_version(done.policy.version))
    }
}
