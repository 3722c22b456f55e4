//! What stands in a document several times, once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Moves responses and parameters that several operations share to the components.
pub(super) fn hoist(document: &mut Value) {
    for kind in ["responses", "parameters"] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        each(document, kind, |_, value| {
            *counts.entry(value.to_string()).or_default() += 1;
        });
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut shared = Map::new();
        each(document, kind, |key, value| {
            let text = value.to_string();
            if counts.get(&text).is_none_or(|count| *count < 2) {
                return;
            }
            let name = names.entry(text).or_insert_with(|| {
                let name = free(&shared, &name(key, value));
                shared.insert(name.clone(), value.clone());
                name
            });
            *value = json!({ "$ref": format!("#/components/{kind}/{name}") });
        });
        document["components"][kind] = Value::Object(shared);
    }
}

/// Each response, with its status, or each parameter of each operation.
fn each(document: &mut Value, kind: &str, mut visit: impl FnMut(&str, &mut Value)) {
    let paths = document["paths"].as_object_mut();
    for path in paths.into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            match operation.get_mut(kind) {
                Some(Value::Object(values)) => {
                    for (key, value) in values {
                        visit(key, value);
                    }
                }
                Some(Value::Array(values)) => values.iter_mut().for_each(|value| visit("", value)),
                _ => {}
            }
        }
    }
}

/// `User_200`, `conflict…`: what a component is called, as long as it is free.
fn name(status: &str, value: &Value) -> String {
    if let Some(name) = value["name"].as_str() {
        return format!("{}_{name}", value["in"].as_str().unwrap_or_default());
    }
    let content = &value["content"];
    let schema = &content["application/json"]["schema"]["$ref"];
    let about = match content["application/problem+json"]["examples"].as_object() {
        Some(codes) => codes.keys().cloned().collect::<Vec<_>>().join("_"),
        None => schema
            .as_str()
            .and_then(|place| place.rsplit('/').next())
            .unwrap_or("Answer")
            .to_owned(),
    };
    format!("{status}_{about}")
}

fn free(taken: &Map<String, Value>, name: &str) -> String {
    let mut candidates =
        std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}_{n}")));
    candidates
        .find(|candidate| !taken.contains_key(candidate))
        .unwrap_or_else(|| name.to_owned())
}
