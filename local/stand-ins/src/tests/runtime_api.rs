//! The Runtime API as a runtime sees it, request by request.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::cloud;
use crate::lambda::{FunctionError, InvocationContext};
use crate::runtime_api::RuntimeApi;
use crate::{Binary, Function, InvokeError};

fn context(id: &str) -> InvocationContext {
    InvocationContext {
        request_id: id.to_owned(),
        function_arn: super::function_arn("f"),
        deadline: SystemTime::UNIX_EPOCH + Duration::from_millis(1_542_409_706_888),
        xray_trace_id: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1".to_owned(),
    }
}

struct Runtime {
    base: String,
    client: reqwest::Client,
}

impl Runtime {
    fn of(api: &RuntimeApi) -> Self {
        Self {
            base: format!("http://{}/2018-06-01/runtime", api.address()),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn next(&self) -> reqwest::Response {
        let next = self.client.get(format!("{}/invocation/next", self.base));
        next.send().await.unwrap()
    }

    /// The status of the answer.
    async fn post(&self, path: &str, body: &Value) -> u16 {
        let post = self.client.post(format!("{}/{path}", self.base));
        post.json(body).send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn an_invocation_is_handed_out_with_its_headers_and_answered() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::of(&api);
    let outcome = api.offer(json!({"n": 1}), context("r-1"));
    let next = runtime.next().await;
    let header = |name: &str| next.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("lambda-runtime-aws-request-id"), "r-1");
    assert_eq!(header("lambda-runtime-deadline-ms"), "1542409706888");
    assert_eq!(
        header("lambda-runtime-invoked-function-arn"),
        super::function_arn("f")
    );
    assert!(header("lambda-runtime-trace-id").starts_with("Root=1-5bef4de7-"));
    assert_eq!(next.json::<Value>().await.unwrap(), json!({"n": 1}));
    assert_eq!(
        runtime
            .post("invocation/r-1/response", &json!("done"))
            .await,
        202
    );
    assert_eq!(outcome.await.unwrap(), Ok(json!("done")));
}

#[tokio::test]
async fn an_error_is_taken_as_it_is_reported() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::of(&api);
    let outcome = api.offer(Value::Null, context("r-1"));
    runtime.next().await;
    let error = json!({"errorType": "Retryable", "errorMessage": "no", "stackTrace": []});
    assert_eq!(runtime.post("invocation/r-1/error", &error).await, 202);
    assert_eq!(
        outcome.await.unwrap(),
        Err(FunctionError::new("Retryable", "no"))
    );
}

#[tokio::test]
async fn what_was_not_asked_for_is_refused() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::of(&api);
    let post = |path| runtime.post(path, &Value::Null);
    assert_eq!(post("invocation/r-1/response").await, 400);
    let outcome = api.offer(Value::Null, context("r-1"));
    runtime.next().await;
    assert_eq!(post("invocation/r-2/response").await, 400);
    assert_eq!(post("invocation/r-1/response").await, 202);
    assert_eq!(post("invocation/r-1/response").await, 400, "only once");
    assert_eq!(post("extension/register").await, 404);
    assert_eq!(outcome.await.unwrap(), Ok(Value::Null));
}

#[tokio::test]
async fn a_runtime_says_why_it_cannot_start() {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::of(&api);
    let error = json!({"errorType": "Runtime.NoTable", "errorMessage": "no table"});
    assert_eq!(runtime.post("init/error", &error).await, 202);
    let said = FunctionError::new("Runtime.NoTable", "no table");
    assert_eq!(api.init_error(), Some(said));
}

#[tokio::test]
async fn a_program_that_is_none_cannot_be_invoked() {
    let cloud = cloud().await;
    let binary = Binary::new("/nowhere/bootstrap", BTreeMap::new());
    let arn = super::function_arn("none");
    let timeout = Duration::from_secs(30);
    let function = Function::new("none", arn, timeout, binary.handler());
    cloud.lambda().register(function);
    match cloud.lambda().invoke("none", Value::Null).await {
        Err(InvokeError::Handler(error)) => assert_eq!(error.kind, "Runtime.InvalidEntrypoint"),
        other => panic!("{other:?}"),
    }
    assert_eq!(binary.started(), 0);
}
