//! The OpenAPI document: what is served is what the code says, and every route is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use offramp_local::openapi;
use offramp_local::template::{Names, Template};
use offramp_tests::World;
use serde_json::Value;

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
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for (tag, operations) in openapi::operations() {
        for operation in operations {
            let route = operation.route();
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
fn the_document_the_template_and_the_code_have_the_same_routes() {
    let described: BTreeSet<String> = openapi::operations()
        .iter()
        .flat_map(|(_, operations)| operations)
        .map(|operation| operation.route())
        .collect();
    let template = Template::workspace().unwrap();
    let deployed: BTreeSet<String> = template
        .resolve(&Names::local("offramp"))
        .unwrap()
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let dispatched = ["admin", "hr-sync"].map(dispatched).concat();
    let dispatched: BTreeSet<String> = dispatched.into_iter().collect();
    assert_eq!(described, deployed, "the contract and template.yaml");
    assert_eq!(
        deployed, dispatched,
        "template.yaml and the functions' own dispatch"
    );
}

#[test]
fn the_query_that_a_route_takes_is_the_one_that_is_described() {
    for (tag, operations) in openapi::operations() {
        for operation in operations {
            let route = operation.route();
            let Some((method, path)) = route.split_once(" /v1/orgs/{org}") else {
                continue;
            };
            let described = operation.finish(tag).0;
            let parameters = described["parameters"].as_array().into_iter().flatten();
            let described: BTreeSet<&str> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let taken = admin::contract::query(method, path);
            assert_eq!(
                taken.iter().copied().collect::<BTreeSet<_>>(),
                described,
                "{route}"
            );
        }
    }
}

/// The routes that a function's source matches: `"GET /healthz"` whole, or `("GET", "/users")` after the organisation, and
/// in `hr-sync` after the source.
fn dispatched(function: &str) -> Vec<String> {
    let file = format!("../functions/{function}/src/lib.rs");
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let within = match function {
        "hr-sync" => "/sources/{source}",
        _ => "",
    };
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        let texts: Vec<_> = line.split('"').skip(1).step_by(2).collect();
        match texts[..] {
            [method, path]
                if line.starts_with('(') && line.contains(") =>") && methods.contains(&method) =>
            {
                found.push(format!("{method} /v1/orgs/{{org}}{within}{path}"));
            }
            [route, ..] => match route.split_once(' ') {
                Some((method, path)) if methods.contains(&method) && path.starts_with('/') => {
                    found.push(route.to_owned());
                }
                _ => {}
            },
            _ => {}
        }
    }
    found
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
