//! Accounts that HR gives back are weighed, as departures are; and nothing is lost over a return.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::{ADA, World, event, numbered};
use serde_json::{Value, json};

use super::{grounds, here, over};

/// Events about all of them, now.
fn all(world: &World, ids: &[String], status: &str, fields: &Value) -> Value {
    let one = |id: &String| {
        let fields = fields.clone();
        event(world.now(), id, status, fields)
    };
    json!(ids.iter().map(one).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_come_back_at_once_wait_for_an_admin() {
    let world = World::start().await;
    let ids = numbered("X", 60);
    // Gone before the source was connected.
    let gone = all(&world, &ids, "inactive", &json!({}));
    assert_eq!(
        world.deliver(gone).await.body["summary"],
        json!({ "created": 60 })
    );
    let back = world.deliver(all(&world, &ids, "active", &json!({}))).await;
    assert_eq!(back.body["summary"], json!({ "held": 60 }), "{}", back.body);
    assert_eq!(world.state(&ids[0]).await, over());
    let hold = world.open_holds().await.remove(0);
    assert_eq!(hold["rule"], "max_returns");
    assert_eq!(hold["figures"]["max_returns"], 50);
    world.mailed().await;
    let told = world.mails_to(ADA, "");
    let about = "more people came back at once than the safeguards allow";
    assert!(
        told.iter().any(|mail| mail.text.contains(about)),
        "{told:?}"
    );

    // The hold keeps nobody else: somebody leaves, and their grace period ends.
    let left = world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(left["outcome"], "scheduled", "{left}");
    // Later returns join it. Whom HR takes back is out of it.
    world.hours(73).await;
    assert_eq!(world.state("E-1007").await, over());
    let later = world.hr("E-1007", "active", json!({})).await;
    assert_eq!(later["outcome"], "held", "{later}");
    world.hr(&ids[1], "inactive", json!({})).await;
    let path = format!("/holds/{}", hold["hold_id"].as_str().unwrap());
    let hold = world.get(&path).await;
    assert_eq!(hold["left"], 60, "{hold}");

    let version = hold["version"].as_u64().unwrap();
    let approved = world
        .post_if(&format!("{path}/approve"), version, json!({}))
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    for id in [ids[0].as_str(), "E-1007"] {
        assert_eq!(world.state(id).await, here(), "{id}");
    }
    assert_eq!(world.state(&ids[1]).await, over());
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_return_stays_out_until_hr_says_another_word() {
    let world = World::start().await;
    world
        .set(json!({ "safeguards": { "max_returns": 1, "max_percent": 1 } }))
        .await;
    let ids = numbered("X", 2);
    world
        .deliver(all(&world, &ids, "inactive", &json!({})))
        .await;
    let back = world.deliver(all(&world, &ids, "active", &json!({}))).await;
    assert_eq!(back.body["summary"], json!({ "held": 2 }), "{}", back.body);
    let hold = world.open_holds().await.remove(0);
    let path = format!("/holds/{}/reject", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let rejected = world.post_if(&path, version, json!({})).await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    let again = world
        .hr(&ids[0], "active", json!({ "team": "Other" }))
        .await;
    assert_eq!(again["outcome"], "updated", "{again}");
    assert_eq!(world.state(&ids[0]).await, over());
    world.minutes(1).await;
    world.hr(&ids[0], "inactive", json!({})).await;
    world.minutes(1).await;
    let anew = world.hr(&ids[0], "active", json!({})).await;
    assert_eq!(anew["outcome"], "reactivated", "{anew}");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joiners_whose_accounts_wait_for_their_first_day_are_not_counted() {
    let world = World::start().await;
    let ids = numbered("J", 60);
    let first_day = json!({ "start_date": "2026-03-05" });
    world
        .deliver(all(&world, &ids, "inactive", &first_day))
        .await;
    world.hours(72).await;
    let begun = world.deliver(all(&world, &ids, "active", &json!({}))).await;
    assert_eq!(
        begun.body["summary"],
        json!({ "reactivated": 60 }),
        "{}",
        begun.body
    );
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_that_were_cancelled_are_told_although_their_owner_came_back() {
    let world = World::start().await;
    // The issuer cancels one of three cards, and then fails for a while.
    world.stack.cloud().faults().inject(Fault {
        service: Service::Issuer,
        operation: None,
        mode: Mode::Error,
        times: 60,
        skip: 1,
    });
    let reply = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    world.restore("E-1007").await;
    world.stack.cloud().faults().clear();
    world.minutes(20).await;
    assert_eq!(world.state("E-1007").await, here());
    let cancelled = 3 - world.alive("E-1007").await;
    assert!(cancelled > 0);
    world.mailed().await;
    let told = world.mails_to(ADA, "");
    let told = told
        .iter()
        .filter(|mail| mail.text.contains("E-1007"))
        .count();
    assert_eq!(told, 1, "{:?}", world.subjects(ADA));
    assert_eq!(grounds(&world, "E-1007").await, [""; 0]);
    world.stack.shutdown().await.unwrap();
}
