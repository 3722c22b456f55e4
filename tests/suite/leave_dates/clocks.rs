//! When a day begins, where the clocks go forward, back, or skip midnight.

use offramp_tests::{ADA, LENA_MAIL, MARCUS_MAIL, OTTO, World};
use serde_json::json;

use super::{SCHEDULED, active, scheduled};

/// The day begins at an instant of UTC in a time zone: access ends at that very second.
async fn begins(zone: &str, date: &str, second_before: &str, second: &str, cards_gone: &str) {
    let start = chrono::TimeDelta::hours(9);
    let world = World::start_at(&(offramp_tests::at(second) - start).to_rfc3339()).await;
    world.set(json!({ "time_zone": zone })).await;
    let lena = world.leaves_on("E-1007", json!(date)).await;
    assert_eq!(lena["leave_date"], date);
    assert_eq!(lena["leave_date_by"], "admin");
    assert_eq!(lena["status"], "active");
    world.until(second_before).await;
    assert_eq!(world.state("E-1007").await, active(), "{zone}");
    assert!(world.mails().is_empty());
    world.until(second).await;
    assert_eq!(world.state("E-1007").await, scheduled(), "{zone}");
    let lena = world.user("E-1007").await;
    assert_eq!(lena["cause"], "leave_date");
    assert_eq!(lena["due_at"], cards_gone);
    assert_eq!(lena["badge"], "Deactivation scheduled");
    assert_eq!(world.alive("E-1007").await, 3);
    world.mailed().await;
    for told in [ADA, OTTO, MARCUS_MAIL] {
        assert_eq!(world.subjects(told), [SCHEDULED], "{zone}");
    }
    assert!(world.subjects(LENA_MAIL).is_empty());
    let mail = &world.mails_to(MARCUS_MAIL, SCHEDULED)[0];
    assert!(mail.text.contains("Lena Lindqvist") && mail.text.contains("leave date"));
    assert!(mail.text.contains(zone), "{}", mail.text);
    world.hours(71).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.until(cards_gone).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    world.mailed().await;
    assert!(world.subjects(LENA_MAIL).is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_when_the_day_begins_in_berlin_and_the_manager_and_the_admins_are_told() {
    begins(
        "Europe/Berlin",
        "2026-03-10",
        "2026-03-09T22:59:59Z",
        "2026-03-09T23:00:00Z",
        "2026-03-12T23:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_when_the_day_begins_in_new_york_two_days_after_the_clocks_went_forward() {
    begins(
        "America/New_York",
        "2026-03-10",
        "2026-03-10T03:59:59Z",
        "2026-03-10T04:00:00Z",
        "2026-03-13T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_at_one_where_the_clocks_skip_midnight() {
    begins(
        "America/Santiago",
        "2026-09-06",
        "2026-09-06T03:59:59Z",
        "2026-09-06T04:00:00Z",
        "2026-09-09T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_at_the_first_of_two_midnights() {
    begins(
        "America/Havana",
        "2026-11-01",
        "2026-11-01T03:59:59Z",
        "2026-11-01T04:00:00Z",
        "2026-11-04T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_night_of_the_change_of_clocks_belongs_to_the_day_before() {
    // 29 March has 23 hours in Berlin: the 30th begins at 22:00 UTC, the 29th at 23:00.
    let world = World::start_at("2026-03-28T12:00:00Z").await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    world.leaves_on("E-1007", json!("2026-03-29")).await;
    world.leaves_on("E-1008", json!("2026-03-30")).await;
    world.until("2026-03-28T23:00:00Z").await;
    assert_eq!(world.state("E-1007").await, scheduled());
    world.until("2026-03-29T21:59:59Z").await;
    assert_eq!(world.state("E-1008").await, active());
    world.until("2026-03-29T22:00:00Z").await;
    assert_eq!(world.state("E-1008").await, scheduled());
    // Three times 24 hours, whatever the clocks do.
    assert_eq!(world.user("E-1007").await["due_at"], "2026-03-31T23:00:00Z");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_is_gone_at_that_second_although_no_timer_fires() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-03")).await;
    world.delete_schedules("leave");
    world.until("2026-03-02T23:59:59Z").await;
    assert_eq!(world.access("E-1007").await, "granted");
    world.until("2026-03-03T00:00:00Z").await;
    let access = world.get("/users/E-1007/access").await;
    assert_eq!(
        access,
        json!({ "access": "revoked", "reason": "leave_date" })
    );
    let access = world.get(&format!("/access?email={LENA_MAIL}")).await;
    assert_eq!(access["access"], "revoked");
    // And the sweep begins the grace period that the timer did not.
    world.minutes(12).await;
    assert_eq!(world.state("E-1007").await, scheduled());
    world.mailed().await;
    assert_eq!(world.subjects(MARCUS_MAIL), [SCHEDULED]);
    world.hours(73).await;
    assert_eq!(world.alive("E-1007").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_moves_with_the_time_zone() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-03")).await;
    world.leaves_on("E-1008", json!("2026-03-04")).await;
    let due = |world: &World| {
        let mut due: Vec<_> = world
            .schedules("leave")
            .into_iter()
            .map(|one| one.2.unwrap())
            .collect();
        due.sort();
        due
    };
    assert_eq!(due(&world)[0], offramp_tests::at("2026-03-03T00:00:00Z"));
    world.set(json!({ "time_zone": "America/New_York" })).await;
    assert_eq!(
        due(&world),
        [
            offramp_tests::at("2026-03-03T05:00:00Z"),
            offramp_tests::at("2026-03-04T05:00:00Z")
        ]
    );
    world.until("2026-03-03T04:59:59Z").await;
    assert_eq!(world.state("E-1007").await, active());
    world.until("2026-03-03T05:00:00Z").await;
    assert_eq!(world.state("E-1007").await, scheduled());
    // Eastward it is the 4th already for E-1008: an admin is asked.
    world.until("2026-03-03T16:00:00Z").await;
    let (asked, done) = world.change(json!({ "time_zone": "Asia/Tokyo" })).await;
    assert_eq!(asked["users"][0]["employee_id"], "E-1008");
    assert_eq!(done["users"], json!(["E-1008"]));
    assert_eq!(world.state("E-1008").await, scheduled());
    assert_eq!(
        world.user("E-1007").await["due_at"],
        "2026-03-06T05:00:00Z",
        "what was announced stands"
    );
    world.end().await;
}
