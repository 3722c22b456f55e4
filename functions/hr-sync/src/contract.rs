//! The requests and answers of this function's routes, for the OpenAPI document.

use offramp_api::contract::{Operation, integer, parameter};
use offramp_api::view::{ResultsView, SnapshotView};
use offramp_app::Error;
use offramp_connectors::native::{Body as Delivery, snapshot as wire};
use offramp_domain::{SnapshotId, SourceId};
use serde_json::json;

use crate::Route;

/// The routes, by subject.
#[must_use]
pub fn operations() -> Vec<(&'static str, Vec<Operation>)> {
    vec![("HR", vec![events()]), ("Snapshots", snapshots())]
}

fn events() -> Operation {
    Operation::of(Route::PostEvents, "Takes events of HR")
        .about(
            "Signed as Standard Webhooks 1.0.0 says. At most 5,000 events and 4 MiB. Results are in the order of the \
             request; a bad record rejects itself, not its neighbours. The same delivery again changes nothing.",
        )
        .path::<SourceId>("source", "The source.", "hris")
        .takes::<Delivery<'_>>(json!({ "events": [{
            "id": "leaver-E-1007", "occurred_at": "2026-11-22T01:14:39.354Z",
            "employee": { "employee_id": "E-1007", "status": "inactive" },
        }] }))
        .answers::<ResultsView<'_>>(
            200,
            "What became of each event",
            json!({
                "results": [{
                    "employee_id": "E-1007", "outcome": "scheduled", "due_at": "2026-11-25T01:14:39Z",
                }],
                "summary": { "scheduled": 1 },
            }),
        )
        .refuses([Error::TooLarge("the body is larger than 4 MiB")])
}

fn snapshots() -> Vec<Operation> {
    const ID: &str = "snap_01a20e48daf170b8b48d5d99c0e8be9e";
    let of_source = |route: Route, summary| {
        Operation::of(route, summary).path::<SourceId>("source", "The source.", "hris")
    };
    let one = |route: Route, summary| {
        of_source(route, summary)
            .path::<SnapshotId>("id", "The snapshot.", ID)
            .refuses([Error::NotFound("snapshot")])
    };
    let snapshot = |state: &str| {
        json!({
            "snapshot_id": ID, "state": state, "occurred_at": "2026-11-24T09:00:00Z", "expected_employees": 25,
            "dry_run": false, "progress": { "done": 0, "of": 33 }, "employees": 0, "summary": {},
        })
    };
    vec![
        of_source(Route::OpenSnapshot, "Opens a snapshot")
            .about("Everybody whom the source knows, as of one instant. One that was open takes no more pages. The same `webhook-id` and body again answer the same snapshot.")
            .takes::<wire::Open>(json!({ "source": "hris", "expected_employees": 25 }))
            .answers::<SnapshotView>(201, "The snapshot", snapshot("open"))
            .refuses([Error::TooLarge("the body is larger than 4 MiB")]),
        one(Route::PutPage, "Sends a page of a snapshot")
            .about("At most 5,000 employees and 4 MiB. The same page again replaces it. The body repeats what the path says, since the signature covers the body alone.")
            .path_as(parameter("n", "The page, from 1 to 400.", integer(1..=400)).example(Some(1.into())))
            .takes::<wire::Page<'_>>(json!({
                "snapshot_id": ID, "page": 1,
                "employees": [{ "employee_id": "E-1007", "status": "active", "name": "Lena Lindqvist" }],
            }))
            .answers::<wire::Received>(200, "How many employees are on it", json!({ "received": 1 }))
            .refuses([Error::SnapshotNotOpen, Error::TooLarge("the body is larger than 4 MiB")]),
        one(Route::CompleteSnapshot, "Says that all pages have come")
            .about("From now on it is applied, and takes the place of one that is being applied. 422 where a page is missing or left over: it stays open.")
            .takes::<wire::Complete>(json!({ "snapshot_id": ID, "pages": 1 }))
            .answers::<SnapshotView>(202, "The snapshot", snapshot("applying"))
            .refuses([Error::SnapshotNotOpen, Error::TooLarge("the body is larger than 4 MiB")]),
        one(Route::GetSnapshot, "Shows what has become of a snapshot")
            .answers::<SnapshotView>(200, "The snapshot", snapshot("applied")),
    ]
}
