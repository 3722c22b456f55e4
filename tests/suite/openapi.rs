//! The OpenAPI document: what is served is what the code says, and every route is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use offramp_api::route::RouteRow;
use offramp_local::openapi;
use offramp_tests::World;
use serde_json::json;

/// The document as it is checked in and served.
fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/admin/openapi.json")
}

#[test]
fn the_document_that_is_served_is_the_one_that_the_code_makes() {
    expect_file![file()].assert_eq(&openapi::text());
}

#[test]
fn no_two_schemas_have_one_name() {
    let mut known: BTreeMap<String, _> = BTreeMap::new();
    for (tag, operations) in openapi::operations() {
        for operation in operations {
            let route = operation.row().key();
            for (name, schema) in operation.finish(tag).1 {
                let before = known.insert(name.clone(), schema.clone());
                let same = before.is_none_or(|before| before == schema);
                assert!(
                    same,
                    "{name} of {route} is another than before: give one of them `schema(as = …)`"
                );
            }
        }
    }
}

#[test]
fn every_route_is_described_once_and_with_the_query_that_it_reads() {
    let rows = hr_sync::Route::ALL.iter().map(|route| route.row());
    let rows = rows.chain(admin::Route::ALL.iter().map(|route| route.row()));
    let mut left: BTreeMap<String, RouteRow> = rows.map(|row| (row.key(), row)).collect();
    for (tag, operations) in openapi::operations() {
        for operation in operations {
            let key = operation.row().key();
            let row = left.remove(&key);
            let row = row.unwrap_or_else(|| panic!("{key} is described twice"));
            let described = json!(operation.finish(tag).0);
            let parameters = described["parameters"].as_array().into_iter().flatten();
            let described: BTreeSet<&str> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let read: BTreeSet<&str> = row.query.iter().copied().collect();
            assert_eq!(described, read, "{key}");
        }
    }
    assert!(left.is_empty(), "not described: {:?}", left.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_served_without_a_token() {
    let world = World::start().await;
    let answer = world.ask("GET", "/v1/openapi.json").send().await;
    assert_eq!((answer.status, &*answer.kind), (200, "application/json"));
    let served = answer.body == openapi::document();
    assert!(served, "it is another than the code's");
    world.end().await;
}

#[test]
fn every_reason_that_an_explanation_gives_is_in_the_manual() {
    let codes = &openapi::document()["components"]["schemas"]["ReasonCode"]["enum"];
    let codes = codes.as_array().unwrap();
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let manual = fs::read_to_string(manual).unwrap();
    for code in codes {
        let code = code.as_str().unwrap();
        assert!(manual.contains(&format!("`{code}`")), "{code}");
    }
}
