//! Many at once.

use aws_stand_ins::{Call, Service};
use offramp_tests::{ADA, Delivery, OTTO, World, event, numbered, zulu};
use serde_json::{Value, json};

/// An unoptimised build on a busy machine goes on where it stopped, so many times at most.
const TRIES: usize = 5;

/// The answer to a delivery that is sent until it is finished, with the calls of the last try counted.
async fn finished(world: &World, delivery: &Delivery) -> Value {
    let faults = world.stack.cloud().faults();
    let mut answer = world.hand_in(delivery).send().await;
    for _ in 0..TRIES {
        if answer.status != 503 {
            break;
        }
        assert_eq!(answer.body["code"], "unfinished", "{}", answer.text);
        faults.reset_calls();
        answer = world.hand_in(delivery).send().await;
    }
    answer.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_people_come_in_one_request_and_the_same_again_writes_next_to_nothing() {
    let world = World::start().await;
    // Not in the order of their ids.
    let ids: Vec<_> = (0..5_000)
        .map(|n| format!("X-{:04}", n * 7_919 % 5_000))
        .collect();
    let when = world.now();
    let events: Vec<_> = ids
        .iter()
        .map(|id| {
            event(
                when,
                id,
                "active",
                json!({ "name": format!("Person {id}"), "team": "T" }),
            )
        })
        .collect();
    let delivery = world.signed(&json!(events));
    let in_order = |answer: &Value, outcomes: &[&str]| {
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 5_000);
        for (result, id) in results.iter().zip(&ids) {
            assert_eq!(result["employee_id"], json!(id));
            assert!(
                outcomes.contains(&result["outcome"].as_str().unwrap()),
                "{result}"
            );
        }
    };
    // An unoptimised build on a busy machine may not be done in a Lambda's time: it then says so, and the same request
    // again goes on where it stopped.
    let mut answer = world.hand_in(&delivery).send().await;
    let mut outcomes = vec!["created"];
    for _ in 0..TRIES {
        if answer.status != 503 {
            break;
        }
        assert_eq!(answer.body["code"], "unfinished", "{}", answer.text);
        outcomes = vec!["created", "unchanged"];
        answer = world.hand_in(&delivery).send().await;
    }
    in_order(&answer.body, &outcomes);
    assert_eq!(world.user(&ids[4_321]).await["status"], "active");

    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let again = finished(&world, &delivery).await;
    in_order(&again, &["unchanged"]);
    assert_eq!(again["summary"], json!({ "unchanged": 5_000 }));
    let calls = faults.calls();
    let reads = ["GetItem", "BatchGetItem", "TransactGetItems", "Query"];
    let other: Vec<_> = calls
        .iter()
        .filter(|call| call.service != Service::Kms)
        .filter(|call| !reads.contains(&call.operation.as_str()))
        .collect();
    assert!(other.is_empty(), "{other:?}");
    // One read of the source, and one for every hundred people or so.
    assert!(
        calls.len() <= 1 + 5_000_usize.div_ceil(90) + 2,
        "{}",
        calls.len()
    );
    assert_eq!(world.mails(), []);

    // The same records at a newer instant: each instant is kept, and a call keeps those of a whole chunk.
    world.minutes(1).await;
    let newer: Vec<_> = events
        .iter()
        .map(|event| {
            let mut event = event.clone();
            event["id"] = Value::Null;
            event["occurred_at"] = json!(zulu(world.now()));
            event
        })
        .collect();
    let delivery = world.signed(&json!(newer));
    faults.reset_calls();
    let kept = finished(&world, &delivery).await;
    assert_eq!(kept["summary"], json!({ "unchanged": 5_000 }));
    let calls = faults.calls().len();
    assert!(calls <= 160, "{calls}");
    faults.reset_calls();
    let again = world.hand_in(&delivery).ok().await;
    assert_eq!(again["summary"], json!({ "unchanged": 5_000 }));
    let writes = |call: &&Call| call.operation.contains("Write");
    assert_eq!(faults.calls().iter().filter(writes).count(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_people_are_not_held_up_by_one_bad_record() {
    let world = World::start().await;
    let ids = numbered("X", 101);
    let mut events: Vec<_> = ids
        .iter()
        .map(|id| {
            event(
                world.now(),
                id,
                "active",
                json!({ "start_date": "2026-01-31" }),
            )
        })
        .collect();
    events[42]["employee"]["status"] = json!("emeritus");
    events[43]["employee"]["start_date"] = json!("2026-02-31");
    let results = world.outcomes(json!(events)).await;
    for (at, (result, id)) in results.iter().zip(&ids).enumerate() {
        let outcome = if at == 42 { "rejected" } else { "created" };
        assert_eq!(
            (&result["employee_id"], &result["outcome"]),
            (&json!(id), &json!(outcome))
        );
    }
    assert!(results[42]["reason"].as_str().unwrap().contains("status"));
    assert_eq!(results[43]["warnings"][0]["field"], "start_date");
    let there = world.admin("GET", "/users/X-0043").send().await;
    assert_eq!(there.status, 404);
    world.end().await;
}

/// Every admin got one mail about these forty, with names, dates and cards.
fn told(world: &World, ids: &[String]) {
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "scheduled");
        assert_eq!(mails.len(), 1, "{mails:?}");
        assert_eq!(mails[0].subject, "40 people scheduled for deactivation");
        for (n, id) in ids.iter().enumerate() {
            let cards = if n == 0 { "1 card" } else { "no cards" };
            let line = format!(
                "- Person {id} ({id}): Thursday 5 March 2026 at 10:03 (Europe/Berlin), {cards} — inactive in HR"
            );
            assert!(mails[0].text.contains(&line), "{line}\n{}", mails[0].text);
            assert!(mails[0].html.contains(&line[2..]), "{}", mails[0].html);
        }
    }
    world.only_admins_were_mailed();
}

async fn forty() -> (World, Vec<String>) {
    let world = World::start().await;
    let ids = numbered("X", 40);
    world.hire(&ids).await;
    world.add_card(&ids[0]).await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    world.let_many_go().await;
    (world, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_leavers_in_a_batch_are_one_mail_for_each_admin() {
    let (world, ids) = forty().await;
    let results = world.dismiss(&ids).await;
    assert!(results.iter().all(|one| one["outcome"] == "scheduled"));
    world.minutes(5).await;
    told(&world, &ids);
    world.hours(73).await;
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "40 people deactivated");
        assert_eq!(mails.len(), 1);
        let first = "Person X-0001 (X-0001): 1 card terminated";
        assert!(mails[0].text.contains(first), "{}", mails[0].text);
        assert!(ids.iter().all(|id| mails[0].text.contains(id)));
    }
    assert_eq!(world.mails_to(ADA, "").len(), 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_webhooks_within_a_minute_are_one_mail_for_each_admin() {
    let (world, ids) = forty().await;
    let deliveries: Vec<_> = ids
        .iter()
        .map(|id| world.signed(&json!([event(world.now(), id, "inactive", json!({}))])))
        .collect();
    let mut sent = Vec::new();
    for delivery in &deliveries {
        sent.push(tokio::spawn(world.hand_in(delivery).send()));
    }
    for (one, delivery) in sent.into_iter().zip(&deliveries) {
        let mut answer = one.await.unwrap();
        // All want a place in one window. Whom the others kept out for too long is told to send again, and does.
        while answer.status == 503 {
            assert_eq!(answer.body["code"], "busy", "{}", answer.text);
            answer = world.hand_in(delivery).send().await;
        }
        assert_eq!(
            answer.body["results"][0]["outcome"], "scheduled",
            "{}",
            answer.text
        );
    }
    world.minutes(5).await;
    told(&world, &ids);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_two_hundred_are_counted_in_the_mail() {
    let world = World::start().await;
    let ids = numbered("X", 215);
    world.hire(&ids).await;
    world.let_many_go().await;
    world.dismiss(&ids).await;
    world.minutes(5).await;
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "215 people scheduled");
        assert_eq!(mails.len(), 1);
        assert_eq!(
            mails[0]
                .text
                .lines()
                .filter(|line| line.starts_with("- "))
                .count(),
            200
        );
        assert_eq!(mails[0].html.matches("<li>").count(), 200);
        for part in [&mails[0].text, &mails[0].html] {
            assert!(part.contains("and 15 more"), "{part}");
        }
    }
    world.end().await;
}
