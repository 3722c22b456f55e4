//! API Gateway's HTTP API, as far as the template uses it: routes, a JWT authorizer, and Lambda proxy integrations with
//! payload format 2.0. What it refuses itself, it refuses in API Gateway's own words.

mod answer;
mod event;
mod routes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Cloud, InvokeError};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use crate::Error;
use crate::identity::{Claims, Identity};
use crate::template::{Authorizer, Deployment};
use event::Event;
use routes::Routes;

/// The largest request body that an HTTP API takes, in bytes: 10 MB.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// The largest synchronous request that Lambda takes, in bytes: 6 MB, as its own message has it. That a larger reply is a
/// function error is the Lambda stand-in's affair.
const MAX_PAYLOAD: usize = 6_291_556;
/// How long an HTTP API waits for an integration.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The API of one stack.
pub(crate) struct Gateway {
    routes: Routes,
    authorizers: BTreeMap<String, Authorizer>,
    identity: Arc<Identity>,
    cloud: Cloud,
    account: String,
    domain: String,
}

impl Gateway {
    /// The API that a deployment describes, in front of the functions of `cloud`.
    pub(crate) fn new(
        deployment: &Deployment,
        identity: Arc<Identity>,
        cloud: Cloud,
        domain: String,
    ) -> Result<Self, Error> {
        let account = deployment.parameters.get("AWS::AccountId");
        Ok(Self {
            routes: Routes::new(&deployment.functions)?,
            authorizers: deployment.authorizers.clone(),
            identity,
            cloud,
            account: account.cloned().unwrap_or_default(),
            domain,
        })
    }

    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let found = self
            .routes
            .find(&parts.method, parts.uri.path())
            .ok_or(Refusal::NotFound)?;
        let claims = match &found.route.authorizer {
            Some(name) => Some(self.authorize(name, &parts.headers)?),
            None => None,
        };
        let body = to_bytes(body, MAX_BODY)
            .await
            .map_err(|_| Refusal::TooLarge)?;
        let event = Event {
            parts: &parts,
            body: &body,
            route: &found,
            claims: claims.as_ref(),
            source: source_ip(&parts),
            account: &self.account,
            domain: &self.domain,
            now: self.cloud.clock().now(),
        };
        let (payload, request_id) = event.payload();
        if payload.to_string().len() > MAX_PAYLOAD {
            return Err(Refusal::TooLarge);
        }
        let reply = self.invoke(&found.function, payload).await?;
        answer::response(reply, &request_id).ok_or(Refusal::Internal)
    }

    fn authorize(&self, authorizer: &str, headers: &HeaderMap) -> Result<Claims, Refusal> {
        let authorizer = self.authorizers.get(authorizer).ok_or(Refusal::Internal)?;
        let value = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(Refusal::Unauthorized)?;
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => value,
        };
        self.identity
            .verify(token, authorizer, self.cloud.clock().now())
            .map_err(|refused| {
                tracing::debug!(%refused, "the authorizer refused a token");
                Refusal::Unauthorized
            })
    }

    async fn invoke(&self, function: &str, payload: Value) -> Result<Value, Refusal> {
        let lambda = self.cloud.lambda();
        let invocation = lambda.invoke(function, payload);
        match tokio::time::timeout(MAX_WAIT, invocation).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(InvokeError::TimedOut)) | Err(_) => Err(Refusal::Unavailable),
            Ok(Err(error)) => {
                tracing::warn!(function, %error, "a function failed behind the API");
                Err(Refusal::Internal)
            }
        }
    }
}

/// The API as a router: every request that no other route takes.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(serve).with_state(gateway)
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    gateway
        .answer(request)
        .await
        .unwrap_or_else(Refusal::response)
}

/// What API Gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NotFound,
    Unauthorized,
    TooLarge,
    Internal,
    Unavailable,
}

impl Refusal {
    fn response(self) -> Response {
        let (status, message) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        let mut response = Response::new(Body::from(format!(r#"{{"message":"{message}"}}"#)));
        *response.status_mut() = status;
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

fn source_ip(parts: &Parts) -> String {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.0.ip().to_string())
}

#[cfg(test)]
mod tests;
