//! The admin API: it parses a request, admits the caller, calls a use case and answers.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cards;
#[cfg(feature = "schema")]
pub mod contract;
mod cursor;
mod holds;
mod idempotency;
mod machines;
mod me;
mod objectives;
mod operate;
mod paging;
mod reports;
mod routes;
mod rules;
mod sources;
mod users;

use std::sync::LazyLock;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use chrono::{DateTime, Utc};
use lambda_runtime::LambdaEvent;
use offramp_api::asked::Asked;
use offramp_api::http::{Reply, Request, problem};
use offramp_api::invoked::{self, Invoked};
use offramp_api::route::RouteRow;
use offramp_api::view::{Seen, SettingsView};
use offramp_app::desk::addresses::Holders;
use offramp_app::desk::settings::{self, Patched};
use offramp_app::engine::logins;
use offramp_app::identity::{self, Admitted, Caller, Claims, admit};
use offramp_app::ports::{Loaded, Policies};
use offramp_app::{Clock, Deadline, Error, Fault, Result, Tenant};
use offramp_aws::{
    Aws, Clients, Config, ConfigError, Function, Offramp, Sealer, deadline, offramp,
};
use offramp_domain::{Email, EmployeeId, OrgId, Policy, hex};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

pub use operate::Operation;
pub use routes::Route;

/// The clients and settings of this instance.
#[derive(Debug)]
pub struct State {
    offramp: Offramp,
    sealer: Sealer,
    claims: Claims,
}

impl Function for State {
    type Event = Invoked<ApiGatewayV2httpRequest, Operation>;
    type Answer = Answer;

    fn over(
        config: &Config,
        clients: &Clients,
        clock: Clock,
    ) -> std::result::Result<Self, ConfigError> {
        let sealer = Sealer::new(clients.kms(), config.need_secrets_key()?);
        let claims = config.need_claims()?;
        Ok(Self {
            offramp: offramp(config, clients, clock),
            sealer,
            claims,
        })
    }

    async fn prime(&self) -> std::result::Result<(), Fault> {
        self.offramp.store.prime().await
    }

    /// Answers one request of API Gateway, or does an operation that an operator of the stack asks for.
    ///
    /// # Errors
    /// A fault if an operation did not come through its alias, or its result cannot be written as JSON. Any other error
    /// becomes an answer.
    async fn handle(&self, event: LambdaEvent<Self::Event>) -> Result<Self::Answer> {
        match event.payload.admitted(&event.context)? {
            Invoked::Event(request) => {
                let deadline = deadline(&event.context);
                Ok(Answer::Event(respond(self, *request, deadline).await))
            }
            Invoked::Operation(operation) => {
                let done = Box::pin(operate::operate(self, operation, &event.context)).await;
                let clock = &self.offramp.clock;
                let answer = invoked::answer(done, clock, &event.context.request_id)?;
                Ok(Answer::Operation(answer))
            }
        }
    }

    fn status(answered: &Answer) -> Option<i64> {
        match answered {
            Answer::Event(reply) => Some(reply.status_code),
            Answer::Operation(_) => None,
        }
    }
}

/// A request of an admitted caller.
struct Call<'a> {
    state: &'a State,
    env: &'a Offramp,
    request: &'a Request,
    org: OrgId,
    caller: Caller,
    /// The people that the route asks about, where they were read with the caller.
    loaded: Loaded,
    /// Who has or had the address that the route asks about.
    holders: Holders,
    deadline: Deadline,
}

/// The answer of an invocation.
pub type Answer = invoked::Answer<ApiGatewayV2httpResponse>;

async fn respond(
    state: &State,
    request: ApiGatewayV2httpRequest,
    deadline: Deadline,
) -> ApiGatewayV2httpResponse {
    let request = Request::new(request);
    let reply = match Box::pin(answer(state, &request, deadline)).await {
        Ok(reply) => reply,
        Err(error) => {
            Asked::of(&request, Some(&state.claims.subject)).tell(&error);
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

/// The policy for an error: its time zone applies to the users that the error shows.
async fn policy_for(state: &State, request: &Request, error: &Error) -> Policy {
    match (error, request.org()) {
        (Error::ConfirmationRequired { .. }, Ok(org)) => {
            state.offramp.store.policy(&org).await.unwrap_or_default()
        }
        _ => Policy::default(),
    }
}

/// The OpenAPI document. It is generated from `contract` here and in `hr-sync`, and checked in. A test compares the
/// two.
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
    /// True if not everybody was counted: `affected` is the least.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_least: bool,
    users: Vec<offramp_domain::EmployeeId>,
}

/// An instant in a request, which `pointer` names.
fn rfc3339(pointer: &str, text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|_| Error::invalid(pointer, "is not an RFC 3339 instant"))
}

fn health(_: &Request) -> Result<Reply> {
    Reply::json(200, &Health { status: "ok" })
}

fn document(request: &Request) -> Result<Reply> {
    static TAG: LazyLock<String> = LazyLock::new(|| {
        let hash = digest(&SHA256, OPENAPI.as_bytes());
        let hash = hash.as_ref();
        hex(hash.get(..TAG_BYTES).unwrap_or(hash))
    });
    Ok(Reply::public(OPENAPI, &TAG, request))
}

/// Bytes of the hash that names a version of the document.
const TAG_BYTES: usize = 16;

async fn answer(state: &State, request: &Request, deadline: Deadline) -> Result<Reply> {
    let route = Route::matched(request.route());
    if let Some(open) = route.and_then(|route| route.open(request)) {
        return open;
    }
    let org = request.org()?;
    let token = request.claims();
    let is_of_org = token.get(&state.claims.org).map(String::as_str) == Some(org.as_str());
    let mut holders = Holders::default();
    let about = match route {
        Some(Route::GetUserAccess) => EmployeeId::new(request.path("id")).into_iter().collect(),
        Some(Route::FindAccess) if is_of_org => {
            holders = with_email(state, request, &org).await?;
            holders.ids.clone()
        }
        _ => Vec::new(),
    };
    let asked = identity::Asked {
        token: &token,
        org: &org,
        about: &about,
        now: state.offramp.clock.now(),
    };
    let admitted = admit(&state.offramp.store, &state.claims, asked).await?;
    let Admitted {
        caller,
        mut loaded,
        is_unbound,
    } = admitted;
    let Some(route) = route else {
        // Which routes exist is told to admins, auditors and machines, and to nobody else.
        return Err(match caller {
            Caller::Other { .. } => Error::Forbidden,
            _ => Error::NotFound("route"),
        });
    };
    let RouteRow {
        query,
        door,
        method,
        ..
    } = route.row();
    if !door.admits(method, &caller) {
        return Err(Error::Forbidden);
    }
    request.query().check(query)?;
    if route.takes_no_body() {
        request.has_no_body()?;
    }
    if let Some(id) = caller.employee_id().filter(|_| is_unbound) {
        let (tenant, kind) = (state.offramp.of(&org), state.claims.subject_kind);
        // The sweep and the next request do it again.
        if let Err(error) = logins::bind_one(&tenant, id, kind, &caller.actor()).await {
            tracing::warn!(%org, employee = %id, %error, "a login is not bound yet");
        }
    }
    if route == Route::FindAccess && !is_of_org {
        holders = with_email(state, request, &org).await?;
    }
    let read = if is_of_org { identity::Asked::MOST } else { 0 };
    let store = &state.offramp.store;
    holders.read_rest(store, &org, read, &mut loaded).await?;
    let call = Call {
        state,
        env: &state.offramp,
        request,
        org,
        caller,
        loaded,
        holders,
        deadline,
    };
    route.answer(&call).await
}

/// Who has or had the address that a login page asks about. Where the token names the organisation, they are read in the
/// call that reads who the caller is. A machine's token need not name it: for one that does not, nothing is looked up
/// before the machine is known.
async fn with_email(state: &State, request: &Request, org: &OrgId) -> Result<Holders> {
    match request.query().get("email").map(Email::new) {
        Some(Ok(email)) => Holders::find(&state.offramp.store, org, email.folded()).await,
        _ => Ok(Holders::default()),
    }
}

impl Call<'_> {
    fn tenant(&self) -> Tenant<'_, Aws> {
        self.env.of(&self.org)
    }

    /// The policy and the present instant, for a view.
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
        let mut patch: Value = self.request.json()?;
        let if_match = self.request.if_match()?;
        let dry_run = self.dry_run(patch.as_object_mut().and_then(|it| it.remove("dry_run")))?;
        if dry_run {
            let tried = settings::rehearse(&self.tenant(), patch, if_match, self.deadline).await?;
            let stands = tried.stands;
            return Ok(Reply::json(200, &Touched::of(tried.patched))?.with_version(stands));
        }
        let done =
            settings::patch(&self.tenant(), patch, if_match, &self.caller, self.deadline).await?;
        let version = done.policy.version;
        Ok(Reply::json(200, &Touched::of(done))?.with_version(version))
    }

    /// True if nothing is to be written: the query or the body says so.
    fn dry_run(&self, of_body: Option<Value>) -> Result<bool> {
        let of_query = match self.request.query().get("dry_run") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::invalid("/dry_run", "must be true or false")),
        };
        match of_body {
            None => Ok(of_query),
            Some(Value::Bool(of_body)) => Ok(of_query || of_body),
            Some(_) => Err(Error::invalid("/dry_run", "must be true or false")),
        }
    }
}

impl Touched {
    fn of(done: Patched) -> Self {
        Self {
            settings: SettingsView::of(&done.policy),
            affected: done.touched.len(),
            at_least: done.at_least,
            users: done.touched,
        }
    }
}
