//! What each route of this function takes and answers, for the OpenAPI document. A new route has its place here, in
//! `answer` and in `template.yaml`, and its parameters in `query`; `tests/suite/openapi.rs` fails where one of them lacks
//! it.

mod examples;
mod holds;
mod organisation;
mod people;

use offramp_api::contract::Operation;
use serde_json::json;

use crate::Health;

/// The routes, by what they are about.
#[must_use]
pub fn operations() -> Vec<(&'static str, Vec<Operation>)> {
    vec![
        ("Settings", organisation::settings()),
        ("Users", people::users()),
        ("Cards", people::cards()),
        ("Objectives and feeds", people::objectives()),
        ("Sync rule and leavers", organisation::rules()),
        ("Holds", holds::holds()),
        ("Runs", holds::runs()),
        ("Sources", organisation::sources()),
        ("Reports", organisation::reports()),
        ("Service", service()),
    ]
}

/// The names that a route reads from the query, as the code has them; the path after the organisation.
#[must_use]
pub fn query(method: &str, path: &str) -> &'static [&'static str] {
    crate::query::known(method, path)
}

fn service() -> Vec<Operation> {
    vec![
        Operation::open("GET", "/healthz", "Whether the API answers").answers::<Health>(
            200,
            "It does",
            json!({ "status": "ok" }),
        ),
        Operation::open("GET", "/v1/openapi.json", "This document").answers_as(
            200,
            "OpenAPI 3.1",
            json!({ "type": "object", "required": ["openapi", "info", "paths"] }),
            json!({ "openapi": "3.1.0", "info": { "title": "Offramp", "version": "1" }, "paths": {} }),
        ),
    ]
}
