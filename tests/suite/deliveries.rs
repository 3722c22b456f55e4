//! Deliveries that come twice, late, in pieces, or out of order.

use chrono::TimeDelta;
use offramp_tests::{ADA, LENA, OTTO, World, event};
use serde_json::{Value, json};

/// After `LENA` was scheduled once: one mail for each admin, one timer, one entry.
async fn happened_once(world: &World) {
    assert_eq!(world.timers(LENA, "deactivate").len(), 1);
    assert_eq!(world.times(LENA, "scheduled").await, 1);
    world.minutes(10).await;
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_webhook_five_times_is_one() {
    let world = World::start().await;
    world.minutes(1).await;
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    let delivery = world.signed(&json!([leaves]));
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let answer = world.hand_in(&delivery).ok().await;
        outcomes.push(answer["results"][0]["outcome"].clone());
    }
    assert_eq!(outcomes[0], "scheduled");
    assert!(
        outcomes[1..].iter().all(|one| one == "unchanged"),
        "{outcomes:?}"
    );
    happened_once(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_webhook_twenty_times_at_once_is_one() {
    let world = World::start().await;
    world.minutes(1).await;
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    let delivery = world.signed(&json!([leaves]));
    let sent: Vec<_> = (0..20)
        .map(|_| tokio::spawn(world.hand_in(&delivery).send()))
        .collect();
    let mut outcomes = Vec::new();
    for one in sent {
        let answer = one.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        outcomes.push(answer.body["results"][0]["outcome"].clone());
    }
    let scheduled = outcomes.iter().filter(|one| **one == "scheduled").count();
    let unchanged = outcomes.iter().filter(|one| **one == "unchanged").count();
    assert_eq!((scheduled, unchanged), (1, 19), "{outcomes:?}");
    happened_once(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_event_after_a_newer_one_changes_nothing() {
    let world = World::start().await;
    world.hours(2).await;
    let newer = world.hr(LENA, "inactive", json!({ "team": "Newer" })).await;
    assert_eq!(newer["outcome"], "scheduled");
    let hour_ago = world.now() - TimeDelta::hours(1);
    let older = world
        .hr_at(hour_ago, LENA, "active", json!({ "team": "Older" }))
        .await;
    assert_eq!(older["outcome"], "stale");
    let user = world.user(LENA).await;
    assert_eq!(user["status"], "deactivation_scheduled");
    assert_eq!(user["team"], "Newer");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_event_changes_nothing_even_where_the_newer_one_said_what_was_known() {
    let world = World::start().await;
    world.hours(2).await;
    let identical = world
        .hr(LENA, "active", json!({ "team": "Field Sales" }))
        .await;
    assert_eq!(identical["outcome"], "unchanged");
    let hour_ago = world.now() - TimeDelta::hours(1);
    let older = json!({ "team": "Older" });
    let older = world.hr_at(hour_ago, LENA, "inactive", older).await;
    assert_eq!(older["outcome"], "stale");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.user(LENA).await["team"], "Field Sales");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_events_make_the_same_record_in_both_orders() {
    let world = World::start().await;
    let early = world.now() - TimeDelta::minutes(10);
    let late = world.now() - TimeDelta::minutes(5);
    let first = json!({ "name": "Ines Roth", "team": "Early", "cost_centre": "CC-1" });
    let second = json!({ "team": "Late", "department": "Legal", "cost_centre": null });
    for (id, order) in [("X-1", [0, 1]), ("X-2", [1, 0])] {
        let events = [
            event(early, id, "inactive", first.clone()),
            event(late, id, "active", second.clone()),
        ];
        for at in order {
            world.outcomes(json!([events[at]])).await;
        }
    }
    let (one, two) = (world.user("X-1").await, world.user("X-2").await);
    for member in [
        "name",
        "team",
        "department",
        "cost_centre",
        "status",
        "access",
        "hr",
    ] {
        assert_eq!(one[member], two[member], "{member}");
    }
    assert_eq!(one["name"], "Ines Roth");
    assert_eq!(one["team"], "Late");
    assert_eq!(one["department"], "Legal");
    assert_eq!(one["cost_centre"], Value::Null);
    assert_eq!(one["hr"]["status"], "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hr_leaves_out_stays_and_what_it_clears_goes() {
    let world = World::start().await;
    world.minutes(1).await;
    let result = world.hr(LENA, "active", json!({ "team": null })).await;
    assert_eq!(result["outcome"], "updated");
    let user = world.user(LENA).await;
    assert_eq!(user["team"], Value::Null);
    assert_eq!(user["department"], "Sales");
    assert_eq!(user["name"], "Lena Lindqvist");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_events_of_one_person_in_a_request_are_taken_in_order() {
    let world = World::start().await;
    let at = |seconds| world.now() + TimeDelta::seconds(seconds);
    let events = json!([
        event(at(1), "X-1", "active", json!({ "team": "One" })),
        event(at(1), LENA, "inactive", json!({})),
        event(at(2), "X-1", "inactive", json!({})),
        event(at(3), "X-1", "active", json!({ "team": "Three" })),
        event(at(2), "X-1", "active", json!({ "team": "Late" })),
        event(at(2), LENA, "active", json!({})),
    ]);
    let results = world.outcomes(events).await;
    let told: Vec<_> = results
        .iter()
        .map(|one| {
            (
                one["employee_id"].as_str().unwrap(),
                one["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("X-1", "created"),
        (LENA, "scheduled"),
        ("X-1", "scheduled"),
        ("X-1", "reactivated"),
        ("X-1", "stale"),
        (LENA, "reactivated"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(world.user("X-1").await["team"], "Three");
    assert_eq!(world.access(LENA).await, "granted");
    world.minutes(5).await;
    assert_eq!(world.mails(), []);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_events_of_one_instant_the_one_that_came_later_counts() {
    let world = World::start().await;
    world.minutes(1).await;
    let now = world.now();
    let leaves = json!({ "id": "a", "occurred_at": now, "employee": { "employee_id": LENA, "status": "inactive" } });
    let stays = json!({ "id": "b", "occurred_at": now, "employee": { "employee_id": LENA, "status": "active" } });
    let mut outcomes = Vec::new();
    for one in [&leaves, &stays, &leaves, &stays] {
        outcomes.push(world.outcomes(json!([one])).await[0]["outcome"].clone());
    }
    // The third and fourth are replays: they do not toggle.
    assert_eq!(
        outcomes,
        ["scheduled", "reactivated", "unchanged", "unchanged"]
    );
    assert_eq!(world.access(LENA).await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_record_in_a_new_event_writes_no_history() {
    let world = World::start().await;
    let before = world.history(LENA).await;
    world.hours(1).await;
    for _ in 0..3 {
        let result = world
            .hr(LENA, "active", json!({ "name": "Lena Lindqvist" }))
            .await;
        assert_eq!(result["outcome"], "unchanged");
        world.minutes(1).await;
    }
    assert_eq!(world.history(LENA).await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_many_sources_of_truth_at_once_are_all_kept() {
    let world = World::start().await;
    world.minutes(1).await;
    let fields = ["name", "team", "department", "cost_centre", "manager_id"];
    let sent: Vec<_> = fields
        .iter()
        .map(|field| {
            let one = event(
                world.now(),
                LENA,
                "active",
                json!({ (*field): format!("new-{field}") }),
            );
            tokio::spawn(world.hand_in(&world.signed(&json!([one]))).send())
        })
        .collect();
    for one in sent {
        let answer = one.await.unwrap();
        assert_eq!(
            answer.body["results"][0]["outcome"], "updated",
            "{}",
            answer.text
        );
    }
    let user = world.user(LENA).await;
    for field in fields {
        assert_eq!(user[field], format!("new-{field}"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_that_scheduler_delivers_twice_act_once() {
    let world = World::start().await;
    world.stack.cloud().scheduler().duplicate_next(100);
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(73).await;
    for what in ["scheduled", "deactivated", "finished"] {
        assert_eq!(world.times(LENA, what).await, 1, "{what}");
    }
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "scheduled").len(), 1);
        assert_eq!(world.mails_to(admin, "deactivated").len(), 1);
    }
    world.stack.shutdown().await.unwrap();
}
