//! What happens between two calls: a process dies after a safeguard has stopped a run and before anybody is
//! written, a sweep comes by, an admin answers.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{World, event, numbered};
use serde_json::{Value, json};

use crate::snapshots::{complete, open, page, seeded, snapshot, state};

/// People whom HR knows, beside the seed's.
async fn with_people(world: &World, count: usize) -> Vec<String> {
    let ids = numbered("P", count);
    let reply = world.deliver(events(world, &ids, "active")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    ids
}

fn events(world: &World, ids: &[String], status: &str) -> Value {
    let one = |id: &String| event(world.now(), id, status, json!({ "name": id }));
    json!(ids.iter().map(one).collect::<Vec<_>>())
}

/// The only hold that is open, with its people.
async fn only_hold(world: &World) -> Value {
    let holds = world.open_holds().await;
    assert_eq!(holds.len(), 1, "{holds:?}");
    world
        .get(&format!("/holds/{}", holds[0]["hold_id"].as_str().unwrap()))
        .await
}

async fn answer(world: &World, hold: &Value, what: &str, body: Value) -> Value {
    let path = format!("/holds/{}/{what}", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn count(world: &World, ids: &[String], status: &str) -> usize {
    let mut all = 0;
    for id in ids {
        all += usize::from(world.status(id).await == status);
    }
    all
}

/// A snapshot of nobody, whose process dies after the breaker was asked for everybody and before anybody is
/// written, and again whenever Lambda tries again: it is taken up a quarter of an hour later.
async fn dies_before_anybody_is_written(world: &World) -> String {
    let id = open(world, json!({})).await;
    page(world, &id, 1, &[]).await;
    assert_eq!(complete(world, &id, 1, false).await.status, 202);
    // All sixteen partitions are compared, the hold is opened, the step is done.
    let faults = world.stack.cloud().faults();
    faults.inject(Fault {
        service: Service::Dynamodb,
        operation: Some("TransactWriteItems".to_owned()),
        mode: Mode::KillBefore,
        times: 1_000,
        skip: 3,
    });
    world.minutes(6).await;
    faults.clear();
    // The sweep comes by.
    world.minutes(6).await;
    assert_eq!(state(world, &id).await["state"], "applying");
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_whose_people_are_still_to_be_written_is_not_taken_for_empty() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    let id = dies_before_anybody_is_written(&world).await;
    // The sweep has come by; nobody is in the hold yet.
    let hold = only_hold(&world).await;
    assert_eq!(hold["users"], json!([]));
    world.minutes(20).await;
    assert_eq!(state(&world, &id).await["state"], "held");
    let hold = only_hold(&world).await;
    assert_eq!(hold["rule"], "empty_snapshot");
    assert_eq!(hold["users"].as_array().unwrap().len(), 60 + 25);
    assert_eq!(count(&world, &ids, "active").await, 60);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_written_after_an_answer_is_in_a_hold_that_is_open() {
    for what in ["approve", "reject"] {
        let world = World::start().await;
        let ids = with_people(&world, 60).await;
        let id = dies_before_anybody_is_written(&world).await;
        let first = only_hold(&world).await;
        let done = answer(&world, &first, what, json!({})).await;
        assert_eq!(done["results"], json!([]), "{done}");
        world.minutes(20).await;
        assert_eq!(state(&world, &id).await["state"], "held");
        let second = only_hold(&world).await;
        assert_ne!(second["hold_id"], first["hold_id"]);
        assert_eq!(second["rule"], "empty_snapshot");
        assert_eq!(second["users"].as_array().unwrap().len(), 60 + 25);
        assert_eq!(count(&world, &ids, "active").await, 60);
        world.stack.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_missing_is_asked_about_as_the_settings_say_when_they_are_written() {
    let world = World::start().await;
    let mut seed = seeded(&world).await;
    snapshot(&world, std::slice::from_ref(&seed)).await;
    world.set(json!({ "on_missing": "ignore" })).await;
    let gone = seed.pop().unwrap()["employee_id"].clone();
    let gone = gone.as_str().unwrap();
    let id = open(&world, json!({})).await;
    page(&world, &id, 1, &seed).await;
    complete(&world, &id, 1, false).await;
    // It is compared, and nobody is to be asked about. Then its process dies.
    world.stack.cloud().faults().inject(Fault {
        service: Service::Dynamodb,
        operation: Some("TransactWriteItems".to_owned()),
        mode: Mode::KillBefore,
        times: 1_000,
        skip: 1,
    });
    world.minutes(6).await;
    world.stack.cloud().faults().clear();
    assert_eq!(state(&world, &id).await["state"], "applying");
    world.set(json!({ "on_missing": "hold" })).await;
    world.minutes(20).await;
    assert_eq!(state(&world, &id).await["state"], "held");
    assert_eq!(only_hold(&world).await["rule"], "on_missing");
    assert_eq!(world.status(gone).await, "active");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_for_one_person_lets_nobody_else_go() {
    let world = World::start().await;
    let ids = with_people(&world, 40).await;
    world.set(json!({ "safeguards": { "max_users": 5 } })).await;
    let first = world.deliver(events(&world, &ids[..5], "inactive")).await;
    assert_eq!(first.body["summary"], json!({ "scheduled": 5 }));
    let second = world.deliver(events(&world, &ids[5..9], "inactive")).await;
    assert_eq!(second.body["summary"], json!({ "held": 4 }));
    for (what, who) in [("approve", &ids[5]), ("reject", &ids[6])] {
        let hold = only_hold(&world).await;
        answer(&world, &hold, what, json!({ "employee_ids": [who] })).await;
    }
    // The others are still held, and so are those who had been scheduled before it tripped.
    world.hours(24 * 4).await;
    assert_eq!(count(&world, &ids[..5], "deactivation_scheduled").await, 5);
    assert_eq!(world.status(&ids[5]).await, "deactivated");
    let hold = only_hold(&world).await;
    assert_eq!(hold["users"].as_array().unwrap().len(), 2);
    // Whoever is told no for all of it gives them a whole grace period from then on.
    answer(&world, &hold, "reject", json!({})).await;
    world.hours(70).await;
    assert_eq!(count(&world, &ids[..5], "deactivation_scheduled").await, 5);
    world.hours(4).await;
    assert_eq!(count(&world, &ids[..5], "deactivated").await, 5);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_to_one_takes_back_no_yes_to_the_others() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    world.deliver(events(&world, &ids, "inactive")).await;
    let hold = only_hold(&world).await;
    answer(&world, &hold, "reject", json!({ "employee_ids": [ids[0]] })).await;
    world.minutes(2).await;
    // The others may go; the process dies before the first of them is written, and a timer does the rest.
    let hold = only_hold(&world).await;
    world.stack.cloud().faults().inject(Fault {
        service: Service::Scheduler,
        operation: Some("CreateSchedule".to_owned()),
        mode: Mode::KillBefore,
        times: 1,
        skip: 2,
    });
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let died = world.post_if(&path, version, json!({})).await;
    assert!(died.status >= 500, "{}", died.body);
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    world.minutes(10).await;
    assert_eq!(world.status(&ids[0]).await, "active");
    assert_eq!(count(&world, &ids[1..], "deactivation_scheduled").await, 59);
    world.stack.shutdown().await.unwrap();
}
