//! Requests and answers with their whole bodies, apart from how they come and go.

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// A request with its whole body.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path with its query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The operation in `X-Amz-Target: TrentService.Encrypt`.
    pub(crate) fn target_operation(&self) -> Option<&str> {
        self.header("x-amz-target")
            .and_then(|target| target.split_once('.'))
            .map(|(_, operation)| operation)
    }
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, content_type: &'static str, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }

    /// An error as the REST-JSON protocol has it: the type in a header.
    pub(crate) fn rest_error(status: u16, code: &'static str, body: &Value) -> Self {
        let mut answer = Self::json(status, "application/json", body);
        answer.headers.insert(
            HeaderName::from_static("x-amzn-errortype"),
            HeaderValue::from_static(code),
        );
        answer
    }

    /// An error as the awsJson protocols have it: the type in the body.
    pub(crate) fn type_error(
        status: u16,
        content_type: &'static str,
        code: &str,
        message: &str,
    ) -> Self {
        Self::json(
            status,
            content_type,
            &json!({"__type": code, "message": message}),
        )
    }
}

/// What a call comes to.
pub(crate) enum Reply {
    Answer(Answer),
    /// The connection stays open and silent.
    Never,
    /// The connection is closed.
    Drop,
}
