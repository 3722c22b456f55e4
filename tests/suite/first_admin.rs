//! How an organisation comes to be after a deployment: an invocation that IAM allows, and no route.

use offramp_tests::{Delivery, World};
use serde_json::{Value, json};

fn first_admin(org: &str) -> Value {
    let sample = include_str!("../../events/lambda/first_admin.json");
    let mut payload: Value = serde_json::from_str(sample).unwrap();
    payload["org"] = json!(org);
    payload
}

async fn invoke(world: &World, payload: Value) -> Value {
    world.stack.invoke("admin:operator", payload).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_invocation_makes_organisation_admin_and_source_and_the_next_changes_nothing() {
    let world = World::start().await;
    let made = invoke(&world, first_admin("globex")).await;
    assert_eq!(made["org"], "globex");
    assert_eq!(
        made["admin"],
        json!({ "employee_id": "G-1", "outcome": "created", "login": "gia@globex.example" })
    );
    assert_eq!(made["source"]["state"], "observing");
    let secret = made["source"]["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{made}");

    // She signs in, and the bootstrap identity does not any more.
    let path = "/v1/orgs/globex/users/G-1";
    let gia = world.stack.token_for("gia@globex.example", "globex", &[]);
    let gia = gia.unwrap();
    let user = world.ask("GET", path).token(&gia).ok().await;
    assert_eq!(user["role"], "admin");
    let bootstrap = world.stack.bootstrap_token("globex").unwrap();
    world
        .ask("GET", path)
        .token(&bootstrap)
        .refused(403, "forbidden")
        .await;
    let history = format!("{path}/history");
    let history = world.ask("GET", &history).token(&gia).ok().await;
    assert_eq!(history["entries"][0]["by"]["actor"], "operator");

    // The source takes what is signed with the secret.
    let events = json!({ "events": [{ "occurred_at": world.now(), "employee": { "employee_id": "G-2", "status": "active" } }] });
    let delivery = Delivery::new(&secret, world.now(), events.to_string());
    let created = world.hand_in_at("globex", "hris", &delivery).ok().await;
    assert_eq!(created["summary"], json!({ "created": 1 }));

    let again = invoke(&world, first_admin("globex")).await;
    assert_eq!(again["admin"]["outcome"], "unchanged");
    assert_eq!(again["source"]["source"], "hris");
    assert!(again["source"].get("secret").is_none(), "{again}");
    assert_eq!(again["source"]["version"], made["source"]["version"]);
    let after = world.ask("GET", path).token(&gia).ok().await;
    assert_eq!(after["version"], user["version"]);
    assert!(world.mails().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_no_way_round_the_admins_of_an_organisation() {
    let world = World::start().await;
    let refused = async |change: &dyn Fn(&mut Value), code: &str, pointer: Option<&str>| {
        let mut payload = first_admin("initech");
        change(&mut payload);
        let answer = invoke(&world, payload).await;
        assert_eq!(answer["code"], code, "{answer}");
        if code == "exists" {
            let detail = answer["detail"].as_str().unwrap();
            let article = [
                "there is already a source of",
                "there is already an admin of",
            ];
            assert!(
                article.iter().any(|begin| detail.starts_with(begin)),
                "{answer}"
            );
        }
        let found = answer["errors"][0]["pointer"].as_str();
        assert_eq!(found, pointer, "{answer}");
    };
    // acme has admins, and a source.
    refused(&|payload| payload["org"] = json!("acme"), "exists", None).await;
    let to_lena = |payload: &mut Value| {
        payload["org"] = json!("acme");
        payload["source"] = json!("hris");
        payload["admin"] = json!({ "employee_id": "E-1007" });
    };
    refused(&to_lena, "exists", None).await;
    // An address is what tokens name people by.
    let nameless = |payload: &mut Value| payload["admin"] = json!({ "employee_id": "G-1" });
    refused(&nameless, "invalid", Some("/admin/email")).await;
    let crooked = |payload: &mut Value| payload["admin"]["email"] = json!("nowhere");
    refused(&crooked, "invalid", Some("/admin/email")).await;
    assert_eq!(world.user("E-1007").await["role"], "member");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_whom_hr_has_brought_is_appointed() {
    let world = World::start().await;
    let bootstrap = world.stack.bootstrap_token("globex").unwrap();
    let user = json!({ "employee_id": "G-1", "email": "gia@globex.example" });
    world
        .ask("POST", "/v1/orgs/globex/users")
        .token(&bootstrap)
        .json(&user)
        .ok()
        .await;
    let mut payload = first_admin("globex");
    payload.as_object_mut().unwrap().remove("source");
    let made = invoke(&world, payload).await;
    assert_eq!(made["admin"]["outcome"], "appointed");
    assert!(made.get("source").is_none(), "{made}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_at_once_is_once() {
    let world = World::start().await;
    let (one, two) = tokio::join!(
        invoke(&world, first_admin("globex")),
        invoke(&world, first_admin("globex"))
    );
    let secrets = [&one, &two].map(|made| made["source"].get("secret").is_some());
    assert_eq!(
        secrets.iter().filter(|shown| **shown).count(),
        1,
        "{one} {two}"
    );
    let created = [&one, &two].map(|made| made["admin"]["outcome"] == "created");
    assert_eq!(
        created.iter().filter(|done| **done).count(),
        1,
        "{one} {two}"
    );
    world.end().await;
}

/// Every route of the stack, with the payload wherever a caller can put something: never an organisation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_reaches_it() {
    let world = World::start().await;
    let functions = &world.stack.deployment().functions;
    let routes: Vec<_> = functions
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| (route.method.clone(), route.path.replace("{org}", "globex")))
        .collect();
    assert!(routes.len() > 30, "{routes:?}");
    let token = world
        .stack
        .token_for("gia@globex.example", "globex", &["service"]);
    let token = token.unwrap();
    let query = "offramp=first_admin&org=globex";
    for (method, path) in routes {
        for token in [None, Some(&token), Some(&world.token)] {
            let ask = world.ask(&method, &format!("{path}?{query}"));
            let ask = match token {
                Some(token) => ask.token(token),
                None => ask,
            };
            let ask = ask
                .header("offramp", "first_admin")
                .json(&first_admin("globex"));
            let answer = ask.send().await;
            assert!(answer.body.get("admin").is_none(), "{method} {path}");
        }
    }
    let bootstrap = world.stack.bootstrap_token("globex").unwrap();
    let users = world.ask("GET", "/v1/orgs/globex/users").token(&bootstrap);
    assert_eq!(
        users.ok().await["users"],
        json!([]),
        "nobody has come to be"
    );
    world.end().await;
}
