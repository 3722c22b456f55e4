//! Access that is kept during the grace period: until when, what ends it earlier, and what it is not.

use offramp_tests::{ADA, LENA, LENA_MAIL, OTTO, World, zulu};
use serde_json::{Value, json};

const OTTO_ID: &str = "E-1002";

async fn kept() -> World {
    let world = World::start().await;
    world.set(json!({ "access_during_grace": "kept" })).await;
    world
}

/// The history of a user, the oldest first: what happened, the status after it, and the access where the entry says it.
async fn entries(world: &World, id: &str) -> Vec<(String, String, Value)> {
    let mut entries = world.history(id).await;
    entries.reverse();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|entry| {
            (
                text(&entry["what"]),
                text(&entry["to"]),
                entry["access"].clone(),
            )
        })
        .collect()
}

fn entry(what: &str, to: &str, access: Value) -> (String, String, Value) {
    (what.to_owned(), to.to_owned(), access)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hr_calls_inactive_logs_in_until_their_cards_end() {
    let world = kept().await;
    let due = world.now() + chrono::TimeDelta::days(3);
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(
        (&result["outcome"], &result["due_at"]),
        (&json!("scheduled"), &zulu(due))
    );
    let lena = world.user(LENA).await;
    assert_eq!(
        (&lena["status"], &lena["access"]),
        (&json!("deactivation_scheduled"), &json!("granted"))
    );
    assert_eq!(
        lena["banner"],
        "Access ends on Thursday 5 March 2026 at 09:00 (UTC): then this user will be deactivated and 3 cards terminated."
    );
    for path in [
        format!("/users/{LENA}/access"),
        format!("/access?email={LENA_MAIL}"),
    ] {
        let told = world.get(&path).await;
        assert_eq!(
            told,
            json!({ "access": "granted", "reason": "deactivation_scheduled" })
        );
    }
    let told = world.get(&format!("/users/{LENA}/explain")).await;
    assert_eq!(
        (&told["access"], &told["next"]["what"]),
        (&json!("granted"), &json!("deactivated"))
    );
    let why = told["reasons"][0]["detail"].as_str().unwrap();
    assert_eq!(
        why,
        "HR says inactive. They keep access, but no rights of an admin, until Thursday 5 March 2026 at 09:00 (UTC); then the user is deactivated and their cards are terminated."
    );
    // No new card, though their own are alive.
    let card = json!({ "label": "Travel", "kind": "virtual", "last4": "4242" });
    let card = world
        .admin("POST", &format!("/users/{LENA}/cards"))
        .json(&card);
    card.refused(409, "not_active").await;
    assert_eq!(world.alive(LENA).await, 3);

    world.minutes(3).await;
    let mails = world.mails_to(ADA, "scheduled");
    assert_eq!(mails.len(), 1);
    for said in [
        "Access is kept until then, but no rights of an admin. On the date below",
        "Thursday 5 March 2026 at 09:00 (UTC) (with access until then), 3 cards",
    ] {
        let text = mails[0]
            .text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(said), "{said}: {text}");
    }
    world.hours(71).await;
    assert_eq!(world.access(LENA).await, "granted");
    world.hours(1).await;
    assert_eq!(
        world.state(LENA).await,
        ("deactivated".to_owned(), "revoked".to_owned())
    );
    assert_eq!(world.alive(LENA).await, 0);
    let told = entries(&world, LENA).await;
    assert!(told.contains(&entry(
        "scheduled",
        "deactivation_scheduled",
        json!("granted")
    )));
    assert!(told.contains(&entry("deactivated", "deactivated", Value::Null)));
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_first_ground_on_an_admin_is_none_whatever_is_kept() {
    let world = kept().await;
    let token = world.token_of(OTTO);
    let as_otto = |path: &str| world.ask("GET", &world.path(path)).token(&token);
    assert_eq!(as_otto("/me").ok().await["role"], "admin");
    world.hr(OTTO_ID, "inactive", json!({})).await;
    assert_eq!(world.access(OTTO_ID).await, "granted");
    assert_eq!(world.user(OTTO_ID).await["role"], "admin");
    let me = as_otto("/me").ok().await;
    assert_eq!(
        (&me["employee_id"], &me["role"]),
        (&json!(OTTO_ID), &Value::Null)
    );
    as_otto("/users").refused(403, "forbidden").await;
    // Ada is the last admin, although Otto logs in.
    let held = world.hr("E-1001", "inactive", json!({})).await;
    assert_eq!(held["outcome"], "held");
    world.hr(OTTO_ID, "active", json!({})).await;
    assert_eq!(as_otto("/me").ok().await["role"], "admin");
    as_otto("/users?limit=1").ok().await;
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_that_joins_ends_access_with_its_day_and_one_that_goes_gives_it_back() {
    let world = kept().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(3).await;
    let path = format!("/users/{LENA}/leave-date");
    let date = json!({ "leave_date": "2026-03-04" });
    assert_eq!(world.put(&path, date).await.body["access"], "granted");
    let told = world.get(&format!("/users/{LENA}/explain")).await;
    assert_eq!(
        told["next"],
        json!({ "what": "access_ends", "at": "2026-03-04T00:00:00Z" })
    );
    world.until("2026-03-03T23:59:00Z").await;
    assert_eq!(world.access(LENA).await, "granted");
    world.until("2026-03-04T00:00:00Z").await;
    assert_eq!(world.access(LENA).await, "revoked");
    world.minutes(5).await;
    assert_eq!(world.state(LENA).await.0, "deactivation_scheduled");
    let lena = world.user(LENA).await;
    assert_eq!(
        lena["due_at"], "2026-03-05T09:00:00Z",
        "the end that was announced stands"
    );
    let banner = lena["banner"].as_str().unwrap();
    assert!(
        banner.starts_with("Access is revoked. On Thursday 5 March"),
        "{banner}"
    );
    let told = world.get(&format!("/users/{LENA}/explain")).await;
    let why = told["reasons"][0]["detail"].as_str().unwrap();
    assert!(
        why.contains("Access ended on Wednesday 4 March 2026 at 00:00 (UTC)"),
        "{why}"
    );
    let last = entries(&world, LENA).await.pop();
    assert_eq!(
        last,
        Some(entry("scheduled", "deactivation_scheduled", Value::Null))
    );
    let mails = world.mails_to(ADA, "scheduled");
    assert_eq!(mails.len(), 2, "that it ended is told");
    assert!(
        mails[1]
            .text
            .contains("Access is revoked. On the date below"),
        "{}",
        mails[1].text
    );

    let none = world.put(&path, json!({ "leave_date": null })).await;
    assert_eq!(
        (&none.body["access"], &none.body["due_at"]),
        (&json!("granted"), &json!("2026-03-05T09:00:00Z"))
    );
    let last = entries(&world, LENA).await.pop();
    assert_eq!(
        last,
        Some(entry(
            "leave_date_set",
            "deactivation_scheduled",
            json!("granted")
        ))
    );
    world.minutes(3).await;
    let mails = world.mails_to(ADA, "scheduled");
    assert!(
        mails[2].text.contains("(with access until then)"),
        "{}",
        mails[2].text
    );
    // A list is an admin's word, and ends it now.
    let list = json!({ "leavers": [{ "employee_id": LENA }] });
    assert_eq!(world.post("/leavers", list).await.status, 200);
    assert_eq!(world.access(LENA).await, "revoked");
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_of_access_stands_and_only_later_leavers_have_it_as_the_settings_say_now() {
    let world = World::start().await;
    let leave = async |id: &str, during: Option<&str>| {
        if let Some(during) = during {
            world.set(json!({ "access_during_grace": during })).await;
        }
        world.hr(id, "inactive", json!({})).await;
        world.access(id).await
    };
    assert_eq!(leave("E-1004", None).await, "revoked");
    assert_eq!(leave("E-1010", Some("kept")).await, "granted");
    assert_eq!(world.access("E-1004").await, "revoked");
    assert_eq!(leave("E-1012", Some("revoked")).await, "revoked");
    assert_eq!(world.access("E-1010").await, "granted");
    // Both in one mail: the line says whose access is kept.
    world.minutes(3).await;
    let text = world.mails_to(ADA, "scheduled").pop().unwrap().text;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("Access is revoked, unless a line says that it is kept until then."),
        "{text}"
    );
    assert_eq!(
        text.matches("(with access until then)").count(),
        1,
        "{text}"
    );
    let wrong = json!({ "access_during_grace": "some" });
    let refused = world.admin("PATCH", "/settings").json(&wrong);
    let refused = refused.refused(422, "invalid").await;
    assert_eq!(refused["errors"][0]["pointer"], "/access_during_grace");
    let back = json!({ "access_during_grace": null });
    let back = world.admin("PATCH", "/settings").json(&back).ok().await;
    assert_eq!(back["access_during_grace"], "revoked");
    world.end().await;
}
