//! Why somebody is here or gone.

mod audit;
mod kept;
mod lists;

use offramp_tests::{OTTO, World, texts};
use serde_json::{Value, json};

fn codes(why: &Value) -> Vec<&str> {
    let reasons = why["reasons"].as_array().unwrap_or_else(|| panic!("{why}"));
    reasons
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect()
}

/// An explanation, of which every reason is also a sentence.
async fn explain(world: &World, id: &str) -> Value {
    let why = world.get(&format!("/users/{id}/explain")).await;
    let user = world.user(id).await;
    assert_eq!(why["employee_id"], id);
    assert_eq!(why["status"], user["status"]);
    assert_eq!(why["access"], user["access"]);
    let text = texts(&why["text"]);
    for reason in why["reasons"].as_array().unwrap() {
        let detail = reason["detail"].as_str().unwrap();
        assert!(text.contains(&detail) && detail.ends_with('.'), "{why}");
    }
    assert!(!texts(&why["would_change"]).is_empty(), "{why}");
    why
}

/// Whether one of the ways to change it speaks of something.
fn changed_by(why: &Value, word: &str) -> bool {
    texts(&why["would_change"])
        .iter()
        .any(|way| way.contains(word))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_here_and_active_in_hr_is_explained_so() {
    let world = World::start().await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["active_in_hr"]);
    assert_eq!(why["hr"], "active");
    assert_eq!(why["next"], Value::Null);
    assert!(changed_by(&why, "HR marking them inactive"));
    let added = world.post("/users", json!({ "employee_id": "N-1" })).await;
    assert_eq!(added.status, 201);
    let why = explain(&world, "N-1").await;
    assert_eq!(codes(&why), ["by_hand"]);
    assert_eq!(why["hr"], Value::Null);
    let nobody = world.admin("GET", "/users/E-9999/explain");
    nobody.refused(404, "not_found").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_still_here_because_the_sync_is_off() {
    let world = World::start().await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.hr("E-1007", "inactive", json!({})).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["sync_off"]);
    assert_eq!(
        (&why["hr"], &why["status"]),
        (&json!("inactive"), &json!("active"))
    );
    assert_eq!(why["next"], Value::Null);
    assert!(changed_by(&why, "sync"), "{why}");
    // Turning it on is no change of a record.
    world
        .set(json!({ "deactivation_sync": { "enabled": true } }))
        .await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["ignored_while_off"]);
    assert!(changed_by(
        &why,
        "HR marking them active and then inactive again"
    ));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_still_here_because_the_rule_leaves_them_out() {
    let world = World::start().await;
    world.rule("employee.department != \"Sales\"").await;
    world.hours(1).await;
    world.hr("E-1007", "inactive", json!({})).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why)[0], "excluded_by_rule", "{why}");
    assert!(
        !codes(&why).contains(&"unchanged"),
        "that is not why: {why}"
    );
    assert!(changed_by(&why, "rule"), "{why}");
    assert!(!changed_by(&why, "any change of the HR record"), "{why}");
    let why = explain(&world, "E-1012").await;
    assert_eq!(codes(&why), ["active_in_hr", "excluded_by_rule"]);
    assert!(!changed_by(&why, "HR marking them inactive"), "{why}");
    assert!(changed_by(&why, "an admin deactivating"), "{why}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_gone_because_an_admin_deleted_them_and_hr_has_not_changed_since() {
    let world = World::start().await;
    world.remove("E-1007").await;
    world.hours(1).await;
    world
        .hr("E-1007", "active", json!({ "name": "Lena Lindqvist" }))
        .await;
    for (setting, sentence, way) in [
        (
            "any_change",
            "any change",
            "any change of the HR record that says active",
        ),
        (
            "reactivation",
            "changing to active",
            "HR's word changing to active",
        ),
        ("never", "only an admin", "an admin restoring them"),
    ] {
        world.set(json!({ "restore_deleted_on": setting })).await;
        let why = explain(&world, "E-1007").await;
        assert_eq!(codes(&why), ["deleted_by_hand"]);
        let detail = why["reasons"][0]["detail"].as_str().unwrap();
        assert!(
            detail.contains("2 March 2026") && detail.contains(sentence),
            "{detail}"
        );
        assert!(changed_by(&why, way), "{why}");
        assert_eq!(texts(&why["would_change"]).len() == 1, setting == "never");
    }
    // Whom the rule leaves out, no change of HR's brings back.
    world
        .set(json!({ "restore_deleted_on": "any_change" }))
        .await;
    world.rule("employee.department != \"Sales\"").await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["deleted_by_hand", "excluded_by_rule"]);
    assert!(!changed_by(&why, "any change of the HR record"), "{why}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_waits_for_their_timer_and_then_is_deactivated() {
    let world = World::start().await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    world.hr("E-1007", "inactive", json!({})).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["waiting_for_timer"]);
    let detail = why["reasons"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("HR says inactive."), "{detail}");
    assert!(
        detail.contains("Thursday 5 March 2026 at 10:00 (Europe/Berlin)"),
        "{detail}"
    );
    assert_eq!(
        why["next"],
        json!({ "what": "deactivated", "at": "2026-03-05T09:00:00Z" })
    );
    assert!(changed_by(&why, "HR marking them active"));
    world.hours(72).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["deactivated"]);
    assert_eq!(why["next"], Value::Null);
    // By hand, it is an admin's.
    world.post("/users/E-1008/deactivate-now", json!({})).await;
    let why = explain(&world, "E-1008").await;
    assert_eq!(
        (codes(&why), &why["hr"]),
        (vec!["deactivated"], &json!("active"))
    );
    assert!(why["text"][0].as_str().unwrap().contains("by hand"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_is_held_and_told_so() {
    let world = World::start().await;
    world
        .put("/users/E-1002/role", json!({ "role": "member" }))
        .await;
    let result = world.hr("E-1001", "inactive", json!({})).await;
    assert_eq!(result["outcome"], "held");
    let why = explain(&world, "E-1001").await;
    assert_eq!(codes(&why), ["held"]);
    assert!(why["text"][0].as_str().unwrap().contains("last admin"));
    assert!(changed_by(&why, "another admin"), "{why}");
    world
        .put("/users/E-1002/role", json!({ "role": "admin" }))
        .await;
    world.hours(1).await;
    // The word waits for an admin's answer; that something else changes is none.
    let team = json!({ "team": "None" });
    let result = world.hr("E-1001", "inactive", team).await;
    assert_eq!(result["outcome"], "held", "{result}");
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let token = world.token_of(OTTO);
    let approve = world.admin("POST", &path).token(&token).json(&json!({}));
    let answered = approve.if_match(version).ok().await;
    assert_eq!(answered["results"][0]["outcome"], "scheduled", "{answered}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_is_explained_before_on_and_after_its_day() {
    let world = World::start().await;
    world.leaves_on("E-1007", json!("2026-03-03")).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["active_in_hr", "leave_date_planned"]);
    assert_eq!(
        why["next"],
        json!({ "what": "access_ends", "at": "2026-03-03T00:00:00Z" })
    );
    world.until("2026-03-03T00:00:00Z").await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["waiting_for_timer", "leave_date_passed"]);
    assert!(
        why["text"][0]
            .as_str()
            .unwrap()
            .starts_with("Their leave date has come.")
    );
    assert_eq!(why["next"]["at"], "2026-03-06T00:00:00Z");
    assert!(changed_by(&why, "the leave date being moved or removed"));
    world.restore("E-1007").await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["active_in_hr", "leave_date_passed"]);
    assert_eq!(why["next"], Value::Null);
    world
        .hr("E-1008", "active", json!({ "leave_date": "2026-03-01" }))
        .await;
    let why = explain(&world, "E-1008").await;
    assert_eq!(codes(&why), ["active_in_hr", "leave_date_ignored"]);
    assert!(
        why["text"][1]
            .as_str()
            .unwrap()
            .starts_with("HR set the leave date 2026-03-01")
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_here_because_the_sync_was_turned_off_or_an_admin_kept_them() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.hr("E-1008", "inactive", json!({})).await;
    let back = world.restore("E-1008").await;
    assert!(back["note"].as_str().unwrap().contains("inactive"));
    assert_eq!(
        codes(&explain(&world, "E-1008").await),
        ["reactivated_by_admin"]
    );
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let (asked, done) = world.change(off).await;
    assert_eq!(asked["users"][0]["employee_id"], "E-1007");
    assert_eq!(done["users"], json!(["E-1007"]));
    assert_eq!(codes(&explain(&world, "E-1007").await), ["sync_off"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_event_changes_nothing_and_the_explanation_says_as_of_when_hr_is_known() {
    let world = World::start().await;
    world.hours(2).await;
    world.hr("E-1007", "active", json!({})).await;
    let hour_ago = world.now() - chrono::TimeDelta::hours(1);
    let result = world.hr_at(hour_ago, "E-1007", "inactive", json!({})).await;
    assert_eq!(result["outcome"], "stale");
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["active_in_hr"]);
    assert_eq!(why["hr_as_of"], "2026-03-02T11:00:00Z", "{why}");
    assert!(why["text"][0].as_str().unwrap().contains("stale"), "{why}");
    world.end().await;
}
