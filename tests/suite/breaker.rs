//! The breaker: accidents that other systems had, by single webhooks and by deliveries.

use futures_util::future::join_all;
use offramp_tests::{ADA, LENA, World, at, event, golden, numbered, zulu};
use serde_json::{Value, json};

/// People whom HR knows: so many active ones beside the seed's, counted by the sweep.
async fn with_people(world: &World, count: usize) -> Vec<String> {
    let ids = numbered("P", count);
    let events: Vec<_> = ids
        .iter()
        .map(|id| {
            event(
                world.now(),
                id,
                "active",
                json!({ "name": format!("Person {id}") }),
            )
        })
        .collect();
    for events in events.chunks(1_000) {
        let reply = world.deliver(json!(events)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    world.minutes(6).await;
    ids
}

async fn inactive(world: &World, id: &str) -> Value {
    world.hr(id, "inactive", json!({})).await
}

async fn only_hold(world: &World) -> Value {
    let mut open = world.open_holds().await;
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

async fn answer(world: &World, hold: &Value, what: &str, version: u64, body: Value) -> Value {
    let path = format!("/holds/{}/{what}", hold["hold_id"].as_str().unwrap());
    let reply = world.post_if(&path, version, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trickle_of_three_hundred_single_webhooks_trips_it_like_one_delivery() {
    let world = World::start().await;
    let ids = with_people(&world, 400).await;
    let mut outcomes = Vec::new();
    for id in &ids[..300] {
        outcomes.push(inactive(&world, id).await["outcome"].clone());
    }
    // Of 425 people a fifth is 85; fifty comes first.
    let scheduled = outcomes.iter().filter(|one| *one == "scheduled").count();
    let held = outcomes.iter().filter(|one| *one == "held").count();
    assert_eq!((scheduled, held), (50, 250));

    let hold = only_hold(&world).await;
    assert_eq!(hold["rule"], "max_users");
    assert_eq!(hold["people"], 250);
    assert_eq!(hold["figures"]["in_window"], 50);
    assert_eq!(hold["figures"]["max_users"], 50);
    assert_eq!(world.user(&ids[0]).await["access"], "revoked");
    assert_eq!(world.user(&ids[60]).await["access"], "granted");
    let why = world.get(&format!("/users/{}/explain", ids[60])).await;
    assert_eq!(why["reasons"][0]["code"], "held", "{why}");

    // The admins have one mail of it, and days later nobody is deactivated.
    world.minutes(5).await;
    let told = |world: &World| {
        let mails = world.mails();
        let about = mails
            .iter()
            .filter(|mail| mail.subject.contains("A safeguard stopped"));
        about.count()
    };
    assert_eq!(told(&world), 2);
    let mut mail = world.mails_to(ADA, "A safeguard stopped").remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    mail.text = mail.text.replace(id, "hold_1");
    mail.html = mail.html.replace(id, "hold_1");
    golden::mail("mail/hold", &mail);
    for _ in 0..4 {
        world.hours(24).await;
        world.minutes(5).await;
    }
    for id in &ids[..300] {
        let user = world.user(id).await;
        assert!(
            matches!(
                user["status"].as_str(),
                Some("deactivation_scheduled" | "active")
            ),
            "{user}"
        );
    }
    // Nobody has answered for four days: they were reminded each day.
    assert!(told(&world) >= 3 * 2, "{}", told(&world));

    let waits = world.user(&ids[0]).await;
    let banner = waits["banner"].as_str().unwrap();
    assert!(banner.contains("a hold of the HR source"), "{banner}");
    let why = world.get(&format!("/users/{}/explain", ids[0])).await;
    assert_eq!(why["reasons"][0]["code"], "waiting_for_hold", "{why}");

    // Rejected: those who were scheduled before it tripped have a whole grace period from now.
    let version = only_hold(&world).await["version"].as_u64().unwrap();
    answer(&world, &hold, "reject", version, json!({})).await;
    world.hours(70).await;
    assert_eq!(
        world.user(&ids[0]).await["status"],
        "deactivation_scheduled"
    );
    world.hours(4).await;
    assert_eq!(world.user(&ids[0]).await["status"], "deactivated");
    assert_eq!(world.user(&ids[60]).await["status"], "active");
    // The same word does not raise it again, whatever else changes; the next different one does.
    let when = at("2026-03-02T09:30:00Z");
    let again = world.hr_at(when, &ids[60], "inactive", json!({})).await;
    assert!(
        matches!(again["outcome"].as_str(), Some("unchanged" | "stale")),
        "{again}"
    );
    let renamed = json!({"name": "Another Name"});
    let same = world.hr(&ids[60], "inactive", renamed).await;
    assert_eq!(same["outcome"], "updated", "{same}");
    world.minutes(1).await;
    world.hr(&ids[60], "active", json!({})).await;
    world.minutes(1).await;
    let fresh = world.hr(&ids[60], "inactive", json!({})).await;
    assert_eq!(fresh["outcome"], "scheduled", "{fresh}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_batch_while_hr_reactivates_half_of_it() {
    let world = World::start().await;
    let ids = with_people(&world, 100).await;
    let leavers: Vec<_> = ids[..40]
        .iter()
        .map(|id| event(world.now(), id, "inactive", json!({})))
        .collect();
    let reply = world.deliver(json!(leavers)).await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 40 }),
        "{}",
        reply.body
    );
    assert_eq!(reply.body["run_id"], Value::Null);
    let hold = only_hold(&world).await;
    // Of 125 people a fifth is 25.
    assert_eq!(hold["rule"], "max_percent");
    assert_eq!(hold["figures"]["active"], 125);
    let read = world
        .get(&format!("/holds/{}", hold["hold_id"].as_str().unwrap()))
        .await;
    assert_eq!(read["users"].as_array().unwrap().len(), 40);
    assert_eq!(read["users"][0]["active_cards"], 0);
    let version = read["version"].as_u64().unwrap();

    // HR takes half of it back, and somebody joins, before the admin answers what was read.
    world.minutes(1).await;
    for id in &ids[..20] {
        assert_eq!(
            world.hr(id, "active", json!({})).await["outcome"],
            "updated"
        );
    }
    assert_eq!(inactive(&world, &ids[50]).await["outcome"], "held");
    let done = answer(&world, &hold, "approve", version, json!({})).await;
    let results = done["results"].as_array().unwrap();
    assert_eq!(results.len(), 20, "{done}");
    assert!(
        results.iter().all(|one| one["outcome"] == "scheduled"),
        "{done}"
    );
    assert_eq!(world.user(&ids[0]).await["status"], "active");
    assert_eq!(
        world.user(&ids[30]).await["status"],
        "deactivation_scheduled"
    );
    assert_eq!(world.user(&ids[50]).await["status"], "active");
    assert_eq!(only_hold(&world).await["hold_id"], hold["hold_id"]);

    // An approval is a run, and can be taken back in one call.
    let run = done["approval_run_id"].as_str().unwrap().to_owned();
    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(undone.body["affected"], 20, "{}", undone.body);
    assert_eq!(world.user(&ids[30]).await["status"], "active");
    let again = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(again.body["affected"], 0);
    world.hours(96).await;
    assert_eq!(world.user(&ids[30]).await["status"], "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_answer_and_an_answer_without_a_version_are_refused() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    let leavers: Vec<_> = ids[..55]
        .iter()
        .map(|id| event(world.now(), id, "inactive", json!({})))
        .collect();
    world.deliver(json!(leavers)).await;
    let hold = only_hold(&world).await;
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let without = world.post(&path, json!({})).await;
    assert_eq!(
        (without.status, &without.body["code"]),
        (428, &json!("if_match_required"))
    );
    let ahead = world.post_if(&path, 9, json!({})).await;
    assert_eq!(
        (ahead.status, &ahead.body["code"]),
        (412, &json!("version_mismatch"))
    );
    let stranger = world
        .post_if(&path, 1, json!({"employee_ids": ["E-1001"]}))
        .await;
    assert_eq!(
        stranger.body["results"][0]["reason"], "is not in this hold",
        "{}",
        stranger.body
    );
    let nobody = world.post_if(&path, 1, json!({"employee_ids": []})).await;
    assert_eq!(
        (nobody.status, &nobody.body["errors"][0]["pointer"]),
        (422, &json!("/employee_ids"))
    );
    // Neither was an answer.
    assert_eq!(only_hold(&world).await, hold);

    // A part is let go; the others stay held.
    let version = hold["version"].as_u64().unwrap();
    let part = answer(
        &world,
        &hold,
        "approve",
        version,
        json!({"employee_ids": [ids[0], ids[1]]}),
    )
    .await;
    assert_eq!(part["state"], "open");
    assert_eq!(part["results"].as_array().unwrap().len(), 2);
    let read = world
        .get(&format!("/holds/{}", hold["hold_id"].as_str().unwrap()))
        .await;
    assert_eq!(read["users"].as_array().unwrap().len(), 53);
    answer(
        &world,
        &hold,
        "reject",
        read["version"].as_u64().unwrap(),
        json!({}),
    )
    .await;
    let closed = world.post_if(&path, version, json!({})).await;
    assert_eq!(
        (closed.status, &closed.body["code"]),
        (409, &json!("hold_closed"))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_scheduled_before_waits_until_the_whole_hold_is_answered() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    let before = &ids[59];
    world.add_card(before).await;
    inactive(&world, before).await;
    let leavers: Vec<_> = ids[..52]
        .iter()
        .map(|id| event(world.now(), id, "inactive", json!({})))
        .collect();
    world.deliver(json!(leavers)).await;
    let hold = only_hold(&world).await;

    let named = |ids: &[String]| json!({ "employee_ids": ids });
    let version = hold["version"].as_u64().unwrap();
    let gone = answer(&world, &hold, "approve", version, named(&ids[..1])).await;
    assert_eq!(
        (&gone["state"], &gone["version"]),
        (&json!("open"), &json!(version + 1))
    );
    world.hours(73).await;
    assert_eq!(world.status(&ids[0]).await, "deactivated");
    assert_eq!(world.status(before).await, "deactivation_scheduled");
    assert_eq!(world.user(before).await["active_cards"], 1);

    let some = answer(&world, &hold, "reject", version + 1, named(&ids[1..51])).await;
    assert_eq!(some["state"], "open");
    let waits = world.user(before).await["banner"].to_string();
    assert!(waits.contains("until an admin answers it"), "{waits}");
    let last = answer(&world, &hold, "reject", version + 2, named(&ids[51..52])).await;
    assert_eq!(last["state"], "rejected", "{last}");
    // Each view says so at once, not only when the timer has looked.
    let promised = zulu(world.now() + chrono::TimeDelta::hours(72));
    let user = world.user(before).await;
    assert_eq!(user["due_at"], promised, "{user}");
    let banner = user["banner"].to_string();
    assert!(banner.contains("this user will be deactivated"), "{banner}");
    let listed = world.get("/users?status=deactivation_scheduled").await;
    let listed = listed["users"].as_array().unwrap().iter();
    let listed: Vec<&Value> = listed
        .filter(|user| user["employee_id"] == json!(before))
        .map(|user| &user["due_at"])
        .collect();
    assert_eq!(listed, [&promised]);
    let why = world.get(&format!("/users/{before}/explain")).await;
    assert_eq!(why["next"]["at"], promised, "{why}");
    assert_eq!(why["reasons"][0]["code"], "waiting_for_timer", "{why}");
    world.hours(2).await;
    assert_eq!(world.user(before).await["due_at"], promised);
    assert_eq!(world.get("/sources/hris").await["health"], "healthy");
    // As after any rejection: from now on a whole grace period.
    world.hours(69).await;
    assert_eq!(world.user(before).await["active_cards"], 1);
    world.hours(2).await;
    assert_eq!(world.status(before).await, "deactivated");
    assert_eq!(world.user(before).await["active_cards"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let world = World::start().await;
    let ids = with_people(&world, 100).await;
    let say = |count: usize| {
        ids[..count]
            .iter()
            .map(|id| event(world.now(), id, "inactive", json!({})))
            .collect::<Vec<_>>()
    };
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let few = world
        .deliver_body(json!({"events": say(3), "dry_run": true}))
        .await;
    assert_eq!(
        few.body["summary"],
        json!({ "scheduled": 3 }),
        "{}",
        few.body
    );
    assert_eq!(few.body["breaker"]["verdict"], "admitted");
    let many = world
        .deliver_body(json!({"events": say(60), "dry_run": true}))
        .await;
    assert_eq!(many.body["summary"], json!({ "held": 60 }), "{}", many.body);
    assert_eq!(many.body["breaker"]["verdict"], "held");
    assert_eq!(many.body["breaker"]["rule"], "max_users");
    let reads = ["GetItem", "BatchGetItem", "Query", "Decrypt"];
    assert!(
        faults
            .calls()
            .iter()
            .all(|call| reads.contains(&call.operation.as_str()))
    );
    assert_eq!(world.user(&ids[0]).await["status"], "active");
    assert_eq!(world.get("/holds").await["holds"], json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_comes_again_takes_no_second_place_and_many_at_once_cannot_slip_past() {
    let world = World::start().await;
    let ids = with_people(&world, 400).await;
    // Twenty leavers in a delivery that comes three times: twenty places.
    let leavers: Vec<_> = ids[..20]
        .iter()
        .map(|id| event(world.now(), id, "inactive", json!({})))
        .collect();
    for outcome in ["scheduled", "unchanged", "unchanged"] {
        let reply = world.deliver(json!(leavers)).await;
        assert_eq!(reply.body["summary"], json!({ outcome: 20 }));
    }
    // Ten deliveries of ten more, all at once: three of them fit.
    let deliveries: Vec<_> = (0..10)
        .map(|n| {
            let events: Vec<_> = ids[20 + n * 10..30 + n * 10]
                .iter()
                .map(|id| event(world.now(), id, "inactive", json!({})))
                .collect();
            world.deliver(json!(events))
        })
        .collect();
    let mut scheduled = 0;
    for reply in join_all(deliveries).await {
        scheduled += reply.body["summary"]["scheduled"].as_u64().unwrap_or(0);
    }
    assert!(scheduled <= 30, "{scheduled}");
    let mut gone = 0;
    for id in &ids[..120] {
        gone += u64::from(world.user(id).await["status"] != "active");
    }
    assert_eq!(gone, 20 + scheduled);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_breaker_is_asked_with_what_the_delivery_has_read() {
    let world = World::start().await;
    // The source has spoken in this minute: its pulse is neither read nor written again.
    world.hr(LENA, "active", json!({})).await;
    let faults = world.stack.cloud().faults();
    faults.reset_calls();
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "scheduled");
    let calls = faults.calls();
    let count = |operation: &str| {
        let of_it = calls.iter().filter(|call| call.operation == operation);
        of_it.count()
    };
    // Source, user, policy, admins and breaker at once; a place in the window; the user.
    let made = ["GetItem", "BatchGetItem", "TransactWriteItems"].map(count);
    assert_eq!(made, [0, 1, 2], "{calls:?}");
    world.end().await;
}
