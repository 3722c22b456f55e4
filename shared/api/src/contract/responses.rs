//! Refusals as responses: the server's problems by status and code, and API Gateway's own errors.

use std::collections::BTreeMap;

use crate::view::Seen;
use offramp_app::Error;
use offramp_domain::Policy;
use serde_json::{Map, Value, json};

use super::of;
use crate::http::{describe, problem};

/// The request id in examples.
const REQUEST_ID: &str = "9a886241-ee16-4f84-bd52-981e0726c91a";

/// The problems that a route may return, by status and code, with an example of each.
#[derive(Debug, Default)]
pub(super) struct Problems(BTreeMap<u16, BTreeMap<&'static str, Value>>);

impl Problems {
    /// Adds a problem, with the body that the server really returns.
    pub(super) fn add(&mut self, error: &Error) {
        let (status, code, _) = describe(error);
        let seen = Seen {
            policy: &Policy::default(),
            now: chrono::DateTime::UNIX_EPOCH,
        };
        let body = problem(error, seen, REQUEST_ID).body;
        let body = serde_json::from_str(&body).unwrap_or_default();
        self.0.entry(status).or_default().insert(code, body);
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = u16> {
        self.0.keys().copied().collect::<Vec<_>>().into_iter()
    }

    /// The response of a status. `gateway` is the message that API Gateway may return with the same status.
    pub(super) fn response(&self, status: u16, gateway: Option<&&str>) -> Value {
        let mut content = Map::new();
        let mut said = Vec::new();
        if let Some(problems) = self.0.get(&status) {
            let codes: Vec<_> = problems.keys().copied().collect();
            said.push(
                codes
                    .iter()
                    .map(|code| format!("`{code}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            );
            let examples: Map<String, Value> = problems
                .iter()
                .map(|(code, body)| ((*code).to_owned(), json!({ "value": body })))
                .collect();
            content.insert(
                "application/problem+json".to_owned(),
                json!({ "schema": schema(status, &codes), "examples": examples }),
            );
        }
        if let Some(message) = gateway {
            said.push("API Gateway's own".to_owned());
            content.insert(
                "application/json".to_owned(),
                json!({ "schema": of("GatewayError"), "example": { "message": message } }),
            );
        }
        let mut response = json!({ "description": said.join("; or "), "content": content });
        if status == 503 && self.0.contains_key(&status) {
            response["headers"] =
                json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
        }
        response
    }
}

/// The schema of a problem with this status and one of these codes. A confirmation question has more members than the
/// other problems.
fn schema(status: u16, codes: &[&str]) -> Value {
    const QUESTION: &str = "confirmation_required";
    let own = |codes: &[&str]| {
        let properties = json!({ "status": { "const": status }, "code": { "enum": codes } });
        json!({ "properties": properties })
    };
    if !codes.contains(&QUESTION) {
        return json!({ "allOf": [of("Problem"), own(codes)] });
    }
    let others: Vec<_> = codes
        .iter()
        .copied()
        .filter(|code| *code != QUESTION)
        .collect();
    json!({ "oneOf": [
        { "allOf": [of("Problem"), of("Question"), own(&[QUESTION])] },
        { "allOf": [of("Problem"), own(&others)] },
    ] })
}

/// The messages that API Gateway returns on its own, by status.
pub(super) fn gateway(token: bool, body: bool, path: &str) -> BTreeMap<u16, &'static str> {
    let mut own = BTreeMap::from([
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
    ]);
    if token {
        own.insert(401, "Unauthorized");
    }
    if body {
        own.insert(413, "Request Entity Too Large");
    }
    // A segment that is empty or contains a slash makes another path.
    if path.contains('{') {
        own.insert(404, "Not Found");
    }
    own
}
