//! Lists whose leavers are deleted at the end.

use offramp_tests::{LENA, World};
use serde_json::{Value, json};

use super::{csv, rows};

/// A list of Lena alone, that has her deleted unless `also` says another thing.
async fn hand_in(world: &World, date: Option<&str>, also: Value) -> Value {
    let row = json!({ "employee_id": LENA, "leave_date": date });
    let mut list = json!({ "then": "delete", "leavers": [row] });
    for (name, value) in also.as_object().unwrap() {
        list[name] = value.clone();
    }
    world.post("/leavers", list).await.body
}

/// True if her explanation says that she is deleted at the end.
async fn is_explained(world: &World) -> bool {
    let why = world.get(&format!("/users/{LENA}/explain")).await;
    let mut reasons = why["reasons"].as_array().unwrap().iter();
    reasons.any(|reason| reason["code"] == "deleted_at_end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_deleted_when_the_grace_period_ends_and_only_once() {
    let world = World::start().await;
    let tried = hand_in(&world, None, json!({ "dry_run": true })).await;
    assert_eq!(world.user(LENA).await.get("then"), None);
    let done = hand_in(&world, None, json!({})).await;
    assert_eq!(tried, done);
    assert_eq!(rows(&done), [(1, LENA, "scheduled")]);
    let user = world.user(LENA).await;
    assert_eq!(user["status"], "deactivation_scheduled");
    assert_eq!(user["then"], "delete");
    let entry = &world.history(LENA).await[0];
    assert_eq!(
        (&entry["what"], &entry["then"]),
        (&json!("scheduled"), &json!("delete"))
    );
    assert!(is_explained(&world).await);
    let timer = world.timers(LENA, "deactivate").remove(0);
    world.hours(73).await;
    assert_eq!(world.status(LENA).await, "deleted");
    assert_eq!(world.alive(LENA).await, 0, "her cards have gone with it");
    assert!(!is_explained(&world).await);
    // The timer comes once more, and HR repeats itself: nothing comes of either.
    world.fire(&timer).await.unwrap();
    world.hr(LENA, "active", json!({})).await;
    assert_eq!(world.status(LENA).await, "deleted");
    assert_eq!(world.times(LENA, "deleted").await, 1);
    // As after a deletion by hand: an admin brings her back, and nothing of the list is left.
    world.restore(LENA).await;
    world.hours(200).await;
    let here = ("active".to_owned(), "granted".to_owned());
    assert_eq!(world.state(LENA).await, here);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_ahead_deletes_at_its_end_and_now_deletes_now() {
    let world = World::start().await;
    let done = hand_in(&world, Some("2026-03-10"), json!({})).await;
    assert_eq!(rows(&done), [(1, LENA, "planned")]);
    assert_eq!(world.user(LENA).await["then"], "delete");
    let entry = &world.history(LENA).await[0];
    assert_eq!(entry["what"], "leave_date_set");
    assert_eq!(entry["then"], "delete");
    assert!(is_explained(&world).await);
    world.until("2026-03-10T01:00:00Z").await;
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    world.until("2026-03-13T01:00:00Z").await;
    assert_eq!(world.status(LENA).await, "deleted");

    let (_, done) = csv(&world, "?when=now&then=delete", "id\nE-1012\n").await;
    assert_eq!(rows(&done), [(2, "E-1012", "deactivated")]);
    assert_eq!(world.status("E-1012").await, "deleted");
    assert_eq!(world.alive("E-1012").await, 0);
    // A body that says it wins over the query.
    let body = json!({
        "then": "deactivate", "when": "now", "leavers": [{ "employee_id": "E-1013" }],
    });
    let ask = world.admin("POST", "/leavers?then=delete").json(&body);
    ask.ok().await;
    assert_eq!(world.status("E-1013").await, "deactivated");
    let wrong = json!({ "then": "erase", "leavers": [] });
    let ask = world.admin("POST", "/leavers").json(&wrong);
    let refused = ask.refused(422, "invalid").await;
    assert_eq!(refused["errors"][0]["pointer"], "/then");
    world.end().await;
}

/// What ends the departure forgets the deletion: an admin who restores them, a date that is removed, HR's return; and a
/// later list that does not ask for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_the_departure_forgets_the_deletion() {
    for (date, undo) in [
        (None, "restore"),
        (None, "hr"),
        (Some("2026-03-02"), "restore"),
        (Some("2026-03-02"), "remove"),
        (Some("2026-03-10"), "remove"),
        (Some("2026-03-10"), "list"),
    ] {
        let world = World::start().await;
        hand_in(&world, date, json!({})).await;
        match undo {
            "restore" => drop(world.restore(LENA).await),
            "remove" => drop(world.leaves_on(LENA, Value::Null).await),
            "list" => drop(hand_in(&world, date, json!({ "then": "deactivate" })).await),
            _ => {
                world.minutes(1).await;
                world.hr(LENA, "inactive", json!({})).await;
                world.minutes(1).await;
                world.hr(LENA, "active", json!({})).await;
            }
        }
        assert_eq!(world.status(LENA).await, "active", "{date:?} {undo}");
        assert_eq!(world.user(LENA).await.get("then"), None, "{date:?} {undo}");
        assert!(!is_explained(&world).await);
        if undo != "list" {
            world.minutes(1).await;
            world.hr(LENA, "inactive", json!({})).await;
        }
        world.until("2026-03-20T09:00:00Z").await;
        assert_eq!(world.status(LENA).await, "deactivated", "{date:?} {undo}");
        world.end().await;
    }
}
