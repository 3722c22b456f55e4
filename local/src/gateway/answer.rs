//! A function's reply as an HTTP response: payload format 2.0.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The response that a reply stands for; `None` where it stands for none, which API Gateway answers with a 500.
///
/// A reply without `statusCode` is itself the body of a 200, as JSON. Format 2.0 knows `headers` and `cookies`;
/// `multiValueHeaders` belong to format 1.0, and a header that is only there is lost, at AWS as here.
pub(super) fn response(reply: Value, request_id: &str) -> Option<Response> {
    let mut response = match reply.get("statusCode") {
        Some(status) => explicit(&reply, status)?,
        None => inferred(&reply),
    };
    let id = HeaderValue::from_str(request_id).ok()?;
    response.headers_mut().insert("apigw-requestid", id);
    Some(response)
}

fn explicit(reply: &Value, status: &Value) -> Option<Response> {
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let body = match &reply["body"] {
        Value::Null => Vec::new(),
        Value::String(text) if reply["isBase64Encoded"] == true => STANDARD.decode(text).ok()?,
        Value::String(text) => text.clone().into_bytes(),
        _ => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in reply["headers"].as_object().into_iter().flatten() {
        insert(headers, name, value)?;
    }
    if !headers.contains_key(header::CONTENT_TYPE) {
        let plain = HeaderValue::from_static("text/plain;charset=UTF-8");
        headers.insert(header::CONTENT_TYPE, plain);
    }
    for cookie in reply["cookies"].as_array().into_iter().flatten() {
        let cookie = HeaderValue::from_str(cookie.as_str()?).ok()?;
        headers.append(header::SET_COOKIE, cookie);
    }
    Some(response)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &Value) -> Option<()> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let text = match value {
        Value::String(text) => text.clone(),
        plain => plain.to_string(),
    };
    // The length is the body's own; whatever the function says about it is not passed on.
    if name != header::CONTENT_LENGTH {
        headers.insert(name, HeaderValue::from_str(&text).ok()?);
    }
    Some(())
}

fn inferred(reply: &Value) -> Response {
    let mut response = Response::new(Body::from(reply.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
