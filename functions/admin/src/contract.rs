//! What each route of this function takes and answers, for the OpenAPI document. Method, path, who may call it and the
//! names of its query are the row's in `routes`; `tests/suite/openapi.rs` fails where a route has no place here, or
//! describes another query.

mod examples;
mod holds;
mod machines;
mod organisation;
mod people;

use offramp_api::contract::Operation;
use serde_json::json;
use utoipa::openapi::ObjectBuilder;

use crate::me::MeView;
use crate::{Health, Route};

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
        ("Machines", machines::machines()),
        ("Reports", organisation::reports()),
        ("Service", service()),
    ]
}

fn service() -> Vec<Operation> {
    vec![
        Operation::of(Route::GetHealth, "Whether the API answers").answers::<Health>(
            200,
            "It does",
            json!({ "status": "ok" }),
        ),
        Operation::of(Route::GetMe, "Who the token's subject is here")
            .about("For anybody whose token is valid for the organisation, also without access.")
            .answers::<MeView>(
                200,
                "The caller",
                json!({
                    "org": "acme", "subject": "ada.okafor@acme.example", "employee_id": "E-1001",
                    "name": "Ada Okafor", "role": "admin", "may": [], "time_zone": "Europe/Berlin",
                    "now": "2026-11-24T09:00:00Z",
                }),
            ),
        Operation::of(Route::GetOpenApi, "This document").answers_as(
            200,
            "OpenAPI 3.1",
            ObjectBuilder::new().required("openapi").required("info").required("paths"),
            json!({ "openapi": "3.1.0", "info": { "title": "Offramp", "version": "1" }, "paths": {} }),
        )
        .versioned()
        .kept(),
    ]
}
