use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{QUEUE, cloud, function, handler, minutes, register, register_failing, until};
use crate::{Function, InvocationKind, InvocationOutcome, InvokeError};

#[tokio::test]
async fn a_synchronous_invocation_answers() {
    let cloud = cloud().await;
    cloud.lambda().register(function(
        "echo",
        handler(|event, context| async move {
            assert!(
                context.deadline > SystemTime::now() && context.deadline_ms() > 1_700_000_000_000
            );
            assert!(context.xray_trace_id.starts_with("Root=1-"));
            Ok(json!({"event": event, "arn": context.function_arn}))
        }),
    ));
    let answer = cloud.lambda().invoke("echo", json!(7)).await.unwrap();
    assert_eq!(
        answer,
        json!({"event": 7, "arn": super::function_arn("echo")})
    );
    assert_eq!(
        cloud.lambda().invoke("nobody", json!(7)).await,
        Err(InvokeError::Unknown)
    );
    let log = cloud.lambda().invocations();
    assert_eq!(
        (log.len(), log[0].kind, &log[0].outcome),
        (1, InvocationKind::Sync, &InvocationOutcome::Ok)
    );
}

/// As at AWS: the runtime is told of the ARN that the caller named, and an alias is no other function.
#[tokio::test]
async fn an_alias_is_invoked_by_an_arn_of_its_own() {
    let cloud = cloud().await;
    let lambda = cloud.lambda();
    let arn = handler(|_, context| async move { Ok(json!(context.function_arn)) });
    lambda.register(Function {
        aliases: vec!["operator".to_owned()],
        ..function("f", arn)
    });
    let arn = super::function_arn("f");
    let through_alias = lambda.invoke("f:operator", Value::Null).await.unwrap();
    assert_eq!(through_alias, json!(format!("{arn}:operator")));
    assert_eq!(lambda.invoke("f", Value::Null).await.unwrap(), json!(arn));
    for unknown in ["f:other", "f:operator:operator", "f:", "g:operator"] {
        let answer = lambda.invoke(unknown, Value::Null).await;
        assert_eq!(answer, Err(InvokeError::Unknown), "{unknown}");
        let queued = lambda.invoke_async(unknown, Value::Null);
        assert_eq!(queued, Err(InvokeError::Unknown), "{unknown}");
    }
    lambda.invoke_async("f:operator", Value::Null).unwrap();
    cloud.settle().await;
    let log = lambda.invocations();
    assert!(log.len() == 3 && log.iter().all(|one| one.name == "f"));
}

#[tokio::test]
async fn errors_panics_and_timeouts_are_told_apart() {
    let cloud = cloud().await;
    register_failing(&cloud, "fails");
    cloud
        .lambda()
        .register(function("panics", handler(|_, _| async { panic!("no") })));
    let mut slow = function("slow", handler(|_, _| std::future::pending()));
    slow.timeout = Duration::from_millis(5);
    cloud.lambda().register(slow);
    let invoke = |name: &'static str| {
        let lambda = cloud.lambda();
        async move { lambda.invoke(name, Value::Null).await.unwrap_err() }
    };
    assert_eq!(
        invoke("fails").await,
        InvokeError::Handler("it broke".to_owned().into())
    );
    assert_eq!(
        invoke("panics").await,
        InvokeError::Handler("the handler panicked: no".to_owned().into())
    );
    assert_eq!(invoke("slow").await, InvokeError::TimedOut);
}

#[tokio::test]
async fn a_failing_event_is_tried_three_times_and_then_recorded() {
    let cloud = cloud().await;
    let seen = register_failing(&cloud, "fails");
    let id = cloud
        .lambda()
        .invoke_async("fails", json!({"n": 1}))
        .unwrap();
    assert!(seen.events().is_empty());
    cloud.settle().await;
    assert_eq!(seen.seconds(), [0]);
    cloud.advance(minutes(10)).await.unwrap();
    assert_eq!(seen.seconds(), [0, 60, 180]);
    let log = cloud.lambda().invocations();
    assert_eq!(
        log.iter().map(|one| one.attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(
        log.iter()
            .all(|one| one.request_id == id && one.kind == InvocationKind::Async)
    );
    let queued = cloud.queues();
    assert_eq!((queued.len(), queued[0].arn.as_str()), (1, QUEUE));
    let record: Value = serde_json::from_str(&queued[0].body).unwrap();
    assert_eq!(
        record,
        json!({
            "version": "1.0",
            "timestamp": "2026-03-01T09:03:00Z",
            "requestContext": {
                "requestId": id,
                "functionArn": format!("{}:$LATEST", super::function_arn("fails")),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": "Error", "errorMessage": "it broke"},
        })
    );
}

#[tokio::test]
async fn an_event_that_succeeds_later_is_not_recorded() {
    let cloud = cloud().await;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    cloud.lambda().register(function(
        "recovers",
        handler(move |_, _| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if number == 0 {
                    Err("not yet".to_owned())
                } else {
                    Ok(Value::Null)
                }
            }
        }),
    ));
    cloud
        .lambda()
        .invoke_async("recovers", Value::Null)
        .unwrap();
    cloud.advance(minutes(10)).await.unwrap();
    assert_eq!((tries.load(Ordering::SeqCst), cloud.queues().len()), (2, 0));
}

#[tokio::test]
async fn an_event_can_grow_too_old() {
    let cloud = cloud().await;
    let seen = register_failing(&cloud, "fails");
    let mut young = function(
        "fails",
        handler(|_, _| async { Err("it broke".to_owned()) }),
    );
    young.max_event_age = Duration::from_secs(100);
    cloud.lambda().register(young);
    cloud.lambda().invoke_async("fails", Value::Null).unwrap();
    cloud.advance(minutes(10)).await.unwrap();
    let record: Value = serde_json::from_str(&cloud.queues()[0].body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert!(record.get("responsePayload").is_none() && seen.events().is_empty());
}

#[tokio::test]
async fn death_drops_every_running_invocation() {
    struct Dropped(Arc<AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let cloud = cloud().await;
    let (started, dropped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (begun, ended) = (Arc::clone(&started), Arc::clone(&dropped));
    cloud.lambda().register(function(
        "hangs",
        handler(move |_, _| {
            let guard = Dropped(Arc::clone(&ended));
            begun.fetch_add(1, Ordering::SeqCst);
            async move {
                let _guard = guard;
                std::future::pending().await
            }
        }),
    ));
    let lambda = cloud.lambda();
    let calls = [
        lambda.invoke("hangs", json!(1)),
        lambda.invoke("hangs", json!(2)),
    ];
    let die = async {
        until(|| started.load(Ordering::SeqCst) == 2).await;
        lambda.kill();
    };
    let (ends, ()) = tokio::join!(futures_util::future::join_all(calls), die);
    assert_eq!(ends, [Err(InvokeError::Killed), Err(InvokeError::Killed)]);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    // What is invoked after the death lives.
    register(&cloud, "works");
    assert!(lambda.invoke("works", json!(3)).await.is_ok());
}

#[tokio::test]
async fn payloads_have_a_limit() {
    let cloud = cloud().await;
    let seen = register(&cloud, "takes");
    let long = || "x".repeat(6_291_555);
    let error = cloud
        .lambda()
        .invoke("takes", json!(long()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("6291556"), "{error}");
    assert!(seen.events().is_empty());
    let answer = handler(move |_, _| {
        let text = long();
        async move { Ok(json!(text)) }
    });
    cloud.lambda().register(function("gives", answer));
    assert!(cloud.lambda().invoke("gives", Value::Null).await.is_err());
}
