//! A leave date that the clock alone reads never takes the last admin's access: it waits in a hold.

use offramp_tests::{ADA, OTTO, World, golden};
use serde_json::{Value, json};

/// The address for escalations.
const ON_CALL: &str = "on-call@acme.example";
/// The two admins of the seed.
const ADA_ID: &str = "E-1001";
const OTTO_ID: &str = "E-1002";
/// Somebody who may be made an admin.
const THIRD: &str = "E-1003";
const SOON: &str = "1 person leaves soon";

fn here() -> (String, String) {
    ("active".to_owned(), "granted".to_owned())
}

/// Ada has set a date for Otto, and is gone herself: Otto is the last admin, and asks from now on.
async fn otto_alone(date: &str) -> World {
    let mut world = World::start().await;
    world.leaves_on(OTTO_ID, json!(date)).await;
    world.token = world.token_of(OTTO);
    world.post("/users/E-1001/deactivate-now", json!({})).await;
    world.minutes(10).await;
    world
}

/// The one open hold, read as a whole.
async fn hold(world: &World) -> Value {
    let mut open = world.open_holds().await;
    assert_eq!(open.len(), 1, "{open:?}");
    let id = open.remove(0)["hold_id"].as_str().unwrap().to_owned();
    world.get(&format!("/holds/{id}")).await
}

async fn answer(world: &World, hold: &Value, how: &str) -> Value {
    let path = format!("/holds/{}/{how}", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn appoint(world: &World, id: &str) {
    let role = json!({ "role": "admin" });
    let named = world.put(&format!("/users/{id}/role"), role).await;
    assert_eq!(named.status, 200, "{}", named.body);
}

/// How often the alarm was raised.
fn alarms(world: &World) -> u64 {
    let lines = world.stack.metrics();
    let lines = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["LastAdminLeaves"].as_u64().unwrap_or(0)
    });
    lines.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_of_the_last_admin_waits_for_another_admin_and_an_answer() {
    let world = otto_alone("2026-03-04").await;
    // Neither the clock nor the sweep ends their access, and no timer is needed for that.
    world.delete_schedules("leave");
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(world.state(OTTO_ID).await, here());
    world.minutes(10).await;
    assert_eq!(world.state(OTTO_ID).await, here());
    let held = hold(&world).await;
    assert_eq!(
        (&held["rule"], &held["left"]),
        (&json!("last_admin"), &json!(1))
    );
    assert_eq!(
        (
            &held["users"][0]["employee_id"],
            &held["users"][0]["cause"],
            &held["users"][0]["would"]
        ),
        (&json!(OTTO_ID), &json!("leave_date"), &json!("leave"))
    );
    let otto = world.user(OTTO_ID).await;
    let ground = &otto["grounds"][0];
    assert_eq!(
        (&ground["ground"], &ground["state"]),
        (&json!("leave_date"), &json!("held")),
        "{otto}"
    );
    let why = world.get("/users/E-1002/explain").await;
    assert_eq!(why["reasons"][0]["code"], "held", "{why}");

    // It keeps nobody else, and an answer lets nobody go who is the last.
    assert_eq!(world.get("/sources/hris").await["health"], "healthy");
    let leaver = world.hr("E-1010", "inactive", json!({})).await;
    assert_eq!(leaver["outcome"], "scheduled", "{leaver}");
    let early = answer(&world, &held, "approve").await;
    assert_eq!(early["results"][0]["outcome"], "held", "{early}");
    world.minutes(10).await;
    assert_eq!(world.state(OTTO_ID).await, here());

    // With another admin it waits for the answer still, and then begins.
    appoint(&world, THIRD).await;
    world.hours(2).await;
    assert_eq!(world.state(OTTO_ID).await, here());
    let held = hold(&world).await;
    let done = answer(&world, &held, "approve").await;
    assert_eq!(done["results"][0]["outcome"], "scheduled", "{done}");
    assert_eq!(done["state"], "approved", "{done}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_admins_with_one_date_one_stays() {
    let mut world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    for id in [ADA_ID, OTTO_ID] {
        let dated = json!({ "leave_date": "2026-03-03" });
        let result = world.hr(id, "active", dated).await;
        assert_eq!(result["outcome"], "updated", "{result}");
    }
    world.until("2026-03-03T00:00:00Z").await;
    world.minutes(10).await;
    // Whoever is refused is out, and the other one reads of both.
    let path = world.path("/users/E-1001");
    let ada = world.ask("GET", &path).token(&world.token_of(ADA));
    let ada = ada.send().await.status == 200;
    world.token = world.token_of(if ada { ADA } else { OTTO });
    let (left, gone) = match ada {
        true => (ADA_ID, OTTO_ID),
        false => (OTTO_ID, ADA_ID),
    };
    assert_eq!(world.state(left).await, here());
    assert_eq!(world.status(gone).await, "deactivation_scheduled");
    let held = hold(&world).await;
    assert_eq!(held["users"][0]["employee_id"], left, "{held}");
    assert_eq!(
        (&held["rule"], &held["source"]),
        (&json!("last_admin"), &json!("hris"))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_any_timer_fires_two_admins_with_one_date_have_access() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    for id in [ADA_ID, OTTO_ID, "E-1010"] {
        let dated = json!({ "leave_date": "2026-03-03" });
        world.hr(id, "active", dated).await;
    }
    world.delete_schedules("leave");
    world.until("2026-03-03T00:00:30Z").await;
    assert_eq!(world.access(ADA_ID).await, "granted");
    assert_eq!(world.access(OTTO_ID).await, "granted");
    assert_eq!(world.access("E-1010").await, "revoked", "no admin");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_moved_or_removed_empties_the_hold() {
    for moved in [json!("2026-05-01"), Value::Null] {
        let mut world = World::start().await;
        world.set(json!({ "leave_dates": "all" })).await;
        world.hours(1).await;
        let dated = json!({ "leave_date": "2026-03-04" });
        world.hr(OTTO_ID, "active", dated).await;
        world.token = world.token_of(OTTO);
        world.post("/users/E-1001/deactivate-now", json!({})).await;
        world.until("2026-03-04T00:10:00Z").await;
        assert_eq!(hold(&world).await["rule"], "last_admin");
        let moved = json!({ "leave_date": moved });
        let result = world.hr(OTTO_ID, "active", moved).await;
        assert_eq!(result["outcome"], "updated", "{result}");
        assert_eq!(world.user(OTTO_ID).await["grounds"], json!([]));
        world.hours(3).await;
        assert_eq!(world.open_holds().await, Vec::<Value>::new());
        let all = world.get("/holds").await;
        assert_eq!(all["holds"][0]["state"], "cleared", "{all}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_date_is_over_and_the_next_one_is_news() {
    let world = otto_alone("2026-03-04").await;
    world.until("2026-03-04T00:10:00Z").await;
    let held = hold(&world).await;
    let kept = answer(&world, &held, "reject").await;
    assert_eq!(kept["state"], "rejected", "{kept}");
    appoint(&world, THIRD).await;
    world.hours(100).await;
    assert_eq!(world.state(OTTO_ID).await, here());
    assert_eq!(
        world.user(OTTO_ID).await["grounds"][0]["state"],
        json!("refused")
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_whom_no_source_has_named_is_held_as_well() {
    let mut world = World::start().await;
    let mira = json!({ "employee_id": "M-1", "name": "Mira Sol", "email": "mira@acme.example", "role": "admin" });
    assert_eq!(world.post("/users", mira).await.status, 201);
    world.leaves_on("M-1", json!("2026-03-04")).await;
    world.set(json!({ "escalation": ON_CALL })).await;
    world.token = world.token_of("mira@acme.example");
    for id in [ADA_ID, OTTO_ID] {
        let gone = world
            .post(&format!("/users/{id}/deactivate-now"), json!({}))
            .await;
        assert_eq!(gone.status, 200, "{}", gone.body);
    }
    world.until("2026-03-04T00:10:00Z").await;
    assert_eq!(world.state("M-1").await, here());
    let held = hold(&world).await;
    assert_eq!(
        (&held["rule"], &held["source"]),
        (&json!("last_admin"), &Value::Null)
    );
    // Nobody else is there to be told.
    let told = world.mails_to(ON_CALL, "A safeguard holds 1 person");
    assert_eq!(told.len(), 1, "{:?}", world.subjects(ON_CALL));
    assert!(
        told[0]
            .text
            .contains("- 1 person held — this is the last admin"),
        "{}",
        told[0].text
    );
    appoint(&world, THIRD).await;
    let held = hold(&world).await;
    let done = answer(&world, &held, "approve").await;
    assert_eq!(done["results"][0]["outcome"], "scheduled", "{done}");
    assert!(done["approval_run_id"].is_string(), "{done}");
    world.token = world.token_of("E-1003");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_by_which_a_date_of_the_last_admin_counts_opens_a_hold_too() {
    let mut world = World::start().await;
    world.hours(1).await;
    let dated = json!({ "leave_date": "2026-03-03" });
    world.hr(OTTO_ID, "active", dated).await;
    world.token = world.token_of(OTTO);
    world.post("/users/E-1001/deactivate-now", json!({})).await;
    world.hours(48).await;
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    let set = world
        .patch("/settings", json!({ "leave_dates": "all" }))
        .await;
    assert_eq!(set.status, 200, "it ends nobody's access: {}", set.body);
    world.minutes(10).await;
    assert_eq!(world.state(OTTO_ID).await, here());
    assert_eq!(hold(&world).await["users"][0]["employee_id"], OTTO_ID);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_admin_may_demote_whom_it_keeps_and_it_waits_on() {
    let mut world = otto_alone("2026-03-04").await;
    world.until("2026-03-04T00:10:00Z").await;
    world.post("/users/E-1001/restore", json!({})).await;
    world.token = world.token_of(ADA);
    let member = json!({ "role": "member" });
    let named = world.put("/users/E-1002/role", member).await;
    assert_eq!(named.status, 200, "Ada is there again: {}", named.body);
    assert_eq!(world.state(OTTO_ID).await, here());
    let held = hold(&world).await;
    let done = answer(&world, &held, "approve").await;
    assert_eq!(done["results"][0]["outcome"], "scheduled", "{done}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_admins_are_told_a_week_before() {
    let world = World::start().await;
    world.set(json!({ "escalation": ON_CALL })).await;
    world.read().await;
    world.leaves_on(OTTO_ID, json!("2026-03-20")).await;
    world.until("2026-03-12T23:55:00Z").await;
    assert!(world.mails().is_empty());
    world.until("2026-03-13T00:05:00Z").await;
    assert_eq!(world.subjects(ADA), [SOON]);
    assert_eq!(world.mails().len(), 1, "no manager, and not Otto");
    golden::mail("mail/admin-leaves", &world.mails_to(ADA, "").remove(0));
    assert_eq!(alarms(&world), 0);
    world.until("2026-03-20T00:05:00Z").await;
    assert_eq!(world.access(OTTO_ID).await, "revoked");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_within_the_week_is_told_at_once_and_of_the_last_admin_elsewhere() {
    let mut world = World::start().await;
    world
        .set(json!({ "escalation": ON_CALL, "leave_dates": "all" }))
        .await;
    world.token = world.token_of(OTTO);
    world.post("/users/E-1001/deactivate-now", json!({})).await;
    world.minutes(10).await;
    let before = world.mails().len();
    let dated = json!({ "leave_date": "2026-03-06" });
    world.hr(OTTO_ID, "active", dated).await;
    world.minutes(10).await;
    assert_eq!(world.mails().len(), before + 1);
    let told = world.mails_to(ON_CALL, SOON);
    golden::mail("mail/last-admin-leaves", &told[0]);
    assert_eq!(alarms(&world), 1);
    // The date comes: it is told and raised again, once.
    world.until("2026-03-06T00:10:00Z").await;
    assert_eq!(
        world.mails_to(ON_CALL, "A safeguard holds 1 person").len(),
        1
    );
    assert_eq!(alarms(&world), 2);
    assert_eq!(world.state(OTTO_ID).await, here());
    world.end().await;
}
