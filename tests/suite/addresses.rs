//! Whom an address answers for: HR cannot switch it off by taking it from somebody, nor on by giving it to somebody else.

use std::time::Duration;

use aws_stand_ins::Lasting;
use offramp_tests::{ADA, Answer, LENA, LENA_MAIL, World};
use serde_json::{Value, json};

/// What a login page is told of an address.
pub(crate) async fn told(world: &World, address: &str) -> (String, String) {
    let answer = world.get(&format!("/access?email={address}")).await;
    let word = |name: &str| answer[name].as_str().unwrap().to_owned();
    (word("access"), word("reason"))
}

fn said(access: &str, reason: &str) -> (String, String) {
    (access.to_owned(), reason.to_owned())
}

pub(crate) fn granted() -> (String, String) {
    said("granted", "active")
}

pub(crate) fn disputed() -> (String, String) {
    said("revoked", "address_of_deleted")
}

pub(crate) fn address(of: &str) -> Value {
    json!({ "email": of })
}

async fn confirm(world: &World, id: &str) -> Answer {
    let path = format!("/users/{id}/confirm-address");
    world.admin("POST", &path).send().await
}

async fn observe(world: &World) {
    let observing = json!({ "state": "observing" });
    let reply = world.patch("/sources/hris", observing).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Everybody who is here, with their address.
async fn members(world: &World) -> Vec<(String, String)> {
    let users = world.get("/users?status=active&limit=90").await["users"].clone();
    let users = users.as_array().unwrap().iter();
    let text = |user: &Value, name: &str| user[name].as_str().unwrap_or_default().to_owned();
    users
        .filter(|user| user["email"].is_string())
        .map(|user| (text(user, "employee_id"), text(user, "email")))
        .collect()
}

/// A source that is only observed gives everybody another address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hr_takes_an_address_from_answers_for_it_still() {
    let world = World::start().await;
    observe(&world).await;
    let everybody = members(&world).await;
    assert!(everybody.len() >= 20, "{}", everybody.len());
    let events = everybody.iter().map(|(id, _)| {
        let employee =
            json!({ "employee_id": id, "status": "active", "email": format!("{id}@new.example") });
        json!({ "occurred_at": world.now(), "employee": employee })
    });
    for result in world.outcomes(events.collect()).await {
        assert_eq!(result["outcome"], "updated", "{result}");
    }
    for (id, before) in &everybody {
        assert_eq!(told(&world, before).await, granted(), "{id}");
        assert_eq!(told(&world, &format!("{id}@new.example")).await, granted());
        assert_eq!(world.access(id).await, "granted");
    }
    // … and again, to nobody and to somebody, one by one and several times in one request.
    let lena = |address: Value| {
        let employee = json!({ "employee_id": LENA, "status": "active", "email": address });
        json!({ "occurred_at": world.now(), "employee": employee })
    };
    world
        .outcomes(json!([
            lena(json!("a@new.example")),
            lena(Value::Null),
            lena(json!("b@new.example"))
        ]))
        .await;
    world.minutes(1).await;
    world
        .outcomes(json!([lena(json!("a@new.example")), lena(Value::Null)]))
        .await;
    let own = [
        "E-1007@new.example",
        "a@new.example",
        "b@new.example",
        LENA_MAIL,
    ];
    for address in own {
        assert_eq!(told(&world, address).await, granted(), "{address}");
    }
    world.remove(LENA).await;
    for address in own {
        assert_eq!(told(&world, address).await, said("revoked", "deleted"));
    }
    assert_eq!(
        told(&world, "c@new.example").await,
        said("revoked", "unknown")
    );
    world.minutes(5).await;
    world.end().await;
}

/// It is somebody else's once they are here; when they leave, it is nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_goes_to_whoever_is_here_and_has_it() {
    let world = World::start().await;
    world.hr("N-1", "active", address("lena@new.example")).await;
    world
        .hr(LENA, "active", address("lena.l@acme.example"))
        .await;
    // Whoever is gone when HR gives them the address takes it from nobody.
    world.hr("N-2", "active", address("two@new.example")).await;
    world.hr("N-2", "inactive", json!({})).await;
    world.hours(80).await;
    world.hr("N-2", "inactive", address(LENA_MAIL)).await;
    assert_eq!(world.user("N-2").await["email"], LENA_MAIL);
    assert_eq!(told(&world, LENA_MAIL).await, granted());
    world.hr("N-1", "active", address(LENA_MAIL)).await;
    assert_eq!(told(&world, LENA_MAIL).await, granted());
    world.minutes(1).await;
    world.hr("N-1", "inactive", json!({})).await;
    let leaving = said("revoked", "deactivation_scheduled");
    assert_eq!(told(&world, LENA_MAIL).await, leaving, "N-1 was here since");
    assert_eq!(told(&world, "lena@new.example").await, leaving);
    assert_eq!(world.access(LENA).await, "granted");
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_deleted_is_not_back_by_another_id() {
    let world = World::start().await;
    world.delete(&format!("/users/{LENA}")).await;
    observe(&world).await;
    let made = world
        .hr("Z-1", "active", address("Lena.Lindqvist@ACME.example"))
        .await;
    assert_eq!(made["outcome"], "created");
    assert_eq!(told(&world, LENA_MAIL).await, disputed());
    assert_eq!(world.access("Z-1").await, "granted", "by id");
    let why = world.get("/users/Z-1/explain").await;
    let codes: Vec<&str> = why["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"address_of_deleted"), "{why}");
    assert!(why.to_string().contains("Z-1/confirm-address"), "{why}");
    // HR changes what it says of the deleted one, and of the new one.
    world
        .hr(LENA, "inactive", address("lena@new.example"))
        .await;
    assert_eq!(told(&world, LENA_MAIL).await, disputed());
    world.hr("Z-1", "active", address("z@new.example")).await;
    assert_eq!(told(&world, LENA_MAIL).await, disputed(), "Z-1 had it");
    assert_eq!(told(&world, "z@new.example").await, granted());
    world.hr("Z-1", "active", address(LENA_MAIL)).await;
    assert_eq!(told(&world, LENA_MAIL).await, disputed());

    world.minutes(2).await;
    let version = world.user("Z-1").await["version"].as_u64().unwrap();
    let path = "/users/Z-1/confirm-address";
    let late = world.admin("POST", path).if_match(version - 1).send().await;
    assert_eq!(
        (late.status, &late.body["code"]),
        (412, &json!("version_mismatch"))
    );
    let done = world.admin("POST", path).if_match(version).send().await;
    assert_eq!(
        (done.status, &done.body["version"]),
        (200, &json!(version + 1)),
        "{}",
        done.body
    );
    assert_eq!(told(&world, LENA_MAIL).await, granted());
    let again = confirm(&world, "Z-1").await;
    assert_eq!(
        (again.status, &again.body["version"]),
        (200, &json!(version + 1))
    );
    let entry = world.history("Z-1").await.remove(0);
    assert_eq!(
        (&entry["what"], &entry["by"]["subject"]),
        (&json!("address_confirmed"), &json!(ADA))
    );
    let audit = world.get("/audit?since=2026-03-02T09:01:00Z").await;
    assert!(audit.to_string().contains("address_confirmed"), "{audit}");
    let why = world.get("/users/Z-1/explain").await;
    assert!(!why.to_string().contains("address_of_deleted"), "{why}");
    // A third one is as new as the second was; the second one's leaving shuts nobody else in or out.
    world.hr("Z-2", "active", address(LENA_MAIL)).await;
    assert_eq!(told(&world, LENA_MAIL).await, granted(), "Z-1");
    world.delete("/users/Z-1").await;
    assert_eq!(told(&world, LENA_MAIL).await, disputed());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_of_the_old_one_decides_as_well() {
    let world = World::start().await;
    for end in ["/deactivate-now", ""] {
        let id = if end.is_empty() { "E-1012" } else { LENA };
        let own = world.user(id).await["email"].as_str().unwrap().to_owned();
        let new = format!("Z-{id}");
        let method = if end.is_empty() { "DELETE" } else { "POST" };
        world.admin(method, &format!("/users/{id}{end}")).ok().await;
        world.hr(&new, "active", address(&own)).await;
        assert_eq!(told(&world, &own).await, disputed(), "{id}");
        world.restore(id).await;
        assert_eq!(told(&world, &own).await, granted(), "{id}");
        world.hr(&new, "inactive", json!({})).await;
        assert_eq!(told(&world, &own).await, granted(), "{id}");
    }
    world.minutes(5).await;
    world.end().await;
}

/// HR shuts nobody out by what it says of somebody who is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hr_gives_to_somebody_deleted_shuts_nobody_out() {
    let world = World::start().await;
    world.set(json!({ "restore_deleted_on": "never" })).await;
    for (id, method, path) in [
        ("E-1012", "POST", "/users/E-1012/deactivate-now"),
        ("E-1013", "DELETE", "/users/E-1013"),
    ] {
        world.admin(method, path).ok().await;
        for address_of in [LENA_MAIL, "else@acme.example", LENA_MAIL] {
            world.minutes(1).await;
            world.hr(id, "inactive", address(address_of)).await;
            assert_eq!(
                told(&world, LENA_MAIL).await,
                granted(),
                "{id} {address_of}"
            );
        }
    }
    world.minutes(5).await;
    world.end().await;
}

/// The admin says it before the old account ends, so that nobody is shut out in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_may_come_first_and_needs_an_address() {
    let world = World::start().await;
    world.hr("Z-1", "active", address(LENA_MAIL)).await;
    assert_eq!(confirm(&world, "Z-1").await.status, 200);
    world.delete(&format!("/users/{LENA}")).await;
    assert_eq!(told(&world, LENA_MAIL).await, granted());
    // Whoever adds somebody by hand is told that it is to be confirmed.
    let third = json!({ "employee_id": "Z-3", "email": LENA_MAIL });
    let added = world.admin("POST", "/users").json(&third).ok().await;
    let note = added["note"].as_str().unwrap();
    assert!(
        note.starts_with(
            "this is the address of E-1007, Z-1 too; an admin deleted or put out E-1007:"
        ),
        "{note}"
    );
    assert!(note.contains("/users/Z-3/confirm-address"), "{note}");
    let refused = |answer: Answer| {
        (
            answer.status,
            answer.body["code"].as_str().unwrap().to_owned(),
        )
    };
    let word = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(refused(confirm(&world, LENA).await), word(409, "deleted"));
    assert_eq!(
        refused(confirm(&world, "E-4711").await),
        word(404, "not_found")
    );
    world.hr("Z-2", "active", json!({})).await;
    assert_eq!(
        refused(confirm(&world, "Z-2").await),
        word(409, "no_address")
    );
    let auditor = json!({ "role": "auditor", "login": "audit@acme.example" });
    assert_eq!(world.put("/users/E-1009/role", auditor).await.status, 200);
    for subject in [
        "audit@acme.example",
        "marcus.doyle@acme.example",
        "nobody@acme.example",
    ] {
        let ask = world.admin_as(subject, "POST", "/users/Z-1/confirm-address");
        assert_eq!(
            refused(ask.send().await),
            word(403, "forbidden"),
            "{subject}"
        );
    }
    world.end().await;
}

/// Whoever is deleted is found at once, although the index does not know yet who has the address now, or who had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_index_lets_nobody_in() {
    let world = World::start().await;
    world.stack.cloud().faults().begin(Lasting::Lag(3));
    world.delete(&format!("/users/{LENA}")).await;
    let second = async || world.advance(Duration::from_secs(1)).await;
    // In the same second HR moves the deleted one away, and invents another.
    world
        .hr(LENA, "inactive", address("lena@new.example"))
        .await;
    world.hr("Z-1", "active", address(LENA_MAIL)).await;
    for _ in 0..5 {
        assert_ne!(told(&world, LENA_MAIL).await.0, "granted");
        second().await;
    }
    assert_eq!(told(&world, LENA_MAIL).await, disputed());
    assert_eq!(confirm(&world, "Z-1").await.status, 200);
    assert_eq!(told(&world, LENA_MAIL).await, granted());
    // Whoever loses an address answers for it in the same second, and whoever gets it.
    world.hr("E-1012", "active", address("m@new.example")).await;
    for _ in 0..5 {
        assert_eq!(told(&world, "marcus.doyle@acme.example").await, granted());
        second().await;
    }
    assert_eq!(told(&world, "m@new.example").await, granted());
    world.end().await;
}
