//! Indexes that lag three seconds behind their table, as they may on AWS: what is listed comes later, what is decided and
//! done does not, and every story ends as it does without.

use std::time::Duration;

use aws_stand_ins::Lasting;
use offramp_tests::{ADA, LENA, OTTO, World};
use serde_json::{Value, json};

use crate::snapshots::{complete, employee, open, page, seeded, state};

/// A world whose indexes lag.
async fn world() -> World {
    let world = World::start().await;
    world.stack.cloud().faults().begin(Lasting::Lag(3));
    world
}

async fn seconds(world: &World, seconds: u64) {
    world.advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_ends_as_ever_and_is_listed_seconds_later() {
    let world = world().await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "scheduled");
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    assert_eq!(world.access(LENA).await, "revoked");
    let scheduled = "?status=deactivation_scheduled";
    assert!(world.find(scheduled).await.is_empty(), "not seen yet");
    seconds(&world, 2).await;
    assert!(world.find(scheduled).await.is_empty(), "not seen yet");
    seconds(&world, 1).await;
    assert_eq!(world.find(scheduled).await, [LENA]);
    // What an index says is never believed: she is back, and no list says otherwise.
    world.hr(LENA, "active", json!({})).await;
    assert!(world.find(scheduled).await.is_empty());
    seconds(&world, 1).await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(3).await;
    world.hours(72).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    world.minutes(3).await;
    assert!(
        world
            .find("?status=deactivated")
            .await
            .contains(&LENA.to_owned())
    );
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "scheduled").len(), 1);
        assert_eq!(world.mails_to(admin, "deactivated").len(), 1);
        assert_eq!(world.mails_to(admin, "").len(), 2);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_held_is_answered_for() {
    let world = world().await;
    world.set(json!({ "safeguards": { "max_users": 5 } })).await;
    let ids: Vec<String> = (1003..=1014).map(|n| format!("E-{n}")).collect();
    let results = world.dismiss(&ids).await;
    assert!(
        results.iter().all(|one| one["outcome"] == "held"),
        "{results:?}"
    );
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(world.open_holds().await.is_empty());
    world.minutes(6).await;
    world.hours(72).await;
    world.minutes(3).await;
    for id in &ids {
        assert_eq!(world.status(id).await, "deactivated", "{id}");
        assert_eq!(world.alive(id).await, 0, "{id}");
    }
    let listed = world.find("?status=deactivated&limit=50").await;
    assert!(ids.iter().all(|id| listed.contains(id)), "{listed:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_finds_what_no_timer_does() {
    let world = world().await;
    world.hr(LENA, "inactive", json!({})).await;
    let scheduler = world.stack.cloud().scheduler();
    for one in scheduler.schedules() {
        assert!(scheduler.delete(&one.group, &one.name));
    }
    world.minutes(6).await;
    assert_eq!(world.mails_to(ADA, "scheduled").len(), 1, "the digest");
    world.hours(72).await;
    world.minutes(15).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(world.mails_to(ADA, "deactivated").len(), 1);
    world.end().await;
}

/// The roster is an index: who has just come is not on it yet, and who has just left still is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_counts_nobody_as_missing_who_has_just_come() {
    let world = world().await;
    let mut all = seeded(&world).await;
    let new: Vec<Value> = (1..=3)
        .map(|n| employee(&format!("N-{n}"), "active"))
        .collect();
    world
        .hr("N-1", "active", json!({ "name": "Person N-1" }))
        .await;
    world
        .hr("N-2", "active", json!({ "name": "Person N-2" }))
        .await;
    all.extend(new);
    let id = open(&world, json!({})).await;
    let taken = page(&world, &id, 1, &all).await;
    assert_eq!(taken.status, 200, "{}", taken.text);
    assert_eq!(complete(&world, &id, 1, false).await.status, 202);
    world.minutes(3).await;
    let done = state(&world, &id).await;
    assert_eq!(done["state"], "applied", "{done}");
    for id in ["N-1", "N-2", "N-3", LENA] {
        assert_eq!(world.status(id).await, "active", "{id}");
    }
    world.end().await;
}

/// What has changed, and where HR and the system disagree: late, and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_come_late_and_whole() {
    let world = world().await;
    let begin = world.now();
    let drift = async || world.get("/reports/drift").await["users"].clone();
    let since = format!("/audit?since={}", begin.format("%Y-%m-%dT%H:%M:%SZ"));
    let changes = async || {
        let audit = world.get(&since).await;
        let entries = audit["entries"].as_array().unwrap().iter();
        entries.filter(|one| one["employee_id"] == LENA).count()
    };
    let before = changes().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.restore(LENA).await;
    assert_eq!((drift().await, changes().await), (json!([]), before));
    seconds(&world, 3).await;
    assert_eq!(drift().await[0]["employee_id"], LENA);
    assert_eq!(changes().await, before + 2);
    world.end().await;
}
