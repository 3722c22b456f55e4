//! An instance that has verified a source before reads it with its people, in one call: what that call says of the source
//! is what counts, and whoever cannot sign makes it read nothing of them.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{Ask, Delivery, LENA, SOURCE, World, event};
use serde_json::{Value, json};

/// Somebody whom HR may change as it likes.
const SOMEBODY: &str = "E-1012";

/// A signed delivery: somebody is in another team.
fn moved(world: &World, secret: &str, team: &str) -> Delivery {
    let moved = event(world.now(), SOMEBODY, "active", json!({ "team": team }));
    Delivery::new(
        secret,
        world.now(),
        json!({ "events": [moved] }).to_string(),
    )
}

/// The calls of AWS that a request makes, by their names in alphabetical order: some are made at once.
async fn calls(world: &World, ask: Ask, status: u16) -> Vec<String> {
    world.stack.cloud().faults().reset_calls();
    let answer = ask.send().await;
    assert_eq!(answer.status, status, "{}", answer.body);
    let calls = world.stack.cloud().faults().calls();
    let mut names: Vec<String> = calls.into_iter().map(|call| call.operation).collect();
    names.sort();
    names
}

async fn set_state(world: &World, state: &str) {
    let patch = world.admin("PATCH", &format!("/sources/{SOURCE}"));
    patch.json(&json!({ "state": state })).ok().await;
}

async fn rotate(world: &World, revoke_previous: bool) -> String {
    let rotated = world.admin("POST", "/sources/hris/rotate-secret");
    let rotated = rotated.json(&json!({ "revoke_previous": revoke_previous }));
    rotated.ok().await["secret"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_one_read_and_one_write() {
    let world = World::start().await;
    let secret = world.secret().to_owned();
    world.minutes(2).await;
    // The first of an instance reads the source by itself.
    let first = calls(&world, world.hand_in(&moved(&world, &secret, "A")), 200).await;
    assert_eq!(
        first,
        [
            "BatchGetItem",
            "Decrypt",
            "GetItem",
            "GetItem",
            "PutItem",
            "TransactWriteItems"
        ]
    );
    let second = calls(&world, world.hand_in(&moved(&world, &secret, "B")), 200).await;
    assert_eq!(second, ["BatchGetItem", "TransactWriteItems"]);
    // The first of a minute writes the pulse beside it.
    world.minutes(2).await;
    let event = moved(&world, &secret, "C");
    let later = calls(&world, world.hand_in(&event), 200).await;
    assert_eq!(later, ["BatchGetItem", "PutItem", "TransactWriteItems"]);
    let again = calls(&world, world.hand_in(&event), 200).await;
    assert_eq!(again, ["BatchGetItem"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_five_calls() {
    let world = World::start().await;
    world.hr(SOMEBODY, "active", json!({ "team": "A" })).await;
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    let body = json!({ "events": [leaves] }).to_string();
    let leaver = Delivery::new(world.secret(), world.now(), body);
    let made = calls(&world, world.hand_in(&leaver), 200).await;
    assert_eq!(
        made,
        [
            "BatchGetItem",
            "CreateSchedule",
            "CreateSchedule",
            "TransactWriteItems",
            "TransactWriteItems"
        ]
    );
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forger_makes_an_instance_read_the_source_and_nobody() {
    let world = World::start().await;
    let secret = world.secret().to_owned();
    world.hand_in(&moved(&world, &secret, "A")).ok().await;
    let mut forged = moved(&world, &secret, "B");
    forged.body.extend_from_slice(b" ");
    let other = moved(&world, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "B");
    for forged in [forged, other] {
        assert_eq!(
            calls(&world, world.hand_in(&forged), 401).await,
            ["GetItem"]
        );
    }
    let user = world.user(SOMEBODY).await;
    assert_eq!(user["team"], "A", "{user}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_revoked_is_refused_at_once_and_a_new_one_taken() {
    let world = World::start().await;
    let first = world.secret().to_owned();
    world.hand_in(&moved(&world, &first, "A")).ok().await;
    let second = rotate(&world, true).await;
    let read = calls(&world, world.hand_in(&moved(&world, &first, "B")), 401).await;
    assert!(!read.contains(&"TransactWriteItems".to_owned()), "{read:?}");
    world.hand_in(&moved(&world, &second, "C")).ok().await;
    // The instance knows the new one now, and no more the old one.
    let known = calls(&world, world.hand_in(&moved(&world, &second, "D")), 200).await;
    assert_eq!(known, ["BatchGetItem", "TransactWriteItems"]);
    let old = calls(&world, world.hand_in(&moved(&world, &first, "E")), 401).await;
    assert_eq!(old, ["GetItem"]);
    // Of two that are live either is good.
    let third = rotate(&world, false).await;
    for (secret, team) in [(&second, "F"), (&third, "G"), (&second, "H"), (&third, "I")] {
        world.hand_in(&moved(&world, secret, team)).ok().await;
    }
    assert_eq!(world.user(SOMEBODY).await["team"], "I");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_disabled_or_observed_since_counts_as_it_is() {
    let world = World::start().await;
    let secret = world.secret().to_owned();
    world.hand_in(&moved(&world, &secret, "A")).ok().await;
    set_state(&world, "disabled").await;
    let refused = world
        .hand_in(&moved(&world, &secret, "B"))
        .refused(401, "bad_signature");
    let refused = refused.await;
    let mut forged = moved(&world, &secret, "B");
    forged.signed.signature = "v1,AAAA".to_owned();
    let as_forged = world.hand_in(&forged).refused(401, "bad_signature").await;
    let same = |mut body: Value| {
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(same(refused), same(as_forged));
    assert_eq!(world.user(SOMEBODY).await["team"], "A");
    set_state(&world, "observing").await;
    let leaves = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(leaves["outcome"], "ignored");
    set_state(&world, "active").await;
    // What was heard while it was observed is not made up for: the next different word counts.
    let changed = json!({ "team": "Alumni" });
    let same = world.hr(LENA, "inactive", changed).await;
    assert_eq!(same["outcome"], "updated");
    world.minutes(1).await;
    world.hr(LENA, "active", json!({})).await;
    world.minutes(1).await;
    let leaves = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(leaves["outcome"], "scheduled");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_of_a_body_before_its_source_is_read() {
    let world = World::start().await;
    let secret = world.secret().to_owned();
    world.hand_in(&moved(&world, &secret, "A")).ok().await;
    let bad = |secret: &str| {
        let bad = Delivery::new(secret, world.now(), "no JSON".to_owned());
        world.hand_in(&bad)
    };
    bad(&secret).refused(400, "malformed_json").await;
    rotate(&world, true).await;
    bad(&secret).refused(401, "bad_signature").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pulse_that_cannot_be_written_fails_no_event() {
    let world = World::start().await;
    let secret = world.secret().to_owned();
    world.hand_in(&moved(&world, &secret, "A")).ok().await;
    world.minutes(2).await;
    world.stack.cloud().faults().inject(Fault {
        service: Service::Dynamodb,
        operation: Some("PutItem".to_owned()),
        mode: Mode::Error,
        times: 3,
        skip: 0,
    });
    world.hand_in(&moved(&world, &secret, "B")).ok().await;
    assert_eq!(world.stack.cloud().faults().pending().len(), 0);
    assert_eq!(world.user(SOMEBODY).await["team"], "B");
    // The next event writes it.
    let next = calls(&world, world.hand_in(&moved(&world, &secret, "C")), 200).await;
    assert!(next.contains(&"PutItem".to_owned()), "{next:?}");
    world.end().await;
}
