use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::shared::Shared;
use crate::sync::lock;
use crate::timers::PendingInvocation;

/// A function's code: the event and its context in, the answer or the error out.
pub type Handler = Arc<
    dyn Fn(Value, InvocationContext) -> BoxFuture<'static, Result<Value, FunctionError>>
        + Send
        + Sync,
>;

/// A Lambda function as `template.yaml` describes it.
#[derive(Clone)]
pub struct Function {
    /// The name that it is invoked by.
    pub name: String,
    /// The ARN that schedules target.
    pub arn: String,
    /// The aliases of the unpublished version, `$LATEST`.
    pub aliases: Vec<String>,
    /// How long one invocation may take, in real time.
    pub timeout: Duration,
    /// How many times a failed asynchronous invocation is tried again: 0 to 2, 2 at AWS unless set.
    pub max_retries: u32,
    /// How old an asynchronous event may get, on the clock: 60 s to 6 h, 6 h at AWS unless set.
    pub max_event_age: Duration,
    /// The ARN of the queue for events that no attempt could handle; without one they are lost.
    pub on_failure: Option<String>,
    /// The code.
    pub handler: Handler,
}

impl Function {
    /// A function with AWS's defaults for asynchronous invocations, and without an on-failure queue.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        arn: impl Into<String>,
        timeout: Duration,
        handler: Handler,
    ) -> Self {
        Self {
            name: name.into(),
            arn: arn.into(),
            aliases: Vec::new(),
            timeout,
            max_retries: 2,
            max_event_age: Duration::from_secs(6 * 3600),
            on_failure: None,
            handler,
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("arn", &self.arn)
            .finish_non_exhaustive()
    }
}

/// What the runtime tells a handler about its invocation.
#[derive(Clone, Debug)]
pub struct InvocationContext {
    /// The request id; the same in every attempt of one asynchronous event.
    pub request_id: String,
    /// The ARN that the function was invoked by: with the alias where the caller named one.
    pub function_arn: String,
    /// When the invocation is cut off, in real time.
    pub deadline: SystemTime,
    /// The X-Ray trace header, such as `Root=1-…;Parent=…;Sampled=0`.
    pub xray_trace_id: String,
}

impl InvocationContext {
    /// The deadline in milliseconds of the Unix epoch, as the Lambda runtime API gives it.
    #[must_use]
    pub fn deadline_ms(&self) -> u64 {
        let since = self.deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a function reports, or Lambda says of it: the two members of the answer that every failed invocation has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// `errorType`: the function's own word, or Lambda's, such as `Runtime.ExitError`.
    pub kind: String,
    /// `errorMessage`.
    pub message: String,
}

impl FunctionError {
    /// An error of a type.
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
        }
    }
}

impl From<String> for FunctionError {
    /// An error that has only a text.
    fn from(message: String) -> Self {
        Self::new("Error", message)
    }
}

/// Why an invocation gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler returned an error or panicked, or its process exited.
    #[error("{0}")]
    Handler(FunctionError),
    /// The handler took longer than its timeout.
    #[error("the task timed out")]
    TimedOut,
    /// The process died.
    #[error("the runtime exited")]
    Killed,
    /// There is no function of that name.
    #[error("there is no such function")]
    Unknown,
}

/// How an invocation came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvocationKind {
    /// The caller waits: `RequestResponse`.
    Sync,
    /// From the queue: `Event`.
    Async,
    /// A batch of the table's stream, by an event source mapping.
    Stream,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvocationOutcome {
    /// The handler answered.
    Ok,
    /// The handler returned an error or panicked; its text.
    Failed(String),
    /// The timeout cut it off.
    TimedOut,
    /// The process died.
    Killed,
}

/// One attempt to run a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invocation {
    /// The function's name, without an alias.
    pub name: String,
    /// The request id.
    pub request_id: String,
    /// Whether somebody waited for it.
    pub kind: InvocationKind,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: InvocationOutcome,
    /// When it began, on the clock.
    pub at: DateTime<Utc>,
}

/// The Lambda stand-in. Clones are the same.
#[derive(Clone)]
pub struct Lambda(pub(crate) Arc<Shared>);

impl Lambda {
    /// Makes a function known, or replaces the one of the same name.
    pub fn register(&self, function: Function) {
        lock(&self.0.registry)
            .functions
            .insert(function.name.clone(), Arc::new(function));
    }

    /// The function of that name, where one is registered.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<Function> {
        let function = lock(&self.0.registry).by_name(name)?;
        Some((*function).clone())
    }

    /// Runs a function and waits for it. Dropping the future does not stop the function. `name` may have an alias behind a
    /// colon, as the API's `FunctionName` may.
    ///
    /// # Errors
    /// Why there is no answer. A request or an answer of more than 6 MB of JSON is [`InvokeError::Handler`].
    pub async fn invoke(&self, name: &str, payload: Value) -> Result<Value, InvokeError> {
        let function = lock(&self.0.registry)
            .by_name(name)
            .ok_or(InvokeError::Unknown)?;
        if size(&payload) > MOST_PAYLOAD {
            let text = format!(
                "Request must be smaller than {MOST_PAYLOAD} bytes for the InvokeFunction operation"
            );
            return Err(InvokeError::Handler(text.into()));
        }
        let shared = Arc::clone(&self.0);
        let request_id = Uuid::new_v4().to_string();
        tokio::spawn(async move {
            run(
                &shared,
                &function,
                payload,
                request_id,
                InvocationKind::Sync,
                1,
            )
            .await
        })
        .await
        .unwrap_or(Err(InvokeError::Killed))
    }

    /// Queues an event for a function, due now, and returns its request id. It runs when time is driven: by
    /// [`crate::Cloud::settle`], [`crate::Cloud::advance`], or in the background after [`crate::Cloud::run`].
    ///
    /// # Errors
    /// [`InvokeError::Unknown`].
    pub fn invoke_async(&self, name: &str, payload: Value) -> Result<String, InvokeError> {
        if lock(&self.0.registry).by_name(name).is_none() {
            return Err(InvokeError::Unknown);
        }
        let pending = PendingInvocation::new(name, payload, self.0.clock.now());
        let request_id = pending.request_id.clone();
        lock(&self.0.timers).enqueue(pending);
        self.0.timers_changed();
        Ok(request_id)
    }

    /// The attempts that have ended, in that order: the latest 100,000.
    #[must_use]
    pub fn invocations(&self) -> Vec<Invocation> {
        lock(&self.0.registry).log.iter().cloned().collect()
    }

    /// Aborts every running invocation, as the death of the process would.
    pub fn kill(&self) {
        self.0.kill();
    }
}

const KEPT: usize = 100_000;

/// What a synchronous request and any answer may weigh, in bytes: Lambda's 6 MB, with what its own messages name.
const MOST_PAYLOAD: usize = 6_291_556;

/// The functions, and what they did.
#[derive(Default)]
pub(crate) struct Registry {
    functions: HashMap<String, Arc<Function>>,
    log: VecDeque<Invocation>,
}

impl Registry {
    /// The function of a name. Behind a colon the name may have an alias. An alias is invoked by an ARN of its own, and has
    /// none of the settings for asynchronous invocations that the function has for `$LATEST`
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>).
    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Function>> {
        let Some((name, alias)) = name.split_once(':') else {
            return self.functions.get(name).cloned();
        };
        let function = self.functions.get(name)?;
        let known = function.aliases.iter().any(|one| one == alias);
        known.then(|| {
            let arn = format!("{}:{alias}", function.arn);
            let handler = Arc::clone(&function.handler);
            Arc::new(Function::new(name, arn, function.timeout, handler))
        })
    }

    /// The function of exactly this ARN. So a schedule reaches no alias: no policy is asked here whether it may.
    pub(crate) fn by_arn(&self, arn: &str) -> Option<Arc<Function>> {
        self.functions
            .values()
            .find(|function| function.arn == arn)
            .cloned()
    }

    fn note(&mut self, invocation: Invocation) {
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(invocation);
    }
}

/// One attempt: raced against the function's timeout and against the death of the process. The handler's future is
/// gone when this returns.
pub(crate) async fn run(
    shared: &Shared,
    function: &Function,
    payload: Value,
    request_id: String,
    kind: InvocationKind,
    attempt: u32,
) -> Result<Value, InvokeError> {
    let mut deaths = shared.deaths.subscribe();
    let at = shared.clock.now();
    let context = InvocationContext {
        request_id: request_id.clone(),
        function_arn: function.arn.clone(),
        deadline: SystemTime::now() + function.timeout,
        xray_trace_id: trace_id(at),
    };
    let handler = Arc::clone(&function.handler);
    let mut task = tokio::spawn(async move { handler(payload, context).await });
    let result = tokio::select! {
        biased;
        _ = deaths.changed() => Err(InvokeError::Killed),
        () = shared.stopped() => Err(InvokeError::Killed),
        ended = &mut task => match ended {
            Ok(result) => result.and_then(small_enough).map_err(InvokeError::Handler),
            Err(error) => Err(InvokeError::Handler(panic_text(error).into())),
        },
        () = tokio::time::sleep(function.timeout) => Err(InvokeError::TimedOut),
    };
    if matches!(result, Err(InvokeError::Killed | InvokeError::TimedOut)) {
        task.abort();
        // Waits until the future is dropped; that it was aborted is known.
        let _ = task.await;
    }
    let outcome = match &result {
        Ok(_) => InvocationOutcome::Ok,
        Err(InvokeError::TimedOut) => InvocationOutcome::TimedOut,
        Err(InvokeError::Killed) => InvocationOutcome::Killed,
        Err(error) => InvocationOutcome::Failed(error.to_string()),
    };
    if let Err(error) = &result {
        tracing::warn!(function = %function.name, %request_id, attempt, %error, "an invocation failed");
    }
    let name = function.name.clone();
    lock(&shared.registry).note(Invocation {
        name,
        request_id,
        kind,
        attempt,
        outcome,
        at,
    });
    result
}

fn small_enough(answer: Value) -> Result<Value, FunctionError> {
    if size(&answer) <= MOST_PAYLOAD {
        return Ok(answer);
    }
    let text = format!(
        "Response payload size exceeded maximum allowed payload size ({MOST_PAYLOAD} bytes)."
    );
    Err(FunctionError::new("Function.ResponseSizeTooLarge", text))
}

/// The size of the JSON text, in bytes.
fn size(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "the task was aborted".to_owned();
    };
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("the handler panicked: {text}")
}

fn trace_id(at: DateTime<Utc>) -> String {
    let random = Uuid::new_v4().simple().to_string();
    let parent = Uuid::new_v4().simple().to_string();
    format!(
        "Root=1-{:08x}-{};Parent={};Sampled=0",
        at.timestamp(),
        &random[..24],
        &parent[..16]
    )
}
