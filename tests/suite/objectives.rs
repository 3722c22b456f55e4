//! Objectives: what a leaver leaves open is closed with them, and comes back with them.

mod interrupted;

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{ORG, World, at};
use serde_json::{Value, json};

/// Adds an objective; its id.
async fn add(world: &World, owner: &str, title: &str) -> String {
    let path = format!("/users/{owner}/objectives");
    let reply = world.post(&path, json!({ "title": title })).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["objective_id"].as_str().unwrap().to_owned()
}

async fn add_many(world: &World, owner: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for at in 0..count {
        ids.push(add(world, owner, &format!("Goal {at}")).await);
    }
    ids
}

/// Everything of a paged list.
async fn whole(world: &World, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = format!("{path}?limit=40");
    loop {
        let page = world.get(&next).await;
        all.extend(page["objectives"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=40&cursor={cursor}"),
            None => return all,
        }
    }
}

/// The statuses of somebody's objectives, in the order of their making.
async fn statuses(world: &World, owner: &str) -> Vec<String> {
    let all = whole(world, &format!("/users/{owner}/objectives")).await;
    all.iter()
        .map(|one| one["status"].as_str().unwrap().to_owned())
        .collect()
}

/// Whose objectives the dashboard shows, one for each objective.
async fn board(world: &World) -> Vec<String> {
    whole(world, "/dashboard/objectives")
        .await
        .iter()
        .map(|one| one["owner"].as_str().unwrap().to_owned())
        .collect()
}

async fn deactivate(world: &World, id: &str) {
    let reply = world
        .post(&format!("/users/{id}/deactivate-now"), json!({}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

async fn restore(world: &World, id: &str) -> Value {
    let reply = world.post(&format!("/users/{id}/restore"), json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// The entries of somebody's history of a kind, newest first.
async fn history(world: &World, id: &str, what: &str) -> Vec<Value> {
    let history = world.get(&format!("/users/{id}/history")).await;
    let entries = history["entries"].as_array().unwrap();
    entries
        .iter()
        .filter(|entry| entry["what"] == what)
        .cloned()
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_adds_completes_reopens_and_deletes_objectives() {
    let world = World::start().await;
    let path = "/users/E-1007/objectives";
    let once = async || {
        let body = json!({ "title": "Close the Nordic deal" });
        let ask = world.admin("POST", path).json(&body);
        ask.header("idempotency-key", "deal").send().await
    };
    let (first, again) = (once().await, once().await);
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.body, again.body, "the same request again");
    let id = first.body["objective_id"].as_str().unwrap().to_owned();
    assert_eq!(
        first.body,
        json!({ "objective_id": id, "title": "Close the Nordic deal", "status": "open", "owner": "E-1007" })
    );
    assert_eq!(board(&world).await, ["E-1007"]);

    let objective = format!("/objectives/{id}");
    let done = world
        .patch(&objective, json!({ "status": "complete" }))
        .await;
    assert_eq!(
        (done.status, &done.body["status"]),
        (200, &json!("complete"))
    );
    assert_eq!(board(&world).await, [""; 0]);
    let back = world.patch(&objective, json!({ "status": "open" })).await;
    assert_eq!((back.status, &back.body["status"]), (200, &json!("open")));
    assert_eq!(board(&world).await, ["E-1007"]);

    for (body, status) in [
        (json!({ "title": "" }), 422),
        (json!({ "title": "ü".repeat(200) }), 201),
        (json!({ "title": "ü".repeat(201) }), 422),
        (json!({ "title": "a\nb" }), 422),
        (json!({ "title": "x", "status": "open" }), 422),
    ] {
        assert_eq!(
            world.post(path, body.clone()).await.status,
            status,
            "{body}"
        );
    }
    let bad = world
        .patch(&objective, json!({ "status": "deleted" }))
        .await;
    assert_eq!((bad.status, &bad.body["code"]), (422, &json!("invalid")));

    assert_eq!(world.delete(&objective).await.status, 200);
    assert_eq!(world.delete(&objective).await.status, 404);
    assert_eq!(
        world
            .patch(&objective, json!({ "status": "open" }))
            .await
            .status,
        404
    );
    assert_eq!(statuses(&world, "E-1007").await, ["open"]);
    let nobody = world
        .post("/users/E-9/objectives", json!({ "title": "x" }))
        .await;
    assert_eq!(nobody.status, 404);
    let service = world
        .stack
        .token_for("login-page", ORG, &["service"])
        .unwrap();
    let machine = world.ask("GET", &world.path(path)).token(&service);
    machine.refused(403, "forbidden").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_and_in_order() {
    let world = World::start().await;
    let mine = add_many(&world, "E-1007", 7).await;
    add_many(&world, "E-1003", 2).await;
    for (path, count) in [
        ("/users/E-1007/objectives", 7_usize),
        ("/dashboard/objectives", 9),
    ] {
        let mut seen = Vec::new();
        let mut next = format!("{path}?limit=3");
        let mut pages = 0;
        loop {
            let page = world.get(&next).await;
            let rows = page["objectives"].as_array().unwrap();
            assert!(rows.len() <= 3);
            let ids = rows
                .iter()
                .map(|row| row["objective_id"].as_str().unwrap().to_owned());
            seen.extend(ids);
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}?limit=3&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (count, count.div_ceil(3)), "{path}");
        assert!(seen.is_sorted() && seen.starts_with(&mine), "{path}");
    }
    let page = world.get("/dashboard/objectives?limit=3").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let elsewhere = format!("/users/E-1007/objectives?cursor={cursor}");
    let elsewhere = world.admin("GET", &elsewhere);
    elsewhere.refused(422, "invalid").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leavers_objectives_are_off_the_dashboard_from_the_second_that_access_ends() {
    let world = World::start().await;
    let objective = add(&world, "E-1007", "Close the Nordic deal").await;
    add(&world, "E-1003", "Ship the sync").await;
    world.hr("E-1007", "inactive", json!({})).await;
    // In the grace period: open still, and shown to nobody.
    assert_eq!(board(&world).await, ["E-1003"]);
    assert_eq!(statuses(&world, "E-1007").await, ["open"]);
    let refused = world
        .post("/users/E-1007/objectives", json!({ "title": "x" }))
        .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (409, &json!("not_active"))
    );
    // HR takes it back: nothing had happened to them.
    world.minutes(1).await;
    world.hr("E-1007", "active", json!({})).await;
    assert_eq!(board(&world).await, ["E-1007", "E-1003"]);
    world.minutes(1).await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.hours(72).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(statuses(&world, "E-1007").await, ["complete"]);
    let open = world
        .patch(
            &format!("/objectives/{objective}"),
            json!({ "status": "open" }),
        )
        .await;
    assert_eq!(
        (open.status, &open.body["code"]),
        (409, &json!("not_active"))
    );
    let closed = history(&world, "E-1007", "objectives_closed").await;
    assert_eq!((closed.len(), &closed[0]["count"]), (1, &json!(1)));
    assert_eq!(history(&world, "E-1007", "finished").await.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_sync_off_brings_them_back_at_once() {
    let world = World::start().await;
    add(&world, "E-1007", "Close the Nordic deal").await;
    world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(board(&world).await, [""; 0]);
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let asked = world.patch("/settings", off.clone()).await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    // Whoever the epoch has made active is active, though nothing that is stored says so yet.
    world.stack.cloud().faults().inject(Fault {
        skip: 1,
        times: 1_000,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::Error)
    });
    let mut confirmed = off;
    confirmed["confirmation"] = asked.body["confirmation"].clone();
    let done = world.patch("/settings", confirmed).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(board(&world).await, ["E-1007"]);
    world.stack.cloud().faults().clear();
    add(&world, "E-1007", "And the Baltic one").await;
    world.minutes(10).await;
    assert_eq!(board(&world).await, ["E-1007", "E-1007"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_them_is_as_the_settings_say_when_it_happens() {
    let world = World::start().await;
    for owner in ["E-1003", "E-1005", "E-1008"] {
        add(&world, owner, "One").await;
        let done = add(&world, owner, "Two").await;
        world
            .patch(
                &format!("/objectives/{done}"),
                json!({ "status": "complete" }),
            )
            .await;
    }
    world.hr("E-1003", "inactive", json!({})).await;
    world.set(json!({ "objectives": "delete" })).await;
    world.hours(72).await;
    // Scheduled while they would have been completed, deactivated when they are deleted.
    assert_eq!(
        statuses(&world, "E-1003").await,
        ["complete"],
        "what was complete stays"
    );
    world.set(json!({ "objectives": "keep" })).await;
    deactivate(&world, "E-1005").await;
    assert_eq!(statuses(&world, "E-1005").await, ["open", "complete"]);
    world.set(json!({ "objectives": "complete" })).await;
    assert_eq!(world.delete("/users/E-1008").await.status, 200);
    assert_eq!(statuses(&world, "E-1008").await, ["complete", "complete"]);
    assert_eq!(
        board(&world).await,
        [""; 0],
        "kept ones are shown to nobody either"
    );
    assert!(
        history(&world, "E-1005", "objectives_closed")
            .await
            .is_empty()
    );

    for (owner, reopened) in [
        ("E-1003", json!(1)),
        ("E-1005", Value::Null),
        ("E-1008", json!(1)),
    ] {
        let back = restore(&world, owner).await;
        assert_eq!(back["objectives_reopened"], reopened, "{back}");
        assert!(back.get("objectives_lost").is_none(), "{back}");
        assert_eq!(statuses(&world, owner).await, ["open", "complete"]);
        let now = world.user(owner).await;
        assert_eq!(
            now["version"], back["version"],
            "the answer is of the last version"
        );
    }
    assert_eq!(board(&world).await, ["E-1003", "E-1005", "E-1008"]);
    world.minutes(10).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restoring_says_what_it_could_not_bring_back() {
    let world = World::start().await;
    let ids = add_many(&world, "E-1007", 5).await;
    deactivate(&world, "E-1007").await;
    for lost in &ids[..2] {
        assert_eq!(
            world.delete(&format!("/objectives/{lost}")).await.status,
            200
        );
    }
    assert_eq!(statuses(&world, "E-1007").await, ["complete"; 3]);
    let back = restore(&world, "E-1007").await;
    assert_eq!(back["objectives_reopened"], 3);
    assert_eq!(back["objectives_lost"], 2);
    assert_eq!(statuses(&world, "E-1007").await, ["open"; 3]);
    let entry = &history(&world, "E-1007", "objectives_reopened").await[0];
    assert_eq!((&entry["count"], &entry["lost"]), (&json!(3), &json!(2)));
    // Said once: nothing more is lost when the same happens again.
    deactivate(&world, "E-1007").await;
    let back = restore(&world, "E-1007").await;
    assert_eq!(back["objectives_reopened"], 3);
    assert!(back.get("objectives_lost").is_none(), "{back}");
    let again = restore(&world, "E-1007").await;
    assert!(again.get("objectives_reopened").is_none(), "{again}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deactivation_closed_comes_back_after_a_deletion_too() {
    let world = World::start().await;
    world.set(json!({ "objectives": "delete" })).await;
    let ids = add_many(&world, "E-1007", 2).await;
    deactivate(&world, "E-1007").await;
    assert_eq!(statuses(&world, "E-1007").await, [""; 0]);
    let hidden = world
        .patch(
            &format!("/objectives/{}", ids[0]),
            json!({ "status": "open" }),
        )
        .await;
    assert_eq!(hidden.status, 404, "a tombstone is nothing to anybody");
    assert_eq!(
        world
            .delete(&format!("/objectives/{}", ids[0]))
            .await
            .status,
        404
    );
    assert_eq!(world.delete("/users/E-1007").await.status, 200);
    assert_eq!(restore(&world, "E-1007").await["objectives_reopened"], 2);
    assert_eq!(board(&world).await, ["E-1007"; 2]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hr_brings_them_back_too() {
    let world = World::start().await;
    add_many(&world, "E-1007", 2).await;
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(statuses(&world, "E-1007").await, ["complete"; 2]);
    world.minutes(1).await;
    world.hr("E-1007", "active", json!({})).await;
    world.minutes(4).await;
    assert_eq!(board(&world).await, ["E-1007"; 2]);
    assert_eq!(
        history(&world, "E-1007", "objectives_reopened").await.len(),
        1
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_takes_effect_before_its_timer_does() {
    let world = World::start().await;
    add(&world, "E-1007", "Close the Nordic deal").await;
    world.set(json!({ "time_zone": "America/New_York" })).await;
    let date = json!({ "leave_date": "2026-03-30" });
    let set = world.put("/users/E-1007/leave-date", date).await;
    assert_eq!(set.status, 200, "{}", set.body);
    // 03:59 in Greenwich is still the 29th there: daylight saving has begun.
    world
        .stack
        .set_now(at("2026-03-30T03:59:00Z"))
        .await
        .unwrap();
    assert_eq!(board(&world).await, ["E-1007"]);
    let birthday = "/feeds/celebrating?on=2026-05-30";
    let names = world.get(birthday).await["birthdays"].to_string();
    assert!(names.contains("E-1007"), "{names}");
    // Whatever the timer tries, it does not get through.
    world.stack.cloud().faults().inject(Fault {
        times: 1_000,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::Error)
    });
    world.minutes(1).await;
    assert_eq!(board(&world).await, [""; 0]);
    let names = world.get(birthday).await["birthdays"].to_string();
    assert!(!names.contains("E-1007"), "{names}");
    let refused = world
        .post("/users/E-1007/objectives", json!({ "title": "x" }))
        .await;
    assert_eq!(refused.body["code"], "not_active", "{}", refused.body);
    world.stack.cloud().faults().clear();
    world.minutes(10).await;
    assert_eq!(world.status("E-1007").await, "deactivation_scheduled");
}
