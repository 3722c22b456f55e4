//! The event that a function gets: Lambda proxy integration, payload format 2.0.

use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::routes::Found;
use crate::identity::Claims;

/// What an event is made of.
pub(super) struct Event<'r> {
    pub(super) parts: &'r Parts,
    pub(super) body: &'r [u8],
    pub(super) route: &'r Found,
    pub(super) claims: Option<&'r Claims>,
    pub(super) source: String,
    pub(super) account: &'r str,
    pub(super) domain: &'r str,
    pub(super) now: DateTime<Utc>,
}

impl Event<'_> {
    /// The event, and the id of its request.
    pub(super) fn payload(&self) -> (Value, String) {
        let headers = &self.parts.headers;
        let request_id = Uuid::new_v4().to_string();
        let key = self.route.key();
        let path = percent_decode_str(self.parts.uri.path()).decode_utf8_lossy();
        let query = self.parts.uri.query().unwrap_or_default();
        let mut context = json!({
            "accountId": self.account,
            "apiId": "local",
            "domainName": self.domain,
            "domainPrefix": "local",
            "http": {
                "method": self.parts.method.as_str(),
                "path": path,
                "protocol": protocol(self.parts.version),
                "sourceIp": self.source,
                "userAgent": text(headers, &header::USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": key,
            "stage": "$default",
            "time": self.now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": self.now.timestamp_millis(),
        });
        if let Some(claims) = self.claims {
            context["authorizer"] = json!({ "jwt": jwt(claims) });
        }
        let mut event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": joined(headers),
            "requestContext": context,
            "isBase64Encoded": false,
        });
        let cookies = cookies(headers);
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        let query = query_parameters(query);
        if !query.is_empty() {
            event["queryStringParameters"] = Value::Object(query);
        }
        if !self.route.parameters.is_empty() {
            let pairs = self.route.parameters.iter();
            let pairs = pairs.map(|(name, value)| (name.clone(), json!(value)));
            event["pathParameters"] = pairs.collect();
        }
        if !self.body.is_empty() {
            match std::str::from_utf8(self.body)
                .ok()
                .filter(|_| is_text(headers))
            {
                Some(text) => event["body"] = json!(text),
                None => {
                    event["body"] = json!(STANDARD.encode(self.body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        (event, request_id)
    }
}

/// The claims as API Gateway hands them over: all text, an array as `[a b]`, and the scopes apart.
fn jwt(claims: &Claims) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                plain => plain.to_string(),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(" "))
        }
        plain => plain.to_string(),
    };
    let texts: Map<_, _> = claims
        .iter()
        .map(|(name, value)| (name.clone(), json!(text(value))))
        .collect();
    let scopes = claims.get("scope").and_then(Value::as_str);
    let scopes: Option<Vec<_>> = scopes.map(|scopes| scopes.split(' ').collect());
    json!({ "claims": texts, "scopes": scopes })
}

/// Header names in small letters; a header that came several times is joined with commas. Cookies have their own place.
fn joined(headers: &HeaderMap) -> Value {
    let names = headers.keys().filter(|name| **name != header::COOKIE);
    names
        .map(|name| {
            let values = headers.get_all(name).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            (
                name.as_str().to_owned(),
                json!(values.collect::<Vec<_>>().join(",")),
            )
        })
        .collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::COOKIE).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// The query, decoded; a parameter that came several times is joined with commas.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (form_decoded(name), form_decoded(value));
        let value = match parameters.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        parameters.insert(name, json!(value));
    }
    parameters
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Whether the body goes over as text. Everything else is base64.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = text(headers, &header::CONTENT_TYPE);
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript" | "application/csv"
        )
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
