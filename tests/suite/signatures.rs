//! The door that HR comes through: who signs is let in, and nobody else learns anything.

use chrono::TimeDelta;
use offramp_local::signer::Signed;
use offramp_tests::{Delivery, LENA, ORG, SOURCE, World, event};
use serde_json::{Value, json};

/// A body that would schedule `LENA`.
fn leaver(world: &World) -> String {
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    json!({ "events": [leaves] }).to_string()
}

async fn rotate(world: &World, revoke_previous: bool) -> String {
    let rotated = world.admin("POST", "/sources/hris/rotate-secret");
    let rotated = rotated.json(&json!({ "revoke_previous": revoke_previous }));
    rotated.ok().await["secret"].as_str().unwrap().to_owned()
}

async fn set_state(world: &World, source: &str, state: &str) {
    let patch = world.admin("PATCH", &format!("/sources/{source}"));
    let set = patch.json(&json!({ "state": state })).ok().await;
    assert_eq!(set["state"], state);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hr_did_not_sign_changes_nobody() {
    let world = World::start().await;
    let good = Delivery::new(world.secret(), world.now(), leaver(&world));
    let refused = async |delivery: Delivery| {
        world.hand_in(&delivery).refused(401, "bad_signature").await;
    };
    let other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    refused(Delivery::new(other_secret, world.now(), good.body.clone())).await;
    let mut tampered = good.clone();
    tampered.body.extend_from_slice(b" ");
    refused(tampered).await;
    for (id, timestamp, signature) in [
        (Some("other"), None, None),
        (Some(""), None, None),
        (None, Some("1772442001"), None),
        (None, Some("soon"), None),
        (None, Some(""), None),
        (None, None, Some("")),
        (None, None, Some("v1,AAAA")),
        (None, None, Some("v1,%%%")),
    ] {
        let mut forged = good.clone();
        let set = |field: &mut String, value: Option<&str>| {
            if let Some(value) = value {
                value.clone_into(field);
            }
        };
        set(&mut forged.signed.id, id);
        set(&mut forged.signed.timestamp, timestamp);
        set(&mut forged.signed.signature, signature);
        refused(forged).await;
    }
    let mut other_version = good.clone();
    other_version.signed.signature = other_version.signed.signature.replacen("v1,", "v2,", 1);
    refused(other_version).await;
    let path = world.path("/sources/hris/events");
    let bare = world.ask("POST", &path).bytes(good.body.clone());
    bare.refused(401, "bad_signature").await;
    let admin = world
        .ask("POST", &path)
        .token(&world.token)
        .bytes(good.body);
    admin.refused(401, "bad_signature").await;
    assert_eq!(world.access(LENA).await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_good_for_five_minutes() {
    let world = World::start().await;
    let body = leaver(&world);
    for seconds in [-301, 301, -86_400, 86_400] {
        let when = world.now() + TimeDelta::seconds(seconds);
        let stale = Delivery::new(world.secret(), when, body.clone());
        let refused = world.hand_in(&stale);
        refused.refused(401, "timestamp_out_of_tolerance").await;
    }
    assert_eq!(world.access(LENA).await, "granted");
    for (seconds, outcome) in [(-300, "scheduled"), (300, "unchanged")] {
        let when = world.now() + TimeDelta::seconds(seconds);
        let fresh = Delivery::new(world.secret(), when, body.clone());
        let answer = world.hand_in(&fresh).ok().await;
        assert_eq!(answer["results"][0]["outcome"], outcome);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_somebody_replays_undoes_nothing() {
    let world = World::start().await;
    let leaves = Delivery::new(world.secret(), world.now(), leaver(&world));
    world.hand_in(&leaves).ok().await;
    world.minutes(1).await;
    world.hr(LENA, "active", json!({})).await;
    let replayed = world.hand_in(&leaves).ok().await;
    assert_eq!(replayed["results"][0]["outcome"], "stale");
    assert_eq!(world.access(LENA).await, "granted");
    world.minutes(5).await;
    let late = world.hand_in(&leaves);
    late.refused(401, "timestamp_out_of_tolerance").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_names_of_organisations_and_sources_learns_nothing() {
    let world = World::start().await;
    let good = Delivery::new(world.secret(), world.now(), leaver(&world));
    let mut forged = good.clone();
    forged.signed.signature = "v1,AAAA".to_owned();
    let answer = |org, source, delivery: &Delivery| {
        let ask = world.hand_in_at(org, source, delivery);
        async move {
            let mut body = ask.refused(401, "bad_signature").await;
            body["request_id"] = Value::Null;
            body
        }
    };
    let known = answer(ORG, SOURCE, &forged).await;
    for (org, source) in [
        (ORG, "nowhere"),
        ("nobody", SOURCE),
        ("nobody", "nowhere"),
        ("NOT-A-NAME", SOURCE),
        (ORG, "not%20a%20name"),
    ] {
        assert_eq!(answer(org, source, &good).await, known, "{org} {source}");
        assert_eq!(answer(org, source, &forged).await, known, "{org} {source}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_good_signature_among_several_is_enough() {
    let world = World::start().await;
    let body = leaver(&world);
    let mut several = Delivery::new(world.secret(), world.now(), body.clone());
    let other = Signed::with_id(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        several.signed.id.clone(),
        world.now(),
        body.as_bytes(),
    );
    let (good, bad) = (several.signed.signature.clone(), other.unwrap().signature);
    for header in [
        format!("{bad} {good}"),
        format!("{good} {bad}"),
        format!("v1a,abc v1,%% {bad} {good}"),
    ] {
        several.signed.signature = header;
        world.hand_in(&several).ok().await;
    }
    several.signed.signature = format!("{bad} {bad}");
    world.hand_in(&several).refused(401, "bad_signature").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_rotated_without_losing_a_delivery() {
    let world = World::start().await;
    let first = world.secret().to_owned();
    let body = leaver(&world);
    let deliver = |secret: &str| {
        let delivery = Delivery::new(secret, world.now(), body.clone());
        world.hand_in(&delivery)
    };
    deliver(&first).ok().await;
    let second = rotate(&world, false).await;
    assert!(second.starts_with("whsec_") && second != first);
    deliver(&first).ok().await;
    deliver(&second).ok().await;
    // Two are live at most: a third is the end of the first.
    let third = rotate(&world, false).await;
    deliver(&first).refused(401, "bad_signature").await;
    deliver(&second).ok().await;
    deliver(&third).ok().await;
    let fourth = rotate(&world, true).await;
    for old in [&first, &second, &third] {
        deliver(old).refused(401, "bad_signature").await;
    }
    deliver(&fourth).ok().await;
    let source = world.admin("GET", "/sources/hris").send().await;
    assert_eq!(source.body["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(source.body.get("secret"), None);
    assert!(!source.text.contains("whsec_"), "{}", source.text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_source_is_shut_out_until_it_is_active_again() {
    let world = World::start().await;
    let good = Delivery::new(world.secret(), world.now(), leaver(&world));
    set_state(&world, SOURCE, "disabled").await;
    world.hand_in(&good).refused(401, "bad_signature").await;
    assert_eq!(world.access(LENA).await, "granted");
    set_state(&world, SOURCE, "active").await;
    let answer = world.hand_in(&good).ok().await;
    assert_eq!(answer["results"][0]["outcome"], "scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observing_source_records_and_deactivates_nobody() {
    let world = World::start().await;
    set_state(&world, SOURCE, "observing").await;
    let moved = json!({ "team": "Moved" });
    let result = world.hr("E-1012", "active", moved).await;
    assert_eq!(result["outcome"], "updated");
    let result = world.hr(LENA, "inactive", json!({ "team": "Gone" })).await;
    assert_eq!(result["outcome"], "ignored");
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["status"], &user["access"]),
        (&json!("active"), &json!("granted"))
    );
    assert_eq!(user["hr"]["status"], "inactive");
    world.hours(73).await;
    assert_eq!(world.alive(LENA).await, 3);
    world.only_power_was_told();
    // Setting it active changes nobody by itself; news does.
    set_state(&world, SOURCE, "active").await;
    let again = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(again["outcome"], "unchanged");
    let team = json!({ "team": "Alumni" });
    assert_eq!(world.hr(LENA, "inactive", team).await["outcome"], "updated");
    world.minutes(1).await;
    world.hr(LENA, "active", json!({})).await;
    world.minutes(1).await;
    let news = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(news["outcome"], "scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_source_cannot_speak_for_anothers_people() {
    let world = World::start().await;
    let source = json!({ "source": "payroll" });
    let made = world.admin("POST", "/sources").json(&source).ok().await;
    assert_eq!(made["state"], "observing");
    let secret = made["secret"].as_str().unwrap();
    set_state(&world, "payroll", "active").await;
    world
        .admin("POST", "/sources")
        .json(&source)
        .refused(409, "exists")
        .await;
    let body = leaver(&world);
    let theirs = Delivery::new(secret, world.now(), body.clone());
    let answer = world.hand_in_at(ORG, "payroll", &theirs).ok().await;
    assert_eq!(answer["results"][0]["outcome"], "rejected");
    let reason = answer["results"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("another source"), "{reason}");
    assert_eq!(world.access(LENA).await, "granted");
    // A signature covers no path: each source has a secret of its own.
    let ours = Delivery::new(world.secret(), world.now(), body);
    let crossed = world.hand_in_at(ORG, "payroll", &ours);
    crossed.refused(401, "bad_signature").await;
    world.end().await;
}
