//! Who is in a hold: for whom an answer is, who joins, and what becomes of an answer when something dies.

use aws_stand_ins::{Fault, Lasting, Mode, Service};
use offramp_tests::{World, event, numbered};
use serde_json::{Value, json};

use super::{count, events, with_people};
use crate::snapshots::{complete, open, page, seeded};

/// A world whose indexes lag, as on AWS.
async fn lagging() -> World {
    let world = World::start().await;
    world.stack.cloud().faults().begin(Lasting::Lag(3));
    world
}

/// One in which four at once are too many.
async fn strict() -> World {
    let world = lagging().await;
    world.set(json!({ "safeguards": { "max_users": 3 } })).await;
    world
}

/// HR sends everybody as they are but for some who are missing, and it is applied.
async fn snapshot_without(world: &World, missing: &[String]) {
    let mut employees = seeded(world).await;
    employees.retain(|one| {
        let id = one["employee_id"].as_str().unwrap();
        !missing.iter().any(|gone| gone == id)
    });
    let id = open(world, json!({})).await;
    assert_eq!(page(world, &id, 1, &employees).await.status, 200);
    assert_eq!(complete(world, &id, 1, false).await.status, 202);
    world.minutes(4).await;
}

async fn read(world: &World, hold: &Value) -> Value {
    let path = format!("/holds/{}", hold["hold_id"].as_str().unwrap());
    world.get(&path).await
}

async fn approve(world: &World, read: &Value) -> Value {
    let path = format!("/holds/{}/approve", read["hold_id"].as_str().unwrap());
    let version = read["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, json!({})).await;
    assert!((200..300).contains(&reply.status), "{}", reply.body);
    reply.body
}

fn ids(read: &Value) -> Vec<String> {
    let users = read["users"].as_array().unwrap().iter();
    let mut ids: Vec<String> = users
        .map(|user| user["employee_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_for_exactly_those_whom_the_admin_could_read() {
    let world = strict().await;
    let some: Vec<String> = (5..15).map(|n| format!("E-10{n:02}")).collect();
    snapshot_without(&world, &some).await;
    let hold = world.open_holds().await.remove(0);
    assert_eq!(ids(&read(&world, &hold).await), some);
    // Somebody else leaves, and the next snapshot has all of the others again.
    world.hr("E-1017", "inactive", json!({})).await;
    let without = ["E-1017".to_owned()];
    snapshot_without(&world, &without).await;
    let seen = read(&world, &hold).await;
    assert_eq!(ids(&seen), without);
    // The connection flaps: the same people are missing again before the admin answers what they have read.
    let mut both = some.clone();
    both.extend(without.iter().cloned());
    snapshot_without(&world, &both).await;
    let done = approve(&world, &seen).await;
    assert_eq!(done["results"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(world.status("E-1017").await, "deactivation_scheduled");
    assert_eq!(count(&world, &some, "active").await, some.len());
    let now = read(&world, &hold).await;
    assert_eq!((&now["state"], &now["left"]), (&json!("open"), &json!(10)));
    assert_eq!(ids(&now), some, "each is listed once");
    approve(&world, &now).await;
    assert_eq!(
        count(&world, &some, "deactivation_scheduled").await,
        some.len()
    );
    world.minutes(6).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_dies_half_way_leaves_nobody_in_a_hold_that_no_answer_reaches() {
    // The first transaction opens the hold, each of the two others puts people into it.
    for (mode, skip) in [
        (Mode::KillAfter, 0),
        (Mode::KillBefore, 1),
        (Mode::KillAfter, 1),
        (Mode::KillAfter, 2),
    ] {
        let world = lagging().await;
        let ids = with_people(&world, 70).await;
        let leavers = events(&world, &ids, "inactive", &json!({}));
        world.stack.cloud().faults().inject(Fault {
            skip,
            ..Fault::once(Service::Dynamodb, "TransactWriteItems", mode)
        });
        let reply = world.deliver(leavers.clone()).await;
        assert!(reply.status >= 500, "{}", reply.text);
        // Somebody joins by themselves, and an admin answers what they read.
        world.hr("E-1017", "inactive", json!({})).await;
        let hold = world.open_holds().await.remove(0);
        let seen = read(&world, &hold).await;
        let people = seen["users"].as_array().unwrap().len();
        let done = approve(&world, &seen).await;
        assert_eq!(done["results"].as_array().unwrap().len(), people, "{done}");
        world.minutes(10).await;
        // HR sends it again, as it does.
        assert_eq!(world.deliver(leavers).await.status, 200);
        for hold in world.open_holds().await {
            approve(&world, &read(&world, &hold).await).await;
        }
        world.minutes(10).await;
        assert_eq!(
            count(&world, &ids, "deactivation_scheduled").await,
            ids.len(),
            "{mode:?} {skip}"
        );
        assert_eq!(world.open_holds().await, Vec::<Value>::new());
        // Not `end`: a process has died.
        world.stack.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_dies_after_its_commit_and_loses_its_timer_is_carried_out_all_the_same() {
    for (verdict, wanted) in [("approve", "deactivation_scheduled"), ("reject", "active")] {
        let world = strict().await;
        let ids: Vec<String> = (5..15).map(|n| format!("E-10{n:02}")).collect();
        let leavers = events(&world, &ids, "inactive", &json!({}));
        world.deliver(leavers).await;
        world.minutes(6).await;
        let hold = world.open_holds().await.remove(0);
        world.stack.cloud().faults().inject(Fault::once(
            Service::Dynamodb,
            "TransactWriteItems",
            Mode::KillAfter,
        ));
        let path = format!("/holds/{}/{verdict}", hold["hold_id"].as_str().unwrap());
        let version = hold["version"].as_u64().unwrap();
        let reply = world.post_if(&path, version, json!({})).await;
        assert!(reply.status >= 500, "{}", reply.body);
        world.delete_schedules("answer");
        assert_eq!(count(&world, &ids, "active").await, ids.len());
        world.minutes(30).await;
        assert_eq!(count(&world, &ids, wanted).await, ids.len());
        for id in &ids {
            let grounds = &world.user(id).await["grounds"];
            assert_ne!(grounds[0]["state"], "held", "{id}: {grounds}");
        }
        // Not `end`: a process has died.
        world.stack.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_whose_turn_fails_keeps_nobody_else_waiting_for_an_answer() {
    let world = strict().await;
    let ids: Vec<String> = (5..15).map(|n| format!("E-10{n:02}")).collect();
    world
        .deliver(events(&world, &ids, "inactive", &json!({})))
        .await;
    world.minutes(6).await;
    let hold = world.open_holds().await.remove(0);
    // The answer's timer and its digest are armed first. Then nobody's timer can be of the eight who come first.
    world.stack.cloud().faults().inject(Fault {
        skip: 2,
        times: 24,
        ..Fault::once(Service::Scheduler, "CreateSchedule", Mode::Error)
    });
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, json!({})).await;
    assert!(reply.status >= 500, "{}", reply.body);
    let gone = count(&world, &ids, "deactivation_scheduled").await;
    assert!(gone > 0, "{gone} of {}", ids.len());
    world.minutes(10).await;
    assert_eq!(
        count(&world, &ids, "deactivation_scheduled").await,
        ids.len()
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_whose_turn_always_fails_keeps_no_other_part_of_the_roll_waiting() {
    let world = World::start().await;
    // One more than a part of a roll has.
    let ids = with_people(&world, 501).await;
    let leavers = events(&world, &ids, "inactive", &json!({}));
    world.deliver(leavers).await;
    let hold = world.open_holds().await.remove(0);
    // The answer is written; nobody of it is.
    let dies = Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillAfter);
    world.stack.cloud().faults().inject(dies);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let died = world.post_if(&path, version, json!({})).await;
    assert!(died.status >= 500, "{}", died.text);
    // What the first of them has become, no release can read.
    let key = format!("O#acme#U#{}", ids[0]);
    let mut items = world.scan(None).await.into_iter();
    let first = items.find(|item| item["pk"]["S"] == key && item["sk"]["S"] == "U");
    let mut first = first.unwrap();
    first["v"] = json!({ "N": "99" });
    world.put_item(&first).await;
    world.minutes(10).await;
    assert_eq!(world.status(&ids[499]).await, "deactivation_scheduled");
    assert_eq!(world.status(&ids[500]).await, "deactivation_scheduled");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_joined_one_by_one_are_answered_together() {
    let world = World::start().await;
    world.set(json!({ "safeguards": { "max_users": 3 } })).await;
    let ids = numbered("P", 150);
    let active = |id: &String| event(world.now(), id, "active", json!({}));
    let all: Vec<Value> = ids.iter().map(active).collect();
    assert_eq!(world.deliver(json!(all)).await.status, 200);
    // The first four trip the breaker; then each joins by themselves.
    let first = events(&world, &ids[..4], "inactive", &json!({}));
    world.deliver(first).await;
    for id in &ids[4..] {
        assert_eq!(world.hr(id, "inactive", json!({})).await["outcome"], "held");
    }
    let hold = world.open_holds().await.remove(0);
    assert_eq!((&hold["people"], &hold["left"]), (&json!(150), &json!(150)));
    // Pages of people who joined one by one are no pages of one.
    let shown = read(&world, &hold).await;
    assert!(ids_of_page(&shown) > 20, "{}", ids_of_page(&shown));
    approve(&world, &hold).await;
    world.minutes(10).await;
    assert_eq!(
        count(&world, &ids, "deactivation_scheduled").await,
        ids.len()
    );
    world.end().await;
}

fn ids_of_page(read: &Value) -> usize {
    read["users"].as_array().unwrap().len()
}
