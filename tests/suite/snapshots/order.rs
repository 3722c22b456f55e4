//! Snapshots that come in another order than they speak of, or of the instant of something else.

use chrono::TimeDelta;
use offramp_tests::World;
use serde_json::{Value, json};

use super::steps::rewritten;
use super::{active, complete, employee, open, page, snapshot_of, state, with_people};

async fn completed(
    world: &World,
    how: Value,
    employees: &[Value],
    dry_run: bool,
) -> (String, Value) {
    let id = open(world, how).await;
    assert_eq!(page(world, &id, 1, employees).await.status, 200);
    let answer = complete(world, &id, 1, dry_run).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    (id, answer.body["state"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_older_than_the_one_being_applied_is_rejected_and_the_newer_goes_on() {
    for (dry_run, earlier_version) in [(false, false), (true, false), (false, true)] {
        let (world, seed, ids) = with_people(30).await;
        world.minutes(30).await;
        let older = world.now() - TimeDelta::minutes(20);
        let mut here = seed.clone();
        here.extend(active(&ids));
        let mut gone = here.clone();
        gone[25] = employee(&ids[0], "inactive");
        let (newer, state_of_it) = completed(&world, json!({}), &gone, false).await;
        assert_eq!(state_of_it, "applying");
        if earlier_version {
            for item in world
                .scan(None)
                .await
                .iter()
                .filter(|item| item["sk"]["S"] == "LINE")
            {
                let drop = |data: &mut Value| {
                    let data = data.as_object_mut().unwrap();
                    assert!(data.remove("applying_at").is_some());
                };
                rewritten(&world, item, drop).await;
            }
        }
        let how = json!({ "occurred_at": older });
        let (late, state_of_it) = completed(&world, how, &here, dry_run).await;
        assert_eq!(state_of_it, "rejected");
        let said = complete(&world, &late, 1, dry_run).await;
        assert_eq!(said.body["state"], "rejected", "{}", said.text);
        assert!(
            said.text.contains("a later instant is being applied"),
            "{}",
            said.text
        );
        world.minutes(4).await;
        assert_eq!(state(&world, &newer).await["state"], "applied");
        assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_the_same_instant_takes_the_place_of_one_and_a_dry_run_outdates_nothing() {
    let (world, seed, ids) = with_people(30).await;
    world.minutes(30).await;
    let (now, older) = (world.now(), world.now() - TimeDelta::minutes(20));
    let mut all = seed.clone();
    all.extend(active(&ids[1..]));
    let (rehearsal, _) = completed(&world, json!({}), &all, true).await;
    let (first, applying) = completed(&world, json!({ "occurred_at": older }), &all, false).await;
    assert_eq!(applying, "applying");
    assert_eq!(state(&world, &rehearsal).await["state"], "superseded");
    for _ in 0..2 {
        let (_, applying) = completed(&world, json!({ "occurred_at": now }), &all, false).await;
        assert_eq!(applying, "applying");
    }
    assert_eq!(state(&world, &first).await["state"], "superseded");
    world.minutes(4).await;
    assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_a_snapshot_does_not_have_is_back_with_a_word_of_its_own_instant_that_comes_later()
{
    let (world, seed, ids) = with_people(30).await;
    let day = world.now();
    world.minutes(10).await;
    let how = || json!({ "occurred_at": day });
    let mut all = seed.clone();
    all.extend(active(&ids[2..]));
    let done = snapshot_of(&world, how(), &[all.clone()]).await;
    assert_eq!(done["summary"]["scheduled"], 2, "{done}");
    let back = world
        .hr_at(day, &ids[0], "active", json!({ "name": "Back" }))
        .await;
    assert_eq!(back["outcome"], "reactivated", "{back}");
    // Another snapshot of that day has the second as well.
    all.extend(active(&ids[1..2]));
    let done = snapshot_of(&world, how(), &[all]).await;
    assert_eq!(done["summary"]["reactivated"], 1, "{done}");
    assert_eq!(world.status(&ids[1]).await, "active");
    world.hours(74).await;
    // The first was missing in the second one again, which came later than the word.
    assert_eq!(world.status(&ids[0]).await, "deactivated");
    assert_eq!(world.status(&ids[1]).await, "active");
    world.end().await;
}
