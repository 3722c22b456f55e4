//! Two who write at once: a reactivation after a deactivation has died, and the same webhook many times.

use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Mode, Service};
use offramp_tests::{World, event};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::stack::LEAVER;
use super::stack::end::End;
use super::stack::matrix::{permit, seed};
use super::stories::{inject, plain_grace, world};

/// Runs the end of a grace period: the process dies after its nth call, and HR calls the person active before the retry.
/// Says whether there was such a call.
async fn died_in(n: usize) -> bool {
    let folder = seed().await.copy("race").await;
    let world = folder.world(Duration::from_secs(2)).await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    let (service, operation, skip) = match nth_call(n).await {
        Some(call) => call,
        None => return false,
    };
    inject(&world, service, &operation, Mode::KillAfter, 1, skip);
    // Up to the due instant, so that a retry comes after the reactivation.
    world
        .advance(Duration::from_secs(72 * 3_600 - 6 * 60))
        .await;
    world.hr(LEAVER, "active", json!({})).await;
    world.minutes(30).await;
    world.minutes(30).await;

    let what = format!("died in call {n}, {service:?} {operation}");
    let user = world.user(LEAVER).await;
    assert_eq!(user["status"], "active", "{what}");
    assert_eq!(user["active_cards"], world.alive(LEAVER).await, "{what}");
    let end = End::of(&world, &[LEAVER]).await;
    assert_eq!(end.work, Vec::<String>::new(), "{what}");
    assert_eq!(end.lost, Vec::<String>::new(), "{what}");
    let ledger = cancelled_at_the_issuer(&world).await;
    assert_eq!(ledger, 3 - world.alive(LEAVER).await, "{what}: {end:#?}");
    // The survivors are theirs to use.
    for card in user["cards"].as_array().unwrap() {
        let path = format!("/cards/{}/status", card["card_id"].as_str().unwrap());
        let reply = world.put(&path, json!({ "status": "frozen" })).await;
        let wanted = if card["status"] == "cancelled" {
            409
        } else {
            200
        };
        assert_eq!(reply.status, wanted, "{what}: {}", reply.body);
    }
    true
}

/// The nth call of a deactivation at its due instant: service, operation, and how many like it come before.
async fn nth_call(n: usize) -> Option<(Service, String, u32)> {
    static CALLS: tokio::sync::OnceCell<Vec<(Service, String)>> =
        tokio::sync::OnceCell::const_new();
    let calls = CALLS
        .get_or_init(|| async {
            let (_folder, world) = world("race-calls").await;
            world.hr(LEAVER, "inactive", json!({})).await;
            world.minutes(6).await;
            world.stack.cloud().faults().reset_calls();
            let due = Duration::from_secs(72 * 3_600 - 6 * 60);
            world.advance(due).await;
            let calls = world.stack.cloud().faults().calls();
            world.end().await;
            let made = calls.into_iter().map(|call| (call.service, call.operation));
            // Then comes the sweep, at the end of the jump.
            let made: Vec<_> = made.collect();
            let sweep = made.iter().rposition(|(_, operation)| operation != "Query");
            made[..=sweep.unwrap()].to_vec()
        })
        .await;
    let (service, operation) = calls.get(n)?;
    let before = calls[..n].iter().filter(|call| *call == &calls[n]).count();
    Some((*service, operation.clone(), u32::try_from(before).unwrap()))
}

async fn cancelled_at_the_issuer(world: &World) -> usize {
    let items = world.scan(None).await;
    let state = |item: &&Value| item["sk"]["S"] == "L" && item["state"]["S"] == "cancelled";
    items.iter().filter(state).count()
}

/// While the deactivation runs, `together` tries the same between any two of its calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reactivation_after_a_deactivation_died_anywhere_keeps_the_count() {
    let mut races = JoinSet::new();
    let mut n = 0;
    while nth_call(n).await.is_some() {
        races.spawn(async move {
            let _permit = permit().await;
            died_in(n).await
        });
        n += 1;
    }
    assert!(n > 0);
    let mut wrong = Vec::new();
    while let Some(raced) = races.join_next().await {
        if let Err(error) = raced {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_webhook_twenty_times_at_once_among_conflicts() {
    let (_folder, world) = world("twenty").await;
    let world = Arc::new(world);
    inject(
        &world,
        Service::Dynamodb,
        "TransactWriteItems",
        Mode::Conflict,
        30,
        0,
    );
    let events = json!([event(world.now(), LEAVER, "inactive", json!({}))]);
    let mut deliveries = JoinSet::new();
    for _ in 0..20 {
        let (world, events) = (Arc::clone(&world), events.clone());
        deliveries.spawn(async move { world.deliver(events).await });
    }
    let mut outcomes = Vec::new();
    while let Some(reply) = deliveries.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        outcomes.push(
            reply.body["results"][0]["outcome"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    outcomes.sort();
    assert_eq!(outcomes[0], "scheduled");
    assert!(
        outcomes[1..].iter().all(|outcome| outcome == "unchanged"),
        "{outcomes:?}"
    );
    world.stack.cloud().faults().clear();
    world.minutes(6).await;
    world.hours(72).await;
    assert_eq!(End::of(&world, &[LEAVER]).await, plain_grace().await);
}
