//! An admin postpones the end of one person's cards.

use offramp_tests::{ADA, LENA, OTTO, World};
use serde_json::{Value, json};

/// Lena's grace period began on Monday at nine, so it ends on Thursday.
const ANNOUNCED: &str = "2026-03-05T09:00:00Z";

async fn postpone(world: &World, until: &str, reason: &str) -> offramp_tests::Answer {
    let path = format!("/users/{LENA}/due");
    world
        .put(&path, json!({ "due_at": until, "reason": reason }))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postponed_end_is_shown_told_and_kept_and_access_stays_gone() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.mailed().await;
    let before = world.mails().len();

    let until = "2026-03-12T17:00:00Z";
    let moved = postpone(&world, until, "She gives back the car that day.").await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["due_at"], &user["access"]),
        (&json!(until), &json!("revoked"))
    );
    assert_eq!(
        user["postponed"],
        json!({ "first_due_at": ANNOUNCED, "reason": "She gives back the car that day." })
    );
    assert!(
        user["banner"].as_str().unwrap().contains("12 March 2026"),
        "{user}"
    );
    assert_eq!(user["grounds"][0]["due_at"], ANNOUNCED);
    let last = &world.history(LENA).await[0];
    assert_eq!(
        (&last["what"], &last["due_at"]),
        (&json!("due_moved"), &json!(until))
    );
    assert_eq!(last["reason"], "She gives back the car that day.");
    assert_eq!(last["by"]["subject"], ADA);
    let path = format!("/users/{LENA}/explain");
    let why = world.get(&path).await;
    assert_eq!(why["reasons"][1]["code"], "end_postponed", "{why}");

    // Every admin is mailed the new date, and nobody else.
    world.mailed().await;
    assert_eq!(world.mails().len(), before + 2);
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "scheduled");
        assert!(
            mails.last().unwrap().text.contains("12 March 2026"),
            "{mails:?}"
        );
    }
    world.only_admins_were_mailed();

    // The announced end passes, and the cards live. At the new one they go.
    world.until("2026-03-12T16:59:00Z").await;
    assert_eq!(
        world.state(LENA).await,
        ("deactivation_scheduled".into(), "revoked".into())
    );
    assert_eq!(world.alive(LENA).await, 3);
    world.until("2026-03-12T17:05:00Z").await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(world.user(LENA).await["postponed"], Value::Null);
    assert!(world.timers(LENA, "deactivate").is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_moves_within_its_limits() {
    let world = World::start().await;
    let refused = |answer: offramp_tests::Answer, status: u16, code: &str| {
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (status, &json!(code)),
            "{}",
            answer.body
        );
        answer.body
    };
    let early = postpone(&world, ANNOUNCED, "a trip").await;
    refused(early, 409, "not_scheduled");
    world.hr(LENA, "inactive", json!({})).await;
    // Before the announced end, after 45 days, without a reason, no instant.
    let limits = "must lie between 2026-03-05T09:00:00Z and 2026-04-16T09:00:00Z";
    for until in ["2026-03-05T08:59:59Z", "2026-04-16T09:00:01Z"] {
        let body = refused(postpone(&world, until, "a trip").await, 422, "invalid");
        assert_eq!(body["errors"][0]["pointer"], "/due_at", "{body}");
        assert_eq!(body["errors"][0]["detail"], limits);
    }
    refused(
        postpone(&world, "2026-03-09T09:00:00Z", "  ").await,
        422,
        "invalid",
    );
    refused(
        postpone(&world, "next week", "a trip").await,
        422,
        "invalid",
    );
    assert_eq!(world.user(LENA).await["due_at"], ANNOUNCED);

    // To the last second, back to something sooner, and to where it was: then nothing is postponed.
    for until in [
        "2026-04-16T09:00:00Z",
        "2026-03-20T09:00:00+01:00",
        ANNOUNCED,
    ] {
        let moved = postpone(&world, until, "a trip").await;
        assert_eq!(moved.status, 200, "{}", moved.body);
    }
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["due_at"], &user["postponed"]),
        (&json!(ANNOUNCED), &Value::Null)
    );
    // The same again changes nothing.
    let version = user["version"].clone();
    assert_eq!(
        postpone(&world, ANNOUNCED, "a trip").await.body["version"],
        version
    );

    // Nobody moves their own end, nor anybody's without being an admin.
    let path = "/users/E-1001/due";
    let own = world
        .put(path, json!({ "due_at": ANNOUNCED, "reason": "mine" }))
        .await;
    refused(own, 409, "self");
    let member = world.admin_as(
        "lena.lindqvist@acme.example",
        "PUT",
        &format!("/users/{LENA}/due"),
    );
    let body = json!({ "due_at": "2026-03-09T09:00:00Z", "reason": "mine" });
    member.json(&body).refused(403, "forbidden").await;
    world.end().await;
}

/// A leave date that begins later ends the cards when it says; HR's word against the person does not bring the end forward.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_ground_meets_a_postponed_end() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "manual" })).await;
    world.hr(LENA, "inactive", json!({})).await;
    postpone(&world, "2026-03-30T09:00:00Z", "a trip").await;
    // On Tuesday an admin sets a leave date of that day.
    world.until("2026-03-10T09:00:00Z").await;
    world.leaves_on(LENA, json!("2026-03-10")).await;
    let user = world.user(LENA).await;
    assert_eq!(user["due_at"], "2026-03-13T09:00:00Z", "{user}");
    assert_eq!(world.alive(LENA).await, 3);
    // HR takes its word back; the leave date stands, with its own end.
    world.hr(LENA, "active", json!({})).await;
    let user = world.user(LENA).await;
    assert_eq!(user["due_at"], "2026-03-13T09:00:00Z");
    assert_eq!(user["postponed"], Value::Null);
    // Without the date she is back; when HR calls her gone again, nothing is postponed any more.
    world.leaves_on(LENA, Value::Null).await;
    assert_eq!(world.state(LENA).await, ("active".into(), "granted".into()));
    world.minutes(1).await;
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(world.user(LENA).await["due_at"], "2026-03-13T09:01:00Z");

    // An admin's click ends what was postponed.
    postpone(&world, "2026-03-30T09:00:00Z", "a trip").await;
    let now = world
        .post(&format!("/users/{LENA}/deactivate-now"), json!({}))
        .await;
    assert_eq!(now.status, 200, "{}", now.body);
    assert_eq!(world.alive(LENA).await, 0);
    world.end().await;
}
