//! What others commit and `terminate` alone finishes: by the table's stream, and without it by timers and the sweep.

use aws_stand_ins::{Fault, InvocationKind, Lasting, Mode, Service};
use offramp_tests::{ADA, LENA, OTTO, World};
use serde_json::{Value, json};

const IMMEDIATE: fn() -> Value = || json!({ "deactivation_sync": { "behaviour": "immediate" } });

fn off(world: &World) {
    world.stack.cloud().faults().begin(Lasting::StreamsOff);
}

fn on(world: &World) {
    world.stack.cloud().faults().clear();
}

fn issuer_is_down(world: &World) {
    world.stack.cloud().faults().inject(Fault {
        service: Service::Issuer,
        operation: None,
        mode: Mode::Error,
        times: u32::MAX,
        skip: 0,
    });
}

/// How often `terminate` was invoked, by the stream or by timers.
fn invoked(world: &World, kind: InvocationKind) -> usize {
    let all = world.stack.cloud().lambda().invocations();
    let own = all.iter().filter(|one| one.name.ends_with("-terminate"));
    own.filter(|one| one.kind == kind).count()
}

async fn terminate(world: &World, records: &[Value]) -> Value {
    let batch = json!({ "Records": records });
    world.stack.invoke("terminate", batch).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_are_gone_a_moment_after_access() {
    let world = World::start().await;
    world.set(IMMEDIATE()).await;
    let hr = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(hr["outcome"], "deactivated");
    let now = world.post("/users/E-1012/deactivate-now", json!({})).await;
    assert_eq!(
        (now.status, &now.body["cards_pending"]),
        (200, &Value::Null)
    );
    let gone = world.delete("/users/E-1018").await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    let list = json!({ "leavers": [{ "employee_id": "E-1004" }], "when": "now" });
    let list = world.post("/leavers", list).await;
    assert_eq!(list.status, 200, "{}", list.body);
    for id in [LENA, "E-1012", "E-1018", "E-1004"] {
        assert_eq!(world.alive(id).await, 0, "{id}");
        let pending = world.user(id).await["pending"].clone();
        let done = json!({ "cards": false, "objectives": false, "notice": false });
        assert_eq!(pending, done, "{id}");
        assert_eq!(world.timers(id, "finish").len(), 0, "{id}");
    }
    assert_eq!(invoked(&world, InvocationKind::Stream), 4);
    assert_eq!(invoked(&world, InvocationKind::Async), 0);
    world.minutes(3).await;
    assert_eq!(world.mails_to(ADA, "deactivated").len(), 1);
    world.end().await;
}

/// What `terminate` decides itself, it finishes itself: its own commit hands nothing over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_grace_period_does_not_go_through_the_stream() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(73).await;
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(invoked(&world, InvocationKind::Stream), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_stream_the_timer_finishes_it() {
    let world = World::start().await;
    off(&world);
    world.set(IMMEDIATE()).await;
    world.hr(LENA, "inactive", json!({})).await;
    let now = world.post("/users/E-1012/deactivate-now", json!({})).await;
    let cards = world.alive("E-1012").await;
    assert!(cards > 0);
    assert_eq!(now.status, 202, "{}", now.body);
    assert_eq!(now.body["cards_pending"], cards);
    assert_eq!(now.body["cards_cancelled"], 0);
    assert_eq!(world.access("E-1012").await, "revoked");
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(3).await;
    for id in [LENA, "E-1012"] {
        assert_eq!(world.alive(id).await, 0, "{id}");
    }
    let before = world.history(LENA).await;
    // What comes late does nothing.
    on(&world);
    world.stack.cloud().delivered().await;
    assert_eq!(invoked(&world, InvocationKind::Stream), 2);
    assert_eq!(world.history(LENA).await, before);
    world.minutes(3).await;
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "deactivated").len(), 1);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_stream_and_timers_the_sweep_has_it_finished() {
    let world = World::start().await;
    off(&world);
    world.set(json!({ "safeguards": { "max_users": 5 } })).await;
    world.set(IMMEDIATE()).await;
    let ids: Vec<String> = (1003..=1014).map(|n| format!("E-{n}")).collect();
    world.dismiss(&ids).await;
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    assert_eq!(world.post_if(&path, version, json!({})).await.status, 200);
    let scheduler = world.stack.cloud().scheduler();
    for one in scheduler.schedules() {
        scheduler.delete(&one.group, &one.name);
    }
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(15).await;
    for id in &ids {
        assert_eq!(world.status(id).await, "deactivated", "{id}");
        assert_eq!(world.alive(id).await, 0, "{id}");
        assert_eq!(world.times(id, "finished").await, 1, "{id}");
    }
    world.minutes(5).await;
    world.end().await;
}

/// Retries are the timers', so an issuer that is down for a day costs an invocation of the stream, and a timer a sweep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_down_for_a_day_makes_no_loop() {
    let world = World::start().await;
    issuer_is_down(&world);
    world.set(IMMEDIATE()).await;
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(world.alive(LENA).await, 3);
    assert_eq!(invoked(&world, InvocationKind::Stream), 1);
    // Two hours with a sweep every five minutes, the rest with one at its end.
    for _ in 0..2 {
        world.minutes(60).await;
    }
    world.hours(22).await;
    assert_eq!(invoked(&world, InvocationKind::Stream), 1);
    let by_timers = invoked(&world, InvocationKind::Async);
    assert!((10..=3 + 26).contains(&by_timers), "{by_timers}");
    // The finishing timer's event is given up after three tries; those of the sweep's timers are not tried again.
    let lost = world.stack.cloud().queues();
    assert_eq!(lost.len(), 1, "{lost:?}");
    on(&world);
    world.minutes(12).await;
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(world.times(LENA, "finished").await, 1);
    assert_eq!(invoked(&world, InvocationKind::Stream), 1);
}

/// The filter only spares invocations: here are records of every item, written, left alone and deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_unfiltered_comes_to_the_same() {
    let world = World::start().await;
    off(&world);
    world.set(IMMEDIATE()).await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hr("E-1012", "inactive", json!({})).await;
    world.hr("E-1012", "active", json!({})).await;
    let others = world.alive("E-1012").await;
    let items = world.scan(None).await;
    let mut records = Vec::new();
    for item in &items {
        let keys = json!({ "pk": item["pk"], "sk": item["sk"] });
        for (name, old, new) in [
            ("MODIFY", item, item),
            ("INSERT", &Value::Null, item),
            ("REMOVE", item, &Value::Null),
        ] {
            let sequence = format!("{:021}", records.len());
            let mut data = json!({ "Keys": keys, "SequenceNumber": sequence });
            for (image, value) in [("OldImage", old), ("NewImage", new)] {
                if !value.is_null() {
                    data[image] = value.clone();
                }
            }
            records.push(json!({ "eventName": name, "dynamodb": data }));
        }
    }
    assert!(records.len() > 200, "{}", records.len());
    let done = json!({ "batchItemFailures": [] });
    for _ in 0..2 {
        assert_eq!(terminate(&world, &records).await, done);
    }
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(world.times(LENA, "finished").await, 1);
    assert_eq!(world.alive("E-1012").await, others, "they are back");
    on(&world);
    world.minutes(6).await;
    assert_eq!(world.alive("E-1012").await, others);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_keeps_no_other_waiting() {
    let world = World::start().await;
    off(&world);
    world.set(IMMEDIATE()).await;
    world.hr(LENA, "inactive", json!({})).await;
    let record = |pk: &str, sequence: &str| {
        json!({ "dynamodb": {
            "Keys": { "pk": { "S": pk }, "sk": { "S": "U" } },
            "NewImage": { "todo": { "N": "2" } },
            "SequenceNumber": sequence,
        }})
    };
    let records = [
        record("nobody's", "1"),
        record(&format!("O#acme#U#{LENA}"), "2"),
    ];
    let answer = terminate(&world, &records).await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] })
    );
    assert_eq!(world.alive(LENA).await, 0);
    world.end().await;
}

/// A table that does not answer is asked again by the stream; then its position is kept, and the timer does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_stream_cannot_do_is_given_up_by_its_position() {
    let world = World::start().await;
    world.set(IMMEDIATE()).await;
    off(&world);
    world.hr(LENA, "inactive", json!({})).await;
    on(&world);
    world.stack.cloud().faults().inject(Fault {
        service: Service::Dynamodb,
        operation: Some("BatchGetItem".to_owned()),
        mode: Mode::Error,
        // Four tries of three attempts.
        times: 12,
        skip: 0,
    });
    world.stack.cloud().delivered().await;
    world.advance(std::time::Duration::from_secs(20)).await;
    assert_eq!(invoked(&world, InvocationKind::Stream), 4);
    let lost = world.stack.cloud().queues();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].arn.ends_with("StreamFailures"), "{}", lost[0].arn);
    assert!(lost[0].body.contains("startSequenceNumber"));
    for secret in ["Lena", "lindqvist", "NewImage"] {
        assert!(!lost[0].body.contains(secret), "{}", lost[0].body);
    }
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(3).await;
    assert_eq!(world.alive(LENA).await, 0);
}

/// Deactivated and deleted before anything else was written: the second commit has `todo` in both images.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_right_after_a_deactivation_needs_no_timer() {
    let world = World::start().await;
    world.set(IMMEDIATE()).await;
    off(&world);
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(world.delete(&format!("/users/{LENA}")).await.status, 202);
    on(&world);
    world.stack.cloud().delivered().await;
    assert_eq!(world.status(LENA).await, "deleted");
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(world.times(LENA, "finished").await, 1);
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_is_what_the_stream_delivers() {
    let world = World::start().await;
    let text = include_str!("../../events/lambda/terminate_stream.json");
    let sample: Value = serde_json::from_str(text).unwrap();
    let answer = world.stack.invoke("terminate", sample).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(world.status(LENA).await, "active");
    world.end().await;
}
