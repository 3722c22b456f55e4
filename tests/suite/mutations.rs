//! The sync acts on changes: what is unchanged stays as it is, whatever an admin did meanwhile.

use aws_stand_ins::Service;
use offramp_tests::{ADA, LENA_MAIL, OTTO, World, event};
use serde_json::{Value, json};

const INVITED: &str = "You are invited to acme";
const BACK: &str = "Your access to acme is back";

fn renamed() -> Value {
    json!({ "name": "Lena M. Lindqvist" })
}

/// The operations on the table and on the other services since the log was emptied.
fn operations(world: &World) -> Vec<(Service, String)> {
    let calls = world.stack.cloud().faults().calls();
    let calls = calls
        .into_iter()
        .filter(|call| call.service != Service::Kms);
    calls.map(|call| (call.service, call.operation)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_record_costs_one_read_and_writes_no_more_than_its_instant() {
    let world = World::start().await;
    let lena = json!({ "name": "Lena Lindqvist", "department": "Sales" });
    world.hours(1).await;
    // The source itself is read once, and then for a while not again; that it has spoken is written once a minute.
    world.hr("E-1008", "active", json!({})).await;
    let before = world.user("E-1007").await;
    let faults = world.stack.cloud().faults();
    world.advance(std::time::Duration::from_secs(30)).await;
    faults.reset_calls();
    let delivery = world.signed(&json!([event(world.now(), "E-1007", "active", lena)]));
    let answer = world.hand_in(&delivery).ok().await;
    assert_eq!(answer["results"][0]["outcome"], "unchanged");
    let made = operations(&world);
    let writes: Vec<_> = made
        .iter()
        .filter(|(_, name)| !name.contains("Get") && !name.contains("Query"))
        .collect();
    assert!(
        made.iter()
            .all(|(service, _)| *service == Service::Dynamodb),
        "{made:?}"
    );
    assert!(writes.len() <= 1, "{made:?}");
    assert!(
        made.len() - writes.len() <= 2,
        "one of the source, one of the user: {made:?}"
    );
    // The very same delivery again does not even write that.
    faults.reset_calls();
    let answer = world.hand_in(&delivery).ok().await;
    assert_eq!(answer["results"][0]["outcome"], "unchanged");
    let made = operations(&world);
    assert!(
        made.iter()
            .all(|(_, name)| name.contains("Get") || name.contains("Query")),
        "{made:?}"
    );
    let after = world.user("E-1007").await;
    assert_eq!(after["version"], before["version"]);
    assert_eq!(after["hr"]["occurred_at"], "2026-03-02T10:00:30Z");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_deleted_by_hand_stays_deleted_until_their_record_changes() {
    let world = World::start().await;
    world.remove("E-1007").await;
    assert_eq!(world.alive("E-1007").await, 0);
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "name": "Lena Lindqvist" }))
        .await;
    assert_eq!(result["outcome"], "ignored", "{result}");
    assert_eq!(world.status("E-1007").await, "deleted");
    world.hours(1).await;
    assert!(world.subjects(LENA_MAIL).is_empty());

    let result = world.hr("E-1007", "active", renamed()).await;
    assert_eq!(result["outcome"], "restored", "{result}");
    world.mailed().await;
    let lena = world.user("E-1007").await;
    assert_eq!(lena["status"], "active");
    assert_eq!(lena["access"], "granted");
    assert_eq!(lena["role"], "member");
    assert_eq!(lena["name"], "Lena M. Lindqvist");
    assert_eq!(world.alive("E-1007").await, 0, "cards do not come back");
    assert_eq!(world.subjects(LENA_MAIL), [BACK]);
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "restored by the HR sync").len(), 1);
    }
    world.hours(80).await;
    assert_eq!(
        world.subjects(LENA_MAIL).len(),
        1,
        "the only mail that she ever gets"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_who_was_deleted_comes_back_as_a_member() {
    let world = World::start().await;
    world.remove("E-1002").await;
    world.hours(1).await;
    let result = world
        .hr("E-1002", "active", json!({ "name": "Otto K. Brandt" }))
        .await;
    assert_eq!(result["outcome"], "restored");
    let otto = world.user("E-1002").await;
    assert_eq!(otto["role"], "member");
    assert_eq!(world.cards("E-1002").await, ["cancelled"]);
    let users = world.admin_as(OTTO, "GET", "/users");
    users.refused(403, "forbidden").await;
    world.mailed().await;
    assert_eq!(world.subjects(OTTO), [BACK]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_return_brings_the_deleted_back_where_the_settings_say_reactivation() {
    let world = World::start().await;
    world
        .set(json!({ "restore_deleted_on": "reactivation" }))
        .await;
    world.remove("E-1007").await;
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1007", "active", renamed()).await["outcome"],
        "ignored"
    );
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1007", "inactive", json!({})).await["outcome"],
        "ignored"
    );
    assert_eq!(world.status("E-1007").await, "deleted");
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1007", "active", json!({})).await["outcome"],
        "restored"
    );
    let lena = world.user("E-1007").await;
    assert_eq!(lena["status"], "active");
    assert_eq!(
        lena["name"], "Lena M. Lindqvist",
        "what was said meanwhile is known"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deleted_come_back_by_hand_only_where_the_settings_say_never() {
    let world = World::start().await;
    world.set(json!({ "restore_deleted_on": "never" })).await;
    world.remove("E-1007").await;
    for (status, fields) in [
        ("active", renamed()),
        ("inactive", json!({})),
        ("active", json!({ "team": "Marketing" })),
    ] {
        world.hours(1).await;
        let result = world.hr("E-1007", status, fields).await;
        assert_eq!(result["outcome"], "ignored", "{result}");
    }
    assert_eq!(world.status("E-1007").await, "deleted");
    let back = world.restore("E-1007").await;
    assert_eq!(back["status"], "active");
    assert_eq!(back["role"], "member");
    world.mailed().await;
    assert_eq!(world.subjects(LENA_MAIL), [BACK]);
    assert_eq!(world.alive("E-1007").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_more_field_from_hr_brings_nobody_back_but_a_change_of_it_does() {
    let world = World::start().await;
    world.remove("E-1007").await;
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2031-01-01" }))
        .await;
    assert_eq!(result["outcome"], "ignored", "{result}");
    assert_eq!(world.status("E-1007").await, "deleted");
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2032-01-01" }))
        .await;
    assert_eq!(result["outcome"], "restored", "{result}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_whose_record_changes_to_inactive_stays_deleted() {
    let world = World::start().await;
    world.remove("E-1007").await;
    world.mailed().await;
    let before = world.mails().len();
    let result = world.hr("E-1007", "inactive", renamed()).await;
    assert_eq!(result["outcome"], "ignored", "{result}");
    world.hours(80).await;
    assert_eq!(world.status("E-1007").await, "deleted");
    assert_eq!(world.mails().len(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_added_for_everybody_moves_nobody_whom_hr_called_inactive() {
    let world = World::start().await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1007", "inactive", json!({})).await["outcome"],
        "ignored"
    );
    world
        .set(json!({ "deactivation_sync": { "enabled": true } }))
        .await;
    world.hours(1).await;
    let result = world
        .hr("E-1007", "inactive", json!({ "leave_date": "2031-01-01" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    assert_eq!(world.status("E-1007").await, "active");
    world.hours(1).await;
    // What was ignored is not made up for, whatever else changes; the next different word counts.
    for (status, outcome) in [
        ("inactive", "updated"),
        ("active", "updated"),
        ("inactive", "scheduled"),
    ] {
        world.minutes(1).await;
        let said = world.hr("E-1007", status, renamed()).await;
        assert_eq!(said["outcome"], outcome, "{said}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sync_mails_nobody() {
    let world = World::start().await;
    world.hours(1).await;
    let people: Vec<Value> = (0..30)
        .map(|n| {
            let status = if n % 3 == 0 { "inactive" } else { "active" };
            let email = format!("new.{n}@acme.example");
            event(
                world.now(),
                &format!("N-{n}"),
                status,
                json!({ "email": email }),
            )
        })
        .collect();
    let reply = world.deliver(json!(people)).await;
    assert_eq!(reply.body["summary"], json!({ "created": 30 }));
    assert_eq!(world.status("N-3").await, "deactivated");
    world.hours(80).await;
    assert!(world.mails().is_empty(), "{:?}", world.mails());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_people_are_invited_where_the_settings_say_all() {
    let world = World::start().await;
    world.set(json!({ "invitations": "all" })).await;
    let email = json!({ "email": "nia.new@acme.example", "name": "Nia New" });
    assert_eq!(world.hr("N-1", "active", email).await["outcome"], "created");
    let gone = json!({ "email": "gone@acme.example" });
    world.hr("N-2", "inactive", gone).await;
    let added = world
        .post(
            "/users",
            json!({ "employee_id": "N-3", "email": "hana.hand@acme.example" }),
        )
        .await;
    assert_eq!(added.status, 201, "{}", added.body);
    world.mailed().await;
    assert_eq!(world.subjects("nia.new@acme.example"), [INVITED]);
    assert_eq!(world.subjects("hana.hand@acme.example"), [INVITED]);
    assert_eq!(world.mails().len(), 2, "{:?}", world.mails());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_invited_where_the_settings_say_none() {
    let world = World::start().await;
    world.set(json!({ "invitations": "none" })).await;
    world.remove("E-1007").await;
    world.mailed().await;
    assert_eq!(
        world.hr("E-1007", "active", renamed()).await["outcome"],
        "restored"
    );
    world.mailed().await;
    assert!(world.subjects(LENA_MAIL).is_empty());
    assert_eq!(world.mails_to(ADA, "restored by the HR sync").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_deactivated_and_returns_is_invited_and_whoever_was_only_scheduled_is_not() {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    world.hr("E-1008", "inactive", json!({})).await;
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1008", "active", json!({})).await["outcome"],
        "reactivated"
    );
    world.hours(72).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert!(world.subjects(LENA_MAIL).is_empty());
    assert_eq!(
        world.hr("E-1007", "active", json!({})).await["outcome"],
        "reactivated"
    );
    world.mailed().await;
    assert_eq!(
        world.state("E-1007").await,
        ("active".into(), "granted".into())
    );
    assert_eq!(world.subjects(LENA_MAIL), [BACK]);
    assert!(world.subjects("samuel.adeyemi@acme.example").is_empty());
    assert_eq!(world.alive("E-1007").await, 0);
    world.end().await;
}
