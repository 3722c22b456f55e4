//! Snapshots of a whole workforce.

mod accidents;
mod late;
mod order;
mod rejected;
mod sources;
mod steps;

use chrono::{DateTime, Utc};
use offramp_tests::{Answer, Delivery, ORG, World, event, numbered};
use serde_json::{Value, json};

/// An employee of a snapshot.
pub(crate) fn employee(id: &str, status: &str) -> Value {
    json!({ "employee_id": id, "status": status, "name": format!("Person {id}") })
}

pub(crate) fn active(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| employee(id, "active")).collect()
}

async fn call(world: &World, method: &str, path: &str, body: Value) -> Answer {
    let path = format!("/sources/hris/snapshots{path}");
    world.signed_call(method, &path, &body).await
}

pub(crate) async fn open(world: &World, mut body: Value) -> String {
    body["source"] = json!("hris");
    let opened = call(world, "POST", "", body).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    assert_eq!(opened.body["state"], "open");
    opened.body["snapshot_id"].as_str().unwrap().to_owned()
}

pub(crate) async fn page(world: &World, id: &str, number: usize, employees: &[Value]) -> Answer {
    let body = json!({ "snapshot_id": id, "page": number, "employees": employees });
    call(world, "PUT", &format!("/{id}/pages/{number}"), body).await
}

pub(crate) async fn complete(world: &World, id: &str, pages: usize, dry_run: bool) -> Answer {
    let body = json!({ "snapshot_id": id, "pages": pages, "dry_run": dry_run });
    call(world, "POST", &format!("/{id}/complete"), body).await
}

pub(crate) async fn state(world: &World, id: &str) -> Value {
    let answer = world
        .signed_get(&format!("/sources/hris/snapshots/{id}"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// A whole snapshot, page by page, completed and worked on; what has become of it.
pub(crate) async fn snapshot(world: &World, pages: &[Vec<Value>]) -> Value {
    snapshot_of(world, json!({}), pages).await
}

async fn snapshot_of(world: &World, how: Value, pages: &[Vec<Value>]) -> Value {
    let id = open(world, how).await;
    for (number, employees) in pages.iter().enumerate() {
        let answer = page(world, &id, number + 1, employees).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["received"], employees.len());
    }
    let answer = complete(world, &id, pages.len(), false).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.body["state"], "applying");
    world.minutes(3).await;
    state(world, &id).await
}

/// The seed's people are in every snapshot of these tests, as they are.
pub(crate) async fn seeded(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/users?limit=50{cursor}")).await;
        for user in page["users"].as_array().unwrap() {
            let mut one = json!({ "status": "active" });
            for field in ["employee_id", "name", "email"] {
                if !user[field].is_null() {
                    one[field] = user[field].clone();
                }
            }
            all.push(one);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// A world in which HR has so many people beside the seed's, known by a first snapshot.
pub(crate) async fn with_people(count: usize) -> (World, Vec<Value>, Vec<String>) {
    let world = World::start().await;
    let seed = seeded(&world).await;
    let ids = numbered("P", count);
    let mut all = seed.clone();
    all.extend(active(&ids));
    let first = snapshot(&world, &[all]).await;
    assert_eq!(first["state"], "applied", "{first}");
    assert_eq!(first["summary"]["created"], count, "{first}");
    // The sweep counts the people of the source.
    world.minutes(6).await;
    (world, seed, ids)
}

async fn statuses(world: &World, ids: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for id in ids {
        all.push(world.status(id).await);
    }
    all
}

async fn everybody_is_active(world: &World, ids: &[String]) {
    let statuses = statuses(world, ids).await;
    assert!(
        statuses.iter().all(|status| status == "active"),
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_missing_has_their_grace_period_and_whoever_is_back_is_back() {
    let (world, seed, ids) = with_people(60).await;
    let mut without = seed.clone();
    without.extend(active(&ids[3..]));
    // One whom the snapshot calls inactive, one with another name, one who is new.
    without[25 + 10] = employee(&ids[13], "inactive");
    without[25 + 11] =
        json!({ "employee_id": ids[14], "status": "active", "name": "Another Name" });
    without.push(employee("NEW-1", "active"));
    let done = snapshot(&world, &[without.clone()]).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"]["scheduled"], 4, "{done}");
    assert_eq!(done["summary"]["created"], 1);
    assert_eq!(done["summary"]["updated"], 1);
    assert_eq!(done["progress"]["done"], done["progress"]["of"]);
    let gone = world.user(&ids[0]).await;
    assert_eq!(
        (gone["status"].clone(), gone["cause"].clone()),
        (json!("deactivation_scheduled"), json!("missing"))
    );
    assert_eq!(gone["hr"]["status"], "missing");
    assert_eq!(world.user(&ids[13]).await["cause"], "hr");
    assert_eq!(world.user(&ids[14]).await["name"], "Another Name");

    // It is a run, and names them.
    let run = world
        .get(&format!("/runs/{}", done["run_id"].as_str().unwrap()))
        .await;
    assert_eq!(run["kind"], "snapshot");
    assert_eq!(run["users"].as_array().unwrap().len(), 4);

    // The next snapshot has two of them again.
    let mut back = without.clone();
    back.extend(active(&ids[..2]));
    let done = snapshot(&world, &[back]).await;
    assert_eq!(done["summary"]["reactivated"], 2, "{done}");
    everybody_is_active(&world, &ids[..2]).await;
    world.hours(73).await;
    assert_eq!(world.status(&ids[2]).await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_applies_of_one_that_is_incomplete_contradictory_or_out_of_date() {
    let (world, seed, ids) = with_people(10).await;
    // More than it has room for: nothing opens.
    let vast = call(
        &world,
        "POST",
        "",
        json!({ "source": "hris", "expected_employees": 2_000_001 }),
    )
    .await;
    assert_eq!(vast.status, 422, "{}", vast.text);
    assert_eq!(vast.body["errors"][0]["pointer"], "/expected_employees");
    // A page is missing: it says which, and stays open.
    let id = open(&world, json!({ "expected_employees": 2_000_000 })).await;
    page(&world, &id, 1, &seed).await;
    page(&world, &id, 3, &active(&ids)).await;
    let short = complete(&world, &id, 3, false).await;
    assert_eq!(
        (short.status, &short.body["code"]),
        (422, &json!("invalid")),
        "{}",
        short.text
    );
    assert!(short.text.contains("page 2 has not come"), "{}", short.text);
    let over = complete(&world, &id, 1, false).await;
    assert!(over.text.contains("page 3 has come"), "{}", over.text);
    assert_eq!(state(&world, &id).await["state"], "open");

    // A newer one takes its place.
    let newer = open(&world, json!({})).await;
    assert_eq!(state(&world, &id).await["state"], "superseded");
    let late = page(&world, &id, 2, &[]).await;
    assert_eq!(
        (late.status, &late.body["code"]),
        (409, &json!("snapshot_not_open"))
    );

    // The same employee twice, with different records.
    let twice = [employee(&ids[0], "active"), employee(&ids[0], "inactive")];
    page(&world, &newer, 1, &twice).await;
    assert_eq!(complete(&world, &newer, 1, false).await.status, 202);
    world.minutes(3).await;
    let rejected = state(&world, &newer).await;
    assert_eq!(rejected["state"], "rejected", "{rejected}");
    assert!(
        rejected["problem"].as_str().unwrap().contains("twice"),
        "{rejected}"
    );
    everybody_is_active(&world, &ids).await;

    // Abandoned.
    let abandoned = open(&world, json!({})).await;
    page(&world, &abandoned, 1, &seed).await;
    world.hours(25).await;
    assert_eq!(state(&world, &abandoned).await["state"], "failed");
    assert_eq!(complete(&world, &abandoned, 1, false).await.status, 409);

    // Older than the one that was applied.
    let old: DateTime<Utc> = world.now() - chrono::TimeDelta::days(3);
    let id = open(&world, json!({ "occurred_at": old })).await;
    let outdated = complete(&world, &id, 0, false).await;
    assert_eq!(outdated.body["state"], "rejected", "{}", outdated.text);
    everybody_is_active(&world, &ids).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_newer_than_the_snapshot_wins_and_an_older_one_is_stale() {
    let (world, seed, ids) = with_people(10).await;
    let before = world.now();
    world.minutes(10).await;
    // The snapshot speaks of ten minutes ago; the webhook of now is newer.
    world
        .hr(&ids[0], "active", json!({ "name": "Newer" }))
        .await;
    let mut all = seed.clone();
    all.extend(active(&ids[..9]));
    let done = snapshot_of(&world, json!({ "occurred_at": before }), &[all]).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(world.user(&ids[0]).await["name"], "Newer");
    assert_eq!(world.status(&ids[9]).await, "deactivation_scheduled");
    // Nobody's record was written for it, and yet what is older is stale.
    let older = before - chrono::TimeDelta::minutes(1);
    let stale = world
        .hr_at(older, &ids[3], "inactive", json!({ "name": "Old" }))
        .await;
    assert_eq!(stale["outcome"], "stale", "{stale}");
    let unknown = world.hr_at(older, "NOBODY", "active", json!({})).await;
    assert_eq!(unknown["outcome"], "stale", "{unknown}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_other_sources_and_people_added_by_hand_are_never_missing() {
    let (world, seed, ids) = with_people(30).await;
    let added = world
        .post(
            "/users",
            json!({ "employee_id": "HAND-1", "name": "By Hand" }),
        )
        .await;
    assert_eq!(added.status, 201);
    let made = world.post("/sources", json!({ "source": "payroll" })).await;
    let secret = made.body["secret"].as_str().unwrap();
    let said = json!({ "events": [event(world.now(), "PAY-1", "active", json!({}))] });
    let said = Delivery::new(secret, world.now(), said.to_string());
    world.hand_in_at(ORG, "payroll", &said).ok().await;
    let mut all = seed.clone();
    all.extend(active(&ids));
    let done = snapshot(&world, &[all]).await;
    assert_eq!(done["summary"], json!({ "unchanged": 55 }), "{done}");
    assert_eq!(world.status("HAND-1").await, "active");
    assert_eq!(world.status("PAY-1").await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_may_ask_before_missing_people_go_or_ignore_them() {
    let (world, seed, ids) = with_people(40).await;
    world.set(json!({ "on_missing": "hold" })).await;
    let mut without = seed.clone();
    without.extend(active(&ids[2..]));
    without[25] = employee(&ids[2], "inactive");
    let done = snapshot(&world, &[without.clone()]).await;
    assert_eq!(done["summary"]["held"], 2, "{done}");
    assert_eq!(
        done["summary"]["scheduled"], 1,
        "HR's word is not asked about: {done}"
    );
    let hold = world.open_holds().await.remove(0);
    assert_eq!(hold["rule"], "on_missing");
    assert_eq!(
        world.get("/sources/hris").await["health"],
        "healthy",
        "nothing is broken"
    );
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let done = world.post_if(&path, 1, json!({})).await;
    assert_eq!(
        done.body["results"].as_array().unwrap().len(),
        2,
        "{}",
        done.body
    );
    assert_eq!(world.status(&ids[0]).await, "deactivation_scheduled");

    let (asked, _) = world.change(json!({ "on_missing": "ignore" })).await;
    assert_eq!(asked["affected"], 2, "{asked}");
    assert_eq!(world.status(&ids[0]).await, "active");
    let mut without = seed.clone();
    without.extend(active(&ids[6..]));
    let done = snapshot(&world, &[without]).await;
    assert_eq!(done["summary"].get("scheduled"), None, "{done}");
    assert_eq!(world.status(&ids[4]).await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_reports_and_writes_nothing_but_its_report() {
    let (world, seed, ids) = with_people(100).await;
    for (missing, verdict, word) in [(4, "admitted", "scheduled"), (60, "held", "held")] {
        let mut all = seed.clone();
        all.extend(active(&ids[missing..]));
        let id = open(&world, json!({})).await;
        page(&world, &id, 1, &all).await;
        assert_eq!(complete(&world, &id, 1, true).await.status, 202);
        world.minutes(3).await;
        let done = state(&world, &id).await;
        assert_eq!(done["state"], "applied", "{done}");
        assert_eq!(done["dry_run"], true);
        assert_eq!(done["summary"][word], missing, "{done}");
        assert_eq!(done["breaker"]["verdict"], verdict, "{done}");
        everybody_is_active(&world, &ids).await;
        assert_eq!(world.open_holds().await, Vec::<Value>::new());
        assert_eq!(world.get("/runs").await["runs"], json!([]));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_employee_costs_no_write_and_twelve_changes_cost_what_twelve_webhooks_cost() {
    let (world, seed, ids) = with_people(2_000).await;
    let faults = world.stack.cloud().faults();
    let writes = |world: &World| {
        let calls = world.stack.cloud().faults().calls();
        let is_write = |name: &str| ["TransactWriteItems", "PutItem", "UpdateItem"].contains(&name);
        calls
            .iter()
            .filter(|call| is_write(&call.operation))
            .count()
    };
    let mut all = seed.clone();
    all.extend(active(&ids));
    let count = |changes: usize| {
        let mut all = all.clone();
        for one in all.iter_mut().skip(25).take(changes) {
            one["name"] = json!("Another Name");
        }
        all
    };
    let mut costs = Vec::new();
    for changes in [0, 12] {
        let id = open(&world, json!({})).await;
        page(&world, &id, 1, &count(changes)).await;
        complete(&world, &id, 1, false).await;
        faults.reset_calls();
        world.minutes(2).await;
        costs.push(writes(&world));
        let done = state(&world, &id).await;
        assert_eq!(done["summary"]["unchanged"], 2_025 - changes, "{done}");
    }
    // Where nothing changes, the end; else what was compared, the changes, and the end. The sweep writes that it has looked.
    assert!(costs[0] <= 2, "{costs:?}");
    assert!(costs[1] - costs[0] <= 12, "{costs:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_comes_again_replaces_it_and_a_bad_record_is_neither_changed_nor_missing() {
    let (world, seed, ids) = with_people(10).await;
    let id = open(&world, json!({})).await;
    page(&world, &id, 1, &seed).await;
    page(&world, &id, 2, &active(&ids[..5])).await;
    let mut again = active(&ids);
    again[0]["status"] = json!("yesterday");
    assert_eq!(page(&world, &id, 2, &again).await.status, 200);
    let nameless = page(&world, &id, 3, &[json!({ "status": "active" })]).await;
    assert_eq!(nameless.status, 422, "{}", nameless.text);
    let other = json!({ "snapshot_id": "snap_x", "page": 1, "employees": [] });
    let moved = call(&world, "PUT", &format!("/{id}/pages/1"), other).await;
    assert_eq!(
        moved.status, 422,
        "the signature covers the body: {}",
        moved.text
    );
    complete(&world, &id, 2, false).await;
    world.minutes(3).await;
    let done = state(&world, &id).await;
    assert_eq!(done["state"], "applied", "{done}");
    assert_eq!(done["summary"]["rejected"], 1, "{done}");
    everybody_is_active(&world, &ids).await;
    let path = world.path(&format!("/sources/hris/snapshots/{id}"));
    assert_eq!(world.ask("GET", &path).send().await.status, 401);
    world.end().await;
}
