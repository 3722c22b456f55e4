//! Why somebody is still here although HR does not say active: the reason that it has, and ways that work.

use offramp_tests::{OTTO, SOURCE, World, event, numbered, texts};
use serde_json::{Value, json};

use super::{changed_by, codes, explain};

async fn state(world: &World, state: &str) {
    let path = format!("/sources/{SOURCE}");
    let reply = world.patch(&path, json!({ "state": state })).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

async fn sync(world: &World, enabled: bool) {
    let sync = json!({ "deactivation_sync": { "enabled": enabled } });
    world.set(sync).await;
}

/// The first reason, as a sentence.
fn first(why: &Value) -> &str {
    why["reasons"][0]["detail"].as_str().unwrap()
}

/// The way that begins so.
fn way<'a>(why: &'a Value, begins: &str) -> &'a str {
    let ways = texts(&why["would_change"]);
    let found = ways.into_iter().find(|way| way.starts_with(begins));
    found.unwrap_or_else(|| panic!("nothing begins with {begins:?}: {why}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_is_only_observed() {
    let world = World::start().await;
    state(&world, "observing").await;
    let result = world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(result["outcome"], "ignored");
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["observing"], "{why}");
    assert!(first(&why).contains("hris is only observed"), "{why}");
    let change = way(&why, "the source being set active");
    assert!(
        change.contains("and then HR marking them active"),
        "{change}"
    );
    assert!(!changed_by(&why, "deactivation sync"), "{why}");
    let rows = world.get("/reports/drift").await;
    assert_eq!(codes(&rows["users"][0]), ["observing"], "{rows}");
    // HR's word of somebody else would do nothing either.
    let why = explain(&world, "E-1008").await;
    assert_eq!(codes(&why), ["active_in_hr"]);
    way(
        &why,
        "the source being set active, and then HR marking them inactive",
    );

    // The history says why HR's word came to nothing; and so it stays the reason.
    world.hours(1).await;
    state(&world, "active").await;
    let history = world.get("/users/E-1007/history").await;
    assert_eq!(history["entries"][0]["ignored"], "observing", "{history}");
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["ignored_while_observing"], "{why}");
    let same = json!([event(world.now(), "E-1007", "inactive", json!({}))]);
    world.deliver(same).await;
    assert_eq!(world.status("E-1007").await, "active");
    way(&why, "HR marking them active and then inactive again");
    // A card of theirs, and what else happens to them, is no reason.
    let card = json!({ "label": "Books", "kind": "virtual", "last4": "4243" });
    assert_eq!(world.post("/users/E-1007/cards", card).await.status, 201);
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["ignored_while_observing"], "{why}");

    // Of a source that nothing is taken from, no word changes anything.
    state(&world, "disabled").await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(
        codes(&why),
        ["ignored_while_observing", "source_disabled"],
        "{why}"
    );
    way(
        &why,
        "the source being set active, and then HR marking them active",
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_word_came_while_the_sync_was_off() {
    let world = World::start().await;
    sync(&world, false).await;
    world.hr("E-1007", "inactive", json!({})).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["sync_off"]);
    way(
        &why,
        "the deactivation sync being turned on, and then HR marking them active",
    );
    sync(&world, true).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(codes(&why), ["ignored_while_off"], "{why}");
    assert!(
        first(&why).contains("the deactivation sync was off"),
        "{why}"
    );
    let rows = world.get("/reports/drift").await;
    assert_eq!(codes(&rows["users"][0]), ["ignored_while_off"], "{rows}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_rejected_a_hold_took_a_run_back_or_restored_them() {
    let world = World::start().await;
    let ids = numbered("P", 60);
    let all = |status: &str| {
        let one = |id: &String| event(world.now(), id, status, json!({ "team": "Blue" }));
        json!(ids.iter().map(one).collect::<Vec<_>>())
    };
    assert_eq!(world.deliver(all("active")).await.status, 200);
    world.minutes(1).await;
    let reply = world.deliver(all("inactive")).await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 60 }),
        "{}",
        reply.body
    );
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    let why = explain(&world, "P-0007").await;
    assert_eq!(codes(&why), ["held"]);
    way(&why, &format!("an admin approving the hold {id}"));
    let path = format!("/holds/{id}/reject");
    let version = hold["version"].as_u64().unwrap();
    let rejected = world.post_if(&path, version, json!({})).await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    let why = explain(&world, "P-0007").await;
    assert_eq!(codes(&why), ["hold_answered"], "{why}");
    assert!(first(&why).contains(id), "{why}");

    let run = world.deliver(json!([event(world.now(), "E-1008", "inactive", json!({}))]));
    let run = run.await.body["run_id"].as_str().unwrap().to_owned();
    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(undone.body["affected"], 1);
    let why = explain(&world, "E-1008").await;
    assert_eq!(codes(&why), ["run_undone"], "{why}");
    assert!(first(&why).contains(&run), "{why}");

    world.hr("E-1009", "inactive", json!({})).await;
    world.restore("E-1009").await;
    let why = explain(&world, "E-1009").await;
    assert_eq!(codes(&why), ["reactivated_by_admin"], "{why}");
    way(&why, "HR marking them active and then inactive again");

    world.hr("E-1010", "inactive", json!({})).await;
    world.rule("employee.employee_id != \"E-1010\"").await;
    world.rule("true").await;
    let why = explain(&world, "E-1010").await;
    assert_eq!(codes(&why), ["left_out_before"], "{why}");

    world.hr("E-1011", "inactive", json!({})).await;
    let off = json!({ "deactivation_sync": { "enabled": false } });
    world.change(off).await;
    sync(&world, true).await;
    let why = explain(&world, "E-1011").await;
    assert_eq!(codes(&why), ["sync_turned_off"], "{why}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_that_the_last_admin_rule_refuses_are_not_offered() {
    let world = World::start().await;
    let member = json!({ "role": "member" });
    world.put("/users/E-1002/role", member).await;
    let why = explain(&world, "E-1001").await;
    assert_eq!(codes(&why), ["active_in_hr"]);
    for way in texts(&why["would_change"]) {
        assert!(
            way.starts_with("another admin with access, and then"),
            "{why}"
        );
    }
    let result = world.hr("E-1001", "inactive", json!({})).await;
    assert_eq!(result["outcome"], "held");
    let why = explain(&world, "E-1001").await;
    assert_eq!(codes(&why), ["held"]);
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    assert!(first(&why).contains(id), "{why}");
    way(
        &why,
        &format!(
            "another admin with access, and then an admin approving the hold {id}, or HR marking them active and then inactive again"
        ),
    );
    for way in texts(&why["would_change"]) {
        assert!(way.starts_with("another admin with access"), "{why}");
    }
    // With another admin, the answer to the hold is enough.
    let admin = json!({ "role": "admin" });
    world.put("/users/E-1002/role", admin).await;
    let why = explain(&world, "E-1001").await;
    assert!(first(&why).contains("were the last admin"), "{why}");
    way(&why, &format!("an admin approving the hold {id}"));
    way(&why, "an admin deactivating or deleting them");
    let path = format!("/holds/{id}/approve");
    let approval = world.admin_as(OTTO, "POST", &path).json(&json!({}));
    let done = approval.if_match(1).ok().await;
    assert_eq!(done["results"][0]["outcome"], "scheduled", "{done}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_twice_and_every_instant_is_in_the_organisations_zone() {
    let world = World::start().await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    world.hr("E-1007", "inactive", json!({})).await;
    let why = explain(&world, "E-1007").await;
    assert_eq!(why["next"]["what"], "deactivated");
    assert_eq!(texts(&why["text"]).len(), 1, "{why}");
    assert!(why["text"][0].as_str().unwrap().contains("deactivated"));
    let date = json!({ "leave_date": "2026-03-20" });
    world.put("/users/E-1008/leave-date", date).await;
    let why = explain(&world, "E-1008").await;
    assert_eq!(why["next"]["what"], "access_ends");
    assert_eq!(texts(&why["text"]).len(), 2, "{why}");
    world.end().await;
}
