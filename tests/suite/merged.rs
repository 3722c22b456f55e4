//! Several events of one person in one request: each is answered as in order, and all are written at once.

use aws_stand_ins::{Fault, Mode, Service};
use chrono::TimeDelta;
use offramp_tests::{LENA, World, event};
use serde_json::{Value, json};

/// How often transactions were written since the calls were reset.
fn commits(world: &World) -> usize {
    let calls = world.stack.cloud().faults().calls();
    let writes = calls.iter();
    writes
        .filter(|call| call.operation == "TransactWriteItems")
        .count()
}

/// An event of each pair of status and fields, a second apart, the last of them now.
fn rows(world: &World, id: &str, words: &[(&str, Value)]) -> Vec<Value> {
    let first = world.now() - TimeDelta::seconds(i64::try_from(words.len()).unwrap() - 1);
    (0_i64..)
        .zip(words)
        .map(|(second, (status, fields))| {
            event(
                first + TimeDelta::seconds(second),
                id,
                status,
                fields.clone(),
            )
        })
        .collect()
}

fn outcomes(results: &[Value]) -> Vec<&str> {
    let words = results.iter().map(|one| one["outcome"].as_str().unwrap());
    words.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_rows_are_one_commit_and_one_more_is_refused_as_a_whole() {
    let world = World::start().await;
    world.minutes(10).await;
    let words: Vec<_> = (0..201)
        .map(|number| ("active", json!({ "team": format!("Team {number}") })))
        .collect();
    let mut many = rows(&world, LENA, &words);
    let other = event(world.now(), "E-1008", "inactive", json!({}));
    let mut with_other = many.clone();
    with_other.push(other.clone());
    for dry_run in [false, true] {
        let body = json!({ "events": with_other, "dry_run": dry_run });
        let refused = world.deliver_body(body).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (413, &json!("too_large"))
        );
    }
    assert_eq!(world.access("E-1008").await, "granted");
    let before = world.user(LENA).await;
    assert_ne!(before["team"], "Team 200");

    many.remove(0);
    many.push(other);
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let results = world.outcomes(json!(many)).await;
    assert_eq!(outcomes(&results[..200]), ["updated"; 200]);
    assert_eq!(results[200]["outcome"], "scheduled");
    // One for each of the two people, and one in which the breaker admits the leaver.
    assert_eq!(commits(&world), 3, "{:?}", faults.calls());
    let after = world.user(LENA).await;
    assert_eq!(after["team"], "Team 200");
    let told: Vec<Value> = world.history(LENA).await;
    let fresh: Vec<_> = told
        .iter()
        .filter(|entry| entry["version"].as_u64() > before["version"].as_u64())
        .collect();
    assert_eq!(fresh.len(), 1, "{fresh:?}");
    assert_eq!(fresh[0]["fields"], json!(["team"]));
    assert_eq!(fresh[0]["version"], after["version"]);
    world.end().await;
}

/// What is taken back within the request is neither armed nor mailed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_contradict_each_other_end_as_in_order() {
    let world = World::start().await;
    world.minutes(10).await;
    let told = |words: &[(&str, Value)], id: &str| rows(&world, id, words);
    let flips = [
        ("inactive", json!({})),
        ("active", json!({ "team": "Flip" })),
        ("inactive", json!({ "team": "Flop" })),
        ("inactive", json!({ "team": "Flop" })),
        ("active", json!({})),
        ("inactive", json!({})),
    ];
    let expected = [
        "scheduled",
        "reactivated",
        "scheduled",
        "unchanged",
        "reactivated",
        "scheduled",
    ];
    // In one request, and each in a request of its own.
    let at_once = world.outcomes(json!(told(&flips, LENA))).await;
    let mut in_order = Vec::new();
    for one in told(&flips, "E-1008") {
        in_order.extend(world.outcomes(json!([one])).await);
    }
    assert_eq!(outcomes(&at_once), expected);
    assert_eq!(outcomes(&in_order), expected);
    let moves = async |id: &str| {
        let entries = world.history(id).await.into_iter();
        let entries = entries.filter(|entry| entry["from"] != entry["to"]);
        entries
            .map(|entry| format!("{} {} {}", entry["what"], entry["from"], entry["to"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(moves(LENA).await, moves("E-1008").await);
    for id in [LENA, "E-1008"] {
        assert_eq!(world.status(id).await, "deactivation_scheduled");
        assert_eq!(world.timers(id, "deactivate").len(), 1, "{id}");
        assert_eq!(world.user(id).await["team"], "Flop");
    }
    world.hours(73).await;
    for id in [LENA, "E-1008"] {
        assert_eq!(world.status(id).await, "deactivated");
        assert_eq!(world.alive(id).await, 0);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_comes_and_goes_in_one_request_is_as_before() {
    let world = World::start().await;
    world.minutes(10).await;
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let words = [("inactive", json!({})), ("active", json!({}))];
    let results = world.outcomes(json!(rows(&world, LENA, &words))).await;
    assert_eq!(outcomes(&results), ["scheduled", "reactivated"]);
    assert_eq!(world.access(LENA).await, "granted");
    assert!(world.timers(LENA, "deactivate").is_empty());
    world.hours(80).await;
    assert_eq!(world.status(LENA).await, "active");
    assert_eq!(world.alive(LENA).await, 3);
    world.end().await;
}

/// Somebody else's write, and an answer that is lost, come to the same end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_comes_first_or_an_answer_that_is_lost_changes_nothing_of_it() {
    for mode in [Mode::Conflict, Mode::AfterCommit, Mode::Throttle] {
        let world = World::start().await;
        world.minutes(10).await;
        let words = [
            ("active", json!({ "team": "One" })),
            ("active", json!({ "team": "Two" })),
            ("active", json!({ "department": "Three" })),
        ];
        let rows = rows(&world, LENA, &words);
        let faults = world.stack.cloud().faults();
        faults.inject(Fault::once(Service::Dynamodb, "TransactWriteItems", mode));
        let results = world.outcomes(json!(rows)).await;
        assert_eq!(outcomes(&results), ["updated"; 3], "{mode:?}");
        let user = world.user(LENA).await;
        assert_eq!(
            (&user["team"], &user["department"]),
            (&json!("Two"), &json!("Three"))
        );
        world.end().await;
    }
}

/// Each is in the hold once, with what stopped them, and somebody new is created with all that was said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_people_whom_a_safeguard_stops_and_of_somebody_new() {
    let world = World::start().await;
    world.set(json!({ "safeguards": { "max_users": 1 } })).await;
    world.minutes(10).await;
    let words = [
        ("active", json!({ "team": "Held" })),
        ("inactive", json!({})),
        ("inactive", json!({ "team": "Still held" })),
    ];
    let mut all = rows(&world, LENA, &words);
    all.extend(rows(&world, "E-1008", &words));
    let new = [
        ("active", json!({ "name": "Newt" })),
        ("active", json!({ "team": "Pond" })),
    ];
    all.extend(rows(&world, "N-1", &new));
    let results = world.outcomes(json!(all)).await;
    let held = ["updated", "held", "held"];
    assert_eq!(
        outcomes(&results),
        [&held[..], &held, &["created", "updated"]].concat()
    );
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    let people = world.get(&format!("/holds/{id}")).await["users"].clone();
    let people = people.as_array().unwrap();
    let mut ids: Vec<_> = people
        .iter()
        .map(|one| one["employee_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [LENA, "E-1008"]);
    for id in [LENA, "E-1008"] {
        assert_eq!(world.access(id).await, "granted");
        assert_eq!(world.user(id).await["team"], "Still held");
    }
    let new = world.user("N-1").await;
    assert_eq!(
        (&new["name"], &new["team"]),
        (&json!("Newt"), &json!("Pond"))
    );
    world.end().await;
}
