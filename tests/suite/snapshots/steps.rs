//! What applying a snapshot takes, and one that an earlier version has begun.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{World, numbered};
use serde_json::{Value, json};

use super::{active, complete, open, page, seeded, snapshot, state, with_people};

/// The calls of the function that applies a snapshot, of everybody as they are but for a change, in pages.
async fn applied(world: &World, pages: &[&[Value]]) -> Vec<String> {
    let id = open(world, json!({})).await;
    for (number, employees) in pages.iter().enumerate() {
        assert_eq!(page(world, &id, number + 1, employees).await.status, 200);
    }
    assert_eq!(complete(world, &id, pages.len(), false).await.status, 202);
    let timer = world.stack.cloud().scheduler().schedules().pop().unwrap();
    let input: Value = serde_json::from_str(timer.input.as_deref().unwrap()).unwrap();
    let function = timer.target.rsplit(':').next().unwrap();
    world.stack.cloud().faults().reset_calls();
    let lambda = world.stack.cloud().lambda();
    lambda.invoke_async(function, input).unwrap();
    world.stack.cloud().settle().await;
    let calls = world.stack.cloud().faults().calls();
    assert_eq!(state(world, &id).await["state"], "applied");
    // The timer that stands would only find that all is done.
    world.minutes(3).await;
    calls.into_iter().map(|call| call.operation).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_snapshot_of_which_nothing_is_new_is_one_transaction_and_few_reads() {
    let (world, seed, ids) = with_people(200).await;
    let mut all = seed.clone();
    all.extend(active(&ids));
    let (one, two) = all.split_at(100);
    for pages in [vec![all.as_slice()], vec![one, two]] {
        let mut calls = applied(&world, &pages).await;
        calls.sort();
        let count = |name: &str| calls.iter().filter(|call| *call == name).count();
        // The snapshot with its line and its breaker; its chunks. Receipts, and 16 partitions of the roster. The end.
        assert_eq!(count("BatchGetItem"), 2, "{calls:?}");
        assert_eq!(count("Query"), 17, "{calls:?}");
        assert_eq!(count("TransactWriteItems"), 1, "{calls:?}");
        assert_eq!(calls.len(), 20, "{calls:?}");
    }
    // One who differs is not compared twice: three more writes, and the timer that stands for the rest.
    all[40]["name"] = json!("Another Name");
    let calls = applied(&world, &[&all]).await;
    let queries = calls.iter().filter(|call| *call == "Query").count();
    assert_eq!(queries, 17, "{calls:?}");
    assert!(calls.len() <= 28, "{calls:?}");
    world.end().await;
}

/// The data of an item, changed.
pub(super) async fn rewritten(world: &World, item: &Value, change: impl Fn(&mut Value)) {
    let mut data: Value = serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap();
    change(&mut data);
    let mut item = item.clone();
    item["data"]["S"] = json!(data.to_string());
    world.put_item(&item).await;
}

/// The version before this one wrote neither how many chunks a page has, nor in which partitions somebody differs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_an_earlier_version_has_begun_is_brought_to_its_end() {
    for dies_in in 0..4 {
        let (world, seed, ids) = with_people(60).await;
        let mut all = seed.clone();
        all.extend(active(&ids[3..]));
        all[30]["name"] = json!("Another Name");
        let id = open(&world, json!({})).await;
        page(&world, &id, 1, &all).await;
        complete(&world, &id, 1, false).await;
        // Compared, asked (the breaker, and then the snapshot), applied: it dies after each is written.
        let faults = world.stack.cloud().faults();
        faults.inject(Fault {
            skip: dies_in,
            times: 1,
            ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::KillAfter)
        });
        world.advance(std::time::Duration::from_secs(125)).await;
        assert!(faults.pending().is_empty());
        assert_eq!(state(&world, &id).await["state"], "applying");
        for item in world.scan(None).await {
            let (pk, sk) = (item["pk"]["S"].as_str(), item["sk"]["S"].as_str());
            let (pk, sk) = (pk.unwrap(), sk.unwrap());
            if sk == id {
                rewritten(&world, &item, |data| data["differs"] = Value::Null).await;
            } else if pk.ends_with(&format!("#SN#{id}")) {
                rewritten(&world, &item, |data| data["chunks"] = json!([])).await;
            }
        }
        world.minutes(10).await;
        let done = state(&world, &id).await;
        assert_eq!(done["state"], "applied", "{dies_in}: {done}");
        let wanted = json!({ "scheduled": 3, "updated": 1, "unchanged": 81 });
        assert_eq!(done["summary"], wanted, "{dies_in}");
        for gone in &ids[..3] {
            assert_eq!(world.status(gone).await, "deactivation_scheduled");
        }
        assert_eq!(world.get("/runs").await["runs"][0]["people"], 3);
        // One run was killed.
        world.stack.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_sweep_counts_the_people_of_a_snapshot() {
    let world = World::start().await;
    // It has counted the seed's 25, and would count again in an hour.
    world.minutes(6).await;
    let ids = numbered("P", 75);
    let mut all = seeded(&world).await;
    all.extend(active(&ids));
    snapshot(&world, &[all]).await;
    world.minutes(6).await;
    // Ten of a hundred may go; of 25 they would be held.
    for one in world.dismiss(&ids[..10]).await {
        assert_eq!(one["outcome"], "scheduled", "{one}");
    }
    world.end().await;
}
