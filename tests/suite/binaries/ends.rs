//! How an invocation of a compiled function ends, and what Lambda records of it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_stand_ins::{Fault, Function, FunctionError, InvokeError, Mode, Service};
use chrono::TimeDelta;
use offramp_tests::World;
use serde_json::{Value, json};

use super::{deployed, signed_sample, take_over, world_since};

const TIMER: &str = include_str!("../../../events/lambda/terminate.json");

fn timer() -> Value {
    serde_json::from_str(TIMER).unwrap()
}

async fn invoke(world: &World, name: &str, event: Value) -> Result<Value, InvokeError> {
    let lambda = world.stack.cloud().lambda();
    lambda.invoke(&deployed(world, name).name, event).await
}

fn function_error(ended: Result<Value, InvokeError>) -> FunctionError {
    match ended {
        Err(InvokeError::Handler(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The next calls of DynamoDB end so.
fn fault(world: &World, mode: Mode, times: u32) {
    world.stack.cloud().faults().inject(Fault {
        times,
        ..Fault::once(Service::Dynamodb, "BatchGetItem", mode)
    });
}

/// The one message in the on-failure queue, its `responsePayload`.
fn recorded(world: &World) -> Value {
    let queue = world.stack.cloud().queues();
    assert_eq!(queue.len(), 1, "{queue:?}");
    let record: Value = serde_json::from_str(&queue[0].body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"], timer());
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    record["responsePayload"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_reported_and_the_process_goes_on() {
    let world = world_since(TimeDelta::zero()).await;
    let program = take_over(&world, "terminate", |_, _| {});
    fault(&world, Mode::Error, u32::MAX);
    let error = function_error(invoke(&world, "terminate", timer()).await);
    assert_eq!(error.kind, "Retryable", "{error:?}");

    // The same, of a timer: three attempts, then the queue, as in this process.
    let lambda = world.stack.cloud().lambda();
    let name = &deployed(&world, "terminate").name;
    lambda.invoke_async(name, timer()).unwrap();
    world.minutes(4).await;
    assert_eq!(
        recorded(&world),
        json!({ "errorType": error.kind, "errorMessage": error.message })
    );

    world.stack.cloud().faults().clear();
    assert_eq!(invoke(&world, "terminate", timer()).await, Ok(Value::Null));
    assert_eq!(program.started(), 1, "a reported error ends no process");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_kills_the_process_and_the_next_one_starts_afresh() {
    let world = world_since(TimeDelta::zero()).await;
    let program = take_over(&world, "terminate", |function, _| {
        function.timeout = Duration::from_secs(3);
    });
    fault(&world, Mode::Timeout, u32::MAX);
    let ended = invoke(&world, "terminate", timer()).await;
    assert_eq!(ended, Err(InvokeError::TimedOut));
    assert_eq!((program.started(), program.running()), (1, vec![]));

    let lambda = world.stack.cloud().lambda();
    let name = &deployed(&world, "terminate").name;
    lambda.invoke_async(name, timer()).unwrap();
    world.minutes(4).await;
    let text = recorded(&world)["errorMessage"].clone();
    assert_eq!(text, "Task timed out after 3.00 seconds");

    world.stack.cloud().faults().clear();
    assert_eq!(invoke(&world, "terminate", timer()).await, Ok(Value::Null));
    assert_eq!(
        program.started(),
        5,
        "each attempt had a process of its own"
    );
    world.stack.shutdown().await.unwrap();
}

/// The release profile aborts on a panic (`panic = "abort"`), so there no handler of panics can report it: the process
/// ends by SIGABRT in the middle of its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_process_is_an_exit_of_the_runtime_and_its_work_is_done_by_the_retry() {
    let world = world_since(TimeDelta::zero()).await;
    let program = take_over(&world, "terminate", |_, _| {});
    fault(&world, Mode::Timeout, 1);
    let lambda = world.stack.cloud().lambda();
    let name = deployed(&world, "terminate").name.clone();
    let invocation = tokio::spawn(async move { lambda.invoke(&name, timer()).await });
    let id = loop {
        let reached = world.stack.cloud().faults().calls();
        if reached.iter().any(|call| call.fault == Some(Mode::Timeout)) {
            break program.running()[0];
        }
        tokio::task::yield_now().await;
    };
    let aborted = Command::new("sh")
        .args(["-c", &format!("kill -ABRT {id}")])
        .status();
    assert!(aborted.unwrap().success());
    let error = function_error(invocation.await.unwrap());
    assert_eq!(error.kind, "Runtime.ExitError");
    assert!(error.message.starts_with("RequestId: "), "{error:?}");
    let end = "Error: Runtime exited with error: signal: aborted";
    assert!(error.message.ends_with(end), "{error:?}");

    assert_eq!(invoke(&world, "terminate", timer()).await, Ok(Value::Null));
    assert_eq!(program.started(), 2);
    world.stack.shutdown().await.unwrap();
}

#[test]
fn the_release_profile_aborts_on_a_panic() {
    let manifest = include_str!("../../../Cargo.toml");
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.contains("panic = \"abort\""), "{release}");
}

/// The panic that can be had from outside: a file of certificates that holds none. The profile of tests unwinds, so that
/// the process exits with Rust's 101; the release profile aborts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_process() {
    let world = world_since(TimeDelta::zero()).await;
    let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken.pem");
    let text = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(&broken, text).unwrap();
    let program = take_over(&world, "terminate", |_, environment| {
        let broken = broken.to_str().unwrap().to_owned();
        environment.insert("AWS_CA_BUNDLE".to_owned(), broken);
    });
    let error = function_error(invoke(&world, "terminate", timer()).await);
    assert_eq!(error.kind, "Runtime.ExitError");
    let end = "Error: Runtime exited with error: exit status 101";
    assert!(error.message.ends_with(end), "{error:?}");
    let log = program.log().join("\n");
    assert!(log.contains("panicked at"), "{log}");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_cannot_start_says_what_it_lacks() {
    let world = world_since(TimeDelta::zero()).await;
    let program = take_over(&world, "hr-sync", |_, environment| {
        environment.remove("TABLE_NAME");
    });
    let error = function_error(invoke(&world, "hr-sync", json!({})).await);
    assert_eq!(error.kind, "Runtime.ExitError");
    let end = "Error: Runtime exited with error: exit status 1";
    assert!(error.message.ends_with(end), "{error:?}");
    let log = program.log().join("\n");
    assert!(log.contains("TABLE_NAME"), "{log}");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_header_reaches_each_call_of_aws() {
    let world = world_since(TimeDelta::zero()).await;
    take_over(&world, "terminate", |_, _| {});
    world.stack.cloud().faults().reset_calls();
    invoke(&world, "terminate", timer()).await.unwrap();
    let calls = world.stack.cloud().faults().calls();
    assert!(!calls.is_empty());
    for call in &calls {
        let trace = call.trace_id.as_deref().unwrap_or_default();
        assert!(trace.starts_with("Root=1-"), "{call:?}");
    }
    world.end().await;
}

/// A function stops in time for its deadline, and answers, however much there is left to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_header_is_kept() {
    let world = world_since(TimeDelta::zero()).await;
    let program = take_over(&world, "hr-sync", |_, _| {});
    let deployed = deployed(&world, "hr-sync");
    let handler = program.handler();
    world.stack.cloud().lambda().register(Function::new(
        &deployed.name,
        &deployed.arn,
        deployed.timeout,
        Arc::new(move |event, mut context| {
            context.deadline = SystemTime::now() + Duration::from_secs(2);
            handler(event, context)
        }),
    ));
    let event = signed_sample(&world, "E-1007");
    let answer = invoke(&world, "hr-sync", event).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["code"], "unfinished", "{body}");
    assert_eq!(world.status("E-1007").await, "active");
    world.end().await;
}
