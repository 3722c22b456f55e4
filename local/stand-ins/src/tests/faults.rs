use std::time::Duration;

use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::{at, client, cloud, function, handler, kms, minutes, register, scheduler, ses, until};
use crate::{Fault, InvocationOutcome, InvokeError, Mode, Outcome, Service};

#[tokio::test]
async fn a_fault_reads_as_the_local_api_has_it() {
    let fault: Fault = serde_json::from_value(json!({
        "service": "ses", "operation": "*", "mode": "after_commit", "times": 2,
    }))
    .unwrap();
    assert_eq!(
        fault,
        Fault {
            times: 2,
            ..Fault::once(Service::Ses, "*", Mode::AfterCommit)
        }
    );
    let fault: Fault =
        serde_json::from_value(json!({"service": "issuer", "mode": "kill_after", "skip": 3}))
            .unwrap();
    assert_eq!(
        (fault.operation, fault.mode, fault.times, fault.skip),
        (None, Mode::KillAfter, 1, 3)
    );
    assert!(serde_json::from_value::<Fault>(json!({"service": "s3", "mode": "error"})).is_err());
}

#[tokio::test]
async fn each_service_fails_in_its_own_shape() {
    let cloud = cloud().await;
    let faults = cloud.faults();
    cloud.kms().create_key("k").unwrap();
    let cases = [
        (
            Mode::Error,
            "InternalServerException",
            "InternalServiceErrorException",
            "KMSInternalException",
        ),
        (
            Mode::Throttle,
            "ThrottlingException",
            "TooManyRequestsException",
            "ThrottlingException",
        ),
        (
            Mode::Conflict,
            "ConflictException",
            "TooManyRequestsException",
            "ThrottlingException",
        ),
    ];
    for (mode, of_scheduler, of_ses, of_kms) in cases {
        for service in [Service::Scheduler, Service::Ses, Service::Kms] {
            faults.inject(Fault::once(service, "", mode));
        }
        let error = at(&scheduler(&cloud), "one", "f", 60, &json!({}))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(of_scheduler));
        let error = ses(&cloud)
            .send_email()
            .from_email_address("a@example.com")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(of_ses));
        let error = kms(&cloud)
            .describe_key()
            .key_id("alias/k")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(of_kms));
    }
    assert!(cloud.scheduler().schedules().is_empty() && faults.pending().is_empty());
}

#[tokio::test]
async fn faults_count_skip_and_choose_their_operation() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let create = |name: &'static str| at(&client, name, "f", 60, &json!({})).send();
    let fault = Fault {
        times: 2,
        skip: 1,
        ..Fault::once(Service::Scheduler, "CreateSchedule", Mode::Error)
    };
    cloud.faults().inject(fault);
    client.list_schedules().send().await.unwrap();
    create("a").await.unwrap();
    create("b").await.unwrap_err();
    client.list_schedules().send().await.unwrap();
    create("c").await.unwrap_err();
    create("d").await.unwrap();
    cloud
        .faults()
        .inject(Fault::once(Service::Scheduler, "*", Mode::Error));
    cloud.faults().clear();
    create("e").await.unwrap();

    let calls = cloud.faults().calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.operation.as_str(), call.outcome, call.fault))
        .collect();
    let (ok, failed) = (Outcome::Status(200), Outcome::Status(500));
    assert_eq!(
        seen,
        [
            ("ListSchedules", ok, None),
            ("CreateSchedule", ok, None),
            ("CreateSchedule", failed, Some(Mode::Error)),
            ("ListSchedules", ok, None),
            ("CreateSchedule", failed, Some(Mode::Error)),
            ("CreateSchedule", ok, None),
            ("CreateSchedule", ok, None),
        ]
    );
    assert!(calls[1].request_bytes > 0 && calls[1].response_bytes > 0);
    cloud.faults().reset_calls();
    assert!(cloud.faults().calls().is_empty());
}

#[tokio::test]
async fn a_timeout_never_answers_and_does_nothing() {
    let cloud = cloud().await;
    cloud.faults().inject(Fault::once(
        Service::Scheduler,
        "CreateSchedule",
        Mode::Timeout,
    ));
    let client = scheduler(&cloud);
    let faults = cloud.faults();
    tokio::select! {
        answer = at(&client, "one", "f", 60, &json!({})).send() => panic!("{answer:?}"),
        () = until(|| faults.calls().iter().any(|call| call.outcome == Outcome::Unanswered)) => {}
    }
    assert!(cloud.scheduler().schedules().is_empty());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_work_done() {
    let cloud = cloud().await;
    let faults = cloud.faults();
    let lose = Fault::once(Service::Scheduler, "CreateSchedule", Mode::AfterCommit);
    faults.inject(lose.clone());
    let error = at(&scheduler(&cloud), "one", "f", 60, &json!({}))
        .send()
        .await
        .unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert_eq!(cloud.scheduler().schedules().len(), 1);
    assert_eq!(faults.calls()[0].outcome, Outcome::Dropped);
    // The SDK's own retry carries the same client token, and finds its work done.
    faults.inject(lose);
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let patient = client!(aws_sdk_scheduler, cloud.endpoints().scheduler, retries);
    at(&patient, "two", "f", 60, &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (cloud.scheduler().schedules().len(), faults.calls().len()),
        (2, 3)
    );
}

#[tokio::test]
async fn a_process_can_die_before_or_after_its_call() {
    for (mode, stands) in [(Mode::KillBefore, 0), (Mode::KillAfter, 1)] {
        let cloud = cloud().await;
        let client = scheduler(&cloud);
        cloud.lambda().register(function(
            "arms",
            handler(move |_, _| {
                let client = client.clone();
                async move {
                    at(&client, "one", "f", 6000, &json!({}))
                        .client_token("t")
                        .send()
                        .await
                        .map_err(|e| e.to_string())?;
                    Ok(Value::Null)
                }
            }),
        ));
        cloud
            .faults()
            .inject(Fault::once(Service::Scheduler, "CreateSchedule", mode));
        assert_eq!(
            cloud.lambda().invoke("arms", Value::Null).await,
            Err(InvokeError::Killed)
        );
        assert_eq!(cloud.scheduler().schedules().len(), stands);

        // An asynchronous event survives the process: it comes again after a minute.
        cloud
            .faults()
            .inject(Fault::once(Service::Scheduler, "CreateSchedule", mode));
        cloud.lambda().invoke_async("arms", Value::Null).unwrap();
        cloud.advance(minutes(5)).await.unwrap();
        assert_eq!(cloud.scheduler().schedules().len(), 1);
        let outcomes: Vec<_> = cloud
            .lambda()
            .invocations()
            .into_iter()
            .map(|one| one.outcome)
            .collect();
        assert_eq!(
            outcomes,
            [
                InvocationOutcome::Killed,
                InvocationOutcome::Killed,
                InvocationOutcome::Ok
            ]
        );
        assert!(cloud.queues().is_empty());
    }
}

#[tokio::test]
async fn nothing_answers_after_the_shutdown() {
    let cloud = cloud().await;
    let seen = register(&cloud, "f");
    cloud.shutdown().await.unwrap();
    let error = at(&scheduler(&cloud), "one", "f", 60, &json!({}))
        .send()
        .await
        .unwrap_err();
    assert!(error.as_service_error().is_none());
    assert!(seen.events().is_empty());
}
