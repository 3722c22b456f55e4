//! The audit of what is switched: sources, and runs that were taken back.

use offramp_tests::{ADA, SOURCE, World, event};
use serde_json::{Value, json};

/// The changes of one kind, oldest first.
async fn changes(world: &World, of: &str) -> Vec<Value> {
    let audit = world.get("/audit?limit=97").await;
    let mut entries = audit["entries"].as_array().unwrap().clone();
    entries.retain(|entry| entry["of"] == of);
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_made_switched_and_rotated_a_source_is_in_the_audit_and_no_secret_is() {
    let world = World::start().await;
    world.hours(1).await;
    let before = changes(&world, "source").await;
    let made = world.post("/sources", json!({ "source": "payroll" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    world.minutes(1).await;
    let path = "/sources/payroll";
    let patch = async |patch: Value| {
        let reply = world.patch(path, patch).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        world.minutes(1).await;
    };
    patch(json!({ "state": "active" })).await;
    // Nothing is another.
    patch(json!({ "state": "active" })).await;
    patch(json!({ "silent_after_hours": 48 })).await;
    let rotate = format!("{path}/rotate-secret");
    let rotated = world
        .post(&rotate, json!({ "revoke_previous": true }))
        .await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);

    let entries = changes(&world, "source").await.split_off(before.len());
    let observing = json!({ "state": "observing", "silent_after_hours": null });
    let active = json!({ "state": "active", "silent_after_hours": null });
    let silent = json!({ "state": "active", "silent_after_hours": 48 });
    let told: Vec<_> = entries
        .iter()
        .map(|one| (one["what"].as_str().unwrap(), &one["from"], &one["to"]))
        .collect();
    assert_eq!(
        told,
        [
            ("created", &Value::Null, &observing),
            ("changed", &observing, &active),
            ("changed", &active, &silent),
            ("secret_rotated", &Value::Null, &Value::Null),
        ],
        "{entries:#?}"
    );
    for (entry, version) in entries.iter().zip(1..) {
        assert_eq!(entry["source"], "payroll");
        assert_eq!(entry["by"]["actor"], "admin", "{entry}");
        assert_eq!(entry["by"]["subject"], ADA);
        assert_eq!(entry["version"], version);
    }
    assert_eq!(entries[3]["revoked_previous"], true);
    let text = json!(entries).to_string();
    for secret in [&made.body["secret"], &rotated.body["secret"]] {
        assert!(!text.contains(secret.as_str().unwrap()));
    }
    assert!(
        !text.contains("sealed") && !text.contains("whsec_"),
        "{text}"
    );
    assert!(before.iter().all(|entry| entry["source"] == SOURCE));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_taken_back_is_one_entry_and_its_people_lead_to_the_admin() {
    let world = World::start().await;
    let two = ["E-1007", "E-1008"].map(|id| event(world.now(), id, "inactive", json!({})));
    let run = world.deliver(json!(two)).await.body["run_id"].clone();
    world.minutes(1).await;
    let settings = changes(&world, "settings").await;
    let path = format!("/runs/{}/undo", run.as_str().unwrap());
    let undone = world.post(&path, json!({})).await;
    assert_eq!(undone.body["affected"], 2, "{}", undone.body);
    // Once is enough.
    world.post(&path, json!({})).await;
    assert_eq!(changes(&world, "settings").await, settings);
    let entries = changes(&world, "run").await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    let entry = &entries[0];
    assert_eq!((&entry["run_id"], &entry["affected"]), (&run, &json!(2)));
    assert_eq!(entry["by"]["subject"], ADA);
    assert_eq!(entry["at"], offramp_tests::zulu(world.now()));
    assert!(entry.get("from").is_none(), "{entry}");
    let history = world.get("/users/E-1007/history").await;
    let by = &history["entries"][0]["by"];
    assert_eq!((&by["actor"], &by["run"]), (&json!("run_undone"), &run));
    assert_eq!(
        (&by["subject"], &by["employee_id"]),
        (&json!(ADA), &json!("E-1001"))
    );
    world.end().await;
}
