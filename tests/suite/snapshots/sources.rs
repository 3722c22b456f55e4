//! A source that is disabled, or only observed, while a snapshot of it is open, queued or applied.

use std::time::Duration;

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::World;
use serde_json::{Value, json};

use super::{active, complete, everybody_is_active, open, page, snapshot, state, with_people};

async fn set(world: &World, source: &str) {
    let answer = world
        .patch("/sources/hris", json!({ "state": source }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// A snapshot without some of the people, and with its only page.
async fn handed_in(world: &World, seed: &[Value], ids: &[String], how: Value) -> String {
    let mut all = seed.to_vec();
    all.extend(active(ids));
    let id = open(world, how).await;
    assert_eq!(page(world, &id, 1, &all).await.status, 200);
    id
}

fn is_over(said: &Value) {
    let said = (&said["state"], &said["problem"]);
    assert_eq!(said, (&json!("rejected"), &json!("source_changed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_or_only_observing_a_source_ends_its_queued_snapshot_before_anybody_goes() {
    for (between, dry_run) in [
        (&["disabled"][..], false),
        (&["observing"], false),
        (&["observing"], true),
        // It was changed back before the work began.
        (&["disabled", "active"], false),
        (&["observing", "active"], false),
    ] {
        let (world, seed, ids) = with_people(30).await;
        let id = handed_in(&world, &seed, &ids[2..], json!({})).await;
        let answer = complete(&world, &id, 1, dry_run).await;
        assert_eq!(answer.body["state"], "applying", "{}", answer.text);
        for state in between {
            set(&world, state).await;
        }
        world.minutes(4).await;
        set(&world, "active").await;
        is_over(&state(&world, &id).await);
        everybody_is_active(&world, &ids).await;
        assert_eq!(world.get("/runs").await["runs"], json!([]));
        // Nothing of it stands in the way of the next one, nor does it make anything stale.
        let before = world.now() - chrono::TimeDelta::minutes(5);
        let news = world
            .hr_at(before, &ids[5], "active", json!({ "name": "N" }))
            .await;
        assert_eq!(news["outcome"], "updated", "{between:?}: {news}");
        let mut next = seed.clone();
        next.extend(active(&ids[1..]));
        let done = snapshot(&world, &[next]).await;
        assert_eq!(done["state"], "applied", "{done}");
        assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_applied_before_the_source_was_disabled_stays_and_nothing_more_is() {
    let (world, seed, ids) = with_people(250).await;
    let id = handed_in(&world, &seed, &ids[40..], json!({})).await;
    complete(&world, &id, 1, false).await;
    // Compared, admitted, asked, and the first of them written: then the process dies.
    world.stack.cloud().faults().inject(Fault {
        skip: 3,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillAfter)
    });
    world.advance(Duration::from_secs(121)).await;
    assert_eq!(state(&world, &id).await["state"], "applying");
    let gone = async || {
        let mut gone = Vec::new();
        for who in &ids[..40] {
            gone.push(world.status(who).await == "deactivation_scheduled");
        }
        gone
    };
    let before = gone().await;
    let some = before.iter().filter(|gone| **gone).count();
    // Sixteen are written at once, and those under way are not stopped.
    assert!((1..40).contains(&some), "{before:?}");
    set(&world, "disabled").await;
    world.minutes(40).await;
    set(&world, "active").await;
    is_over(&state(&world, &id).await);
    assert_eq!(gone().await, before);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_open_when_its_source_changed_is_rejected_when_it_is_completed() {
    for between in [&["observing"][..], &["disabled", "active"]] {
        let (world, seed, ids) = with_people(30).await;
        let id = handed_in(&world, &seed, &ids[2..], json!({})).await;
        world.minutes(1).await;
        for state in between {
            set(&world, state).await;
        }
        // HR may ask as often as it likes.
        for _ in 0..2 {
            let answer = complete(&world, &id, 1, false).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
            is_over(&answer.body);
        }
        world.minutes(4).await;
        set(&world, "active").await;
        is_over(&state(&world, &id).await);
        everybody_is_active(&world, &ids).await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_is_not_carried_out_because_its_source_was_set_active_meanwhile() {
    let (world, seed, ids) = with_people(30).await;
    set(&world, "observing").await;
    let id = handed_in(&world, &seed, &ids[2..], json!({})).await;
    complete(&world, &id, 1, false).await;
    set(&world, "active").await;
    world.minutes(4).await;
    is_over(&state(&world, &id).await);
    everybody_is_active(&world, &ids).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_else_an_admin_does_to_a_source_ends_no_snapshot() {
    let (world, seed, ids) = with_people(30).await;
    let id = handed_in(&world, &seed, &ids[2..], json!({})).await;
    let silent = json!({ "silent_after_hours": 48, "state": "active" });
    assert_eq!(world.patch("/sources/hris", silent).await.status, 200);
    complete(&world, &id, 1, false).await;
    let silent = json!({ "silent_after_hours": null });
    assert_eq!(world.patch("/sources/hris", silent).await.status, 200);
    world.minutes(4).await;
    assert_eq!(state(&world, &id).await["state"], "applied");
    assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");
    world.end().await;
}
