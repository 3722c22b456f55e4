//! Words that several flows are told in.

use aws_stand_ins::Clock;
use chrono::{DateTime, Utc};
use offramp_local::client::Reply;
use offramp_tests::{World, at};
use serde_json::{Value, json};

/// The first admin, whose token a world uses.
pub(crate) const ADA: &str = "ada.okafor@acme.example";
/// The second admin.
pub(crate) const OTTO: &str = "otto.brandt@acme.example";
/// Lena, E-1007: three cards, in Sales.
pub(crate) const LENA: &str = "lena.lindqvist@acme.example";
/// Lena's manager, E-1012: no admin.
pub(crate) const MARCUS: &str = "marcus.doyle@acme.example";

/// A world that begins at some instant.
pub(crate) async fn world_at(instant: &str) -> World {
    World::with(|config| config.clock = Clock::frozen(at(instant))).await
}

/// Moves the clock to an instant; what falls due fires before it returns.
pub(crate) async fn until(world: &World, instant: &str) {
    world.stack.set_now(at(instant)).await.unwrap();
}

/// Time for every digest to go out.
pub(crate) async fn mailed(world: &World) {
    world.minutes(4).await;
}

/// The subjects of the mails to somebody.
pub(crate) fn subjects(world: &World, address: &str) -> Vec<String> {
    let mails = world.mails_to(address, "");
    mails.into_iter().map(|mail| mail.subject).collect()
}

/// Deletes somebody by hand; their cards are gone when it answers.
pub(crate) async fn delete(world: &World, id: &str) {
    let reply = world.delete(&format!("/users/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Restores somebody by hand.
pub(crate) async fn restore(world: &World, id: &str) -> Value {
    let reply = world.post(&format!("/users/{id}/restore"), json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// An admin sets, moves or removes a leave date.
pub(crate) async fn leaves_on(world: &World, id: &str, date: Value) -> Value {
    let reply = world
        .put(
            &format!("/users/{id}/leave-date"),
            json!({ "leave_date": date }),
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// Saves a rule.
pub(crate) async fn rule(world: &World, active: &str) -> Reply {
    world.put("/sync-rules", json!({ "active": active })).await
}

/// A change of the settings that asks first: the question, and the answer once it is confirmed.
pub(crate) async fn confirmed(world: &World, mut patch: Value) -> (Value, Value) {
    let asked = world.patch("/settings", patch.clone()).await;
    assert_eq!(asked.status, 409, "{}", asked.body);
    assert_eq!(asked.body["code"], "confirmation_required");
    patch["confirmation"] = asked.body["confirmation"].clone();
    let done = world.patch("/settings", patch).await;
    assert_eq!(done.status, 200, "{}", done.body);
    (asked.body, done.body)
}

/// A status, and the access that goes with it.
pub(crate) async fn state(world: &World, id: &str) -> (String, String) {
    (world.status(id).await, world.access(id).await)
}

/// The schedules of a kind that stand, by group and name.
pub(crate) fn schedules(world: &World, kind: &str) -> Vec<(String, String, Option<DateTime<Utc>>)> {
    let word = format!("\"{kind}\"");
    let mut all = world.stack.cloud().scheduler().schedules();
    all.retain(|one| {
        one.input
            .as_deref()
            .is_some_and(|input| input.contains(&word))
    });
    all.into_iter()
        .map(|one| (one.group, one.name, one.next))
        .collect()
}

/// Deletes every schedule of a kind, as somebody with the console might.
pub(crate) fn delete_schedules(world: &World, kind: &str) {
    let doomed = schedules(world, kind);
    assert!(!doomed.is_empty(), "no {kind} schedule stands");
    for (group, name, _) in doomed {
        assert!(world.stack.cloud().scheduler().delete(&group, &name));
    }
}

/// The strings of a list.
pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The holds that nobody has answered yet.
pub(crate) async fn open_holds(world: &World) -> Vec<Value> {
    let holds = world.get("/holds").await;
    let holds = holds["holds"].as_array().unwrap().clone();
    holds
        .into_iter()
        .filter(|hold| hold["state"] == "open")
        .collect()
}
