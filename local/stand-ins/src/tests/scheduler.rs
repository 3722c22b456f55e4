use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{
    FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
};
use serde_json::json;

use super::{at, cloud, minutes, off, register, scheduler, start, target};

#[tokio::test]
async fn a_schedule_reads_back_as_it_was_made() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let group = client
        .create_schedule_group()
        .name("timers")
        .send()
        .await
        .unwrap();
    assert!(
        group
            .schedule_group_arn()
            .ends_with(":schedule-group/timers")
    );
    assert_eq!(
        client
            .get_schedule_group()
            .name("timers")
            .send()
            .await
            .unwrap()
            .name(),
        Some("timers")
    );

    let made = at(&client, "one", "terminate", 60, &json!({"a": 1}))
        .group_name("timers")
        .send()
        .await
        .unwrap();
    assert_eq!(
        made.schedule_arn(),
        "arn:aws:scheduler:eu-west-1:123456789012:schedule/timers/one"
    );
    let read = client
        .get_schedule()
        .name("one")
        .group_name("timers")
        .send()
        .await
        .unwrap();
    assert_eq!(read.schedule_expression(), Some("at(2026-03-01T09:01:00)"));
    assert_eq!(read.target().unwrap().input(), Some(r#"{"a":1}"#));
    assert_eq!(read.state(), Some(&ScheduleState::Enabled));
    assert_eq!(read.creation_date().unwrap().secs(), start().timestamp());

    client
        .delete_schedule()
        .name("one")
        .group_name("timers")
        .send()
        .await
        .unwrap();
    let gone = client
        .get_schedule()
        .name("one")
        .group_name("timers")
        .send()
        .await
        .unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    let gone = client
        .delete_schedule()
        .name("one")
        .group_name("timers")
        .send()
        .await
        .unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn what_aws_refuses_is_refused() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let input = json!({});
    let good = || at(&client, "one", "terminate", 60, &input);
    let long = "x".repeat(65);
    let policy = |age, retries| {
        let policy = RetryPolicy::builder()
            .maximum_event_age_in_seconds(age)
            .maximum_retry_attempts(retries)
            .build();
        target("terminate", None)
            .retry_policy(policy)
            .build()
            .unwrap()
    };
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Flexible)
        .build()
        .unwrap();
    let refused = [
        ("a name that is too long", good().name(&long)),
        ("a name with a slash", good().name("a/b")),
        (
            "a date that has passed",
            good().schedule_expression("at(2026-03-01T09:00:00)"),
        ),
        (
            "a date with a zone",
            good().schedule_expression("at(2026-03-01T10:00:00Z)"),
        ),
        (
            "a short date",
            good().schedule_expression("at(2026-3-1T10:00:00)"),
        ),
        (
            "a rate of nothing",
            good().schedule_expression("rate(0 minutes)"),
        ),
        (
            "a rate of seconds",
            good().schedule_expression("rate(5 seconds)"),
        ),
        (
            "an unknown zone",
            good().schedule_expression_timezone("Mars/Olympus"),
        ),
        (
            "a window without its length",
            good().flexible_time_window(window),
        ),
        ("a young age", good().target(policy(59, 0))),
        ("an old age", good().target(policy(86_401, 0))),
        ("many retries", good().target(policy(60, 186))),
        (
            "input that is no JSON",
            good().target(target("f", None).input("{").build().unwrap()),
        ),
        (
            "much input",
            good().target(
                target("f", Some(&json!("x".repeat(262_143))))
                    .build()
                    .unwrap(),
            ),
        ),
        (
            "a role that is none",
            good().target(target("f", None).role_arn("admin").build().unwrap()),
        ),
        (
            "a target that is none",
            good().target(target("f", None).arn("terminate").build().unwrap()),
        ),
        ("a client token with a space", good().client_token("a b")),
    ];
    for (what, request) in refused {
        let error = request.send().await.expect_err(what).into_service_error();
        assert!(error.is_validation_exception(), "{what}: {error:?}");
    }
    let lost = good()
        .group_name("nowhere")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(lost.is_resource_not_found_exception());
    assert_eq!(cloud.scheduler().schedules(), []);
}

#[tokio::test]
async fn members_that_are_required_are_missed() {
    let cloud = cloud().await;
    let url = format!("{}/schedules/one", cloud.endpoints().scheduler);
    let post = |body: serde_json::Value| {
        reqwest::Client::new()
            .post(&url)
            .header("authorization", "AWS4-HMAC-SHA256 x")
            .json(&body)
            .send()
    };
    let whole = json!({
        "ScheduleExpression": "rate(5 minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": super::function_arn("f"), "RoleArn": super::ROLE},
    });
    for member in ["ScheduleExpression", "FlexibleTimeWindow", "Target"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(member);
        let answer = post(body).await.unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                &answer.headers()["x-amzn-errortype"]
            ),
            (400, &"ValidationException".parse().unwrap())
        );
    }
    for member in ["Arn", "RoleArn"] {
        let mut body = whole.clone();
        body["Target"].as_object_mut().unwrap().remove(member);
        assert_eq!(post(body).await.unwrap().status(), 400);
    }
    let unsigned = reqwest::Client::new()
        .post(&url)
        .json(&whole)
        .send()
        .await
        .unwrap();
    assert_eq!(unsigned.status(), 403);
    assert_eq!(post(whole).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_token_makes_creation_idempotent() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let make = |token: &str| {
        at(&client, "one", "terminate", 60, &json!({}))
            .client_token(token)
            .send()
    };
    let first = make("t-1").await.unwrap();
    assert_eq!(
        make("t-1").await.unwrap().schedule_arn(),
        first.schedule_arn()
    );
    let other = make("t-2").await.unwrap_err();
    assert_eq!(other.raw_response().unwrap().status().as_u16(), 409);
    assert!(other.into_service_error().is_conflict_exception());
    assert_eq!(cloud.scheduler().schedules().len(), 1);
}

#[tokio::test]
async fn an_update_moves_the_due_instant() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "terminate");
    at(&client, "one", "terminate", 60, &json!("old"))
        .send()
        .await
        .unwrap();
    let update = |name: &str| {
        client
            .update_schedule()
            .name(name)
            .schedule_expression("at(2026-03-01T09:05:00)")
            .flexible_time_window(off())
            .target(target("terminate", Some(&json!("new"))).build().unwrap())
    };
    update("one").send().await.unwrap();
    let unknown = update("two").send().await.unwrap_err().into_service_error();
    assert!(unknown.is_resource_not_found_exception());
    cloud.advance(minutes(10)).await.unwrap();
    assert_eq!(
        (seen.events(), seen.seconds()),
        (vec![json!("new")], vec![300])
    );
    // ActionAfterCompletion is NONE unless said: the schedule stays, and never fires again.
    assert_eq!(cloud.scheduler().schedules()[0].next, None);
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    cloud.scheduler().create_group("timers");
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        at(&client, name, "terminate", 60, &json!({}))
            .group_name("timers")
            .send()
            .await
            .unwrap();
    }
    at(&client, "a-9", "terminate", 60, &json!({}))
        .send()
        .await
        .unwrap();
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .list_schedules()
            .group_name("timers")
            .name_prefix("a-")
            .max_results(2)
            .set_next_token(token)
            .send()
            .await
            .unwrap();
        names.push(
            page.schedules()
                .iter()
                .map(|schedule| schedule.name().unwrap().to_owned())
                .collect::<Vec<_>>(),
        );
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, [vec!["a-1", "a-2"], vec!["a-3"]]);
    let all = client.list_schedules().send().await.unwrap();
    assert_eq!(all.schedules().len(), 5);
    let error = client
        .list_schedules()
        .max_results(101)
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        error.into_service_error().code(),
        Some("ValidationException")
    );
}
