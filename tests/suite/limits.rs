//! What a delivery may be, and what becomes of one that is not.

use aws_stand_ins::{Fault, Mode, Service};
use chrono::TimeDelta;
use offramp_tests::{Delivery, LENA, World, event};
use serde_json::{Value, json};

const BAD_RECORD: &str = include_str!("../../events/hr/one_bad_record.json");

async fn refused(world: &World, body: impl Into<Vec<u8>>, status: u16, code: &str) -> Value {
    let delivery = Delivery::new(world.secret(), world.now(), body);
    world.hand_in(&delivery).refused(status, code).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_too_large_is_refused_as_a_whole() {
    let world = World::start().await;
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    let padding = "x".repeat(4 * 1024 * 1024);
    let mut padded = leaves.clone();
    padded["employee"]["padding"] = json!(padding);
    let body = json!({ "events": [padded] }).to_string();
    refused(&world, body, 413, "too_large").await;
    let many = vec![leaves; 5_001];
    let body = json!({ "events": many }).to_string();
    assert!(body.len() < 4 * 1024 * 1024);
    refused(&world, body, 413, "too_large").await;
    assert_eq!(world.access(LENA).await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_no_json_or_has_another_shape_says_so() {
    let world = World::start().await;
    for body in [
        "",
        "{",
        "{\"events\":[}",
        "nonsense",
        "{\"events\":[]} trailing",
    ] {
        refused(&world, body, 400, "malformed_json").await;
    }
    refused(&world, [0xff, 0xfe, b'{'], 400, "malformed_json").await;
    for body in [
        "[]",
        "7",
        "{}",
        "{\"events\":{}}",
        "{\"events\":null}",
        "[[]]",
        "[[],false]",
        "{\"event\":[]}",
    ] {
        let problem = refused(&world, body, 422, "invalid").await;
        let errors = problem["errors"].as_array().unwrap();
        assert!(errors[0]["pointer"].is_string() && errors[0]["detail"].is_string());
    }
    let none = Delivery::new(world.secret(), world.now(), "{\"events\":[]}");
    let answer = world.hand_in(&none).ok().await;
    assert_eq!(answer, json!({ "results": [], "summary": {} }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hr_may_add_fields_to_an_employee_whenever_it_likes() {
    let world = World::start().await;
    let body = json!({
        "events": [{
            "occurred_at": world.now(),
            "employee": {
                "employee_id": "X-1", "status": "active", "shoe_size": 43, "name": "New",
                "tenant": { "deep": [1, 2, 3] }, "dryRun": true
            }
        }],
    });
    let delivery = Delivery::new(world.secret(), world.now(), body.to_string());
    let answer = world.hand_in(&delivery).ok().await;
    assert_eq!(
        answer["results"],
        json!([{ "employee_id": "X-1", "outcome": "created" }])
    );
    assert_eq!(answer["summary"], json!({ "created": 1 }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_from_the_far_future_is_rejected_and_blocks_nothing() {
    let world = World::start().await;
    let ahead = |minutes| world.now() + TimeDelta::minutes(minutes);
    let far = world.hr_at(ahead(11), LENA, "inactive", json!({})).await;
    assert_eq!(far["outcome"], "rejected");
    assert!(far["reason"].as_str().unwrap().contains("10 minutes"));
    let near = world
        .hr_at(ahead(10), LENA, "active", json!({ "team": "Near" }))
        .await;
    assert_eq!(near["outcome"], "updated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_does_not_stop_the_others() {
    let world = World::start().await;
    world.minutes(1).await;
    let results = world.deliver_file(BAD_RECORD).await;
    let outcomes: Vec<_> = results
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        ["updated", "updated", "rejected", "updated", "updated"]
    );
    assert_eq!(results[2]["employee_id"], "E-1010");
    let reason = results[2]["reason"].as_str().unwrap();
    assert!(reason.contains("status"), "{reason}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thing_that_can_be_wrong_with_a_record_has_its_reason() {
    let world = World::start().await;
    let long = "x".repeat(129);
    let wrong = [
        (
            json!({ "employee_id": "", "status": "active" }),
            "employee_id",
        ),
        (
            json!({ "employee_id": long, "status": "active" }),
            "employee_id",
        ),
        (
            json!({ "employee_id": "a\u{7}b", "status": "active" }),
            "employee_id",
        ),
        (json!({ "status": "active" }), "employee_id"),
        (
            json!({ "employee_id": [7], "status": "active" }),
            "employee_id",
        ),
        (
            json!({ "employee_id": "a\u{200b}b", "status": "active" }),
            "employee_id",
        ),
        (json!({ "employee_id": "X-1" }), "status"),
        (
            json!({ "employee_id": "X-1", "status": "retired" }),
            "status",
        ),
        (json!({ "employee_id": "X-1", "status": true }), "status"),
    ];
    let now = world.now();
    let mut events: Vec<_> = wrong
        .iter()
        .map(|(employee, _)| json!({ "occurred_at": now, "employee": employee }))
        .collect();
    let good = json!({ "employee_id": "X-1", "status": "active" });
    events.push(json!({ "employee": good }));
    events.push(json!({ "occurred_at": "yesterday", "employee": good }));
    events.push(json!({ "occurred_at": "2026-03-02", "employee": good }));
    events.push(json!(17));
    events.push(json!({ "occurred_at": now, "employee": good }));
    let results = world.outcomes(json!(events)).await;
    let (last, rejected) = results.split_last().unwrap();
    assert_eq!(last["outcome"], "created");
    for (at, one) in rejected.iter().enumerate() {
        assert_eq!(one["outcome"], "rejected", "{at}: {one}");
        let reason = one["reason"].as_str().unwrap();
        let wanted = wrong.get(at).map_or("", |(_, wanted)| wanted);
        assert!(reason.contains(wanted), "{at}: {reason}");
    }
    assert_eq!(world.find("?q=X-1").await, ["X-1"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_something_behind_us_does_not_answer_we_say_so_and_nothing_more() {
    let world = World::start().await;
    let faults = world.stack.cloud().faults();
    let fault = Fault {
        times: 1_000,
        ..Fault::once(Service::Dynamodb, "*", Mode::Error)
    };
    faults.inject(fault);
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    let delivery = world.signed(&json!([leaves]));
    world.hand_in(&delivery).refused(503, "unavailable").await;
    for (method, path) in [
        ("GET", "/users/E-1007"),
        ("GET", "/settings"),
        ("DELETE", "/users/E-1007"),
    ] {
        world.admin(method, path).refused(503, "unavailable").await;
    }
    faults.clear();
    let answer = world.hand_in(&delivery).ok().await;
    assert_eq!(answer["results"][0]["outcome"], "scheduled");
    world.end().await;
}
