//! Whom a row names, and the one answer that a person gets.

use offramp_tests::{LENA, LENA_MAIL, World, at};
use serde_json::{Value, json};

use super::{csv, hand_in, reason, rows};

const STATES: [&str; 4] = ["here", "leaving", "deactivated", "deleted"];

async fn put(world: &World, id: &str, state: &str) {
    match state {
        "leaving" => {
            let list = json!([{ "employee_id": id }]);
            assert_eq!(hand_in(world, list, None).await.status, 200);
        }
        "deactivated" => {
            let path = format!("/users/{id}/deactivate-now");
            assert_eq!(world.post(&path, json!({})).await.status, 200);
        }
        "deleted" => world.remove(id).await,
        _ => {}
    }
}

/// Of two people with one address the one who is here leaves, else the one who is leaving has left already. Former
/// accounts make no address ambiguous.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_names_whoever_is_here() {
    let world = World::start().await;
    let mut leavers = Vec::new();
    let mut want: Vec<(u64, String, &str)> = Vec::new();
    for first in STATES {
        for second in STATES {
            let number = leavers.len();
            let email = format!("pair{number}@acme.example");
            let ids = [format!("A-{number}"), format!("B-{number}")];
            for (id, state) in ids.iter().zip([first, second]) {
                world.hr(id, "active", json!({ "email": email })).await;
                put(&world, id, state).await;
            }
            leavers.push(json!({ "email": email.to_uppercase() }));
            let are = |state: &str| -> Vec<&String> {
                let both = ids.iter().zip([first, second]);
                both.filter(|(_, is)| *is == state)
                    .map(|(id, _)| id)
                    .collect()
            };
            let (whom, outcome) = match (are("here").as_slice(), are("leaving").as_slice()) {
                ([one], _) => ((*one).clone(), "scheduled"),
                ([], [one]) => ((*one).clone(), "already_left"),
                ([], []) => ("?".to_owned(), "already_left"),
                _ => ("?".to_owned(), "ambiguous"),
            };
            want.push((number as u64 + 1, whom, outcome));
        }
    }
    let list = json!({ "leavers": leavers, "dry_run": true });
    let tried = world.post("/leavers", list).await.body;
    let done = hand_in(&world, json!(leavers), None).await.body;
    assert_eq!(tried, done);
    let want: Vec<_> = want
        .iter()
        .map(|(row, whom, outcome)| (*row, whom.as_str(), *outcome))
        .collect();
    assert_eq!(rows(&done), want);
    world.end().await;
}

/// A namesake is somebody else; an id that only looks like somebody's is nobody until an admin lets it in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_namesake_nor_a_look_alike_is_in_the_way() {
    let world = World::start().await;
    let namesake = json!({ "name": "Lena Lindqvist", "email": "lena.l@acme.example" });
    world.hr("N-1", "active", namesake).await;
    let like = json!({ "email": LENA_MAIL });
    let held = world.hr("e-1007", "inactive", like).await;
    assert_eq!(held["outcome"], "held", "{held}");
    let list = json!([
        { "email": LENA_MAIL },
        { "employee_id": "e-1007" },
        { "employee_id": LENA, "email": LENA_MAIL },
    ]);
    let done = hand_in(&world, list, None).await.body;
    assert_eq!(
        rows(&done),
        [
            (1, LENA, "scheduled"),
            (2, "?", "not_found"),
            (3, LENA, "scheduled")
        ]
    );
    let says = reason(&done, 1);
    assert!(says.contains("\"e-1007\""), "what was looked for: {says}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn id_and_address_must_name_one_person() {
    let world = World::start().await;
    world.remove("E-1014").await;
    let his = json!({ "email": "diego.fuentes@acme.example" });
    world.hr("N-1", "active", his).await;
    let list = "employee_id,email\n\
        E-1007,LENA.LINDQVIST@acme.example\n\
        E-1008,lena.lindqvist@acme.example\n\
        E-1009,nobody@acme.example\n\
        E-9999,lena.lindqvist@acme.example\n\
        E-9998,nobody@acme.example\n\
        N-1,diego.fuentes@acme.example\n\
        E-1014,diego.fuentes@acme.example\n";
    let (_, tried) = csv(&world, "?dry_run=true", list).await;
    let (_, done) = csv(&world, "", list).await;
    assert_eq!(tried, done);
    assert_eq!(
        rows(&done),
        [
            (2, "E-1007", "scheduled"),
            (3, "?", "invalid"),
            (4, "?", "invalid"),
            (5, "?", "invalid"),
            (6, "?", "not_found"),
            (7, "N-1", "scheduled"),
            (8, "E-1014", "already_left"),
        ]
    );
    for id in ["E-1008", "E-1009"] {
        assert_eq!(world.access(id).await, "granted", "{id}");
    }
    world.end().await;
}

/// Rows of one person: what they say, and whether that is one thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_one_person_are_done_once_or_not_at_all() {
    let world = World::start().await;
    let says = [
        "",
        "2026-03-02",
        "2026-03-31",
        "2026-03-31T00:00:00",
        "soon",
    ];
    for (first, one) in says.iter().enumerate() {
        for (second, other) in says.iter().enumerate() {
            let id = format!("R-{first}-{second}");
            let email = format!("{}@acme.example", id.to_lowercase());
            world.hr(&id, "active", json!({ "email": email })).await;
            let before = world.user(&id).await;
            let list =
                format!("id;mail;leave date\n{id};;{one}\n{id};{email};{other}\n;{email};{one}\n");
            let (_, tried) = csv(&world, "?dry_run=true", list.clone()).await;
            let (_, done) = csv(&world, "", list.clone()).await;
            assert_eq!(tried, done);
            let day = |text: &str| text.get(..10).unwrap_or(text).to_owned();
            let want = match *one {
                _ if day(one) != day(other) => "invalid",
                "soon" => "invalid",
                "" | "2026-03-02" => "scheduled",
                _ => "planned",
            };
            let outcomes: Vec<_> = rows(&done).into_iter().map(|row| row.2).collect();
            assert_eq!(outcomes, [want; 3], "{list}: {done}");
            let after = world.user(&id).await;
            if want == "invalid" {
                assert_eq!(after, before, "nothing is done");
                continue;
            }
            let version = |user: &Value| user["version"].as_u64().unwrap();
            assert_eq!(version(&before) + 1, version(&after), "once");
            csv(&world, "", list).await;
            assert_eq!(world.user(&id).await, after, "and not again");
        }
    }
    world.end().await;
}

/// Somebody who has left is not given a date that would end them again when they are back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_planted_on_somebody_who_has_left() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hr("E-1009", "inactive", json!({})).await;
    put(&world, "E-1010", "deactivated").await;
    put(&world, "E-1011", "deleted").await;
    for hours in [1, 80] {
        world.hours(hours).await;
        for id in [LENA, "E-1009", "E-1010", "E-1011"] {
            let before = world.user(id).await;
            for date in ["2026-02-20", "2026-03-02", "2026-04-30"] {
                for then in ["deactivate", "delete"] {
                    let row = json!({ "employee_id": id, "leave_date": date });
                    let list = json!({ "then": then, "leavers": [row] });
                    let done = world.post("/leavers", list).await.body;
                    assert_eq!(rows(&done), [(1, id, "already_left")], "{date}: {done}");
                }
            }
            assert_eq!(world.user(id).await, before, "{id}");
        }
    }
    // Hired again, and still here when the dates have passed.
    let back = world.hr(LENA, "active", json!({})).await;
    assert_eq!(back["outcome"], "reactivated", "{back}");
    world
        .stack
        .set_now(at("2026-05-02T09:00:00Z"))
        .await
        .unwrap();
    assert_eq!(world.status(LENA).await, "active");
    world.end().await;
}

/// One read for each hundred people, and a dry run does nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_rows_are_looked_at_in_one_request() {
    let world = World::start().await;
    let ids: Vec<String> = (0..5_000)
        .map(|n| format!("Q-{}", n * 7_919 % 4_900))
        .collect();
    let file = format!("id\n{}\n", ids.join("\n"));
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let (status, body) = csv(&world, "?dry_run=true", file).await;
    assert_eq!(status, 200, "{body}");
    let results = rows(&body);
    assert_eq!(results.len(), 5_000);
    assert!(results.iter().all(|row| row.2 == "not_found"));
    let calls = faults.calls().len();
    assert!(calls <= 4_900_usize.div_ceil(97) + 5, "{calls} calls");
    world.end().await;
}
