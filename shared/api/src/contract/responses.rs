//! Refusals as responses: the server's problems by status and code, and API Gateway's own errors.

use std::collections::BTreeMap;

use crate::view::Seen;
use offramp_app::Error;
use offramp_domain::Policy;
use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{AllOfBuilder, OneOfBuilder, SchemaType};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
};

use super::{content, of};
use crate::http::{describe, problem};

/// The request id in examples.
const REQUEST_ID: &str = "9a886241-ee16-4f84-bd52-981e0726c91a";

/// The problems that a route may return, by status and code, with an example of each.
#[derive(Default)]
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
    pub(super) fn response(&self, status: u16, gateway: Option<&&str>) -> Response {
        let mut response = ResponseBuilder::new();
        let mut said = Vec::new();
        if let Some(problems) = self.0.get(&status) {
            let codes: Vec<_> = problems.keys().copied().collect();
            let quoted: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
            said.push(quoted.join(", "));
            let examples = problems.iter().map(|(code, body)| {
                let example = ExampleBuilder::new().value(Some(body.clone()));
                (*code, example)
            });
            let content = ContentBuilder::new().schema(Some(schema(status, &codes)));
            let content = content.examples_from_iter(examples).build();
            response = response.content("application/problem+json", content);
            if status == 503 {
                let header = Ref::new("#/components/headers/Retry-After");
                response = response.header_ref("Retry-After", header);
            }
        }
        if let Some(message) = gateway {
            said.push("API Gateway's own".to_owned());
            let content = content(of("GatewayError"), json!({ "message": message }));
            response = response.content("application/json", content);
        }
        response.description(said.join("; or ")).build()
    }
}

/// The schema of a problem with this status and one of these codes. A confirmation question has more members than the
/// other problems.
fn schema(status: u16, codes: &[&str]) -> RefOr<Schema> {
    const QUESTION: &str = "confirmation_required";
    let any = || ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    let problem = || AllOfBuilder::new().item(of("Problem"));
    let own = |codes: &[&str]| {
        // utoipa has no `const`, but an extension that is collected gets no `x-` before its name.
        let status = any().extensions(Some([("const", status)].into_iter().collect()));
        let code = any().enum_values(Some(codes.iter().copied()));
        any().property("status", status).property("code", code)
    };
    if !codes.contains(&QUESTION) {
        return problem().item(own(codes)).into();
    }
    let others: Vec<_> = codes
        .iter()
        .copied()
        .filter(|code| *code != QUESTION)
        .collect();
    OneOfBuilder::new()
        .item(problem().item(of("Question")).item(own(&[QUESTION])))
        .item(problem().item(own(&others)))
        .into()
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
