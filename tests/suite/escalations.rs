//! A hold that waits too long is told to the address in the setting `escalation`, too.

use offramp_tests::{ADA, OTTO, World, golden};
use serde_json::{Value, json};

const ON_CALL: &str = "on-call@acme.example";
const STOPPED: &str = "A safeguard stopped the HR sync";
/// Leavers with cards.
const FIRST: &str = "E-1007";
const SECOND: &str = "E-1012";

/// A hold of one person, of which the admins were told at once.
async fn held(settings: Value) -> World {
    let world = World::start().await;
    world.set(settings).await;
    world
        .change(json!({ "safeguards": { "max_users": 1, "max_percent": 100 } }))
        .await;
    world.hr(FIRST, "inactive", json!({})).await;
    world.mailed().await;
    assert_eq!(
        world.hr(SECOND, "inactive", json!({})).await["outcome"],
        "held"
    );
    world.mailed().await;
    assert_eq!(stops(&world, ADA), 1);
    assert_eq!(stops(&world, ON_CALL), 0);
    world
}

/// How many mails have told somebody of the hold.
fn stops(world: &World, address: &str) -> usize {
    world.mails_to(address, STOPPED).len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_waits_four_hours_is_told_to_the_address_for_escalations_and_then_daily() {
    let world = held(json!({ "escalation": ON_CALL })).await;
    world.hours(3).await;
    world.minutes(50).await;
    world.mailed().await;
    assert_eq!(stops(&world, ON_CALL), 0, "it has not waited four hours");
    world.minutes(10).await;
    world.mailed().await;
    assert_eq!(world.subjects(ON_CALL), [STOPPED]);
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    let mut mail = world.mails_to(ON_CALL, "").remove(0);
    mail.text = mail.text.replace(id, "hold_1");
    mail.html = mail.html.replace(id, "hold_1");
    golden::mail("mail/escalation", &mail);
    assert_eq!(stops(&world, ADA), 2, "admins are told as well");
    assert_eq!(stops(&world, OTTO), 2);

    // Not again before a day has passed.
    world.hours(23).await;
    world.mailed().await;
    assert_eq!(stops(&world, ON_CALL), 1);
    world.hours(1).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (2, 3));

    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{id}/reject");
    let version = hold["version"].as_u64().unwrap();
    assert_eq!(world.post_if(&path, version, json!({})).await.status, 200);
    world.hours(48).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (2, 3));
    assert_eq!(
        world.mails_to(ON_CALL, "").len(),
        2,
        "it is told of holds only"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_a_hold_is_told_of_daily_and_to_admins_only() {
    let world = held(json!({ "escalate_after_hours": 1 })).await;
    world.hours(23).await;
    world.mailed().await;
    assert_eq!(stops(&world, ADA), 1);
    world.hours(1).await;
    world.mailed().await;
    assert_eq!(stops(&world, ADA), 2);
    // An address that is named now is told of a hold that has waited long before.
    world.set(json!({ "escalation": ON_CALL })).await;
    world.minutes(5).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (1, 3));
    // One that is named no more is not.
    world.set(json!({ "escalation": null })).await;
    world.hours(25).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (1, 4));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daily_reminder_before_the_escalation_is_for_the_admins() {
    let settings = json!({ "escalation": ON_CALL, "escalate_after_hours": 30 });
    let world = held(settings).await;
    world.hours(24).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (0, 2));
    world.hours(6).await;
    world.mailed().await;
    assert_eq!((stops(&world, ON_CALL), stops(&world, ADA)), (1, 3));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_whose_address_it_is_gets_one_mail() {
    let world = held(json!({ "escalation": ADA.to_uppercase() })).await;
    world.hours(4).await;
    world.mailed().await;
    assert_eq!((stops(&world, ADA), stops(&world, OTTO)), (2, 2));
    assert_eq!(world.mails_to(&ADA.to_uppercase(), "").len(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_escalation_is_an_address_and_a_number_of_hours() {
    let world = World::start().await;
    for (wrong, pointer) in [
        (json!({ "escalation": "the people on call" }), "/escalation"),
        (json!({ "escalation": [ON_CALL] }), "/escalation"),
        (
            json!({ "escalate_after_hours": 0 }),
            "/escalate_after_hours",
        ),
        (
            json!({ "escalate_after_hours": 721 }),
            "/escalate_after_hours",
        ),
        (
            json!({ "escalate_after_hours": "4" }),
            "/escalate_after_hours",
        ),
    ] {
        let reply = world.patch("/settings", wrong.clone()).await;
        assert_eq!(reply.status, 422, "{wrong}: {}", reply.body);
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{wrong}");
    }
    world
        .set(json!({ "escalation": ON_CALL, "escalate_after_hours": 720 }))
        .await;
    world.set(json!({ "escalation": null })).await;
    let settings = world.get("/settings").await;
    assert_eq!(
        (&settings["escalation"], &settings["escalate_after_hours"]),
        (&Value::Null, &json!(720))
    );
    world.end().await;
}
