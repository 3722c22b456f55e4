//! Every answer that a flow gets is one that the OpenAPI document promises: its status, its media type, its `code`, and
//! its body, down to the members.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::{Draft, Validator};
use offramp_local::openapi;
use serde_json::{Value, json};

/// Holds an answer of the API against the document. A path that no route has is API Gateway's affair.
///
/// # Panics
/// Where the document does not have it.
pub(crate) fn hold(method: &str, path: &str, status: u16, kind: &str, body: &Value) {
    let document = document();
    let Some(operation) = operation(document, method, path) else {
        return;
    };
    let what = || format!("{method} {path} answers {status} {kind} {body}");
    let answer = &operation["responses"][status.to_string()];
    let place = answer["$ref"].as_str().unwrap_or_default();
    let answer = document
        .pointer(place.trim_start_matches('#'))
        .filter(|_| !place.is_empty())
        .unwrap_or(answer);
    let content = &answer["content"][kind];
    assert!(!content.is_null(), "undocumented: {}", what());
    if let Some(code) = body["code"].as_str().filter(|_| kind.contains("problem")) {
        let known = !content["examples"][code].is_null();
        assert!(known, "a code that is not documented: {}", what());
    }
    if kind.contains("json") {
        let wrong: Vec<_> = validator(&content["schema"])
            .iter_errors(body)
            .map(|error| format!("  at {:?}: {error}", error.instance_path().as_str()))
            .collect();
        let wrong = wrong.join("\n");
        assert!(wrong.is_empty(), "not as documented: {}\n{wrong}", what());
    }
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(openapi::document)
}

/// What checks a body against a schema of the document; made once for each.
fn validator(schema: &Value) -> Arc<Validator> {
    static MADE: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get_or_insert_default();
    let made = made.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = closed(schema);
        // References into the document are references into this.
        whole["components"] = components().clone();
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        Arc::new(options.build(&whole).unwrap())
    });
    Arc::clone(made)
}

/// The components of the document, in whose objects no member is but those that are described.
fn components() -> &'static Value {
    static COMPONENTS: OnceLock<Value> = OnceLock::new();
    COMPONENTS.get_or_init(|| {
        let mut schemas = document()["components"]["schemas"].clone();
        for schema in schemas.as_object_mut().into_iter().flatten() {
            // The whole of it is closed where it is referred to: it may be a part of another.
            close_within(schema.1);
        }
        json!({ "schemas": schemas })
    })
}

/// The schema, refusing members that it does not describe. Clients are to bear with more; the server is not to send more.
fn closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    close_within(schema);
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    let describes = ["$ref", "properties", "allOf", "oneOf", "anyOf"];
    if describes
        .iter()
        .any(|keyword| schema.contains_key(*keyword))
    {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Closes what stands in the members and the items of a schema, and of the parts that it is composed of.
fn close_within(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    for (keyword, part) in schema {
        match (keyword.as_str(), part) {
            ("properties", Value::Object(members)) => members.values_mut().for_each(close),
            ("items" | "additionalProperties", part) => close(part),
            ("allOf" | "oneOf" | "anyOf", Value::Array(parts)) => {
                parts.iter_mut().for_each(close_within);
            }
            _ => {}
        }
    }
}

/// The operation whose path fits; a literal segment is better than a parameter.
fn operation<'d>(document: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    let path: Vec<_> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<_> = pattern.split('/').collect();
        let same = |(want, have): (&&str, &&str)| {
            want == have || (want.starts_with('{') && !have.is_empty())
        };
        pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
    };
    let paths = document["paths"].as_object()?;
    paths
        .iter()
        .filter(|(pattern, _)| fits(pattern))
        .filter_map(|(pattern, methods)| {
            Some((
                pattern.matches('{').count(),
                methods.get(method.to_lowercase())?,
            ))
        })
        .min_by_key(|(parameters, _)| *parameters)
        .map(|(_, operation)| operation)
}
