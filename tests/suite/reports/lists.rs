//! Where HR and the system disagree, and everything that has changed.

use offramp_tests::{ADA, World};
use serde_json::{Value, json};

use super::codes;

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
    world.restore("E-1008").await;
    world.remove("E-1013").await;
    world.post("/users/E-1014/deactivate-now", json!({})).await;
    world.rule("employee.department != \"Operations\"").await;
    world.hr("E-1018", "inactive", json!({})).await;
    world
        .put("/users/E-1002/role", json!({ "role": "member" }))
        .await;
    world.hr("E-1001", "inactive", json!({})).await;
    world.leaves_on("E-1010", json!("2026-03-01")).await;
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
                ("E-1008", "reactivated_by_admin"),
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
    world.change(off).await;
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
    world.rule("employee.department != \"Finance\"").await;
    world.minutes(1).await;
    world.leaves_on("E-1008", json!("2026-03-20")).await;
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
    assert_eq!(zone["by"]["subject"], ADA);
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
    let bad = world.admin("GET", "/audit?since=yesterday");
    let bad = bad.refused(422, "invalid").await;
    assert_eq!(bad["errors"][0]["pointer"], "/since");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_of_one_organisation_and_one_query() {
    let world = World::start().await;
    let bootstrap = world.stack.bootstrap_token("other").unwrap();
    for id in ["E-1013", "E-1014"] {
        world.remove(id).await;
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
        let other = format!("/v1/orgs/other{path}?{query}limit=1&cursor={cursor}");
        let other = world.ask("GET", &other).token(&bootstrap);
        let other = other.refused(422, "invalid").await;
        assert_eq!(other["errors"][0]["pointer"], "/cursor", "{path}");
        let foreign = format!("/users/E-1007/history?cursor={cursor}");
        let foreign = world.admin("GET", &foreign);
        foreign.refused(422, "invalid").await;
    }
    let page = world.get("/audit?since=2026-03-02T00:00:00Z&limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let later = format!("/audit?since=2026-03-02T01:00:00Z&cursor={cursor}");
    let later = world.admin("GET", &later);
    later.refused(422, "invalid").await;
    world.end().await;
}
