//! Webhooks that are older than a snapshot and come while it is applied: none of them is lost, and none is news.

use std::time::Duration;

use aws_stand_ins::{Fault, Mode, Service};
use chrono::{DateTime, Utc};
use offramp_tests::{Answer, World, event};
use serde_json::{Value, json};

use super::{active, complete, employee, open, page, state, with_people};

/// HR says one thing of an earlier instant, whatever comes of it.
async fn late(world: &World, at: DateTime<Utc>, id: &str, status: &str) -> Answer {
    world
        .deliver(json!([event(at, id, status, json!({}))]))
        .await
}

/// What becomes of it, where it does not wait.
async fn outcome(world: &World, at: DateTime<Utc>, id: &str, status: &str) -> Value {
    let answer = late(world, at, id, status).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["results"][0]["outcome"].clone()
}

async fn waits(world: &World, at: DateTime<Utc>, id: &str, status: &str) {
    let answer = late(world, at, id, status).await;
    let said = (answer.status, answer.body["code"].as_str());
    assert_eq!(said, (503, Some("unfinished")), "{}", answer.text);
    assert!(answer.text.contains("snapshot"), "{}", answer.text);
}

/// A snapshot that is complete and not begun.
async fn completed(world: &World, how: Value, employees: &[Value], dry_run: bool) -> String {
    let id = open(world, how).await;
    assert_eq!(page(world, &id, 1, employees).await.status, 200);
    let answer = complete(world, &id, 1, dry_run).await;
    assert_eq!(answer.body["state"], "applying", "{}", answer.text);
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_before_a_snapshot_waits_while_it_is_applied_and_is_stale_then() {
    let (world, mut all, ids) = with_people(12).await;
    all.extend(active(&ids));
    world.hr(&ids[1], "inactive", json!({})).await;
    let beginning = world.now() - chrono::TimeDelta::days(2);
    world.minutes(10).await;
    let before = world.now();
    world.minutes(10).await;
    world
        .hr(&ids[2], "active", json!({ "name": "Newer" }))
        .await;
    // The snapshot knows that one has left, as is known here.
    all[25 + 1]["status"] = json!("inactive");
    all[25 + 2]["name"] = json!("Newer");
    let id = completed(&world, json!({}), &all, false).await;

    for (who, status) in [
        (ids[0].as_str(), "inactive"),
        (&ids[1], "active"),
        ("NEW-1", "active"),
    ] {
        waits(&world, before, who, status).await;
    }
    // The whole request waits, and nothing of it is done.
    let now = world.now();
    let both = json!([
        event(now, &ids[3], "active", json!({ "name": "Now" })),
        event(before, &ids[0], "inactive", json!({})),
    ]);
    assert_eq!(world.deliver(both).await.status, 503);
    assert_ne!(world.user(&ids[3]).await["name"], "Now");
    // What would be stale in any case, and what is newer, is answered as ever.
    assert_eq!(
        outcome(&world, beginning, &ids[0], "inactive").await,
        "stale"
    );
    let newer = world.hr(&ids[4], "active", json!({ "name": "Now" })).await;
    assert_eq!(newer["outcome"], "updated", "{newer}");
    let unknown = world.hr("NEW-2", "active", json!({})).await;
    assert_eq!(unknown["outcome"], "created", "{unknown}");

    world.minutes(3).await;
    assert_eq!(state(&world, &id).await["state"], "applied");
    for (who, status) in [
        (ids[0].as_str(), "inactive"),
        (&ids[1], "active"),
        ("NEW-1", "active"),
    ] {
        assert_eq!(outcome(&world, before, who, status).await, "stale", "{who}");
    }
    assert_eq!(world.status(&ids[0]).await, "active");
    assert_eq!(world.status(&ids[1]).await, "deactivation_scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_work_fails_or_dies_an_older_webhook_is_no_news() {
    let (world, mut all, ids) = with_people(12).await;
    all.extend(active(&ids));
    let faults = world.stack.cloud().faults();
    let mut died = 0;
    for mode in [Mode::Error, Mode::KillBefore, Mode::KillAfter] {
        // What was compared, somebody's other name, the step that applied it, the end.
        for skip in 0..4 {
            let before = world.now();
            world.minutes(1).await;
            all[25]["name"] = json!(format!("{mode:?} {skip}"));
            let id = completed(&world, json!({}), &all, false).await;
            faults.inject(Fault {
                skip,
                times: 3,
                ..Fault::once(Service::Dynamodb, "TransactWriteItems", mode)
            });
            world.advance(Duration::from_secs(121)).await;
            faults.clear();
            if state(&world, &id).await["state"] == "applying" {
                died += 1;
                for who in &ids[1..] {
                    waits(&world, before, who, "inactive").await;
                }
            }
            world.minutes(30).await;
            assert_eq!(
                state(&world, &id).await["state"],
                "applied",
                "{mode:?} {skip}"
            );
            for who in &ids[1..] {
                assert_eq!(outcome(&world, before, who, "inactive").await, "stale");
                assert_eq!(world.status(who).await, "active", "{mode:?} {skip}");
            }
        }
    }
    assert!(died >= 8, "only {died} of 12 were not at their end");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_comes_to_nothing_keeps_no_webhook_waiting() {
    let (world, mut all, ids) = with_people(12).await;
    all.extend(active(&ids));
    let mut minute = world.now();
    let mut before = async || {
        minute = world.now();
        world.minutes(1).await;
        minute
    };
    let news = async |at, why: &str| {
        let said = json!([event(at, &ids[0], "active", json!({ "name": why }))]);
        let answer = world.deliver(said).await;
        assert_eq!(answer.status, 200, "{why}: {}", answer.text);
        assert_eq!(world.user(&ids[0]).await["name"], *why);
    };

    let at = before().await;
    open(&world, json!({})).await;
    news(at, "only open").await;

    let at = before().await;
    completed(&world, json!({}), &all, true).await;
    news(at, "a dry run").await;
    world.minutes(3).await;

    // The same employee twice, with different records.
    let at = before().await;
    let mut twice = all.clone();
    twice.push(employee(&ids[3], "inactive"));
    let id = completed(&world, json!({}), &twice, false).await;
    waits(&world, at, &ids[0], "inactive").await;
    world.minutes(3).await;
    assert_eq!(state(&world, &id).await["state"], "rejected");
    news(at, "rejected").await;

    let at = before().await;
    let real = completed(&world, json!({}), &all, false).await;
    waits(&world, at, &ids[0], "inactive").await;
    completed(&world, json!({}), &all, true).await;
    assert_eq!(state(&world, &real).await["state"], "superseded");
    news(at, "in the place of which another came").await;
    world.minutes(3).await;

    // One that is held whatever the numbers says nothing of those whom it does not have.
    let at = before().await;
    let id = completed(&world, json!({}), &[], false).await;
    waits(&world, at, &ids[0], "inactive").await;
    world.minutes(3).await;
    assert_eq!(state(&world, &id).await["state"], "held");
    news(at, "held").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_takes_hours_stops_nobody_for_so_long_and_is_right_in_the_end() {
    let (world, mut all, ids) = with_people(40).await;
    all.extend(active(&ids));
    let before = world.now();
    world.minutes(1).await;
    all[25]["name"] = json!("Another Name");
    let gone = all.pop().unwrap();
    let id = completed(&world, json!({}), &all, false).await;
    // It is compared, and then nothing is written for more than an hour.
    let faults = world.stack.cloud().faults();
    faults.inject(Fault {
        skip: 1,
        times: 10_000,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillBefore)
    });
    world.minutes(50).await;
    faults.clear();
    waits(&world, before, &ids[1], "inactive").await;
    faults.inject(Fault {
        times: 10_000,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillBefore)
    });
    world.minutes(15).await;
    faults.clear();
    // These do not wait any more. The snapshot has found most of these people equal already.
    for who in &ids[1..9] {
        let outcome = outcome(&world, before, who, "inactive").await;
        assert_eq!(outcome, "scheduled", "{who}");
    }
    world.minutes(40).await;
    let done = state(&world, &id).await;
    assert_eq!(done["state"], "applied", "{done}");
    // Of those who were scheduled late, one is in the partition of somebody who differs. The others are found when it is
    // compared again.
    let wanted = json!({ "reactivated": 1, "scheduled": 1, "unchanged": 62, "updated": 1 });
    assert_eq!(done["summary"], wanted, "everybody is counted once");
    assert_eq!(done["progress"]["done"], done["progress"]["of"]);
    for who in &ids[1..9] {
        assert_eq!(world.status(who).await, "active", "{who}");
        assert_eq!(outcome(&world, before, who, "inactive").await, "stale");
    }
    let gone = gone["employee_id"].as_str().unwrap();
    assert_eq!(world.status(gone).await, "deactivation_scheduled");
    world.stack.shutdown().await.unwrap();
}

/// What a request decided before events waited may still be under way. So nothing is compared within a minute of it,
/// even if a timer comes that was armed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compared_again_is_not_compared_before_what_is_under_way_is_done() {
    let (world, mut all, ids) = with_people(12).await;
    all.extend(active(&ids));
    let before = world.now();
    world.minutes(1).await;
    let id = completed(&world, json!({}), &all, false).await;
    let timer = world.stack.cloud().scheduler().schedules().pop().unwrap();
    let function = timer.target.rsplit(':').next().unwrap();
    let input: Value = serde_json::from_str(timer.input.as_deref().unwrap()).unwrap();
    let faults = world.stack.cloud().faults();
    faults.inject(Fault {
        times: 10_000,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillBefore)
    });
    world.minutes(61).await;
    faults.clear();
    // The first finds that older events have not waited all the time.
    for _ in 0..3 {
        let lambda = world.stack.cloud().lambda();
        lambda.invoke_async(function, input.clone()).unwrap();
        world.stack.cloud().settle().await;
        let now = state(&world, &id).await;
        assert_eq!(
            (&now["state"], &now["progress"]["done"]),
            (&json!("applying"), &json!(0))
        );
        waits(&world, before, &ids[0], "inactive").await;
    }
    world.minutes(3).await;
    let done = state(&world, &id).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"], json!({ "unchanged": 37 }));
    world.stack.shutdown().await.unwrap();
}
