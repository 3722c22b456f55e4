//! What the safeguards count, whom they hold beside the many, and taking a run back.

mod four_eyes;
mod large;
mod last_admin;
mod look_alikes;
mod memberships;

use offramp_tests::{ADA, ORG, OTTO, World, event, numbered};
use serde_json::{Value, json};

/// People whom HR knows, beside the seed's.
async fn with_people(world: &World, count: usize) -> Vec<String> {
    let ids = numbered("P", count);
    let all = events(world, &ids, "active", &json!({ "team": "Blue" }));
    assert_eq!(world.deliver(all).await.status, 200);
    ids
}

fn events(world: &World, ids: &[String], status: &str, fields: &Value) -> Value {
    let one = |id: &String| event(world.now(), id, status, fields.clone());
    json!(ids.iter().map(one).collect::<Vec<_>>())
}

async fn count(world: &World, ids: &[String], status: &str) -> usize {
    let mut all = 0;
    for id in ids {
        all += usize::from(world.status(id).await == status);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_is_held_alone_and_the_others_may_leave() {
    let world = World::start().await;
    // Otto goes by hand; Ada is the last.
    let gone = world.post("/users/E-1002/deactivate-now", json!({})).await;
    assert_eq!(gone.status, 200);
    let two = json!([
        event(world.now(), "E-1001", "inactive", json!({})),
        event(world.now(), "E-1010", "inactive", json!({})),
    ]);
    let reply = world.deliver(two).await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 1, "scheduled": 1 }),
        "{}",
        reply.body
    );
    let hold = world.open_holds().await.remove(0);
    assert_eq!(
        (&hold["rule"], &hold["people"]),
        (&json!("last_admin"), &json!(1))
    );
    assert_eq!(world.get("/sources/hris").await["health"], "healthy");
    assert_eq!(
        world.hr("E-1011", "inactive", json!({})).await["outcome"],
        "scheduled"
    );

    // Nobody keeps themselves.
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let own = json!({ "employee_ids": ["E-1001"] });
    let kept = world.post_if(&path, 1, own).await;
    assert_eq!((kept.status, &kept.body["code"]), (409, &json!("self")));
    // As long as she is the last, an approval leaves her in; with another admin she goes.
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let early = world
        .post_if(&path, 1, json!({ "employee_ids": ["E-1001"] }))
        .await;
    assert_eq!(
        early.body["results"][0]["outcome"], "held",
        "{}",
        early.body
    );
    assert_eq!(world.status("E-1001").await, "active");
    let named = world
        .put("/users/E-1003/role", json!({ "role": "admin" }))
        .await;
    assert_eq!(named.status, 200);
    let version = world.open_holds().await[0]["version"].as_u64().unwrap();
    let done = world.post_if(&path, version, json!({})).await;
    assert_eq!(
        done.body["results"][0]["outcome"], "scheduled",
        "{}",
        done.body
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_admins_who_leave_together_the_second_is_in_a_hold() {
    let mut world = World::start().await;
    let both = ["E-1001".to_owned(), "E-1002".to_owned()];
    let reply = world
        .deliver(events(&world, &both, "inactive", &json!({})))
        .await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 1, "scheduled": 1 }),
        "{}",
        reply.body
    );
    // Whoever of them is left is told, and finds themselves in it.
    let left = reply.body["results"].as_array().unwrap();
    let left = left.iter().find(|one| one["outcome"] == "held").unwrap();
    let left = left["employee_id"].as_str().unwrap();
    let subject = if left == "E-1001" { ADA } else { OTTO };
    world.token = world.stack.token_for(subject, ORG, &[]).unwrap();
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}", hold["hold_id"].as_str().unwrap());
    let hold = world.get(&path).await;
    assert_eq!(hold["rule"], "last_admin");
    assert_eq!(hold["users"][0]["employee_id"], left, "{hold}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_an_approval_cannot_let_go_stays_in_a_hold_that_is_open() {
    let world = World::start().await;
    let gone = world.post("/users/E-1002/deactivate-now", json!({})).await;
    assert_eq!(gone.status, 200);
    let last = world.hr("E-1001", "inactive", json!({})).await;
    assert_eq!(last["outcome"], "held", "{last}");
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let early = world.post_if(&path, 1, json!({})).await;
    assert_eq!(
        early.body["results"][0]["outcome"], "held",
        "{}",
        early.body
    );
    assert_eq!(early.body["state"], "open", "{}", early.body);
    // The timer of the answer, and the sweep.
    world.minutes(10).await;
    let hold = world.open_holds().await.remove(0);
    let read = world.get(path.trim_end_matches("/approve")).await;
    assert_eq!(read["users"][0]["employee_id"], "E-1001", "{read}");

    let named = world
        .put("/users/E-1003/role", json!({ "role": "admin" }))
        .await;
    assert_eq!(named.status, 200);
    let version = hold["version"].as_u64().unwrap();
    let done = world.post_if(&path, version, json!({})).await;
    assert_eq!(
        done.body["results"][0]["outcome"], "scheduled",
        "{}",
        done.body
    );
    assert_eq!(done.body["state"], "approved", "{}", done.body);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_mapping_does_not_bring_back_and_mail_everyone_who_was_ever_deleted() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    for id in &ids {
        let email = json!({ "email": format!("{id}@acme.example") });
        world.hr(id, "active", email).await;
        assert_eq!(world.delete(&format!("/users/{id}")).await.status, 200);
    }
    world.minutes(5).await;
    let mails = world.mails().len();
    let mapped = events(&world, &ids, "active", &json!({ "team": "Red" }));
    let reply = world.deliver(mapped).await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 60 }),
        "{}",
        reply.body
    );
    assert_eq!(count(&world, &ids, "deleted").await, 60);
    world.minutes(5).await;
    assert_eq!(
        world.mails().len(),
        mails + 2,
        "the admins are told of the hold"
    );
    let hold = world.open_holds().await.remove(0);
    let read = world
        .get(&format!("/holds/{}", hold["hold_id"].as_str().unwrap()))
        .await;
    assert_eq!(read["users"][0]["would"], "be_restored");
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let version = read["version"].as_u64().unwrap();
    let done = world
        .post_if(&path, version, json!({ "employee_ids": [ids[7]] }))
        .await;
    assert_eq!(
        done.body["results"][0]["outcome"], "restored",
        "{}",
        done.body
    );
    world.minutes(5).await;
    assert_eq!(
        world
            .mails_to(&format!("{}@acme.example", ids[7]), "is back")
            .len(),
        1
    );
    assert_eq!(count(&world, &ids, "deleted").await, 59);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leave_dates_of_hr_count_and_those_of_an_admin_do_not() {
    let world = World::start().await;
    let ids = with_people(&world, 120).await;
    world.set(json!({ "leave_dates": "all" })).await;
    let dated = events(
        &world,
        &ids[..60],
        "active",
        &json!({ "leave_date": "2026-03-03" }),
    );
    assert_eq!(
        world.deliver(dated).await.body["summary"],
        json!({ "updated": 60 })
    );
    for id in &ids[60..] {
        let date = json!({ "leave_date": "2026-03-03" });
        let set = world.put(&format!("/users/{id}/leave-date"), date).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }
    world.hours(16).await;
    // Fifty of HR's sixty, and all of the admin's.
    assert_eq!(
        count(&world, &ids[..60], "deactivation_scheduled").await,
        50
    );
    assert_eq!(
        count(&world, &ids[60..], "deactivation_scheduled").await,
        60
    );
    let held: Vec<_> = world.open_holds().await;
    assert_eq!(held[0]["rule"], "max_users");
    let mut granted = 0;
    for id in &ids[..60] {
        granted += usize::from(world.access(id).await == "granted");
    }
    assert_eq!(granted, 10, "who is held has access again");
    let path = format!("/holds/{}/approve", held[0]["hold_id"].as_str().unwrap());
    let version = held[0]["version"].as_u64().unwrap();
    let done = world.post_if(&path, version, json!({})).await;
    assert_eq!(
        done.body["results"].as_array().unwrap().len(),
        10,
        "{}",
        done.body
    );
    assert_eq!(world.user(&ids[0]).await["cause"], "leave_date");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_an_admin_is_exempt_and_takes_no_place() {
    let world = World::start().await;
    let ids = with_people(&world, 120).await;
    let rows: Vec<_> = ids[..60]
        .iter()
        .map(|id| json!({ "employee_id": id }))
        .collect();
    let list = world.post("/leavers", json!({ "leavers": rows })).await;
    assert_eq!(list.status, 200, "{}", list.body);
    assert_eq!(
        count(&world, &ids[..60], "deactivation_scheduled").await,
        60
    );
    let leavers = events(&world, &ids[60..110], "inactive", &json!({}));
    let reply = world.deliver(leavers).await;
    assert_eq!(
        reply.body["summary"],
        json!({ "scheduled": 50 }),
        "{}",
        reply.body
    );
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_a_run_and_is_taken_back_in_one_call() {
    let world = World::start().await;
    let ids = with_people(&world, 40).await;
    let first = world
        .deliver(events(&world, &ids[..3], "inactive", &json!({})))
        .await;
    world.minutes(1).await;
    let second = world
        .deliver(events(&world, &ids[3..6], "inactive", &json!({})))
        .await;
    let run = |reply: &Value| reply["run_id"].as_str().unwrap().to_owned();
    let (first, second) = (run(&first.body), run(&second.body));
    let runs = world.get("/runs").await;
    let named: Vec<_> = runs["runs"].as_array().unwrap().iter().map(run).collect();
    assert_eq!(named, [second.clone(), first.clone()]);
    world
        .post(&format!("/users/{}/deactivate-now", ids[0]), json!({}))
        .await;
    world.hr(&ids[1], "active", json!({})).await;

    let detail = world.get(&format!("/runs/{first}")).await;
    let undoable: Vec<_> = detail["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["undoable"].as_bool().unwrap())
        .collect();
    assert_eq!(undoable, [false, false, true]);
    let undone = world.post(&format!("/runs/{first}/undo"), json!({})).await;
    assert_eq!(undone.body["users"], json!([ids[2]]), "{}", undone.body);
    let again = world.get(&format!("/runs/{first}")).await;
    assert!(again["undone_at"].is_string(), "{again}");
    let history = world.get(&format!("/users/{}/history", ids[2])).await;
    assert_eq!(
        history["entries"][0]["by"]["actor"], "run_undone",
        "{history}"
    );

    // Three days later only the other run's people are gone.
    world.hours(73).await;
    assert_eq!(count(&world, &ids[..3], "deactivated").await, 1);
    assert_eq!(count(&world, &ids[3..6], "deactivated").await, 3);
    let nothing = world.post("/runs/run_nobody/undo", json!({})).await;
    assert_eq!(nothing.status, 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_may_be_told_to_go_at_once_only_by_an_answer() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    let card = json!({ "label": "Travel", "kind": "virtual", "last4": "4242" });
    world.post(&format!("/users/{}/cards", ids[0]), card).await;
    let reply = world
        .deliver(events(&world, &ids, "inactive", &json!({})))
        .await;
    assert_eq!(
        reply.body["summary"],
        json!({ "held": 60 }),
        "{}",
        reply.body
    );
    assert_eq!(world.alive(&ids[0]).await, 1);
    let hold = world.open_holds().await.remove(0);
    let read = world
        .get(&format!("/holds/{}", hold["hold_id"].as_str().unwrap()))
        .await;
    assert_eq!(read["users"][0]["active_cards"], 1);
    let path = format!("/holds/{}/approve", hold["hold_id"].as_str().unwrap());
    let done = world.post_if(&path, 1, json!({})).await;
    let results = done.body["results"].as_array().unwrap();
    assert!(
        results.iter().all(|one| one["outcome"] == "deactivated"),
        "{}",
        done.body
    );
    assert_eq!(world.alive(&ids[0]).await, 0);
    world.minutes(10).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_holds_and_runs_sees_none() {
    let world = World::start().await;
    let ids = with_people(&world, 60).await;
    world
        .deliver(events(&world, &ids, "inactive", &json!({})))
        .await;
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    let local = world.ask("GET", "/_local").ok().await;
    let service = local["service_token"].as_str().unwrap();
    for path in [
        "/holds".to_owned(),
        format!("/holds/{id}"),
        "/runs".to_owned(),
    ] {
        world
            .ask("GET", &world.path(&path))
            .token(service)
            .refused(403, "forbidden")
            .await;
        assert_eq!(
            world.ask("GET", &world.path(&path)).send().await.status,
            401
        );
    }
    let elsewhere = format!("/v1/orgs/other/holds/{id}");
    world
        .ask("GET", &elsewhere)
        .token(&world.token)
        .refused(403, "forbidden")
        .await;
    world.end().await;
}
