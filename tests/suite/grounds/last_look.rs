//! What a machine has ended is looked at once more before the first card is touched.

use std::time::Duration;

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{World, at, event, numbered};
use serde_json::{Value, json};

use super::{grounds, here, out, over};

/// E-1007's grace period has ended, and the process died before it touched a card. Somebody left in the same delivery,
/// so the two have a run.
async fn ended_and_died() -> (World, String) {
    let world = World::start().await;
    let now = world.now();
    let left = |id| event(now, id, "inactive", json!({}));
    let reply = world.deliver(json!([left("E-1007")])).await;
    let run = reply.body["run_id"].as_str().unwrap().to_owned();
    world.hours(71).await;
    world.minutes(59).await;
    dies_after_the_next_commit(&world);
    world.minutes(1).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 3, "no card was touched");
    (world, run)
}

fn dies_after_the_next_commit(world: &World) {
    world.stack.cloud().faults().inject(Fault {
        service: Service::Dynamodb,
        operation: Some("TransactWriteItems".to_owned()),
        mode: Mode::KillAfter,
        times: 1,
        skip: 0,
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_change_it_goes_on() {
    let (world, _) = ended_and_died().await;
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 0);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sync_was_turned_off_before_the_first_card_so_nobody_lost_one() {
    let (world, _) = ended_and_died().await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, here());
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(grounds(&world, "E-1007").await, ["hr ignored"]);
    // It is an end that never was: nobody is invited back, and nobody is told of cards.
    let told = world.mails().into_iter().map(|mail| mail.subject);
    let told: Vec<String> = told
        .filter(|subject| subject.contains("deactivated") || subject.contains("back"))
        .collect();
    assert_eq!(told, [""; 0]);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_run_was_taken_back_before_the_first_card() {
    let (world, run) = ended_and_died().await;
    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, here());
    assert_eq!(world.alive("E-1007").await, 3);
    let last = &world.history("E-1007").await[0];
    assert_eq!(last["what"], "reactivated", "{last}");
    assert_eq!(last["by"]["actor"], "run_undone", "{last}");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_card_was_touched_the_end_stands() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    // The issuer cancels one of three cards, and then fails for a while.
    world.stack.cloud().faults().inject(Fault {
        service: Service::Issuer,
        operation: None,
        mode: Mode::Error,
        times: 60,
        skip: 1,
    });
    world.hours(72).await;
    let alive = world.alive("E-1007").await;
    assert!((1..3).contains(&alive), "{alive} of 3");
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.stack.cloud().faults().clear();
    world.minutes(20).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 0);
    world.stack.shutdown().await.unwrap();
}

/// E-1007's grace period has ended, and the process died before it touched a card. Then a hold of their source opened.
/// `first` comes before the end.
async fn ended_and_held(first: impl AsyncFnOnce(&World), end: &str) -> World {
    let world = World::start().await;
    let ids = numbered("P", 60);
    world.hire(&ids).await;
    let limits = json!({ "max_users": 1, "max_percent": 100, "window_hours": 720 });
    world.change(json!({ "safeguards": limits })).await;
    world.hr("E-1007", "inactive", json!({})).await;
    first(&world).await;
    let end = at(end);
    world
        .advance((end - world.now()).to_std().unwrap() - Duration::from_secs(60))
        .await;
    dies_after_the_next_commit(&world);
    world.minutes(1).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 3);
    let held = world.hr(&ids[0], "inactive", json!({})).await;
    assert_eq!(held["outcome"], "held", "{held}");
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_has_opened_before_the_first_card() {
    let world = ended_and_held(async |_| {}, "2026-03-05T09:00:00Z").await;
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, out());
    assert_eq!(world.alive("E-1007").await, 3);
    let user = world.user("E-1007").await;
    let banner = user["banner"].as_str().unwrap();
    assert!(banner.contains("a hold of the HR source"), "{banner}");
    let last = &world.history("E-1007").await[0];
    assert_eq!(last["by"]["actor"], "timer", "{last}");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_finishing_timer_looks_at_the_breaker_too() {
    let world = ended_and_held(async |_| {}, "2026-03-05T09:00:00Z").await;
    // It comes before Lambda's second attempt, and does not know whose source it is.
    let timer = world.timers("E-1007", "finish").remove(0);
    world.fire(&timer).await.unwrap();
    assert_eq!(world.state("E-1007").await, out());
    assert_eq!(world.alive("E-1007").await, 3);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_taken_back_stays_postponed() {
    let end = "2026-03-09T17:00:00Z";
    let postpone = async |world: &World| {
        let body = json!({ "due_at": end, "reason": "She is on a trip." });
        let moved = world.put("/users/E-1007/due", body).await;
        assert_eq!(moved.status, 200, "{}", moved.body);
    };
    let world = ended_and_held(postpone, end).await;
    world.minutes(10).await;
    let user = world.user("E-1007").await;
    assert_eq!(user["due_at"], end, "{user}");
    assert_eq!(user["postponed"]["reason"], "She is on a trip.");
    assert_eq!(world.alive("E-1007").await, 3);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_admin_ends_after_a_machine_is_not_taken_back() {
    let world = ended_and_held(async |_| {}, "2026-03-05T09:00:00Z").await;
    let now = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert!(matches!(now.status, 200 | 202), "{}", now.body);
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 0);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_admin_ends_is_not_asked_again() {
    let world = World::start().await;
    dies_after_the_next_commit(&world);
    let path = world.path("/users/E-1007/deactivate-now");
    let answered = world.ask("POST", &path).token(&world.token);
    let _: Value = answered.send().await.body;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.minutes(10).await;
    assert_eq!(world.state("E-1007").await, over());
    assert_eq!(world.alive("E-1007").await, 0);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_undone_ends_nobody_whom_it_has_not_reached_yet() {
    for behaviour in ["delayed", "immediate"] {
        let world = World::start().await;
        let ids = numbered("P", 10);
        world.hire(&ids).await;
        let limits = json!({ "max_users": 3, "max_percent": 100 });
        let sync = json!({ "behaviour": behaviour });
        world
            .change(json!({ "safeguards": limits, "deactivation_sync": sync }))
            .await;
        let now = world.now();
        let left = |id: &String| event(now, id, "inactive", json!({}));
        let events: Vec<Value> = ids.iter().map(left).collect();
        let held = world.deliver(json!(events)).await;
        assert_eq!(held.body["summary"], json!({ "held": 10 }));
        let hold = world.open_holds().await.remove(0);
        // The answer is written; the process dies before it comes to anybody.
        dies_after_the_next_commit(&world);
        let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
        let version = hold["version"].as_u64().unwrap();
        world.post_if(&path, version, json!({})).await;
        let run = world.get("/runs").await["runs"][0]["run_id"].clone();
        let undo = format!("/runs/{}/undo", run.as_str().unwrap());
        assert_eq!(world.post(&undo, json!({})).await.status, 200);
        world.minutes(20).await;
        for id in &ids {
            assert_eq!(world.state(id).await, here(), "{behaviour} {id}");
            assert_eq!(grounds(&world, id).await, ["hr refused"], "{behaviour}");
        }
        // The answer is done with them: HR's repetition raises nothing.
        let again = world.hr(&ids[0], "inactive", json!({})).await;
        assert_eq!(again["outcome"], "unchanged", "{again}");
        world.stack.shutdown().await.unwrap();
    }
}
