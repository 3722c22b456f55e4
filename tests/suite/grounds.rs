//! Two true things about one person meet: each is kept by itself, and only what is taken back goes.

mod last_look;
mod meetings;
mod returns;

use offramp_tests::{World, event};
use serde_json::{Value, json};

use crate::snapshots::{seeded, snapshot};

/// The grounds of a user as `kind state`, the decisive one first.
pub(crate) async fn grounds(world: &World, id: &str) -> Vec<String> {
    let user = world.user(id).await;
    let all = user["grounds"].as_array().unwrap().iter();
    all.map(|one| {
        let text = |field: &str| one[field].as_str().unwrap();
        format!("{} {}", text("ground"), text("state"))
    })
    .collect()
}

fn out() -> (String, String) {
    ("deactivation_scheduled".to_owned(), "revoked".to_owned())
}

fn over() -> (String, String) {
    ("deactivated".to_owned(), "revoked".to_owned())
}

fn here() -> (String, String) {
    ("active".to_owned(), "granted".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hr_calls_gone_stays_gone_when_their_leave_date_is_removed() {
    let world = World::start().await;
    // By an admin, by a list and by a setting: whatever ends the leave date ends nothing else.
    for id in ["E-1007", "E-1008", "E-1009"] {
        world.leaves_on(id, json!("2026-03-02")).await;
        world.hours(1).await;
        let said = world.hr(id, "inactive", json!({})).await;
        assert_eq!(said["outcome"], "updated", "{said}");
        assert_eq!(
            grounds(&world, id).await,
            ["leave_date in_force", "hr in_force"]
        );
    }
    let due = world.user("E-1007").await["due_at"].clone();
    world.leaves_on("E-1007", Value::Null).await;
    let list = json!({ "leavers": [{ "employee_id": "E-1008", "leave_date": "2026-09-30" }] });
    let reply = world.post("/leavers", list).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.set(json!({ "leave_dates": "ignore" })).await;
    for id in ["E-1007", "E-1008", "E-1009"] {
        assert_eq!(world.state(id).await, out(), "{id}");
    }
    // HR's word came an hour after the date: it ends the cards with the date that was announced, or later.
    let now_due = world.user("E-1007").await["due_at"].clone();
    assert!(now_due.as_str() >= due.as_str(), "{now_due} {due}");
    world.hours(80).await;
    for id in ["E-1007", "E-1008", "E-1009"] {
        assert_eq!(world.state(id).await, over(), "{id}");
        assert_eq!(world.alive(id).await, 0, "{id}");
    }
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_that_is_moved_after_the_end_gives_access_back_without_cards() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    let today = json!({ "leave_date": "2026-03-02" });
    world.hr("E-1007", "active", today.clone()).await;
    world.hr("E-1008", "active", today).await;
    world.leaves_on("E-1009", json!("2026-03-02")).await;
    world.hours(73).await;
    assert_eq!(world.state("E-1007").await, over());
    // HR moves its date, HR clears it, an admin removes theirs.
    let later = json!({ "leave_date": "2026-06-30" });
    let moved = world.hr("E-1007", "active", later).await;
    assert_eq!(moved["outcome"], "reactivated", "{moved}");
    let cleared = json!({ "leave_date": null });
    let cleared = world.hr("E-1008", "active", cleared).await;
    assert_eq!(cleared["outcome"], "reactivated", "{cleared}");
    world.leaves_on("E-1009", Value::Null).await;
    for id in ["E-1007", "E-1008", "E-1009"] {
        assert_eq!(world.state(id).await, here(), "{id}");
        assert_eq!(world.alive(id).await, 0, "{id}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admins_word_ends_by_an_admin_or_when_hr_takes_back_what_it_has_said() {
    let world = World::start().await;
    for id in ["E-1007", "E-1008"] {
        let reply = world
            .post(&format!("/users/{id}/deactivate-now"), json!({}))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    // HR has never said that E-1007 is gone: whatever it changes, they stay out.
    world
        .hr("E-1007", "active", json!({ "team": "Other" }))
        .await;
    assert_eq!(world.state("E-1007").await, over());
    // Of E-1008 it says so later, and takes it back.
    world.hr("E-1008", "inactive", json!({})).await;
    assert_eq!(
        grounds(&world, "E-1008").await,
        ["admin in_force", "hr in_force"]
    );
    let back = world.hr("E-1008", "active", json!({})).await;
    assert_eq!(back["outcome"], "reactivated", "{back}");
    assert_eq!(world.state("E-1008").await, here());
    assert_eq!(world.alive("E-1008").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admins_restore_overrides_what_stood_and_nothing_later() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.leaves_on("E-1007", json!("2026-03-01")).await;
    world.restore("E-1007").await;
    assert_eq!(world.state("E-1007").await, here());
    assert_eq!(
        grounds(&world, "E-1007").await,
        ["hr overridden", "leave_date overridden"]
    );
    // Something else changes, and HR still says inactive: that is no other word.
    let same = world
        .hr("E-1007", "inactive", json!({ "team": "Other" }))
        .await;
    assert_eq!(same["outcome"], "updated", "{same}");
    assert_eq!(world.state("E-1007").await, here());
    world.minutes(1).await;
    world.hr("E-1007", "active", json!({})).await;
    world.minutes(1).await;
    let anew = world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(anew["outcome"], "scheduled", "{anew}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announced_end_stands_whatever_hr_says_beside_it() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    let announced = world.user("E-1007").await["due_at"].clone();
    // From now on departures take effect at once, but for those that are announced.
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    let list = json!({ "leavers": [{ "employee_id": "E-1007" }] });
    let reply = world.post("/leavers", list).await;
    assert_eq!(reply.body["results"][0]["outcome"], "already_left");
    assert_eq!(world.user("E-1007").await["due_at"], announced);
    // HR takes its word back; the list's stands.
    world.hr("E-1007", "active", json!({})).await;
    assert_eq!(world.user("E-1007").await["status"], "active");
    // A leave date may come earlier.
    world.hr("E-1008", "inactive", json!({})).await;
    world.leaves_on("E-1008", json!("2026-03-02")).await;
    assert_eq!(world.state("E-1008").await, over());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_only_observed_gives_nobody_their_access_back() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.hours(73).await;
    assert_eq!(world.state("E-1007").await, over());
    world.hr("E-1008", "inactive", json!({})).await;
    let observing = json!({ "state": "observing" });
    let reply = world.patch("/sources/hris", observing).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    for id in ["E-1007", "E-1008"] {
        let said = world.hr(id, "active", json!({})).await;
        assert_eq!(said["outcome"], "updated", "{said}");
        let reason = said["reason"].as_str().unwrap();
        assert!(reason.contains("would have reactivated them"), "{said}");
    }
    assert_eq!(world.state("E-1007").await, over());
    // What its words have begun goes on.
    assert_eq!(world.state("E-1008").await, out());
    world.hours(73).await;
    assert_eq!(world.state("E-1008").await, over());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_touches_a_person_does_not_bring_their_leave_date_about() {
    let world = World::start().await;
    let limits = json!({ "max_users": 1, "max_percent": 100 });
    world
        .change(json!({ "leave_dates": "all", "safeguards": limits }))
        .await;
    for id in ["E-1007", "E-1012"] {
        let date = json!({ "leave_date": "2026-03-03" });
        world.hr(id, "active", date).await;
    }
    // The timers of the day get lost, and a card of each is frozen after midnight.
    world.delete_schedules("leave");
    world.until("2026-03-03T00:00:30Z").await;
    for id in ["E-1007", "E-1012"] {
        let card = &world.get(&format!("/users/{id}/cards")).await["cards"][0];
        let path = format!("/cards/{}/status", card["card_id"].as_str().unwrap());
        let frozen = world.put(&path, json!({ "status": "frozen" })).await;
        assert_eq!(frozen.status, 200, "{}", frozen.body);
        assert_eq!(world.status(id).await, "active", "{id}");
    }
    // The sweep begins the dates, and the breaker lets one of them go.
    world.minutes(10).await;
    let mut states = vec![world.status("E-1007").await, world.status("E-1012").await];
    states.sort_unstable();
    assert_eq!(states, ["active", "deactivation_scheduled"]);
    assert_eq!(world.open_holds().await.len(), 1);
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restoring_somebody_whom_a_safeguard_holds_is_a_rejection_for_them() {
    let world = World::start().await;
    world.set(json!({ "safeguards": { "max_users": 1 } })).await;
    for (id, outcome) in [("E-1007", "scheduled"), ("E-1008", "held")] {
        assert_eq!(
            world.hr(id, "inactive", json!({})).await["outcome"],
            outcome
        );
    }
    assert_eq!(grounds(&world, "E-1008").await, ["hr held"]);
    world.restore("E-1008").await;
    assert_eq!(grounds(&world, "E-1008").await, ["hr refused"]);
    let again = world.hr("E-1008", "inactive", json!({})).await;
    assert_eq!(again["outcome"], "unchanged", "{again}");
    assert_eq!(world.state("E-1008").await, here());
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_takes_in_people_whose_leave_date_has_passed_asks_first() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    let nobody = json!({ "active": "employee.department == \"Nobody\"" });
    let everybody = json!({ "active": "true" });
    let tomorrow = json!({ "leave_date": "2026-03-03" });
    for id in ["E-1007", "E-1008"] {
        world.hr(id, "active", tomorrow.clone()).await;
    }
    assert_eq!(world.put("/sync-rules", nobody).await.status, 200);
    world.hours(24).await;
    assert_eq!(world.state("E-1007").await, here());
    let asked = world.put("/sync-rules", everybody.clone()).await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    assert_eq!(asked.body["code"], "confirmation_required");
    assert_eq!(asked.body["affected"], 2);
    assert_eq!(world.state("E-1007").await, here());
    let other = json!({ "active": "employee.department != \"Nobody\"",
        "confirmation": asked.body["confirmation"] });
    let refused = world.put("/sync-rules", other).await;
    assert_eq!(refused.body["code"], "bad_confirmation", "{}", refused.body);
    let mut confirmed = everybody;
    confirmed["confirmation"] = asked.body["confirmation"].clone();
    let done = world.put("/sync-rules", confirmed).await;
    assert_eq!(done.status, 200, "{}", done.body);
    for id in ["E-1007", "E-1008"] {
        assert_eq!(world.state(id).await, out(), "{id}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_snapshot_and_the_next_good_one_together_bring_nobody_back() {
    let world = World::start().await;
    let reply = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.remove("E-1008").await;
    let good = seeded(&world).await;
    let first = snapshot(&world, std::slice::from_ref(&good)).await;
    assert_eq!(first["state"], "applied", "{first}");
    // Nobody is in it; an admin says no. By webhooks, too.
    let empty = snapshot(&world, &[Vec::new()]).await;
    assert_eq!(empty["state"], "held", "{empty}");
    for _ in 0..2 {
        let hold = world.open_holds().await.remove(0);
        let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
        let version = hold["version"].as_u64().unwrap();
        let rejected = world.post_if(&path, version, json!({})).await;
        assert_eq!(rejected.status, 200, "{}", rejected.body);
        let again = snapshot(&world, std::slice::from_ref(&good)).await;
        assert_eq!(again["state"], "applied", "{again}");
        assert_eq!(world.state("E-1007").await, over());
        assert_eq!(world.status("E-1008").await, "deleted");
        let all: Vec<Value> = good
            .iter()
            .map(|one| {
                let id = one["employee_id"].as_str().unwrap();
                event(world.now(), id, "inactive", json!({}))
            })
            .collect();
        let held = world.deliver(json!(all)).await;
        assert!(
            held.body["summary"]["held"].as_u64() > Some(10),
            "{}",
            held.body
        );
    }
    world.stack.shutdown().await.unwrap();
}

/// A short snapshot of which nobody would go opens no hold, and its words count for nobody all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_snapshot_that_ends_nobody_brings_nobody_back_either() {
    let world = World::start().await;
    world.set(json!({ "on_missing": "ignore" })).await;
    let good = seeded(&world).await;
    assert_eq!(
        snapshot(&world, std::slice::from_ref(&good)).await["state"],
        "applied"
    );
    let reply = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.minutes(1).await;
    // Ten of 25, and one of them is called inactive.
    let (lena, others): (Vec<Value>, Vec<Value>) = good
        .iter()
        .cloned()
        .partition(|one| one["employee_id"] == "E-1007");
    let mut few = others[..9].to_vec();
    few.extend(lena);
    few[9]["status"] = json!("inactive");
    snapshot(&world, &[few]).await;
    assert_eq!(
        grounds(&world, "E-1007").await,
        ["admin in_force", "hr ignored"]
    );
    world.minutes(1).await;
    snapshot(&world, std::slice::from_ref(&good)).await;
    assert_eq!(world.state("E-1007").await, over());
    world.stack.shutdown().await.unwrap();
}
