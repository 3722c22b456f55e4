//! Organisations that say the last day with access, and not the first day without.

use offramp_tests::{LENA, World};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_day_is_a_whole_day_with_access() {
    let world = World::start().await;
    world.set(json!({ "leave_date_is": "last_day_in" })).await;
    world.leaves_on(LENA, json!("2026-03-04")).await;
    let user = world.user(LENA).await;
    assert_eq!(user["leave_date"], "2026-03-04");
    let entry = &world.history(LENA).await[0];
    assert_eq!(entry["leave_date"], "2026-03-04");
    assert_eq!(entry["first_day_out"], "2026-03-05");
    let why = world.get(&format!("/users/{LENA}/explain")).await;
    let text = why["text"].to_string();
    let says = "the leave date 2026-03-04; access ends when that day is over";
    assert!(text.contains(says), "{text}");
    // The same date again changes nothing.
    assert_eq!(
        world.leaves_on(LENA, json!("2026-03-04")).await["version"],
        user["version"]
    );

    world.until("2026-03-04T23:59:00Z").await;
    assert_eq!(world.access(LENA).await, "granted");
    world.until("2026-03-05T00:05:00Z").await;
    assert_eq!(
        world.state(LENA).await,
        ("deactivation_scheduled".into(), "revoked".into())
    );
    world.end().await;
}

/// Some HR systems send it for *no date*. The day after it has a year of five digits, which no timer takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_day_that_a_date_can_say_is_a_date() {
    let world = World::start().await;
    world.set(json!({ "leave_date_is": "last_day_in" })).await;
    let never = json!({ "leave_date": "9999-12-31" });
    let answer = world.put(&format!("/users/{LENA}/leave-date"), never).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(world.access(LENA).await, "granted");
    let hr = json!({ "leave_date": "9999-12-31" });
    world.set(json!({ "leave_dates": "all" })).await;
    let heard = world.hr("E-1008", "active", hr).await;
    assert_eq!(heard["outcome"], "unchanged");
    assert_eq!(heard["warnings"][0]["field"], "leave_date", "{heard}");
    world.hours(1).await;
    assert_eq!(world.access("E-1008").await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_says_last_days_too_and_hr_never_does() {
    let world = World::start().await;
    world
        .set(json!({ "leave_date_is": "last_day_in", "leave_dates": "all" }))
        .await;
    // It is Monday: whose last day is today is still here.
    let rows = json!({ "leavers": [
        { "employee_id": "E-1009", "leave_date": "2026-03-02" },
        { "employee_id": "E-1010", "leave_date": "2026-03-01" },
    ] });
    let answer = world.post("/leavers", rows).await;
    let outcomes = answer.body["results"].as_array().unwrap().iter();
    let outcomes: Vec<_> = outcomes.map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["planned", "scheduled"], "{}", answer.body);
    // HR's events name the first day out, and are shown as HR said them.
    world
        .hr(LENA, "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    assert_eq!(world.user(LENA).await["leave_date"], "2026-03-03");
    world.until("2026-03-03T00:05:00Z").await;
    for id in [LENA, "E-1009"] {
        assert_eq!(world.access(id).await, "revoked", "{id}");
    }
    world.end().await;
}

/// The day on which access ends stays, and is said as the settings say it now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_set_keeps_its_day_when_the_setting_changes() {
    let world = World::start().await;
    world.set(json!({ "leave_date_is": "last_day_in" })).await;
    world.leaves_on(LENA, json!("2026-03-04")).await;
    world.set(json!({ "leave_date_is": "first_day_out" })).await;
    assert_eq!(world.user(LENA).await["leave_date"], "2026-03-05");
    world.until("2026-03-04T23:59:00Z").await;
    assert_eq!(world.access(LENA).await, "granted");
    world.until("2026-03-05T00:05:00Z").await;
    assert_eq!(world.access(LENA).await, "revoked");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_hear_whom_a_change_of_the_settings_gives_access_back() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    let today = json!({ "leave_date": "2026-03-02" });
    assert_eq!(
        world.hr(LENA, "active", today).await["outcome"],
        "scheduled"
    );
    world.read().await;
    let patch = json!({ "leave_dates": "manual" });
    let asked = world.patch("/settings", patch.clone()).await;
    world
        .set(offramp_tests::confirmed(
            &patch,
            &asked.body["confirmation"],
        ))
        .await;
    assert_eq!(world.access(LENA).await, "granted");
    world.mailed().await;
    for admin in [offramp_tests::ADA, offramp_tests::OTTO] {
        let told = world.mails_to(admin, "");
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].subject, "Offramp settings changed");
        let text = &told[0].text;
        assert!(
            text.contains("changed what counts as leaving; 1 person is active again"),
            "{text}"
        );
    }
    // A change that gives nobody anything is no news.
    world.read().await;
    world.set(json!({ "leave_dates": "ignore" })).await;
    world.mailed().await;
    assert_eq!(world.mails(), []);
    world.end().await;
}
