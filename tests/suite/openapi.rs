//! The OpenAPI document: what is served is what the code says, and every route is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use offramp_api::route::RouteRow;
use offramp_local::openapi;
use offramp_tests::World;
use serde_json::{Value, json};

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

/// A text that we bound we also hold against characters. A document that names only the bound promises that every
/// text of that length is taken.
#[test]
fn a_text_of_bounded_length_in_a_body_says_its_characters() {
    let document: Value = serde_json::from_str(&openapi::text()).unwrap();
    let mut bounded = 0;
    let mut silent = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            texts(
                &document,
                body,
                &format!("{method} {path} "),
                &mut |at, text| {
                    bounded += usize::from(text["maxLength"].is_u64());
                    if text["maxLength"].is_u64() && !text["pattern"].is_string() {
                        silent.insert(at.to_owned());
                    }
                },
            );
        }
    }
    assert!(bounded > 10, "{bounded} texts");
    assert_eq!(silent, BTreeSet::new());
}

/// Visits the schema of every text in a schema, with its path.
fn texts(document: &Value, schema: &Value, at: &str, visit: &mut impl FnMut(&str, &Value)) {
    if let Some(reference) = schema["$ref"].as_str() {
        let known = document.pointer(reference.trim_start_matches('#'));
        return texts(document, known.unwrap(), at, visit);
    }
    match &schema["type"] {
        Value::String(kind) if kind == "string" => visit(at, schema),
        Value::Array(kinds) if kinds.contains(&json!("string")) => visit(at, schema),
        _ => {}
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        texts(document, field, &format!("{at}/{name}"), visit);
    }
    if schema["items"].is_object() {
        texts(document, &schema["items"], &format!("{at}/-"), visit);
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for part in schema[kind].as_array().into_iter().flatten() {
            texts(document, part, at, visit);
        }
    }
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

/// It is large, answered to anybody, and changes with a release alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_and_not_sent_again() {
    let world = World::start().await;
    let url = format!("{}/v1/openapi.json", world.stack.url());
    let ask = async |tag: Option<&str>| {
        let request = reqwest::Client::new().get(&url);
        let request = match tag {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let of = (
            answer.status().as_u16(),
            header("etag"),
            header("cache-control"),
        );
        (of, answer.text().await.unwrap().len())
    };
    let ((status, tag, kept), length) = ask(None).await;
    assert_eq!((status, &*kept), (200, "public, max-age=3600"));
    assert!(length > 100_000 && tag.len() == 34, "{length} {tag}");
    for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let ((status, again, kept), length) = ask(Some(&known)).await;
        assert_eq!((status, length), (304, 0), "{known}");
        assert_eq!((again, &*kept), (tag.clone(), "public, max-age=3600"));
    }
    let ((status, ..), _) = ask(Some("\"other\"")).await;
    assert_eq!(status, 200);
    // What belongs to an organisation is kept by nobody.
    let answer = world.admin("GET", "/settings").send().await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    world.end().await;
}
