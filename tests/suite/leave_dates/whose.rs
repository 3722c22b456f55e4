//! Whose date it is: an admin's, or HR's where the settings count it.

use offramp_tests::{MARCUS_MAIL, World};
use serde_json::{Value, json};

use super::{SCHEDULED, active, scheduled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_date_is_shown_and_nothing_happens_unless_the_settings_count_it() {
    let world = World::start().await;
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    let lena = world.user("E-1007").await;
    assert_eq!(lena["leave_date"], "2026-03-03");
    assert_eq!(lena["leave_date_by"], "hr");
    world.hours(96).await;
    assert_eq!(world.state("E-1007").await, active());
    assert!(world.mails().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_date_acts_where_the_settings_count_all_and_hr_may_move_it() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    for id in ["E-1007", "E-1008", "E-1015"] {
        let result = world
            .hr(id, "active", json!({ "leave_date": "2026-03-03" }))
            .await;
        assert_eq!(result["outcome"], "updated", "{result}");
    }
    world.hours(1).await;
    world
        .hr("E-1008", "active", json!({ "leave_date": "2026-03-04" }))
        .await;
    world
        .hr("E-1015", "active", json!({ "leave_date": null }))
        .await;
    world.until("2026-03-03T00:00:00Z").await;
    assert_eq!(world.state("E-1007").await, scheduled());
    assert_eq!(world.state("E-1008").await, active());
    assert_eq!(world.state("E-1015").await, active());
    world.mailed().await;
    assert_eq!(world.subjects(MARCUS_MAIL), [SCHEDULED]);
    // HR takes it back in the grace period.
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2026-04-03" }))
        .await;
    assert_eq!(result["outcome"], "reactivated", "{result}");
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(world.state("E-1007").await, active());
    assert_eq!(world.state("E-1008").await, scheduled());
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admins_date_wins_over_hrs_until_it_is_removed() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.leaves_on("E-1007", json!("2026-03-06")).await;
    world.hours(1).await;
    world
        .hr("E-1007", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    let lena = world.user("E-1007").await;
    assert_eq!(
        (&lena["leave_date"], &lena["leave_date_by"]),
        (&json!("2026-03-06"), &json!("admin"))
    );
    world.until("2026-03-04T12:00:00Z").await;
    assert_eq!(world.state("E-1007").await, active());
    let removed = world.leaves_on("E-1007", Value::Null).await;
    assert_eq!(removed["leave_date"], "2026-03-03");
    assert_eq!(removed["leave_date_by"], "hr");
    assert_eq!(
        removed["status"], "deactivation_scheduled",
        "HR's counts now, and has come"
    );
    // A later date of an admin's overrules it again.
    let again = world.leaves_on("E-1007", json!("2026-03-09")).await;
    assert_eq!(again["status"], "active", "{again}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_hrs_dates_asks_first_where_some_have_passed() {
    let world = World::start().await;
    world.hours(1).await;
    world
        .hr("E-1007", "active", json!({ "leave_date": "2026-02-27" }))
        .await;
    world
        .hr("E-1008", "active", json!({ "leave_date": "2026-03-04" }))
        .await;
    let (asked, done) = world.change(json!({ "leave_dates": "all" })).await;
    assert_eq!(asked["affected"], 1);
    assert_eq!(asked["users"][0]["employee_id"], "E-1007");
    assert_eq!(done["leave_dates"], "all");
    assert_eq!(done["users"], json!(["E-1007"]));
    assert_eq!(world.state("E-1007").await, scheduled());
    assert_eq!(world.state("E-1008").await, active());
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(
        world.state("E-1008").await,
        scheduled(),
        "and those ahead are planned"
    );
    let history = world.get("/users/E-1007/history").await;
    assert_eq!(history["entries"][0]["by"]["actor"], "settings_changed");
    // Back to manual: whoever leaves by HR's date does not, which is asked about, and said.
    let (asked, done) = world.change(json!({ "leave_dates": "manual" })).await;
    assert_eq!(asked["affected"], done["affected"], "{asked} {done}");
    assert_eq!(world.state("E-1007").await, active());
    assert_eq!(world.state("E-1008").await, active());
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_date_counts_where_the_settings_ignore_them() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "ignore" })).await;
    let lena = world.leaves_on("E-1007", json!("2026-03-01")).await;
    assert_eq!(lena["status"], "active");
    assert_eq!(lena["leave_date"], "2026-03-01");
    world.hours(24).await;
    assert_eq!(world.state("E-1007").await, active());
    let (asked, _) = world.change(json!({ "leave_dates": "manual" })).await;
    assert_eq!(asked["affected"], 1);
    assert_eq!(world.state("E-1007").await, scheduled());
    world.end().await;
}
