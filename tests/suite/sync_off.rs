//! Turning the deactivation sync off while people are scheduled, and on again.

use offramp_tests::{ADA, LENA, OTTO, World, confirmed};
use serde_json::{Value, json};

const DEPARTURES: &str = include_str!("../../events/hr/departures.json");

/// Twelve people are scheduled, as `events/hr/departures.json` says.
async fn twelve() -> (World, Vec<String>) {
    let world = World::start().await;
    let results = world.deliver_file(DEPARTURES).await;
    let ids: Vec<_> = results
        .iter()
        .map(|one| {
            assert_eq!(one["outcome"], "scheduled");
            one["employee_id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 12);
    (world, ids)
}

fn off() -> Value {
    json!({ "deactivation_sync": { "enabled": false } })
}

fn on() -> Value {
    json!({ "deactivation_sync": { "enabled": true } })
}

/// All of them are active, in every view.
async fn all_active(world: &World, ids: &[String]) {
    for id in ids {
        let user = world.user(id).await;
        assert_eq!(user["status"], "active", "{id}");
        assert_eq!(user["access"], "granted", "{id}");
        for gone in ["badge", "banner", "due_at"] {
            assert_eq!(user[gone], Value::Null, "{id} {gone}");
        }
        assert_eq!(world.access(id).await, "granted", "{id}");
    }
    let scheduled = world.find("?status=deactivation_scheduled").await;
    assert_eq!(scheduled, [""; 0]);
    let active = world.find("?status=active").await;
    assert!(ids.iter().all(|id| active.contains(id)), "{active:?}");
    assert_eq!(active.len(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_are_asked_before_the_sync_is_turned_off_over_people_who_are_scheduled() {
    let (world, ids) = twelve().await;
    let question = world.question(&off()).await;
    assert_eq!(question["affected"], 12);
    let users = question["users"].as_array().unwrap();
    let mut named: Vec<_> = users
        .iter()
        .map(|user| user["employee_id"].as_str().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, ids);
    assert!(users.iter().any(|user| user["name"] == "Marcus Doyle"));
    assert!(!question["confirmation"].as_str().unwrap().is_empty());
    let settings = world.get("/settings").await;
    assert_eq!(settings["deactivation_sync"]["enabled"], true);
    assert_eq!(world.find("?status=deactivation_scheduled").await.len(), 12);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_answer_to_that_very_question_turns_the_sync_off() {
    let (world, _) = twelve().await;
    let bad = async |patch: Value, confirmation: Value| {
        let patch = confirmed(&patch, &confirmation);
        let sent = world.admin("PATCH", "/settings").json(&patch);
        sent.refused(409, "bad_confirmation").await;
        assert_eq!(world.find("?status=deactivation_scheduled").await.len(), 12);
    };
    bad(off(), json!("guessed")).await;
    // Of another change.
    let other = json!({ "safeguards": { "max_users": 400 } });
    let confirmation = world.question(&other).await["confirmation"].clone();
    bad(off(), confirmation).await;
    // Of another version of the settings.
    let confirmation = world.question(&off()).await["confirmation"].clone();
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    bad(off(), confirmation).await;
    // Expired.
    let confirmation = world.question(&off()).await["confirmation"].clone();
    world.minutes(11).await;
    bad(off(), confirmation).await;
    // No string.
    let patch = confirmed(&off(), &json!(7));
    let sent = world.admin("PATCH", "/settings").json(&patch);
    let refused = sent.refused(422, "invalid").await;
    assert_eq!(refused["errors"][0]["pointer"], "/confirmation");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_confirmed_all_twelve_are_active_at_once_and_stay_so() {
    let (world, ids) = twelve().await;
    let timers: Vec<_> = ids
        .iter()
        .flat_map(|id| world.timers(id, "deactivate"))
        .collect();
    assert_eq!(timers.len(), 12);
    world.minutes(5).await;
    assert_eq!(world.mails_to(ADA, "12 people scheduled").len(), 1);
    let question = world.question(&off()).await;
    world.minutes(9).await;
    let done = world.settle(&off(), &question).await;
    assert_eq!(done["deactivation_sync"]["enabled"], false);
    assert_eq!(done["affected"], 12);
    let mut touched: Vec<_> = done["users"].as_array().unwrap().clone();
    touched.sort_by_key(ToString::to_string);
    assert_eq!(json!(touched), json!(ids));
    all_active(&world, &ids).await;
    world.hours(73).await;
    for timer in &timers {
        world.fire(timer).await.unwrap();
    }
    all_active(&world, &ids).await;
    assert_eq!(world.alive("E-1012").await, 2);
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "");
        assert_eq!(mails.len(), 2, "{mails:?}");
        let mail = &mails[1];
        assert!(mail.subject.contains("settings"), "{}", mail.subject);
        let told =
            "ada.okafor@acme.example turned the deactivation sync off; 12 people are active again";
        assert!(mail.text.contains(told), "{}", mail.text);
    }
    let history = world.history("E-1012").await;
    assert_eq!(history[0]["what"], "reactivated");
    assert_eq!(history[0]["by"]["actor"], "sync_turned_off");
    world.only_admins_were_mailed();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_not_announced_yet_never_is_when_the_sync_is_turned_off() {
    let (world, ids) = twelve().await;
    world.confirm(&off()).await;
    world.hours(1).await;
    all_active(&world, &ids).await;
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "scheduled").len(), 0);
        assert_eq!(world.mails_to(admin, "settings").len(), 1);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_sync_on_again_before_the_timers_fire_changes_nobody() {
    let (world, ids) = twelve().await;
    let timers: Vec<_> = ids
        .iter()
        .flat_map(|id| world.timers(id, "deactivate"))
        .collect();
    world.hours(1).await;
    world.confirm(&off()).await;
    world.set(on()).await;
    all_active(&world, &ids).await;
    world.hours(72).await;
    for timer in &timers {
        world.fire(timer).await.unwrap();
    }
    all_active(&world, &ids).await;
    assert_eq!(world.mails_to(ADA, "deactivated").len(), 0);
    // What HR said already is no news, whatever else changes; the next different word is.
    let again = world.deliver_file(DEPARTURES).await;
    assert!(again.iter().all(|one| one["outcome"] == "unchanged"));
    all_active(&world, &ids).await;
    let team = json!({ "team": "Alumni" });
    let edited = world.hr("E-1012", "inactive", team).await;
    assert_eq!(edited["outcome"], "updated");
    world.minutes(1).await;
    world.hr("E-1012", "active", json!({})).await;
    world.minutes(1).await;
    let anew = world.hr("E-1012", "inactive", json!({})).await;
    assert_eq!(anew["outcome"], "scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_scheduled_between_question_and_answer_is_active_again_as_well() {
    let (world, mut ids) = twelve().await;
    let question = world.question(&off()).await;
    assert_eq!(question["affected"], 12);
    world.minutes(1).await;
    world.hr(LENA, "inactive", json!({})).await;
    ids.push(LENA.to_owned());
    let done = world.settle(&off(), &question).await;
    assert_eq!(done["affected"], 13);
    all_active(&world, &ids).await;
    world.hours(73).await;
    all_active(&world, &ids).await;
    assert!(
        world.mails_to(OTTO, "settings")[0]
            .text
            .contains("13 people")
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_sync_is_off_nobody_leaves() {
    let world = World::start().await;
    // Nobody is scheduled: nothing is asked.
    world.set(off()).await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "ignored");
    assert_eq!(world.access(LENA).await, "granted");
    let user = world.user(LENA).await;
    assert_eq!(user["hr"]["status"], "inactive");
    assert_eq!(user["status"], "active");
    world.set(on()).await;
    world.hours(80).await;
    let again = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.alive(LENA).await, 3);
    assert_eq!(world.mails_to(ADA, "scheduled").len(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_already_deactivated_stay_so_when_the_sync_is_turned_off() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(73).await;
    world.hr("E-1012", "inactive", json!({})).await;
    let done = world.confirm(&off()).await;
    assert_eq!(done["affected"], 1);
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.status("E-1012").await, "active");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    world.end().await;
}
