use aws_sdk_scheduler::types::{DeadLetterConfig, RetryPolicy};
use serde_json::json;

use super::{QUEUE, at, cloud, minutes, register, scheduler, start, target};

#[tokio::test]
async fn placeholders_are_filled_and_the_schedule_is_deleted() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "terminate");
    let input = json!({
        "schedule": "<aws.scheduler.schedule-arn>",
        "at": "<aws.scheduler.scheduled-time>",
        "execution": "<aws.scheduler.execution-id>",
        "attempt": "<aws.scheduler.attempt-number>",
    });
    at(&client, "one", "terminate", 90, &input)
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(1)).await.unwrap();
    assert_eq!(seen.events(), Vec::<serde_json::Value>::new());
    cloud.advance(minutes(1)).await.unwrap();
    let event = &seen.events()[0];
    assert_eq!(
        event["schedule"],
        "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/one"
    );
    assert_eq!(event["at"], "2026-03-01T09:01:30Z");
    assert_eq!(event["attempt"], "1");
    assert_eq!(event["execution"].as_str().unwrap().len(), 16);
    assert_eq!(seen.seconds(), [90]);
    assert_eq!(cloud.scheduler().schedules(), []);
}

#[tokio::test]
async fn a_delivery_can_come_twice() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "terminate");
    cloud.scheduler().duplicate_next(1);
    at(&client, "one", "terminate", 60, &json!(1))
        .send()
        .await
        .unwrap();
    at(&client, "two", "terminate", 61, &json!(2))
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(5)).await.unwrap();
    assert_eq!(seen.events(), [json!(1), json!(1), json!(2)]);
    assert_eq!(cloud.scheduler().schedules(), []);
}

#[tokio::test]
async fn an_unknown_target_is_retried_and_then_dead() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let policy = RetryPolicy::builder()
        .maximum_event_age_in_seconds(3600)
        .maximum_retry_attempts(2)
        .build();
    let dead = DeadLetterConfig::builder().arn(QUEUE).build();
    let to = |name: &str| {
        target(name, Some(&json!("in")))
            .retry_policy(policy.clone())
            .dead_letter_config(dead.clone())
    };
    at(&client, "one", "nobody", 60, &json!({}))
        .target(to("nobody").build().unwrap())
        .send()
        .await
        .unwrap();
    at(&client, "two", "late", 60, &json!({}))
        .target(to("late").build().unwrap())
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(1)).await.unwrap();
    assert_eq!(cloud.scheduler().schedules().len(), 2);
    // A function that appears in time gets its event.
    let seen = register(&cloud, "late");
    cloud.advance(minutes(1)).await.unwrap();
    assert_eq!(
        (seen.events(), seen.seconds()),
        (vec![json!("in")], vec![62])
    );
    let queued = cloud.queues();
    assert_eq!(queued.len(), 1);
    assert_eq!(
        (queued[0].arn.as_str(), queued[0].body.as_str()),
        (QUEUE, r#""in""#)
    );
    assert_eq!(
        queued[0].attributes["EXHAUSTED_RETRY_CONDITION"],
        "MaximumRetryAttempts"
    );
    assert_eq!(queued[0].attributes["RETRY_ATTEMPTS"], "2");
    assert_eq!((queued[0].at - start()).num_seconds(), 66);
    assert_eq!(cloud.scheduler().schedules(), []);
}

#[tokio::test]
async fn a_rate_ticks_until_it_is_deleted() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "sweep");
    at(&client, "one", "sweep", 60, &json!({}))
        .schedule_expression("rate(5 minutes)")
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(12)).await.unwrap();
    assert_eq!(seen.seconds(), [0, 300, 600]);
    assert!(cloud.scheduler().delete("default", "one"));
    cloud.advance(minutes(12)).await.unwrap();
    assert_eq!(seen.seconds().len(), 3);
}
