//! Records that a snapshot rejects: it says nothing of these people, so what was said of them before still counts.

use offramp_tests::World;
use serde_json::{Value, json};

use super::{active, employee, snapshot, with_people};

async fn outcome(world: &World, at: &Value, id: &str, status: &str) -> Value {
    let at = serde_json::from_value(at.clone()).unwrap();
    world.hr_at(at, id, status, json!({})).await["outcome"].clone()
}

fn unreadable(id: &str) -> Value {
    let mut record = employee(id, "active");
    record["status"] = json!("gone");
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_before_a_snapshot_that_rejected_their_record_is_news_of_a_person() {
    let (world, seed, ids) = with_people(12).await;
    let known = json!(world.now());
    world.minutes(10).await;
    let before = json!(world.now());
    world.minutes(3).await;
    let mut all = seed.clone();
    all.extend(active(&ids));
    all[25] = unreadable(&ids[0]);
    all.push(unreadable("NEW-1"));
    // The rule fails on whoever has another name and no department.
    let rule = "employee.name.startsWith(\"Person\") || employee.department.startsWith(\"\")";
    assert_eq!(world.rule(rule).await.status, 200);
    world.minutes(3).await;
    all[25 + 1]["name"] = json!("Another Name");
    let done = snapshot(&world, &[all.clone()]).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"]["rejected"], 3, "{done}");
    assert_eq!(world.rule("true").await.status, 200);
    world.minutes(3).await;

    // Of the others it has spoken.
    assert_eq!(outcome(&world, &before, &ids[2], "inactive").await, "stale");
    assert_eq!(outcome(&world, &before, "NEW-2", "active").await, "stale");
    assert_eq!(
        outcome(&world, &before, &ids[0], "inactive").await,
        "scheduled"
    );
    assert_eq!(
        outcome(&world, &before, &ids[1], "inactive").await,
        "scheduled"
    );
    assert_eq!(outcome(&world, &before, "NEW-1", "active").await, "created");
    // Nothing of before the snapshot that had read them is news.
    let older = json!(world.now() - chrono::TimeDelta::days(1));
    assert_eq!(outcome(&world, &older, "NEW-1", "inactive").await, "stale");

    // The next one reads two of them, and then what is older is stale for these.
    for id in [&ids[2], &ids[3]] {
        let position = all.iter().position(|one| one["employee_id"] == **id);
        all[position.unwrap()] = unreadable(id);
    }
    all[25] = employee(&ids[0], "active");
    let between = json!(world.now());
    world.minutes(1).await;
    let done = snapshot(&world, &[all]).await;
    assert_eq!(done["summary"]["rejected"], 3, "{done}");
    assert_eq!(
        outcome(&world, &between, &ids[0], "inactive").await,
        "stale"
    );
    assert_eq!(
        outcome(&world, &between, &ids[1], "inactive").await,
        "stale"
    );
    assert_eq!(outcome(&world, &before, &ids[2], "inactive").await, "stale");
    assert_eq!(
        outcome(&world, &between, &ids[2], "inactive").await,
        "scheduled"
    );
    assert_eq!(outcome(&world, &known, "NEW-1", "inactive").await, "stale");
    assert_eq!(
        outcome(&world, &between, "NEW-1", "inactive").await,
        "scheduled"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_rejects_too_many_records_makes_nothing_stale() {
    let (world, seed, ids) = with_people(510).await;
    let before = json!(world.now());
    world.minutes(3).await;
    let mut all = seed.clone();
    all.extend(ids[..501].iter().map(|id| unreadable(id)));
    all.extend(active(&ids[501..]));
    let done = snapshot(&world, &[all]).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"]["rejected"], 501, "{done}");
    for id in [&ids[0], &ids[500], &ids[505]] {
        assert_eq!(outcome(&world, &before, id, "inactive").await, "scheduled");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_another_source_in_a_snapshot_count_for_no_exception() {
    let (world, seed, ids) = with_people(10).await;
    let made = world.post("/sources", json!({ "source": "payroll" })).await;
    let secret = made.body["secret"].as_str().unwrap();
    let others: Vec<String> = (0..501).map(|n| format!("PAY-{n}")).collect();
    let events: Vec<Value> = others
        .iter()
        .map(|id| offramp_tests::event(world.now(), id, "active", json!({})))
        .collect();
    let said = json!({ "events": events }).to_string();
    let said = offramp_tests::Delivery::new(secret, world.now(), said);
    world
        .hand_in_at(offramp_tests::ORG, "payroll", &said)
        .ok()
        .await;
    let before = json!(world.now());
    world.minutes(3).await;
    let mut all = seed.clone();
    all.extend(active(&ids));
    all.extend(active(&others));
    let done = snapshot(&world, &[all]).await;
    assert_eq!(done["summary"]["rejected"], 501, "{done}");
    assert_eq!(outcome(&world, &before, &ids[0], "inactive").await, "stale");
    world.end().await;
}
