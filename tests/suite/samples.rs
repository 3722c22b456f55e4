//! Every file in `events/` does what `events/README.md` says of it.

use std::time::Duration;

use aws_stand_ins::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offramp_connectors::signed::standard::{Signed, verify};
use offramp_local::StackConfig;
use offramp_local::signer::fill_now;
use offramp_tests::{World, at};
use ring::hmac;
use serde_json::{Value, json};

const PUBLIC_SECRET: &str = "b2ZmcmFtcCBzYW1wbGUgd2ViaG9vayBrZXksIHB1YmxpYw==";

macro_rules! sample {
    ($path:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../events/", $path))).unwrap()
    };
}

async fn send(world: &World, mut delivery: Value) -> Value {
    fill_now(&mut delivery, world.now());
    let reply = world.deliver(delivery["events"].take()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["summary"].clone()
}

/// What `events/README.md` says of each sample, on a stack that has just started: one result, whichever is sent first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sample_has_one_result_on_a_fresh_stack() {
    for (sample, result) in [
        (sample!("hr/everyone.json"), json!({ "unchanged": 25 })),
        (sample!("hr/leaver.json"), json!({ "scheduled": 1 })),
        (sample!("hr/returner.json"), json!({ "unchanged": 1 })),
        (sample!("hr/departures.json"), json!({ "held": 12 })),
        (
            sample!("hr/one_bad_record.json"),
            json!({ "updated": 4, "rejected": 1 }),
        ),
        (
            sample!("hr/odd_fields.json"),
            json!({ "updated": 3, "scheduled": 1 }),
        ),
        (
            sample!("hr/whole_days.json"),
            json!({ "scheduled": 2, "reactivated": 1 }),
        ),
        (
            sample!("hr/spreadsheet.json"),
            json!({ "updated": 1, "scheduled": 1 }),
        ),
        (sample!("hr/partial.json"), json!({ "updated": 1 })),
        (sample!("hr/rename.json"), json!({ "updated": 1 })),
    ] {
        // Sent at once, and once the sweep has looked at the source too.
        for minutes in [0, 10] {
            let world = World::with(|config| config.counted = true).await;
            world.advance(Duration::from_secs(1)).await;
            world.minutes(minutes).await;
            assert_eq!(send(&world, sample.clone()).await, result, "{sample}");
            world.end().await;
        }
    }
}

/// The whole company in two forms: nobody has changed but the one who has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_snapshot_finds_one_leaver_however_it_is_spelled() {
    for (page, leaver) in [
        (sample!("snapshots/cloud_hris.json"), "E-1009"),
        (sample!("snapshots/payroll.json"), "E-1020"),
    ] {
        let world = World::start().await;
        world.minutes(10).await;
        let employees = page["employees"].as_array().unwrap().clone();
        let done = crate::snapshots::snapshot(&world, &[employees]).await;
        assert_eq!(done["state"], "applied", "{done}");
        assert_eq!(done["summary"]["scheduled"], 1, "{done}");
        assert_eq!(done["summary"].get("rejected"), None, "{done}");
        assert_eq!(world.access(leaver).await, "revoked");
        let others = world.find("?status=active").await;
        assert_eq!(others.len(), 24, "{others:?}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_follow_one_another_as_their_list_says() {
    let world = World::start().await;
    // What is known already, said again a minute later.
    world.minutes(1).await;
    assert_eq!(
        send(&world, sample!("hr/everyone.json")).await,
        json!({ "unchanged": 25 })
    );
    world.minutes(1).await;
    assert_eq!(
        send(&world, sample!("hr/leaver.json")).await,
        json!({ "scheduled": 1 })
    );
    world.minutes(1).await;
    assert_eq!(
        send(&world, sample!("hr/returner.json")).await,
        json!({ "reactivated": 1 })
    );
    assert_eq!(
        send(&world, sample!("hr/one_bad_record.json")).await,
        json!({ "updated": 4, "rejected": 1 })
    );
    world.minutes(1).await;
    assert_eq!(
        send(&world, sample!("hr/partial.json")).await,
        json!({ "updated": 1 })
    );
    let partial = world.user("E-1020").await;
    assert!(
        partial["cost_centre"].is_null() && partial["name"].is_string(),
        "{partial}"
    );
    assert_eq!(
        send(&world, sample!("hr/rename.json")).await,
        json!({ "updated": 1 })
    );
    world.minutes(1).await;
    assert_eq!(
        send(&world, sample!("hr/departures.json")).await,
        json!({ "held": 12 })
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_take_the_events_that_aws_hands_them() {
    let clock = Clock::frozen(at("2026-11-21T10:00:00Z"));
    let world = World::with(|config: &mut StackConfig| config.clock = clock).await;
    let lambda = world.stack.cloud().lambda();
    let call = async |function: &str, payload: Value| {
        let name = world
            .stack
            .deployment()
            .functions
            .iter()
            .find(|one| one.crate_name == function);
        lambda.invoke(&name.unwrap().name, payload).await.unwrap()
    };
    let admin = call("admin", sample!("lambda/admin.json")).await;
    assert_eq!(admin["statusCode"], 200, "{admin}");
    // The sample is signed with a key that is public, which no source has.
    let hr = call("hr-sync", sample!("lambda/hr-sync.json")).await;
    assert_eq!(hr["statusCode"], 401, "{hr}");
    for (function, payload) in [
        ("terminate", sample!("lambda/terminate.json")),
        ("terminate", sample!("lambda/terminate_finish.json")),
        ("terminate", sample!("lambda/terminate_leave.json")),
        ("terminate", sample!("lambda/terminate_remind.json")),
        ("notify", sample!("lambda/notify.json")),
        ("apply", sample!("lambda/apply.json")),
        ("apply", sample!("lambda/apply_answer.json")),
        ("apply", sample!("lambda/apply_snapshot.json")),
        ("sweep", sample!("lambda/sweep.json")),
    ] {
        assert_eq!(call(function, payload).await, Value::Null, "{function}");
    }
    let export = sample!("lambda/export.json");
    let exported = world.stack.invoke("apply:operator", export).await.unwrap();
    assert_eq!(exported["lines"][0]["kind"], "export", "{exported}");
    assert_eq!(
        world.status("E-1007").await,
        "active",
        "the timer was for another generation"
    );
    world.end().await;
}

/// What `docs/API.md` gives to try one's own code on, is right: the key, and the signature of the body by it.
#[test]
fn the_worked_example_of_a_signature_is_right() {
    let document = include_str!("../../docs/API.md");
    let said = |name: &str| {
        let mut lines = document.lines().filter_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(": ")?;
            Some(value.to_owned())
        });
        let value = lines.next().unwrap_or_else(|| panic!("no line {name}"));
        assert_eq!(lines.next(), None, "two lines {name}");
        value
    };
    let (id, timestamp, body) = (said("webhook-id"), said("webhook-timestamp"), said("body"));
    let key = STANDARD
        .decode(said("secret").strip_prefix("whsec_").unwrap())
        .unwrap();
    assert_eq!(key, said("key").as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = said("webhook-signature");
    assert_eq!(format!("v1,{}", STANDARD.encode(tag)), signature);

    let sample = sample!("lambda/hr-sync.json");
    assert_eq!(sample["body"], body);
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ] {
        assert_eq!(sample["headers"][name], value);
    }
}

#[test]
fn the_signature_of_the_sample_verifies_with_the_public_secret() {
    let event = sample!("lambda/hr-sync.json");
    let header = |name: &str| event["headers"][name].as_str().unwrap();
    let signed = Signed {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let body = event["body"].as_str().unwrap().as_bytes();
    let secret = STANDARD.decode(PUBLIC_SECRET).unwrap();
    verify(signed, body, &[secret], at("2026-11-21T10:00:00Z")).unwrap();
}
