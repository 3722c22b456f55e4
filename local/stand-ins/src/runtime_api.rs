//! The Lambda Runtime API, version 2018-06-01, as one execution environment sees it:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use crate::lambda::{FunctionError, InvocationContext};
use crate::sync::lock;

const PATH: &str = "/2018-06-01/runtime";

/// What a runtime made of an invocation.
pub(crate) type Outcome = Result<Value, FunctionError>;

/// One environment's API on a loopback port of its own, until it is dropped. [`crate::Binary`] starts one for each
/// process; who starts processes itself gives them [`Self::address`] as `AWS_LAMBDA_RUNTIME_API`.
pub struct RuntimeApi {
    state: Arc<State>,
    address: String,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for RuntimeApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RuntimeApi").field(&self.address).finish()
    }
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    offered: Notify,
    /// When the runtime first asked for an invocation.
    asked: watch::Sender<Option<Instant>>,
}

#[derive(Default)]
struct Inner {
    /// Not yet asked for.
    waiting: VecDeque<Invocation>,
    /// Handed out and not yet answered. A runtime has one at a time.
    current: Option<Invocation>,
    /// What the runtime said of its own start.
    init_error: Option<FunctionError>,
}

struct Invocation {
    payload: Value,
    context: InvocationContext,
    answer: oneshot::Sender<Outcome>,
}

impl RuntimeApi {
    /// Listens.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?.to_string();
        let state = Arc::new(State::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            state,
            address,
            task,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is to be: host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Hands an invocation to the next request for one. The receiver has its outcome; it fails when the API goes.
    pub fn offer(
        &self,
        payload: Value,
        context: InvocationContext,
    ) -> oneshot::Receiver<Result<Value, FunctionError>> {
        let (answer, outcome) = oneshot::channel();
        lock(&self.state.inner).waiting.push_back(Invocation {
            payload,
            context,
            answer,
        });
        self.state.offered.notify_one();
        outcome
    }

    /// Waits until the runtime first asks for an invocation, which is when Lambda takes it to have started; says when
    /// that was.
    pub async fn ready(&self) -> Instant {
        let mut asked = self.state.asked.subscribe();
        loop {
            if let Some(at) = *asked.borrow_and_update() {
                return at;
            }
            // The sender is this API's own.
            let _ = asked.changed().await;
        }
    }

    /// Why the runtime could not start, where it said so.
    #[must_use]
    pub fn init_error(&self) -> Option<FunctionError> {
        lock(&self.state.inner).init_error.clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(talk(stream, Arc::clone(&state)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn talk(stream: TcpStream, state: Arc<State>) {
    // Small answers must not wait for the next packet; where that cannot be set they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&state), request));
    // A connection ends with an error when the process goes.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let Some(path) = parts.uri.path().strip_prefix(PATH) else {
        return Ok(refusal(StatusCode::NOT_FOUND, "NotFound"));
    };
    let path: Vec<_> = path.trim_start_matches('/').split('/').collect();
    Ok(match (&parts.method, path.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&state).await,
        (&Method::POST, ["invocation", id, end @ ("response" | "error")]) => {
            let body = body.collect().await?.to_bytes();
            let outcome = match *end {
                "response" => response(&body),
                _ => Err(error(&parts.headers, &body)),
            };
            settle(&state, id, outcome)
        }
        (&Method::POST, ["init", "error"]) => {
            let body = body.collect().await?.to_bytes();
            lock(&state.inner).init_error = Some(error(&parts.headers, &body));
            accepted()
        }
        _ => refusal(StatusCode::NOT_FOUND, "NotFound"),
    })
}

/// Answers once there is an invocation: a runtime sets no time-out on this request.
async fn next(state: &State) -> Response<Full<Bytes>> {
    let at = Instant::now();
    state.asked.send_if_modified(|asked| {
        let first = asked.is_none();
        asked.get_or_insert(at);
        first
    });
    loop {
        let offered = state.offered.notified();
        {
            let mut inner = lock(&state.inner);
            // Who asks for the next one without having answered the last is a runtime that lost it.
            if let Some(invocation) = inner.waiting.pop_front() {
                let response = handed_out(&invocation);
                inner.current = Some(invocation);
                return response;
            }
        }
        offered.await;
    }
}

fn handed_out(invocation: &Invocation) -> Response<Full<Bytes>> {
    let context = &invocation.context;
    let mut response = Response::new(Full::new(Bytes::from(invocation.payload.to_string())));
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set("content-type", "application/json");
    set("lambda-runtime-aws-request-id", &context.request_id);
    let deadline = context.deadline_ms().to_string();
    set("lambda-runtime-deadline-ms", &deadline);
    set("lambda-runtime-invoked-function-arn", &context.function_arn);
    set("lambda-runtime-trace-id", &context.xray_trace_id);
    response
}

fn settle(state: &State, id: &str, outcome: Outcome) -> Response<Full<Bytes>> {
    let mut inner = lock(&state.inner);
    match inner.current.take() {
        Some(invocation) if invocation.context.request_id == id => {
            // Nobody listens where the invocation was cut off in this moment.
            let _ = invocation.answer.send(outcome);
            accepted()
        }
        other => {
            inner.current = other;
            refusal(StatusCode::BAD_REQUEST, "InvalidRequestID")
        }
    }
}

fn response(body: &[u8]) -> Outcome {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body)
        .map_err(|error| FunctionError::new("Runtime.MarshalError", error.to_string()))
}

/// What a runtime reports: the body's type and message, else the type in the header.
fn error(headers: &HeaderMap, body: &[u8]) -> FunctionError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reported {
        error_type: String,
        error_message: String,
    }
    match serde_json::from_slice::<Reported>(body) {
        Ok(reported) => FunctionError::new(reported.error_type, reported.error_message),
        Err(_) => {
            let kind = headers.get("lambda-runtime-function-error-type");
            let kind = kind.and_then(|value| value.to_str().ok());
            FunctionError::new(
                kind.unwrap_or("Runtime.Unknown"),
                String::from_utf8_lossy(body),
            )
        }
    }
}

fn accepted() -> Response<Full<Bytes>> {
    json_response(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

fn refusal(status: StatusCode, kind: &str) -> Response<Full<Bytes>> {
    let message = "The request is not one of this moment";
    json_response(status, &json!({"errorType": kind, "errorMessage": message}))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
