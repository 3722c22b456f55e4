//! `/_local`: what a laptop needs and the cloud must not have. None of these routes is in the template.

mod own;

use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Fault, Lasting};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Error;
use crate::acme::{ADMIN_EMAIL, ORG, SOURCE};
use crate::signer::rfc3339;
use crate::stack::core::Core;

/// The routes of one stack.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/_local", get(start))
        .route("/_local/clock", get(clock).post(move_clock))
        .route("/_local/mail", get(mail).delete(clear_mail))
        .route("/_local/schedules", get(schedules))
        .route(
            "/_local/faults",
            get(faults).post(inject_fault).delete(clear_faults),
        )
        .route("/_local/dead-letters", get(dead_letters))
        .route("/_local/invocations", get(invocations))
        .route("/_local/token", post(token))
        .route(
            "/_local/invoke/{function}",
            post(invoke).layer(DefaultBodyLimit::max(MOST_PAYLOAD)),
        )
        .route_layer(from_fn_with_state(Arc::clone(&core), own::only))
        .with_state(core)
}

type Answer = Result<Json<Value>, Refusal>;

async fn start(State(core): State<Arc<Core>>) -> Answer {
    let secret = core.seeded().map(|seeded| &seeded.webhook_secret);
    Ok(Json(json!({
        "api": core.url,
        "org": ORG,
        "source": SOURCE,
        "webhook_secret": secret,
        "admin_token": core.admin_token()?,
        "admin_email": ADMIN_EMAIL,
        "service_token": core.service_token()?,
    })))
}

async fn clock(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!({ "now": rfc3339(core.cloud.clock().now()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    advance: Option<String>,
    now: Option<DateTime<Utc>>,
}

async fn move_clock(State(core): State<Arc<Core>>, body: Bytes) -> Answer {
    let wanted: MoveClock = parsed(&body)?;
    let now = match (wanted.advance, wanted.now) {
        (Some(by), None) => core.advance(duration(&by)?).await?,
        (None, Some(at)) => core.set_now(at).await?,
        _ => {
            return Err(Refusal::bad(
                r#"either {"advance":"72h"} or {"now":"2026-03-01T10:00:00Z"}"#,
            ));
        }
    };
    Ok(Json(json!({ "now": rfc3339(now) })))
}

async fn mail(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!({ "messages": core.cloud.ses().messages() }))
}

async fn clear_mail(State(core): State<Arc<Core>>) -> StatusCode {
    core.cloud.ses().clear();
    StatusCode::NO_CONTENT
}

async fn schedules(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!({ "schedules": core.cloud.scheduler().schedules() }))
}

async fn faults(State(core): State<Arc<Core>>) -> Json<Value> {
    let faults = core.cloud.faults();
    Json(json!({ "pending": faults.pending(), "lasting": faults.lasting() }))
}

async fn inject_fault(State(core): State<Arc<Core>>, body: Bytes) -> Answer {
    let wanted: Value = parsed(&body)?;
    let faults = core.cloud.faults();
    match wanted["mode"].as_str() {
        Some("lag" | "off") => faults.begin(parsed::<Lasting>(&body)?),
        _ => faults.inject(parsed::<Fault>(&body)?),
    }
    Ok(self::faults(State(core)).await)
}

async fn clear_faults(State(core): State<Arc<Core>>) -> StatusCode {
    core.cloud.faults().clear();
    StatusCode::NO_CONTENT
}

async fn dead_letters(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!({ "messages": core.cloud.queues() }))
}

async fn invocations(State(core): State<Arc<Core>>) -> Json<Value> {
    Json(json!({ "invocations": core.cloud.lambda().invocations() }))
}

/// What Lambda takes in a synchronous invocation, in bytes.
const MOST_PAYLOAD: usize = 6 * 1024 * 1024;

/// As `aws lambda invoke` does it; a function is named by its crate, and an alias may follow behind a colon.
async fn invoke(
    State(core): State<Arc<Core>>,
    Path(function): Path<String>,
    body: Bytes,
) -> Answer {
    let payload: Value = parsed(&body)?;
    Ok(Json(core.invoke(&function, payload).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedToken {
    subject: String,
    org: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

async fn token(State(core): State<Arc<Core>>, body: Bytes) -> Answer {
    let wanted: WantedToken = parsed(&body)?;
    let org = wanted.org.as_deref().unwrap_or(ORG);
    let roles: Vec<_> = wanted.roles.iter().map(String::as_str).collect();
    let token = core.token(&wanted.subject, Some(org), &roles)?;
    Ok(Json(json!({ "token": token })))
}

/// `72h`, `90m`, `1d12h`: what [`jiff::fmt::friendly`] reads, a day being 24 hours. Months and years have no length.
fn duration(text: &str) -> Result<Duration, Refusal> {
    let read = text.parse::<Span>();
    read.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| {
            Refusal::bad(format!(
                "{text:?} is no duration such as 90s, 2m, 72h, 3d or 1d12h"
            ))
        })
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(error.to_string()))
}

/// What these routes refuse, and why.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::StandIn(_) => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            message: error.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let seconds = |text| duration(text).ok().map(|duration| duration.as_secs());
        assert_eq!(seconds("72h"), Some(259_200));
        assert_eq!(seconds("1d12h"), Some(129_600));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2m"), Some(120));
        assert_eq!(seconds("1d 12h"), Some(129_600));
        assert_eq!(seconds("3w"), Some(21 * 86_400));
        assert_eq!(seconds("0s"), Some(0));
        for wrong in [
            "",
            "72",
            "h",
            "-1h",
            "1h5",
            "1mo",
            "1y",
            "99999999999999999999d",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
