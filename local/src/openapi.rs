//! The OpenAPI document of the whole API, made from what each function says of its routes. It is checked in as
//! `functions/admin/openapi.json`, which the admin function serves.

mod hoist;

use std::collections::BTreeMap;

use offramp_api::contract::Operation;
use serde_json::{Map, Value, json};

use hoist::hoist;

/// Every route of every function, by what it is about.
#[must_use]
pub fn operations() -> Vec<(&'static str, Vec<Operation>)> {
    let mut all = hr_sync::contract::operations();
    all.extend(admin::contract::operations());
    all
}

/// The document, OpenAPI 3.1. Responses and parameters that several routes share stand in it once.
#[must_use]
pub fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas = own_schemas();
    let mut tags = Vec::new();
    for (tag, operations) in operations() {
        tags.push(json!({ "name": tag }));
        for operation in operations {
            let row = operation.row();
            let (operation, spoken_of) = operation.finish(tag);
            let methods = paths.entry(row.path.to_owned()).or_default();
            methods.insert(row.method.to_lowercase(), json!(operation));
            let spoken_of = spoken_of.into_iter();
            schemas.extend(spoken_of.map(|(name, schema)| (name, json!(schema))));
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Offramp",
            "version": "1",
            "description": INFO,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "securitySchemes": security_schemes(),
        },
    });
    hoist(&mut document);
    open_parts(&mut document);
    document
}

/// What is a part of a larger object cannot say that there is nothing beside it.
fn open_parts(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    let parts = schemas
        .values()
        .filter_map(|schema| schema["allOf"].as_array());
    let parts: Vec<String> = parts
        .flatten()
        .filter_map(|part| part["$ref"].as_str()?.rsplit('/').next())
        .map(str::to_owned)
        .collect();
    for part in parts {
        if let Some(Value::Object(schema)) = schemas.get_mut(&part) {
            schema.remove("additionalProperties");
        }
    }
}

const INFO: &str = "What HR says about people becomes the right thing for their access and their cards. JSON is \
    snake_case; instants are RFC 3339 in UTC, dates are YYYY-MM-DD. What our functions refuse is RFC 9457 \
    `application/problem+json` with a stable `code`; what API Gateway refuses by itself is `application/json` with a \
    `message`. Answers may get more fields.";

/// Schemas that no type of ours has.
fn own_schemas() -> BTreeMap<String, Value> {
    let plain = [
        (
            "GatewayError",
            json!({
                "type": "object", "description": "What API Gateway answers by itself.", "required": ["message"],
                "properties": { "message": { "type": "string" } },
            }),
        ),
        ("Date", json!({ "type": "string", "format": "date" })),
        (
            "Instant",
            json!({ "type": "string", "format": "date-time" }),
        ),
    ];
    plain
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn headers() -> Value {
    json!({
        "ETag": {
            "description": "The version: a number, for `If-Match`; of this document a hash.", "required": true,
            "schema": { "type": "string", "pattern": "^\"[0-9a-f]+\"$" }, "example": "\"8\"",
        },
        "Retry-After": {
            "description": "Seconds after which the request may be sent again. API Gateway sends none.",
            "schema": { "type": "string", "pattern": "^[0-9]+$" }, "example": "5",
        },
    })
}

fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "RS256. The claim of the organisation equals {org}; the subject is the login of an \
                            admin or auditor of it who has access now. A machine that is registered has its own rights.",
        },
        "webhook": {
            "type": "apiKey", "in": "header", "name": "webhook-signature",
            "description": "Standard Webhooks 1.0.0 (https://www.standardwebhooks.com) with a secret of the source; \
                            `webhook-id` and `webhook-timestamp` are signed with the body.",
        },
    })
}

/// The document as it is checked in: a line for each operation and each component, so that a difference can be read, and
/// the function that carries it stays small.
#[must_use]
pub fn text() -> String {
    let mut text = String::new();
    write(&document(), 0, &mut text);
    text.push('\n');
    text
}

/// How deep lines are broken: `paths`, a path, a method.
const BROKEN: usize = 3;

fn write(value: &Value, depth: usize, into: &mut String) {
    let members = match value {
        Value::Object(members) if depth < BROKEN && !members.is_empty() => members,
        other => return into.push_str(&other.to_string()),
    };
    for (number, (name, member)) in members.iter().enumerate() {
        into.push_str(if number == 0 { "{\n" } else { ",\n" });
        into.push_str(&" ".repeat(depth + 1));
        into.push_str(&Value::from(name.as_str()).to_string());
        into.push_str(": ");
        write(member, depth + 1, into);
    }
    into.push('\n');
    into.push_str(&" ".repeat(depth));
    into.push('}');
}
