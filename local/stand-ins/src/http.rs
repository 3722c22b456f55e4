use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::error::Error;
use crate::front::{self, Surface};
use crate::shared::Shared;

/// Serves one AWS service on a free loopback port until the stand-ins stop. Returns its URL.
///
/// This is hyper and not a router above it, because a fault must be able to close a connection without an answer.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    surface: Surface,
) -> Result<(String, JoinHandle<()>), Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(Error::Listen)?;
    let address = listener.local_addr().map_err(Error::Listen)?;
    let task = tokio::spawn(accept(listener, Arc::clone(shared), surface));
    Ok((format!("http://{address}"), task))
}

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

#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer, as was asked for")]
struct Closed;

async fn accept(listener: TcpListener, shared: Arc<Shared>, surface: Surface) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Ended connections are let go of as they end.
            Some(_) = connections.join_next() => continue,
            () = shared.stopped() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(talk(stream, Arc::clone(&shared), surface));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    connections.shutdown().await;
}

async fn talk(stream: TcpStream, shared: Arc<Shared>, surface: Surface) {
    // Small answers must not wait for the next packet; where that cannot be set they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), surface, request));
    // A connection ends with an error when a fault closes it or the caller goes away.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: Arc<Shared>,
    surface: Surface,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Closed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let request = Request {
        method: parts.method,
        target,
        headers: parts.headers,
        body,
    };
    match front::handle(&shared, surface, request).await {
        Reply::Answer(answer) => {
            let mut response = hyper::Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        }
        Reply::Never => std::future::pending().await,
        Reply::Drop => Err(Closed),
    }
}
