//! Turning the sync off and undoing a run are committed first. What they read before does not grow with the people.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{World, confirmed, numbered};
use serde_json::{Value, json};

/// So many people whom HR has just called inactive, and their run.
async fn leaving(count: usize) -> (World, String) {
    let world = World::start().await;
    world.let_many_go().await;
    let ids = numbered("P", count);
    world.hire(&ids).await;
    world.dismiss(&ids).await;
    let scheduled = world.find("?status=deactivation_scheduled&limit=97").await;
    assert_eq!(scheduled.len(), count.min(97));
    let runs = world.get("/runs").await;
    let run = runs["runs"][0]["run_id"].as_str().unwrap().to_owned();
    (world, run)
}

fn off() -> Value {
    json!({ "deactivation_sync": { "enabled": false } })
}

/// The calls since they were forgotten, up to the first transaction.
fn before_the_commit(world: &World) -> Vec<String> {
    let calls = world.stack.cloud().faults().calls();
    let calls = calls.into_iter().map(|call| call.operation);
    calls
        .take_while(|call| call != "TransactWriteItems")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_commit_before_they_count() {
    let mut calls = Vec::new();
    // More than one read takes.
    for count in [3, 120] {
        let (world, _) = leaving(count).await;
        let faults = world.stack.cloud().faults();
        let question = world.question(&off()).await;
        assert_eq!(question["affected"], count);
        faults.reset_calls();
        let done = world.settle(&off(), &question).await;
        let of_the_sync = before_the_commit(&world);
        assert_eq!(done["affected"], count);
        assert_eq!(done["users"].as_array().unwrap().len(), count);
        assert_eq!(done.get("at_least"), None, "{done}");
        world.minutes(5).await;
        let told = world.mails().into_iter().map(|mail| mail.text);
        let told: String = told.collect();
        assert!(
            told.contains(&format!("{count} people are active again")),
            "{told}"
        );
        world.end().await;

        let (world, run) = leaving(count).await;
        let faults = world.stack.cloud().faults();
        faults.reset_calls();
        let path = format!("/runs/{run}/undo");
        let undone = world.post(&path, json!({})).await.body;
        let of_the_run = before_the_commit(&world);
        assert_eq!(undone["affected"], count);
        assert_eq!(undone.get("at_least"), None, "{undone}");
        // The audit's first page has the whole of a short story.
        if count == 3 {
            let audit = world.get("/audit?limit=97").await;
            let entries = audit["entries"].as_array().unwrap().iter();
            let entry = entries.rev().find(|one| one["run_id"] == json!(run));
            assert_eq!(entry.unwrap()["affected"], count, "{audit}");
        }
        world.minutes(5).await;
        let mails = world.mails();
        let text = format!("{count} people are active again");
        assert!(mails.iter().any(|mail| mail.text.contains(&text)));
        assert_eq!(world.find("?status=deactivation_scheduled").await, [""; 0]);
        world.end().await;
        calls.push((of_the_sync, of_the_run));
    }
    assert_eq!(calls[0], calls[1]);
    assert!(calls[1].0.len() <= 8, "{calls:?}");
    assert!(calls[1].1.len() <= 8, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_done_even_where_nobody_can_be_counted() {
    let out = || Fault {
        times: 1_000,
        ..Fault::once(Service::Dynamodb, "Query", Mode::Error)
    };
    let (world, _) = leaving(5).await;
    let question = world.question(&off()).await;
    let faults = world.stack.cloud().faults();
    faults.inject(out());
    let patch = confirmed(&off(), &question["confirmation"]);
    let done = world.patch("/settings", patch).await;
    faults.clear();
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.body["at_least"], true, "{}", done.text);
    assert_eq!(world.status("P-0001").await, "active");
    world.minutes(10).await;
    let told = world.mails().into_iter().map(|mail| mail.text);
    let told: String = told.collect();
    assert!(
        told.contains("everybody whom it concerns is active again"),
        "{told}"
    );
    // Whoever was not counted has been rewritten since: nobody is scheduled by the index.
    assert_eq!(world.find("?status=deactivation_scheduled").await, [""; 0]);
    world.end().await;

    let (world, run) = leaving(5).await;
    let faults = world.stack.cloud().faults();
    faults.inject(out());
    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    faults.clear();
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!(undone.body["at_least"], true, "{}", undone.text);
    assert_eq!(world.status("P-0001").await, "active");
    world.minutes(10).await;
    assert_eq!(world.find("?status=deactivation_scheduled").await, [""; 0]);
    world.end().await;
}
