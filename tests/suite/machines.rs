//! Machines are registered, have their own rights and no others, and are out from the next request on.

use offramp_tests::{ADA, Answer, LENA, LENA_MAIL, ORG, OTTO, World};
use serde_json::{Map, Value, json};

async fn register(world: &World, name: &str, subject: &str, may: &[&str]) -> Answer {
    let machine = json!({ "name": name, "subject": subject, "may": may });
    world.post("/machines", machine).await
}

fn coded(answer: &Answer) -> (u16, &str) {
    (
        answer.status,
        answer.body["code"].as_str().unwrap_or_default(),
    )
}

/// A token with exactly these claims, beside those that every token has.
fn token(world: &World, claims: Value) -> String {
    use base64::Engine as _;
    let issued = world.stack.token_for("x", ORG, &[]).unwrap();
    let part = issued.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    let mut whole: Map<String, Value> = serde_json::from_slice(&bytes.unwrap()).unwrap();
    whole.retain(|name, _| ["iss", "aud", "iat", "exp", "jti"].contains(&name.as_str()));
    whole.extend(claims.as_object().unwrap().clone());
    world.stack.identity().sign(&whole).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_has_its_rights_and_no_others() {
    let world = World::start().await;
    for (right, subject) in [
        ("access", "m-a"),
        ("people", "m-p"),
        ("cards", "m-c"),
        ("events", "m-e"),
    ] {
        let added = register(&world, subject, subject, &[right]).await;
        assert_eq!(added.status, 201, "{}", added.body);
        let token = world.token_of(subject);
        for row in admin::Route::ALL.iter().map(|route| route.row()) {
            if !row.door.needs_token() || row.path.ends_with("/me") {
                continue;
            }
            let path = row.path.replace("{org}", ORG).replace("{id}", "E-1012");
            let path = path.replace('{', "x-").replace('}', "");
            let ask = world.ask(row.method, &path).token(&token).json(&json!({}));
            let status = ask.send().await.status;
            let opens = match row.path.trim_start_matches("/v1/orgs/{org}") {
                "/users/{id}/access" | "/access" => right == "access",
                "/users" | "/users/{id}" => right == "people" && row.method == "GET",
                "/users/{id}/cards" | "/cards/{card}/reassign" | "/cards/{card}/status" => {
                    right == "cards"
                }
                _ => false,
            };
            assert_eq!(status != 403, opens, "{right}: {} {}", row.method, row.path);
        }
        let me = world.ask("GET", &world.path("/me")).token(&token);
        let me = me.ok().await;
        assert_eq!(
            (&me["role"], &me["may"]),
            (&json!("machine"), &json!([right]))
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_is_its_subject_exactly_and_out_from_the_next_request_on() {
    let world = World::start().await;
    register(&world, "gate", "Gate|7", &["access"]).await;
    let asks = async |claims: Value| {
        let path = world.path(&format!("/users/{LENA}/access"));
        let ask = world.ask("GET", &path).token(&token(&world, claims));
        ask.send().await.status
    };
    assert_eq!(
        asks(json!({ "sub": "Gate|7" })).await,
        200,
        "the registration binds it"
    );
    assert_eq!(asks(json!({ "sub": "Gate|7", "org": ORG })).await, 200);
    assert_eq!(asks(json!({ "sub": "Gate|7", "org": "globex" })).await, 403);
    assert_eq!(asks(json!({ "sub": "gate|7" })).await, 403);
    assert_eq!(asks(json!({ "sub": "gate" })).await, 403);
    assert_eq!(asks(json!({ "email": "Gate|7", "org": ORG })).await, 403);
    // An admin's token of a machine's subject is the machine's.
    let both = json!({ "sub": "Gate|7", "email": ADA, "org": ORG });
    let settings = world.ask("GET", &world.path("/settings"));
    let settings = settings.token(&token(&world, both));
    settings.refused(403, "forbidden").await;
    // But a person's token names the organisation.
    let nowhere = json!({ "sub": "x", "email": ADA });
    let settings = world.ask("GET", &world.path("/settings"));
    let settings = settings.token(&token(&world, nowhere));
    settings.refused(403, "forbidden").await;
    // No claim of a role makes anything, whatever a group is called.
    for roles in [
        json!(["service"]),
        json!(["Customer service"]),
        json!(["admin"]),
    ] {
        let claims = json!({ "sub": "x", "email": LENA_MAIL, "org": ORG, "roles": roles });
        assert_eq!(asks(claims).await, 403);
        let admins = json!({ "sub": "x", "email": ADA, "org": ORG, "roles": roles });
        let ask = world.ask("GET", &world.path("/settings"));
        ask.token(&token(&world, admins)).ok().await;
    }
    let gone = world.delete("/machines/gate").await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert_eq!(asks(json!({ "sub": "Gate|7", "org": ORG })).await, 403);
    let again = world.delete("/machines/gate").await;
    assert_eq!(coded(&again), (404, "not_found"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_registered_once_and_no_admin_is_one() {
    let world = World::start().await;
    let seeded = world.get("/machines").await;
    assert_eq!(seeded["machines"][0]["name"], "login-page");
    let may = json!(["access", "people", "cards"]);
    assert_eq!(seeded["machines"][0]["may"], may);
    let taken = register(&world, "login-page", "another", &["access"]).await;
    assert_eq!(coded(&taken), (409, "exists"));
    let taken = register(&world, "another", "login-page", &["access"]).await;
    assert_eq!(coded(&taken), (409, "exists"));
    for login in [ADA, OTTO] {
        let admins = register(&world, "another", login, &["access"]).await;
        assert_eq!(coded(&admins), (409, "login_taken"), "{login}");
    }
    // Nor whoever registers it, whatever names them as an admin.
    let own = token(&world, json!({ "sub": "a-7", "email": ADA, "org": ORG }));
    let body = json!({ "name": "another", "subject": "a-7", "may": ["access"] });
    let ask = world.ask("POST", &world.path("/machines")).token(&own);
    ask.json(&body).refused(409, "login_taken").await;
    // Nor is an admin appointed whose tokens would be a machine's.
    let admin = json!({ "role": "admin", "login": "gate@acme.example" });
    let gate = register(&world, "gate", "gate@acme.example", &["access"]).await;
    assert_eq!(gate.status, 201, "{}", gate.text);
    let appointed = world.put(&format!("/users/{LENA}/role"), admin).await;
    assert_eq!(coded(&appointed), (409, "login_taken"));
    let login = json!({ "login": "gate@acme.example" });
    let changed = world.put("/users/E-1002/login", login).await;
    assert_eq!(coded(&changed), (409, "login_taken"));
    let own = json!({ "employee_id": "N-1", "email": "gate@acme.example", "role": "auditor" });
    assert_eq!(
        coded(&world.post("/users", own).await),
        (409, "login_taken")
    );
    assert_eq!(world.delete("/machines/gate").await.status, 200);
    for (name, may) in [
        ("another", json!(["everything"])),
        ("another", json!([])),
        ("-a", json!(["access"])),
    ] {
        let machine = json!({ "name": name, "subject": "s", "may": may });
        let refused = world.post("/machines", machine).await;
        assert_eq!(refused.status, 422, "{name} {may}: {}", refused.body);
    }
    for number in 1..100 {
        let name = format!("m-{number}");
        let added = register(&world, &name, &name, &["access"]).await;
        assert_eq!(added.status, 201, "{}", added.body);
    }
    let more = register(&world, "another", "another", &["access"]).await;
    assert_eq!(coded(&more), (409, "too_many"));
    // Each is in the audit, and who did it.
    let audit = world.get("/audit?since=2026-03-01T00:00:00Z").await;
    let entries = audit["entries"].as_array().unwrap();
    let machine = entries.iter().find(|entry| entry["of"] == "machine");
    let machine = machine.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!(
        (&machine["what"], &machine["machine"]["name"]),
        (&json!("registered"), &json!("login-page"))
    );
    assert_eq!(machine["by"]["actor"], "admin");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_sees_people_without_their_record_and_gives_no_card_of_a_leaver_away() {
    let world = World::start().await;
    let machine = world.token_of("login-page");
    let ask = |method: &str, path: &str| world.ask(method, &world.path(path)).token(&machine);
    let whole = world.user(LENA).await;
    assert!(
        whole["hr"].is_object() && whole["birthday"].is_string(),
        "{whole}"
    );
    let one = ask("GET", &format!("/users/{LENA}")).ok().await;
    let list = ask("GET", "/users?q=lena").ok().await;
    for user in [&one, &list["users"][0]] {
        assert_eq!(user["employee_id"], LENA);
        for hidden in ["hr", "birthday", "login"] {
            assert_eq!(user.get(hidden), None, "{hidden}");
        }
    }
    let cards = world.get(&format!("/users/{LENA}/cards")).await;
    let card = |at: usize| cards["cards"][at]["card_id"].as_str().unwrap().to_owned();
    let to = json!({ "to": "E-1012" });
    let give = |token: &str, at: usize| {
        let path = world.path(&format!("/cards/{}/reassign", card(at)));
        world.ask("POST", &path).token(token).json(&to)
    };
    give(&machine, 0).ok().await;
    world.hr(LENA, "inactive", json!({})).await;
    give(&machine, 1).refused(403, "forbidden").await;
    give(&world.token, 1).ok().await;
    world.end().await;
}
