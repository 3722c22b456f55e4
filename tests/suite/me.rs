//! Anybody with a token of the organisation can ask who they are; and nothing else.

use offramp_tests::{ADA, LENA, LENA_MAIL, ORG, World, zulu};
use serde_json::{Value, json};

async fn me(world: &World, token: &str) -> Value {
    world.ask("GET", &world.path("/me")).token(token).ok().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_who_they_are_and_what_they_may() {
    let world = World::start().await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    let common = |of: Value| {
        let mut whole =
            json!({ "org": ORG, "time_zone": "Europe/Berlin", "now": zulu(world.now()) });
        for (name, value) in of.as_object().unwrap() {
            whole[name] = value.clone();
        }
        whole
    };
    let admin = common(json!({
        "subject": ADA, "employee_id": "E-1001", "name": "Ada Okafor", "role": "admin", "may": [],
    }));
    assert_eq!(me(&world, &world.token).await, admin);
    let member = common(json!({
        "subject": LENA_MAIL, "employee_id": LENA, "name": "Lena Lindqvist", "role": null, "may": [],
    }));
    let lena = world.token_of(LENA_MAIL);
    assert_eq!(me(&world, &lena).await, member);
    let machine = world
        .stack
        .token_for("login-page", ORG, &["service"])
        .unwrap();
    let rights = common(json!({
        "subject": "login-page", "employee_id": null, "name": null, "role": "machine",
        "may": ["access", "people", "cards"],
    }));
    assert_eq!(me(&world, &machine).await, rights);
    let stranger = common(json!({
        "subject": "nobody@elsewhere.example", "employee_id": null, "name": null, "role": null, "may": [],
    }));
    let nobody = world.token_of("nobody@elsewhere.example");
    assert_eq!(me(&world, &nobody).await, stranger);
    // An admin without access is nobody's admin.
    world.hr("E-1002", "inactive", json!({})).await;
    let otto = me(&world, &world.token_of(offramp_tests::OTTO)).await;
    assert_eq!(
        (&otto["employee_id"], &otto["role"]),
        (&json!("E-1002"), &Value::Null)
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_ask_who_they_are_may_still_nothing_else() {
    let world = World::start().await;
    for token in [
        world.token_of(LENA_MAIL),
        world.token_of("nobody@elsewhere.example"),
    ] {
        for (method, path) in [
            ("GET", "/users"),
            ("GET", "/settings"),
            ("GET", "/access?email=ada.okafor@acme.example"),
            ("POST", "/leavers?dry_run=true"),
        ] {
            let asked = world.ask(method, &world.path(path)).token(&token);
            asked.refused(403, "forbidden").await;
        }
    }
    let foreign = world.stack.token_for(ADA, "globex", &[]).unwrap();
    let asked = world.ask("GET", &world.path("/me")).token(&foreign);
    asked.refused(403, "forbidden").await;
    let asked = world.admin("GET", "/me?verbose=1");
    asked.refused(422, "invalid").await;
    world.end().await;
}
