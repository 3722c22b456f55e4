//! What was said earlier and what comes later: a postponed end, a hold and a run each meet another ground.

use offramp_tests::{ADA, LENA, OTTO, World, event, numbered};
use serde_json::{Value, json};

use super::{grounds, here, out, over};

/// When Lena's grace period would end that begins on Monday at nine.
const ANNOUNCED: &str = "2026-03-05T09:00:00Z";

async fn postpone(world: &World, until: &str) {
    let path = format!("/users/{LENA}/due");
    let body = json!({ "due_at": until, "reason": "She is on a trip." });
    let moved = world.put(&path, body).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
}

async fn due(world: &World) -> Value {
    world.user(LENA).await["due_at"].clone()
}

/// HR calls so many people gone that a hold opens. Who was scheduled before has a place in the window.
async fn hold_of(world: &World, ids: &[String]) -> Value {
    world.dismiss(ids).await;
    world.open_holds().await.remove(0)
}

/// A world in which two leavers open a hold, if one left before them.
async fn strict() -> (World, Vec<String>) {
    let world = World::start().await;
    let ids = numbered("P", 60);
    world.hire(&ids).await;
    let limits = json!({ "max_users": 1, "max_percent": 100, "window_hours": 720 });
    world.change(json!({ "safeguards": limits })).await;
    (world, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_that_goes_gives_the_postponed_end_back() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    postpone(&world, "2026-03-10T09:00:00Z").await;
    world.minutes(1).await;
    world.leaves_on(LENA, json!("2026-03-02")).await;
    assert_eq!(due(&world).await, "2026-03-05T09:01:00Z");
    // A date that has come as well takes its place, and none does.
    world.leaves_on(LENA, json!("2026-03-01")).await;
    assert_eq!(due(&world).await, "2026-03-05T09:01:00Z");
    world.leaves_on(LENA, Value::Null).await;
    let user = world.user(LENA).await;
    assert_eq!(user["due_at"], "2026-03-10T09:00:00Z", "{user}");
    assert_eq!(user["postponed"]["first_due_at"], ANNOUNCED);
    world.until("2026-03-10T08:59:00Z").await;
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(5).await;
    assert_eq!(world.alive(LENA).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postponed_end_does_not_become_the_end_of_a_ground_that_joins() {
    let world = World::start().await;
    world.leaves_on(LENA, json!("2026-03-02")).await;
    postpone(&world, "2026-03-20T09:00:00Z").await;
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(due(&world).await, "2026-03-20T09:00:00Z");
    // An admin moves the end back to what was announced.
    postpone(&world, ANNOUNCED).await;
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["due_at"], &user["postponed"]),
        (&json!(ANNOUNCED), &Value::Null)
    );
    world.leaves_on(LENA, Value::Null).await;
    assert_eq!(due(&world).await, ANNOUNCED);
    world.until("2026-03-05T09:05:00Z").await;
    assert_eq!(world.state(LENA).await, over());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hold_of_hrs_people_keeps_an_end_of_an_admins_own() {
    let (world, ids) = strict().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(24).await;
    world.minutes(30).await;
    world.leaves_on(LENA, json!("2026-03-03")).await;
    hold_of(&world, &ids[..2]).await;
    // HR's end waits for the hold's answer, and is looked at each hour. The admin's a day and a half hour later does not.
    world.until("2026-03-05T09:10:00Z").await;
    assert_eq!(world.state(LENA).await, out());
    world.until("2026-03-06T09:29:00Z").await;
    assert_eq!(world.alive(LENA).await, 3);
    world.until("2026-03-06T09:33:00Z").await;
    assert_eq!(world.state(LENA).await, over());
    assert_eq!(world.alive(LENA).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_promises_no_more_than_an_admins_own_end() {
    let (world, ids) = strict().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(24).await;
    world.leaves_on(LENA, json!("2026-03-03")).await;
    let hold = hold_of(&world, &ids[..2]).await;
    world.hours(24).await;
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let answer = world.post_if(&path, version, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // HR's end moves by a whole grace period from the answer on, the admin's stays.
    world.until("2026-03-05T09:10:00Z").await;
    assert_eq!(due(&world).await, "2026-03-06T09:00:00Z");
    world.until("2026-03-06T09:03:00Z").await;
    assert_eq!(world.state(LENA).await, over());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_hold_keeps_it_keeps_while_a_leave_date_comes_and_goes() {
    for goes in [true, false] {
        let (world, mut ids) = strict().await;
        world.hr(&ids[5], "inactive", json!({})).await;
        ids.truncate(1);
        ids.push(LENA.to_owned());
        let hold = hold_of(&world, &ids).await;
        assert_eq!((&hold["people"], &hold["left"]), (&json!(2), &json!(2)));
        world.leaves_on(LENA, json!("2026-03-02")).await;
        assert_eq!(world.state(LENA).await, out());
        assert_eq!(
            grounds(&world, LENA).await,
            ["leave_date in_force", "hr held"]
        );
        let why = world.get(&format!("/users/{LENA}/explain")).await;
        let told = why["text"].to_string();
        assert!(
            told.contains("HR's word against them does not count yet"),
            "{why}"
        );
        if goes {
            world.leaves_on(LENA, Value::Null).await;
            assert_eq!(world.state(LENA).await, here());
        }
        let id = hold["hold_id"].as_str().unwrap();
        let read = world.get(&format!("/holds/{id}")).await;
        assert_eq!(read["left"], 2, "{read}");
        let version = read["version"].as_u64().unwrap();
        let path = format!("/holds/{id}/approve");
        let answer = world.post_if(&path, version, json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["state"], "approved");
        // HR's word counts, with the leave date or without it.
        assert_eq!(world.state(LENA).await, out());
        let counts = grounds(&world, LENA).await;
        assert!(counts.contains(&"hr in_force".to_owned()), "{counts:?}");
        world.leaves_on(LENA, Value::Null).await;
        assert_eq!(world.state(LENA).await, out());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_run_says_who_is_active_again_and_nobody_else() {
    let world = World::start().await;
    let now = world.now();
    let left = |id| event(now, id, "inactive", json!({}));
    let reply = world.deliver(json!([left(LENA), left("E-1012")])).await;
    let run = reply.body["run_id"].as_str().unwrap().to_owned();
    world.leaves_on(LENA, json!("2026-03-02")).await;
    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(undone.body["affected"], 1, "{}", undone.body);
    assert_eq!(undone.body["users"], json!(["E-1012"]));
    assert_eq!(world.state(LENA).await, out());
    assert_eq!(world.state("E-1012").await, here());
    world.mailed().await;
    let text = &world.mails_to(ADA, "").pop().unwrap().text;
    assert!(text.contains("1 person is active again"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_gives_the_ground_that_stands_when_it_is_written() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.leaves_on(LENA, json!("2026-03-02")).await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    assert_eq!(
        grounds(&world, LENA).await,
        ["leave_date in_force", "hr ignored"]
    );
    world.mailed().await;
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "scheduled for deactivation");
        assert_eq!(mails.len(), 1);
        let text = &mails[0].text;
        assert!(
            text.contains("— leave date") && !text.contains("— inactive in HR"),
            "{text}"
        );
    }
    world.end().await;
}
