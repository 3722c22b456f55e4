//! Why somebody is here or gone, where HR and the system disagree, and everything that has changed.

use offramp_tests::World;
use serde_json::{Value, json};

use crate::telling::{delete, leaves_on, restore, rule, texts, until};

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

/// Everything of a paged list, so many on a page.
async fn whole(world: &World, path: &str, list: &str, limit: usize) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{join}limit={limit}");
    let (mut all, mut next) = (Vec::new(), first.clone());
    loop {
        let page = world.get(&next).await;
        let rows = page[list].as_array().unwrap();
        assert!(rows.len() <= limit);
        all.extend(rows.clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{first}&cursor={cursor}"),
            None => return all,
        }
    }
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
    let nobody = world
        .client
        .get(world.path("/users/E-9999/explain"))
        .token(&world.token);
    assert_eq!(nobody.reply().await.unwrap().status, 404);
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
    assert_eq!(codes(&why), ["unchanged"]);
    assert!(changed_by(
        &why,
        "any change of the HR record that still says inactive"
    ));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_still_here_because_the_rule_leaves_them_out() {
    let world = World::start().await;
    rule(&world, "employee.department != \"Sales\"").await;
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
    delete(&world, "E-1007").await;
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
    rule(&world, "employee.department != \"Sales\"").await;
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
    let result = world
        .hr("E-1001", "inactive", json!({ "team": "None" }))
        .await;
    assert_eq!(result["outcome"], "scheduled", "{result}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_is_explained_before_on_and_after_its_day() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-03")).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["active_in_hr", "leave_date_planned"]);
    assert_eq!(
        why["next"],
        json!({ "what": "access_ends", "at": "2026-03-03T00:00:00Z" })
    );
    until(&world, "2026-03-03T00:00:00Z").await;
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
    restore(&world, "E-1007").await;
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
    let back = restore(&world, "E-1008").await;
    assert!(back["note"].as_str().unwrap().contains("inactive"));
    assert_eq!(codes(&explain(&world, "E-1008").await), ["unchanged"]);
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let (asked, done) = crate::telling::confirmed(&world, off).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_lists_exactly_those_for_whom_hr_and_the_system_disagree() {
    let world = World::start().await;
    assert_eq!(
        world.get("/reports/drift").await,
        json!({ "users": [], "next_cursor": null })
    );
    world.hours(1).await;
    // Agreed: Lena leaves, Samuel has left, Ingrid left and is back, Jakub is new in the system.
    world.hr("E-1007", "inactive", json!({})).await;
    world.hr("E-1009", "inactive", json!({})).await;
    world.hours(1).await;
    world.hr("E-1009", "active", json!({})).await;
    world.hr("N-1", "inactive", json!({})).await;
    world.post("/users", json!({ "employee_id": "N-2" })).await;
    // Not agreed.
    world.hr("E-1008", "inactive", json!({})).await;
    restore(&world, "E-1008").await;
    delete(&world, "E-1013").await;
    world.post("/users/E-1014/deactivate-now", json!({})).await;
    rule(&world, "employee.department != \"Operations\"").await;
    world.hr("E-1018", "inactive", json!({})).await;
    world
        .put("/users/E-1002/role", json!({ "role": "member" }))
        .await;
    world.hr("E-1001", "inactive", json!({})).await;
    leaves_on(&world, "E-1010", json!("2026-03-01")).await;
    for limit in [1, 2, 50] {
        let rows = whole(&world, "/reports/drift", "users", limit).await;
        let found: Vec<_> = rows
            .iter()
            .map(|one| (one["employee_id"].as_str().unwrap(), codes(one)[0]))
            .collect();
        assert_eq!(
            found,
            [
                ("E-1001", "held"),
                ("E-1008", "unchanged"),
                ("E-1010", "waiting_for_timer"),
                ("E-1013", "deleted_by_hand"),
                ("E-1014", "deactivated"),
                ("E-1018", "excluded_by_rule"),
            ],
            "{limit} on a page"
        );
    }
    // Turning the sync off makes Lena one of them at once.
    let off = json!({ "deactivation_sync": { "enabled": false } });
    crate::telling::confirmed(&world, off).await;
    let rows = whole(&world, "/reports/drift", "users", 50).await;
    assert!(rows.iter().any(|one| one["employee_id"] == "E-1007"));
    // It is a report: nothing is repaired.
    world.hours(80).await;
    assert_eq!(world.status("E-1008").await, "active");
    assert_eq!(world.status("E-1018").await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_has_every_change_of_users_settings_and_rules_since_an_instant() {
    let world = World::start().await;
    world.hours(48).await;
    let since = "/audit?since=2026-03-04T09:00:00Z";
    assert_eq!(world.get(since).await["entries"], json!([]));
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    world.minutes(1).await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.minutes(1).await;
    rule(&world, "employee.department != \"Finance\"").await;
    world.minutes(1).await;
    leaves_on(&world, "E-1008", json!("2026-03-20")).await;
    world.minutes(1).await;
    world
        .hr("E-1008", "active", json!({ "team": "Platform" }))
        .await;
    // Nothing to tell: the record is as it was.
    world.minutes(1).await;
    world
        .hr("E-1008", "active", json!({ "team": "Platform" }))
        .await;
    world.hours(72).await;
    let whole_audit = whole(&world, since, "entries", 97).await;
    let told: Vec<_> = whole_audit
        .iter()
        .map(|one| {
            let what = one["what"].as_str().unwrap_or("settings");
            (
                what,
                one["employee_id"].as_str(),
                one["by"]["actor"].as_str().unwrap(),
            )
        })
        .collect();
    let (lena, samuel) = (Some("E-1007"), Some("E-1008"));
    assert_eq!(
        told,
        [
            ("settings", None, "admin"),
            ("scheduled", lena, "hr"),
            ("settings", None, "admin"),
            ("leave_date_set", samuel, "admin"),
            ("updated", samuel, "hr"),
            ("deactivated", lena, "timer"),
            ("cards_terminated", lena, "timer"),
            ("finished", lena, "timer"),
        ],
        "{whole_audit:#?}"
    );
    let zone = &whole_audit[0];
    assert_eq!(zone["from"]["settings"]["time_zone"], "Etc/UTC");
    assert_eq!(zone["to"]["settings"]["time_zone"], "Europe/Berlin");
    assert_eq!(zone["by"]["subject"], crate::telling::ADA);
    assert_eq!(whole_audit[2]["from"]["rules"]["active"], "true");
    assert_eq!(
        whole_audit[2]["to"]["rules"]["active"],
        "employee.department != \"Finance\""
    );
    let left = &whole_audit[1];
    assert_eq!(
        (&left["from"], &left["to"], &left["cause"]),
        (
            &json!("active"),
            &json!("deactivation_scheduled"),
            &json!("hr")
        )
    );
    assert_eq!(left["by"]["source"], "hris");
    let instants: Vec<_> = whole_audit
        .iter()
        .map(|one| one["at"].as_str().unwrap())
        .collect();
    assert!(instants.is_sorted(), "oldest first: {instants:?}");
    for limit in [1, 3] {
        assert_eq!(
            whole(&world, since, "entries", limit).await,
            whole_audit,
            "{limit} on a page"
        );
    }
    // The history of one user is those entries of the audit that are theirs, newest first.
    let history = world.get("/users/E-1007/history").await;
    let mut own: Vec<Value> = whole_audit
        .into_iter()
        .filter(|one| one["employee_id"] == "E-1007")
        .collect();
    own.reverse();
    for (entry, audited) in history["entries"].as_array().unwrap().iter().zip(own) {
        for (name, value) in entry.as_object().unwrap() {
            assert_eq!(&audited[name], value);
        }
    }
    // Unless asked otherwise it goes back 30 days: the seed is there.
    let all = whole(&world, "/audit", "entries", 97).await;
    assert!(
        all.iter()
            .any(|one| one["what"] == "created" && one["employee_id"] == "E-1025")
    );
    let bad = world
        .client
        .get(world.path("/audit?since=yesterday"))
        .token(&world.token);
    let bad = bad.reply().await.unwrap();
    assert_eq!(
        (bad.status, &bad.body["errors"][0]["pointer"]),
        (422, &json!("/since"))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_of_one_organisation_and_one_query() {
    let world = World::start().await;
    let bootstrap = world.stack.bootstrap_token("other").unwrap();
    for id in ["E-1013", "E-1014"] {
        delete(&world, id).await;
    }
    for (path, query) in [
        ("/audit", "since=2026-03-02T00:00:00Z&"),
        ("/reports/drift", ""),
        ("/users", ""),
    ] {
        let page = world.get(&format!("{path}?{query}limit=1")).await;
        let cursor = page["next_cursor"]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {page}"));
        world
            .get(&format!("{path}?{query}limit=1&cursor={cursor}"))
            .await;
        let other = world.client.get(format!(
            "/v1/orgs/other{path}?{query}limit=1&cursor={cursor}"
        ));
        let other = other.token(&bootstrap).reply().await.unwrap();
        assert_eq!(other.status, 422, "{path}: {}", other.body);
        assert_eq!(other.body["errors"][0]["pointer"], "/cursor");
        let foreign = world.client.get(format!(
            "{}?cursor={cursor}",
            world.path("/users/E-1007/history")
        ));
        assert_eq!(
            foreign.token(&world.token).reply().await.unwrap().status,
            422,
            "{path}"
        );
    }
    let page = world.get("/audit?since=2026-03-02T00:00:00Z&limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let later = world.path(&format!(
        "/audit?since=2026-03-02T01:00:00Z&cursor={cursor}"
    ));
    let later = world
        .client
        .get(later)
        .token(&world.token)
        .reply()
        .await
        .unwrap();
    assert_eq!(later.status, 422);
    world.end().await;
}
