//! Admins and the manager are reminded of a leave date that lies ahead.

use offramp_tests::{ADA, LENA, LENA_MAIL, MARCUS_MAIL, OTTO, World, at, golden};
use serde_json::{Value, json};

const SOON: &str = "1 person leaves soon";
/// Marcus, Lena's manager.
const MARCUS: &str = "E-1012";
/// Otto, the second admin.
const OTTO_ID: &str = "E-1002";

async fn reminding(days: Value) -> World {
    let world = World::start().await;
    remind(&world, days).await;
    world
}

async fn remind(world: &World, days: Value) {
    let patch = json!({ "reminders": { "before_leave_days": days } });
    world.set(patch).await;
}

/// When Lena's next reminder fires.
fn next(world: &World) -> Option<chrono::DateTime<chrono::Utc>> {
    let timers = world.timers(LENA, "remind");
    assert!(timers.len() < 2, "{timers:?}");
    timers.first().and_then(|timer| timer.next)
}

/// The text of the last mail to somebody.
fn last(world: &World, address: &str) -> String {
    world.mails_to(address, "").pop().unwrap().text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_and_the_manager_are_told_of_each_reminder_once() {
    let world = reminding(json!([2, 1])).await;
    world.leaves_on(LENA, json!("2026-03-05")).await;
    assert_eq!(next(&world), Some(at("2026-03-03T00:00:00Z")));
    let first = world.timers(LENA, "remind").remove(0);
    world.until("2026-03-02T23:59:00Z").await;
    assert!(world.mails().is_empty());
    world.until("2026-03-03T00:05:00Z").await;
    for told in [ADA, OTTO, MARCUS_MAIL] {
        assert_eq!(world.subjects(told), [SOON], "{told}");
        let text = last(&world, told);
        let line = "Lena Lindqvist (E-1007) leaves on Thursday 5 March 2026 (first day without access) and has 3 cards";
        assert!(text.contains(line), "{text}");
    }
    golden::mail("reminder-admin", &world.mails_to(ADA, "").remove(0));
    golden::mail(
        "reminder-manager",
        &world.mails_to(MARCUS_MAIL, "").remove(0),
    );
    // Scheduler may deliver a timer twice.
    world.fire(&first).await.unwrap();
    world.mailed().await;
    assert_eq!(world.mails().len(), 3);

    assert_eq!(next(&world), Some(at("2026-03-04T00:00:00Z")));
    world.until("2026-03-04T00:05:00Z").await;
    for told in [ADA, OTTO, MARCUS_MAIL] {
        assert_eq!(world.subjects(told), [SOON, SOON], "{told}");
    }
    assert_eq!(next(&world), None);
    assert!(world.mails_to(LENA_MAIL, "").is_empty());
    assert_eq!(world.access(LENA).await, "granted");
    world.until("2026-03-05T00:01:00Z").await;
    assert_eq!(world.access(LENA).await, "revoked");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_moves_with_its_date_and_with_the_settings() {
    let world = World::start_at("2026-03-27T09:00:00Z").await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    remind(&world, json!([1])).await;
    // The clocks go forward on the 29th, at two o'clock.
    world.leaves_on(LENA, json!("2026-03-30")).await;
    assert_eq!(next(&world), Some(at("2026-03-28T23:00:00Z")));
    let before = world.timers(LENA, "remind").remove(0);
    world.leaves_on(LENA, json!("2026-03-31")).await;
    assert_eq!(next(&world), Some(at("2026-03-29T22:00:00Z")));
    world.leaves_on(LENA, Value::Null).await;
    assert_eq!(next(&world), None);
    world.leaves_on(LENA, json!("2026-03-31")).await;
    remind(&world, json!([])).await;
    assert_eq!(next(&world), None);
    remind(&world, json!([2, 30])).await;
    assert_eq!(next(&world), Some(at("2026-03-28T23:00:00Z")));
    // The timer of a plan that does not stand any more does nothing.
    world.until("2026-03-28T22:59:00Z").await;
    world.fire(&before).await.unwrap();
    world.mailed().await;
    let mails = world.mails();
    assert_eq!(mails.len(), 3, "{mails:?}");
    let text = last(&world, MARCUS_MAIL);
    assert!(text.contains("leaves on Tuesday 31 March 2026"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_their_own_leave_date() {
    let world = reminding(json!([1, 2])).await;
    world.leaves_on(OTTO_ID, json!("2026-03-04")).await;
    world.until("2026-03-03T00:05:00Z").await;
    assert_eq!(world.subjects(ADA), [SOON]);
    assert!(world.subjects(OTTO).is_empty());
    // By HR's record Marcus is his own manager, as he is Lena's.
    world
        .hr(MARCUS, "active", json!({ "manager_id": MARCUS }))
        .await;
    for id in [OTTO_ID, MARCUS, LENA] {
        world.leaves_on(id, json!("2026-03-06")).await;
    }
    world.until("2026-03-04T00:05:00Z").await;
    assert_eq!(world.subjects(ADA), [SOON, "3 people leave soon"]);
    assert_eq!(world.subjects(OTTO), ["2 people leave soon"]);
    assert_eq!(world.subjects(MARCUS_MAIL), [SOON]);
    let text = last(&world, OTTO);
    assert!(text.contains(LENA) && !text.contains(OTTO_ID), "{text}");
    let text = last(&world, MARCUS_MAIL);
    assert!(text.contains(LENA) && !text.contains(MARCUS), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_whose_timer_is_lost_is_sent_by_the_sweep() {
    let world = reminding(json!([1])).await;
    world.leaves_on(LENA, json!("2026-03-04")).await;
    world.delete_schedules("remind");
    world.until("2026-03-03T00:10:00Z").await;
    world.mailed().await;
    for told in [ADA, OTTO, MARCUS_MAIL] {
        assert_eq!(world.subjects(told), [SOON], "{told}");
    }
    // The next sweep finds nothing.
    world.until("2026-03-03T01:00:00Z").await;
    world.mailed().await;
    assert_eq!(world.mails().len(), 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_so_any_more_is_not_mailed() {
    let world = reminding(json!([1])).await;
    for id in [LENA, "E-1008"] {
        world.leaves_on(id, json!("2026-03-04")).await;
    }
    world.until("2026-03-03T00:00:30Z").await;
    // Both are noticed, and nobody is mailed yet.
    assert!(world.mails().is_empty() && world.timers(LENA, "remind").is_empty());
    world.leaves_on(LENA, json!("2026-03-20")).await;
    world.leaves_on("E-1008", Value::Null).await;
    world.mailed().await;
    assert!(world.mails().is_empty(), "{:?}", world.mails());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_day_is_mailed_as_one() {
    let world = reminding(json!([1])).await;
    world.set(json!({ "leave_date_is": "last_day_in" })).await;
    world.leaves_on(LENA, json!("2026-03-03")).await;
    world.until("2026-03-03T00:05:00Z").await;
    let text = last(&world, ADA);
    let line = "leaves after Tuesday 3 March 2026 (last day with access) and has 3 cards";
    assert!(text.contains(line), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_are_few_and_within_a_year() {
    let world = reminding(json!([365])).await;
    for days in [
        json!([0]),
        json!([366]),
        json!([1, 2, 3, 4, 5, 6]),
        json!(3),
    ] {
        let patch = json!({ "reminders": { "before_leave_days": days } });
        let ask = world.admin("PATCH", "/settings").json(&patch);
        let refused = ask.refused(422, "invalid").await;
        let pointer = &refused["errors"][0]["pointer"];
        assert_eq!(pointer, "/reminders/before_leave_days", "{refused}");
    }
    let settings = world.get("/settings").await;
    assert_eq!(settings["reminders"], json!({ "before_leave_days": [365] }));
    remind(&world, Value::Null).await;
    let settings = world.get("/settings").await;
    assert_eq!(settings["reminders"], json!({ "before_leave_days": [] }));
    world.end().await;
}
