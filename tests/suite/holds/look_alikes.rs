//! An id that is unknown and arrives as inactive, and looks like somebody who is here, creates nobody before an admin has
//! answered.

use offramp_tests::{ADA, LENA, OTTO, World, event};
use serde_json::{Value, json};

use crate::snapshots::{employee, snapshot};

/// Another spelling of Lena's id.
const OTHER: &str = "e-1007";

/// The one open hold, read as a whole.
async fn hold(world: &World) -> Value {
    let mut open = world.open_holds().await;
    assert_eq!(open.len(), 1, "{open:?}");
    let id = open.remove(0)["hold_id"].as_str().unwrap().to_owned();
    world.get(&format!("/holds/{id}")).await
}

async fn answer(world: &World, how: &str) -> Value {
    let hold = hold(world).await;
    let path = format!("/holds/{}/{how}", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// Nobody sees such a person, wherever they look.
async fn is_nobody(world: &World, id: &str) {
    for path in ["", "/cards", "/explain"] {
        let path = format!("/users/{id}{path}");
        let answer = world.admin("GET", &path).send().await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for token in [ADA, "login-page"].map(|subject| world.token_of(subject)) {
        let path = world.path(&format!("/users/{id}/access"));
        let access = world.ask("GET", &path).token(&token).ok().await;
        assert_eq!(access["reason"], "unknown", "{access}");
    }
    for path in [
        "/users?limit=97",
        "/users?q=e-10&limit=97",
        "/reports/drift?limit=97",
    ] {
        let list = world.get(path).await.to_string();
        assert!(!list.contains(&format!("\"{id}\"")), "{path}: {list}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_spelling_of_a_leaver_is_asked_about_and_nobody_is_missed() {
    let world = World::start().await;
    let result = world.hr(OTHER, "inactive", json!({ "name": "Lena" })).await;
    assert_eq!(result["outcome"], "held", "{result}");
    assert!(
        result["reason"].as_str().unwrap().contains(LENA),
        "{result}"
    );
    is_nobody(&world, OTHER).await;
    assert_eq!(world.status(LENA).await, "active");
    let held = hold(&world).await;
    assert_eq!(held["rule"], "look_alike");
    assert_eq!((&held["people"], &held["left"]), (&json!(1), &json!(1)));
    let who = &held["users"][0];
    assert_eq!(who["employee_id"], OTHER);
    assert_eq!(
        (&who["would"], &who["looks_like"]),
        (&json!("be_created"), &json!(LENA))
    );
    // Nobody else is kept.
    assert_eq!(
        world.hr("E-1010", "inactive", json!({})).await["outcome"],
        "scheduled"
    );
    world.mailed().await;
    let mails = world.mails_to(ADA, "holds 1 person");
    assert_eq!(mails.len(), 1, "{:?}", world.subjects(ADA));
    let text = &mails[0].text;
    assert!(text.contains("looks like E-1007"), "{text}");
    // The same again is no question.
    let again = world.hr(OTHER, "inactive", json!({ "name": "Lena" })).await;
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(world.open_holds().await.len(), 1);

    let rejected = answer(&world, "reject").await;
    assert_eq!(rejected["state"], "rejected");
    assert!(world.open_holds().await.is_empty());
    is_nobody(&world, OTHER).await;
    let renamed = world.hr(OTHER, "inactive", json!({ "name": "L." })).await;
    assert_eq!(renamed["outcome"], "ignored", "{renamed}");
    assert!(world.open_holds().await.is_empty());
    // HR calls that id active: it is somebody else after all.
    let active = world.hr(OTHER, "active", json!({ "name": "L." })).await;
    assert_eq!(active["outcome"], "created");
    assert_eq!(world.status(OTHER).await, "active");
    assert_eq!(world.access(OTHER).await, "granted");
    let happened: Vec<Value> = world.history(OTHER).await;
    let what: Vec<&str> = happened
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["created", "kept", "stopped"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_creates_them_as_hr_says_and_is_one_persons_work() {
    let world = World::start().await;
    world
        .set(json!({ "safeguards": { "four_eyes_above": 0 } }))
        .await;
    world
        .hr(OTHER, "inactive", json!({ "name": "Lena K." }))
        .await;
    let approved = answer(&world, "approve").await;
    assert_eq!(approved["state"], "approved", "{approved}");
    assert_eq!(approved["results"][0]["outcome"], "created", "{approved}");
    let run = approved["approval_run_id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/runs/{run}")).await["people"], 1);
    assert_eq!(world.status(OTHER).await, "deactivated");
    assert_eq!(world.user(OTHER).await["name"], "Lena K.");
    assert_eq!(world.access(OTHER).await, "revoked");
    assert_eq!(world.find("?q=e-1007").await.len(), 2);
    assert_eq!(world.status(LENA).await, "active");
    world.minutes(10).await;
    assert!(world.mails_to(ADA, "invited").is_empty());
    // From now on they return as anybody does.
    assert_eq!(
        world.hr(OTHER, "active", json!({})).await["outcome"],
        "reactivated"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_somebody_who_is_here_is_a_likeness_too() {
    let world = World::start().await;
    let address = world.user(LENA).await["email"].as_str().unwrap().to_owned();
    let email = json!({ "email": address.to_uppercase() });
    let result = world.hr("Z-1", "inactive", email.clone()).await;
    assert_eq!(result["outcome"], "held", "{result}");
    let access = world.get(&format!("/access?email={address}")).await;
    assert_eq!(access["access"], "granted", "{access}");
    // Nobody is here who has it: then nobody is mistaken for anybody.
    world
        .post(&format!("/users/{LENA}/deactivate-now"), json!({}))
        .await;
    let result = world.hr("Z-2", "inactive", email).await;
    assert_eq!(result["outcome"], "created", "{result}");
    // Who is active, or is like nobody, is created as ever.
    assert_eq!(
        world.hr("e-1010", "active", json!({})).await["outcome"],
        "created"
    );
    assert_eq!(
        world.hr("E-9999", "inactive", json!({})).await["outcome"],
        "created"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_many_is_one_hold_and_a_dry_run_says_so() {
    let world = World::start().await;
    let people: Vec<String> = (0..120).map(|n| format!("P-{n:03}")).collect();
    world.hire(&people).await;
    world.minutes(1).await;
    let events: Vec<Value> = people
        .iter()
        .map(|id| event(world.now(), &id.to_lowercase(), "inactive", json!({})))
        .collect();
    let tried = world
        .deliver_body(json!({ "dry_run": true, "events": events }))
        .await;
    assert_eq!(tried.body["summary"]["held"], 120, "{}", tried.text);
    assert!(world.open_holds().await.is_empty());
    let done = world.deliver(json!(events)).await;
    assert_eq!(done.body["summary"]["held"], 120, "{}", done.text);
    let held = hold(&world).await;
    assert_eq!(
        (&held["rule"], &held["left"]),
        (&json!("look_alike"), &json!(120))
    );
    // A part of them is approved, the rest stays in the hold.
    let path = format!("/holds/{}/approve", held["hold_id"].as_str().unwrap());
    let some = json!({ "employee_ids": ["p-000", "p-001"] });
    let part = world
        .post_if(&path, held["version"].as_u64().unwrap(), some)
        .await;
    assert_eq!(part.status, 200, "{}", part.text);
    assert_eq!(hold(&world).await["left"], 118);
    assert_eq!(world.status("p-000").await, "deactivated");
    is_nobody(&world, "p-002").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_asks_once_and_says_what_it_did() {
    let world = World::start().await;
    let seed = world.get("/users?limit=97&status=active").await;
    let seed: Vec<&str> = seed["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["employee_id"].as_str().unwrap())
        .collect();
    let mut all: Vec<Value> = seed.iter().map(|id| employee(id, "active")).collect();
    all.push(employee(OTHER, "inactive"));
    all.push(employee("E-9999", "inactive"));
    world.minutes(1).await;
    let first = snapshot(&world, std::slice::from_ref(&all)).await;
    assert_eq!(first["state"], "held", "{first}");
    assert_eq!(first["summary"]["held"], 1, "{first}");
    assert_eq!(first["summary"]["created"], 1, "{first}");
    is_nobody(&world, OTHER).await;
    assert_eq!(hold(&world).await["rule"], "look_alike");
    // The next one says the same, and asks nobody.
    world.minutes(5).await;
    let next = snapshot(&world, &[all]).await;
    assert_eq!(next["summary"].get("held"), None, "{next}");
    assert_eq!(hold(&world).await["people"], 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_only_observed_says_what_would_be() {
    let world = World::start().await;
    let observe = json!({ "state": "observing" });
    assert_eq!(world.patch("/sources/hris", observe).await.status, 200);
    let result = world.hr(OTHER, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "ignored");
    let reason = result["reason"].as_str().unwrap();
    assert!(reason.ends_with("it would have held them"), "{reason}");
    let sources = world.get("/sources").await;
    assert_eq!(sources["sources"][0]["would"], json!({ "held": 1 }));
    assert!(world.open_holds().await.is_empty());
    is_nobody(&world, OTHER).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_adds_them_by_hand() {
    let world = World::start().await;
    world.hr(OTHER, "inactive", json!({})).await;
    let mut new = json!({ "employee_id": OTHER, "name": "Lena Two", "email": "two@acme.example" });
    let asked = world.post("/users", new.clone()).await;
    assert_eq!(
        (asked.status, &asked.body["code"]),
        (409, &json!("look_alike"))
    );
    new["look_alike"] = json!(true);
    let added = world.post("/users", new).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.etag.as_deref(), Some("\"2\""));
    assert_eq!(world.access(OTHER).await, "granted");
    world.minutes(10).await;
    assert!(world.open_holds().await.is_empty(), "nobody is left in it");
    world.end().await;
}

/// No admin reads that HR may have called them inactive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_not_told_of_who_looks_like_them() {
    let world = World::start().await;
    let result = world
        .hr("e-1002", "inactive", json!({ "name": "Otto" }))
        .await;
    assert_eq!(result["outcome"], "held", "{result}");
    world.mailed().await;
    assert_eq!(world.mails_to(ADA, "holds 1 person").len(), 1);
    assert!(
        world.mails_to(OTTO, "").is_empty(),
        "{:?}",
        world.subjects(OTTO)
    );
    world.end().await;
}
