//! Every answer that a flow gets is one that the OpenAPI document promises: its status, its media type, its `code`.

use std::sync::OnceLock;

use offramp_local::openapi;
use serde_json::Value;

/// Holds an answer of the API against the document. A path that no route has is API Gateway's affair.
///
/// # Panics
/// Where the document does not have it.
pub(crate) fn hold(method: &str, path: &str, status: u16, kind: &str, body: &Value) {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(openapi::document);
    let Some(operation) = operation(document, method, path) else {
        return;
    };
    let what = format!("{method} {path} answers {status} {kind} {body}");
    let answer = &operation["responses"][status.to_string()];
    let place = answer["$ref"].as_str().unwrap_or_default();
    let answer = document
        .pointer(place.trim_start_matches('#'))
        .filter(|_| !place.is_empty())
        .unwrap_or(answer);
    let content = &answer["content"][kind];
    assert!(!content.is_null(), "undocumented: {what}");
    if let Some(code) = body["code"].as_str().filter(|_| kind.contains("problem")) {
        let known = !content["examples"][code].is_null();
        assert!(known, "a code that is not documented: {what}");
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
