//! What machines read, as it was looked at and found good; and that no golden file is left over.

use std::fs;
use std::path::Path;

use offramp_tests::{LENA, World, golden, input};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_looks_to_machines_as_they_were_promised() {
    let world = World::start().await;
    world.set(json!({ "time_zone": "America/New_York" })).await;
    world
        .hr(LENA, "inactive", json!({ "leave_date": "2026-03-31" }))
        .await;
    golden::json("user_scheduled", &known(world.user(LENA).await));
    let timers = world.timers(LENA, "deactivate");
    let schedule = json!({
        "group": timers[0].group,
        "expression": timers[0].expression,
        "name": timers[0].name,
        "input": input(&timers[0]),
    });
    golden::json("schedule_deactivate", &schedule);
    world.hours(73).await;
    golden::json("user_deactivated", &known(world.user(LENA).await));
    let history = world.get("/users/E-1007/history").await;
    golden::json("history_leaver", &history);
    world.end().await;
}

/// A user in whom what differs from run to run is always the same.
fn known(mut user: Value) -> Value {
    user["grounds"][0]["run_id"] = json!("run_1");
    user
}

#[test]
fn every_golden_file_is_compared_with_something() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let mut sources = String::new();
    read(&suite, &mut sources);
    let mut left = Vec::new();
    for file in files(&golden::folder()) {
        let name = file
            .strip_prefix(golden::folder())
            .unwrap()
            .with_extension("");
        let name = format!("\"{}\"", name.display());
        if !sources.contains(&name) {
            left.push(file);
        }
    }
    assert!(
        left.is_empty(),
        "no test names these; delete them: {left:?}"
    );
}

fn read(folder: &Path, into: &mut String) {
    for file in files(folder) {
        into.push_str(&fs::read_to_string(file).unwrap());
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
