//! Somebody leaves on a day: when it begins where the organisation is, access ends.

mod clocks;
mod last_day;
mod whose;
mod zones;

use offramp_tests::{ADA, MARCUS_MAIL, OTTO, World};
use serde_json::{Value, json};

const SCHEDULED: &str = "1 person scheduled for deactivation";

fn active() -> (String, String) {
    ("active".to_owned(), "granted".to_owned())
}

fn scheduled() -> (String, String) {
    ("deactivation_scheduled".to_owned(), "revoked".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_today_or_in_the_past_acts_now() {
    let world = World::start().await;
    for (id, date) in [("E-1007", "2026-03-02"), ("E-1008", "2025-12-24")] {
        let answer = world.leaves_on(id, json!(date)).await;
        assert_eq!(answer["status"], "deactivation_scheduled", "{answer}");
        assert_eq!(answer["access"], "revoked");
        assert_eq!(answer["due_at"], "2026-03-05T09:00:00Z");
        assert_eq!(world.state(id).await, scheduled());
    }
    world.mailed().await;
    assert_eq!(world.subjects(ADA), ["2 people scheduled for deactivation"]);
    assert_eq!(
        world.subjects(MARCUS_MAIL),
        [SCHEDULED],
        "of his own people only"
    );
    world.hours(72).await;
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_ends_everything_at_once_where_the_behaviour_is_immediate() {
    let world = World::start().await;
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    world.leaves_on("E-1007", json!("2026-03-03")).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.until("2026-03-03T00:00:00Z").await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    world.mailed().await;
    for told in [ADA, OTTO, MARCUS_MAIL] {
        assert_eq!(world.subjects(told), ["1 person deactivated"]);
    }
    let now = world.leaves_on("E-1004", json!("2026-03-03")).await;
    assert_eq!(now["status"], "deactivated", "{now}");
    assert_eq!(now["active_cards"], 0);
    assert_eq!(world.alive("E-1004").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_moved_or_removed_takes_back_what_was_planned() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-03")).await;
    world.leaves_on("E-1008", json!("2026-03-03")).await;
    assert_eq!(world.schedules("leave").len(), 2);
    world.leaves_on("E-1007", json!("2026-03-04")).await;
    let removed = world.leaves_on("E-1008", Value::Null).await;
    assert_eq!(removed["leave_date"], Value::Null);
    assert_eq!(removed["leave_date_by"], Value::Null);
    assert_eq!(world.schedules("leave").len(), 1);
    world.until("2026-03-03T00:30:00Z").await;
    assert_eq!(world.state("E-1007").await, active());
    assert_eq!(world.state("E-1008").await, active());
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(world.state("E-1007").await, scheduled());
    // In the grace period too.
    let moved = world.leaves_on("E-1007", json!("2026-03-20")).await;
    assert_eq!(moved["status"], "active", "{moved}");
    assert_eq!(moved["access"], "granted");
    world.mailed().await;
    assert!(
        world.mails().is_empty(),
        "it was taken back before anybody was told"
    );
    world.leaves_on("E-1007", json!("2026-03-04")).await;
    assert_eq!(world.state("E-1007").await, scheduled());
    let removed = world.leaves_on("E-1007", Value::Null).await;
    assert_eq!(removed["status"], "active");
    world.hours(80).await;
    assert_eq!(world.state("E-1007").await, active());
    assert_eq!(world.alive("E-1007").await, 3);
    assert!(world.schedules("leave").is_empty() && world.schedules("deactivate").is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_sync_off_does_not_undo_a_leave_date() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-02")).await;
    world.leaves_on("E-1008", json!("2026-03-04")).await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    assert_eq!(world.state("E-1007").await, scheduled());
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(
        world.state("E-1008").await,
        scheduled(),
        "nor one that lies ahead"
    );
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_admin_restores_a_date_that_has_come_does_not_end_again() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-02")).await;
    world.leaves_on("E-1004", json!("2026-03-02")).await;
    world.hours(1).await;
    assert_eq!(world.restore("E-1007").await["status"], "active");
    world.hours(72).await;
    assert_eq!(world.status("E-1004").await, "deactivated");
    // HR's word alone does not bring back whose date has come.
    world.hr("E-1004", "inactive", json!({})).await;
    world.hours(1).await;
    let result = world
        .hr("E-1004", "active", json!({ "team": "Elsewhere" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    assert_eq!(world.status("E-1004").await, "deactivated");
    assert_eq!(world.restore("E-1004").await["status"], "active");
    world
        .hr("E-1007", "active", json!({ "team": "Elsewhere" }))
        .await;
    world.hours(24).await;
    for id in ["E-1007", "E-1004"] {
        assert_eq!(world.state(id).await, active());
        assert_eq!(
            world.user(id).await["leave_date"],
            "2026-03-02",
            "it is still shown"
        );
    }
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.alive("E-1004").await, 0);
    // Another date is another wish.
    assert_eq!(
        world.leaves_on("E-1007", json!("2026-03-01")).await["status"],
        "deactivation_scheduled"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_survives_that_hr_calls_somebody_inactive_and_active_again() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-04")).await;
    world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(world.state("E-1007").await, scheduled());
    world.hours(24).await;
    assert_eq!(
        world.hr("E-1007", "active", json!({})).await["outcome"],
        "reactivated"
    );
    assert_eq!(world.state("E-1007").await, active());
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(world.state("E-1007").await, scheduled());
    assert_eq!(world.user("E-1007").await["cause"], "leave_date");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sets_their_own_leave_date_and_what_is_no_date_is_refused() {
    let world = World::start().await;
    let put =
        async |id: &str, body: Value| world.put(&format!("/users/{id}/leave-date"), body).await;
    let own = put("E-1001", json!({ "leave_date": "2026-12-31" })).await;
    assert_eq!((own.status, &own.body["code"]), (409, &json!("self")));
    for (body, pointer) in [
        (json!({}), "/leave_date"),
        (json!({ "leave_date": "31.12.2026" }), "/leave_date"),
        (json!({ "leave_date": "2026-02-30" }), "/leave_date"),
        (json!({ "leave_date": "2026-12-31", "why": "retires" }), ""),
    ] {
        let reply = put("E-1007", body.clone()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
        let at = reply.body["errors"][0]["pointer"].as_str().unwrap();
        assert!(at.starts_with(pointer), "{body}: {}", reply.body);
    }
    let crooked = put("E-1007", json!({ "leave_date": "tomorrow" })).await;
    assert_eq!(
        crooked.body["errors"],
        json!([{ "pointer": "/leave_date", "detail": "is not a date of the form YYYY-MM-DD" }])
    );
    assert_eq!(
        put("E-9999", json!({ "leave_date": null })).await.status,
        404
    );
    assert_eq!(world.user("E-1007").await["leave_date"], Value::Null);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_whose_date_comes_is_held() {
    let world = World::start().await;
    let reply = world
        .put("/users/E-1002/role", json!({ "role": "member" }))
        .await;
    assert_eq!(reply.status, 200);
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    let result = world
        .hr("E-1001", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    world.until("2026-03-03T00:00:00Z").await;
    assert_eq!(world.state("E-1001").await, active());
    let why = world.get("/users/E-1001/explain").await;
    assert_eq!(why["reasons"][0]["code"], "held", "{why}");
    world.hours(80).await;
    assert_eq!(world.state("E-1001").await, active());
    world.end().await;
}
