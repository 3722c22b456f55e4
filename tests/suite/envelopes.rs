//! The envelope of what HR signs: each body is understood on its own route, as it is written, and once.

use offramp_tests::{Delivery, LENA, ORG, SOURCE, World, event};
use serde_json::{Value, json};

use crate::snapshots::{complete, open, page, state};

/// The same request to another path: the headers are those of the first.
async fn replayed(world: &World, method: &str, path: &str, delivery: &Delivery) -> (u16, Value) {
    let path = format!("/v1/orgs/{ORG}/sources/{SOURCE}{path}");
    let ask = world.ask(method, &path).bytes(delivery.body.clone());
    let headers = delivery.signed.headers().into_iter();
    let answer = headers
        .fold(ask, |ask, (name, value)| ask.header(name, value))
        .send()
        .await;
    (answer.status, answer.body)
}

fn signed(world: &World, body: &Value) -> Delivery {
    Delivery::new(world.secret(), world.now(), body.to_string())
}

/// The four bodies, with the routes that they are for.
fn bodies(world: &World, id: &str) -> [(&'static str, String, Value); 4] {
    let one = json!({ "employee_id": LENA, "status": "active" });
    let leaves = event(world.now(), LENA, "inactive", json!({}));
    [
        ("POST", "/events".into(), json!({ "events": [leaves] })),
        ("POST", "/snapshots".into(), json!({ "source": SOURCE })),
        (
            "PUT",
            format!("/snapshots/{id}/pages/1"),
            json!({ "snapshot_id": id, "page": 1, "employees": [one] }),
        ),
        (
            "POST",
            format!("/snapshots/{id}/complete"),
            json!({ "snapshot_id": id, "pages": 1 }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_no_body_has_is_refused_and_nothing_is_done() {
    let world = World::start().await;
    let id = open(&world, json!({})).await;
    for (method, path, body) in bodies(&world, &id) {
        for name in ["dryRun", "Dry_Run", "dry-run", "version", "type"] {
            let mut body = body.clone();
            body[name] = json!(true);
            let (status, answer) = replayed(&world, method, &path, &signed(&world, &body)).await;
            assert_eq!(status, 422, "{path} {body}: {answer}");
            assert_eq!(answer["errors"][0]["pointer"], format!("/{name}"), "{path}");
        }
    }
    let mut beside = event(world.now(), LENA, "inactive", json!({}));
    beside["dry_run"] = json!(true);
    let other = event(world.now(), "E-1008", "inactive", json!({}));
    let (status, answer) = replayed(
        &world,
        "POST",
        "/events",
        &signed(&world, &json!({ "events": [other, beside] })),
    )
    .await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/events/1/dry_run"))
    );
    // Nothing was done: nobody left, the snapshot is still the open one, and no page has come.
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.access("E-1008").await, "granted");
    assert_eq!(state(&world, &id).await["state"], "open");
    let short = complete(&world, &id, 1, false).await;
    assert_eq!(
        (short.status, &short.body["errors"][0]["pointer"]),
        (422, &json!("/pages"))
    );
    world.end().await;
}

/// A signature covers the body alone, so a captured request can be sent to any path of its source for 300 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_request_does_nothing_on_another_route() {
    let world = World::start().await;
    let id = open(&world, json!({})).await;
    let all = bodies(&world, &id);
    for (own, (_, _, body)) in all.iter().enumerate() {
        let captured = signed(&world, body);
        for (other, (method, path, _)) in all.iter().enumerate() {
            if own == other {
                continue;
            }
            let (status, answer) = replayed(&world, method, path, &captured).await;
            assert_eq!(status, 422, "{body} at {path}: {answer}");
        }
    }
    // Nor at another page or snapshot.
    let page_one = signed(&world, &all[2].2);
    for path in [
        format!("/snapshots/{id}/pages/2"),
        "/snapshots/snap_1/pages/1".to_owned(),
    ] {
        assert_eq!(
            replayed(&world, "PUT", &path, &page_one).await.0,
            422,
            "{path}"
        );
    }
    let done = signed(&world, &all[3].2);
    let other = "/snapshots/snap_1/complete";
    assert_eq!(replayed(&world, "POST", other, &done).await.0, 422);
    // The empty body of a `GET` is signed too.
    let empty = Delivery::new(world.secret(), world.now(), "");
    for (method, path, _) in &all {
        assert_eq!(
            replayed(&world, method, path, &empty).await.0,
            400,
            "{path}"
        );
    }
    assert_eq!(state(&world, &id).await["state"], "open");
    assert_eq!(world.access(LENA).await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_opened_for_the_source_that_its_body_names() {
    let world = World::start().await;
    for (body, pointer) in [
        (json!({ "source": "payroll" }), "/source"),
        (json!({ "source": null }), "/source"),
        (json!({ "expected_employees": 3 }), ""),
    ] {
        let (status, answer) = replayed(&world, "POST", "/snapshots", &signed(&world, &body)).await;
        assert_eq!(status, 422, "{body}: {answer}");
        assert_eq!(answer["errors"][0]["pointer"], pointer, "{body}: {answer}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_again_with_the_same_id_and_bytes_answers_the_same_snapshot() {
    let world = World::start().await;
    let first = signed(
        &world,
        &json!({ "source": SOURCE, "expected_employees": 25 }),
    );
    let again = async |delivery: &Delivery| {
        let (status, answer) = replayed(&world, "POST", "/snapshots", delivery).await;
        assert_eq!(status, 201, "{answer}");
        answer
    };
    let opened = again(&first).await;
    let id = opened["snapshot_id"].as_str().unwrap().to_owned();
    // Also at the same moment, and also signed anew later.
    let both = tokio::join!(again(&first), again(&first));
    assert_eq!((&both.0, &both.1), (&opened, &opened));
    let one = [json!({ "employee_id": LENA, "status": "active" })];
    page(&world, &id, 1, &one).await;
    world.minutes(3).await;
    let mut later = first.clone();
    later.signed = offramp_local::signer::Signed::with_id(
        world.secret(),
        first.signed.id.clone(),
        world.now(),
        &first.body,
    )
    .unwrap();
    assert_eq!(again(&later).await, opened);
    // Its page is still there.
    assert_eq!(complete(&world, &id, 1, true).await.status, 202);
    world.minutes(5).await;
    assert_eq!(again(&later).await["snapshot_id"], id);
    assert_ne!(again(&later).await["state"], "open");

    // Another id, other bytes, another source: another snapshot.
    let mut ids = vec![id];
    for delivery in [
        signed(
            &world,
            &json!({ "source": SOURCE, "expected_employees": 25 }),
        ),
        signed(&world, &json!({ "source": SOURCE })),
    ] {
        ids.push(
            again(&delivery).await["snapshot_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    world.end().await;
}
