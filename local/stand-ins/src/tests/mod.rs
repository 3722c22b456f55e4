//! The stand-ins seen by the official SDKs. The clock is frozen, and nothing sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod delivery;
mod dynamodb;
mod faults;
mod kms;
mod lambda;
mod persistence;
mod runtime_api;
mod scheduler;
mod ses;
mod streams;
mod time;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryFutureExt};
use serde_json::{Value, json};

use crate::{Clock, Cloud, CloudConfig, Function, FunctionError, Handler, InvocationContext};

const ROLE: &str = "arn:aws:iam::123456789012:role/timers";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:failed";

/// 2026-03-01T09:00:00Z, where every test begins.
fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_355_600, 0).unwrap()
}

fn frozen() -> CloudConfig {
    CloudConfig::new(Clock::frozen(start()))
}

async fn cloud() -> Cloud {
    Cloud::start(frozen()).await.unwrap()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}

/// What handlers saw, in order, and when.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Sight>>>);

type Sight = (DateTime<Utc>, Value);

impl Seen {
    fn push(&self, at: DateTime<Utc>, event: Value) {
        self.0.lock().unwrap().push((at, event));
    }

    fn events(&self) -> Vec<Value> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(_, event)| event.clone())
            .collect()
    }

    /// Seconds after the start.
    fn seconds(&self) -> Vec<i64> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(at, _)| (*at - start()).num_seconds())
            .collect()
    }
}

fn handler<F>(body: impl Fn(Value, InvocationContext) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Result<Value, String>> + Send + 'static,
{
    Arc::new(move |event, context| body(event, context).map_err(FunctionError::from).boxed())
}

fn function(name: &str, handler: Handler) -> Function {
    let mut function = Function::new(name, function_arn(name), Duration::from_secs(30), handler);
    function.on_failure = Some(QUEUE.to_owned());
    function
}

/// Registers a function that notes its events and succeeds.
fn register(cloud: &Cloud, name: &str) -> Seen {
    let seen = Seen::default();
    let (noted, clock) = (seen.clone(), cloud.clock());
    cloud.lambda().register(function(
        name,
        handler(move |event, _| {
            noted.push(clock.now(), event);
            async { Ok(json!("done")) }
        }),
    ));
    seen
}

/// Registers a function that notes its events and fails.
fn register_failing(cloud: &Cloud, name: &str) -> Seen {
    let seen = Seen::default();
    let (noted, clock) = (seen.clone(), cloud.clock());
    cloud.lambda().register(function(
        name,
        handler(move |event, _| {
            noted.push(clock.now(), event);
            async { Err("it broke".to_owned()) }
        }),
    ));
    seen
}

fn http() -> SharedHttpClient {
    Builder::new().build_http()
}

fn credentials() -> Credentials {
    Credentials::new("AKIDLOCAL", "secret", None, None, "tests")
}

macro_rules! client {
    ($sdk:ident, $endpoint:expr, $retries:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("eu-west-1"))
                .credentials_provider(crate::tests::credentials())
                .endpoint_url($endpoint)
                .http_client(crate::tests::http())
                .retry_config($retries)
                .build(),
        )
    };
}
use client;

fn scheduler(cloud: &Cloud) -> aws_sdk_scheduler::Client {
    client!(
        aws_sdk_scheduler,
        cloud.endpoints().scheduler,
        aws_sdk_scheduler::config::retry::RetryConfig::disabled()
    )
}

fn ses(cloud: &Cloud) -> aws_sdk_sesv2::Client {
    client!(
        aws_sdk_sesv2,
        cloud.endpoints().sesv2,
        aws_sdk_sesv2::config::retry::RetryConfig::disabled()
    )
}

fn kms(cloud: &Cloud) -> aws_sdk_kms::Client {
    client!(
        aws_sdk_kms,
        cloud.endpoints().kms,
        aws_sdk_kms::config::retry::RetryConfig::disabled()
    )
}

fn dynamodb(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    client!(
        aws_sdk_dynamodb,
        cloud.endpoints().dynamodb,
        aws_sdk_dynamodb::config::retry::RetryConfig::disabled()
    )
}

/// A one-time schedule for a function, `after` seconds from the start.
fn at(
    client: &aws_sdk_scheduler::Client,
    name: &str,
    function: &str,
    after: i64,
    input: &Value,
) -> aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder {
    let due = start() + chrono::TimeDelta::seconds(after);
    client
        .create_schedule()
        .name(name)
        .schedule_expression(format!("at({})", due.format("%Y-%m-%dT%H:%M:%S")))
        .flexible_time_window(off())
        .action_after_completion(aws_sdk_scheduler::types::ActionAfterCompletion::Delete)
        .target(target(function, Some(input)).build().unwrap())
}

fn off() -> aws_sdk_scheduler::types::FlexibleTimeWindow {
    aws_sdk_scheduler::types::FlexibleTimeWindow::builder()
        .mode(aws_sdk_scheduler::types::FlexibleTimeWindowMode::Off)
        .build()
        .unwrap()
}

fn target(
    function: &str,
    input: Option<&Value>,
) -> aws_sdk_scheduler::types::builders::TargetBuilder {
    aws_sdk_scheduler::types::Target::builder()
        .arn(function_arn(function))
        .role_arn(ROLE)
        .set_input(input.map(Value::to_string))
}

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("aws-stand-ins-{}", uuid::Uuid::new_v4())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Lets other tasks run until `is_so` says yes.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
