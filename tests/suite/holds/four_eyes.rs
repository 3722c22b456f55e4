//! Approvals that need a second admin.

use offramp_tests::{OTTO, World};
use serde_json::{Value, json};

use super::{count, events};

const TWO: [&str; 2] = ["ada.okafor@acme.example", OTTO];

/// A world in which ten are held, and one admin may let four of them go alone.
async fn ten_held() -> (World, Vec<String>, Value) {
    let world = World::start().await;
    let limits = json!({ "safeguards": { "max_users": 3, "four_eyes_above": 4 } });
    world.set(limits).await;
    let ids: Vec<String> = (5..15).map(|n| format!("E-10{n:02}")).collect();
    world
        .deliver(events(&world, &ids, "inactive", &json!({})))
        .await;
    let hold = world.open_holds().await.remove(0);
    assert_eq!(hold["first_approval"], Value::Null);
    (world, ids, hold)
}

async fn approve(world: &World, by: &str, hold: &Value, body: Value) -> (u16, Value) {
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let ask = world.admin_as(by, "POST", &path).json(&body);
    let reply = ask.if_match(hold["version"].as_u64().unwrap()).send().await;
    (reply.status, reply.body)
}

async fn read(world: &World, hold: &Value) -> Value {
    world
        .get(&format!("/holds/{}", hold["hold_id"].as_str().unwrap()))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_people_than_one_admin_may_let_go_need_a_second_admin() {
    let (world, ids, hold) = ten_held().await;
    for _ in 0..2 {
        // Sent again, it is the same admin.
        let (status, body) = approve(&world, TWO[0], &hold, json!({})).await;
        assert_eq!((status, &body["code"]), (409, &json!("second_admin")));
    }
    assert_eq!(count(&world, &ids, "active").await, 10);
    let shown = read(&world, &hold).await;
    assert_eq!(shown["version"], hold["version"], "nobody has joined");
    let first = &shown["first_approval"];
    assert_eq!(first["by"]["employee_id"], "E-1001", "{first}");
    assert_eq!(first["people"], 10);
    world.minutes(1).await;
    let (status, body) = approve(&world, TWO[1], &hold, json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (&body["state"], &body["first_approval"]),
        (&json!("approved"), &Value::Null)
    );
    assert_eq!(count(&world, &ids, "deactivation_scheduled").await, 10);
    // An auditor sees both.
    let audit = world.get("/audit?since=2026-03-02T09:01:00Z").await;
    let answer = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["answer"] == "approved")
        .unwrap();
    assert_eq!(answer["by"]["employee_id"], "E-1002", "{answer}");
    assert_eq!(answer["first"]["employee_id"], "E-1001", "{answer}");
    world.minutes(6).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_add_up_and_a_second_admin_approves_what_the_first_one_read() {
    let (world, ids, hold) = ten_held().await;
    let part = |from: usize, to: usize| json!({ "employee_ids": ids[from..to] });
    // Four are as many as one may let go; not a fifth.
    assert_eq!(approve(&world, TWO[0], &hold, part(0, 4)).await.0, 200);
    let hold = read(&world, &hold).await;
    assert_eq!(approve(&world, TWO[0], &hold, part(4, 5)).await.0, 409);
    // The other admin is one more, for those whom the first one named.
    assert_eq!(approve(&world, TWO[1], &hold, part(4, 6)).await.0, 409);
    assert_eq!(approve(&world, TWO[0], &hold, part(4, 5)).await.0, 200);
    // Who joins after the first has read is not approved by both.
    let hold = read(&world, &hold).await;
    assert_eq!(approve(&world, TWO[0], &hold, json!({})).await.0, 409);
    world.hr("E-1017", "inactive", json!({})).await;
    let later = read(&world, &hold).await;
    assert_eq!(approve(&world, TWO[1], &later, json!({})).await.0, 409);
    assert_eq!(count(&world, &ids, "deactivation_scheduled").await, 5);
    // What waits is forgotten after a day.
    world.hours(25).await;
    let later = read(&world, &hold).await;
    assert_eq!(later["first_approval"], Value::Null);
    assert_eq!(approve(&world, TWO[0], &later, json!({})).await.0, 409);
    assert_eq!(approve(&world, TWO[1], &later, json!({})).await.0, 200);
    assert_eq!(count(&world, &ids, "deactivation_scheduled").await, 10);
    world.minutes(6).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_keep_everybody_one_admin_is_enough_and_to_need_fewer_eyes_is_asked() {
    let (world, ids, hold) = ten_held().await;
    for looser in [json!(5), Value::Null] {
        let patch = json!({ "safeguards": { "four_eyes_above": looser } });
        world.question(&patch).await;
    }
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    assert_eq!(world.post_if(&path, version, json!({})).await.status, 200);
    assert_eq!(count(&world, &ids, "active").await, 10);
    world.minutes(6).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_both_admins_by_loosening_the_settings_in_between() {
    let (world, ids, hold) = ten_held().await;
    let looser = json!({ "safeguards": { "four_eyes_above": null } });
    world.confirm(&looser).await;
    // What stood when the hold was opened still counts for it.
    let (status, body) = approve(&world, TWO[0], &hold, json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("second_admin")));
    assert_eq!(read(&world, &hold).await["figures"]["four_eyes_above"], 4);
    assert_eq!(count(&world, &ids, "active").await, 10);
    assert_eq!(approve(&world, TWO[1], &hold, json!({})).await.0, 200);
    assert_eq!(count(&world, &ids, "deactivation_scheduled").await, 10);
    world.minutes(6).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_approval_of_somebody_who_is_no_admin_any_more_is_none() {
    let (world, ids, hold) = ten_held().await;
    assert_eq!(approve(&world, TWO[1], &hold, json!({})).await.0, 409);
    let member = json!({ "role": "member" });
    let role = world.admin("PUT", "/users/E-1002/role").json(&member);
    assert_eq!(role.send().await.status, 200);
    let (status, body) = approve(&world, TWO[0], &hold, json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("second_admin")));
    assert_eq!(count(&world, &ids, "active").await, 10);
    world.minutes(6).await;
    world.end().await;
}
