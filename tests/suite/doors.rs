//! The door that admins and machines come through.

use chrono::TimeDelta;
use offramp_local::identity::{ClaimNames, Claims, Identity};
use offramp_tests::{LENA, ORG, OTTO, World};
use serde_json::{Value, json};

/// Every route that wants a token, with the names of the seeded organisation filled in, as its key is in the template.
fn routes(world: &World) -> Vec<(String, String, String)> {
    let functions = &world.stack.deployment().functions;
    let routes = functions.iter().flat_map(|function| &function.routes);
    let routes: Vec<_> = routes
        .filter(|route| route.authorizer.is_some())
        .map(|route| {
            let path = [
                ("{org}", ORG),
                ("{id}", LENA),
                ("{source}", "hris"),
                ("{card}", "card_1"),
            ]
            .into_iter()
            .fold(route.path.clone(), |path, (name, value)| {
                path.replace(name, value)
            });
            let key = format!(
                "{} {}",
                route.method,
                route.path.replace("/v1/orgs/{org}", "")
            );
            (route.method.clone(), path, key)
        })
        .collect();
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

async fn refused_everywhere(world: &World, who: &str, token: &str) {
    for (method, path, key) in routes(world) {
        let ask = world.ask(&method, &path).token(token).json(&json!({}));
        let answer = ask.send().await;
        // Anybody of the organisation may ask who they are.
        if key == "GET /me" && !who.starts_with("another organisation's") {
            assert_eq!((answer.status, &answer.body["role"]), (200, &json!(null)));
            continue;
        }
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (403, &json!("forbidden")),
            "{who}: {method} {path}: {}",
            answer.text
        );
        answer.is_a_problem();
    }
}

fn names() -> ClaimNames {
    ClaimNames {
        org: "org".into(),
        subject: "email".into(),
        role: "roles".into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_of_the_organisation_with_access_get_through_any_door() {
    let world = World::start().await;
    let token = |subject: &str, org: &str, roles: &[&str]| {
        world.stack.token_for(subject, org, roles).unwrap()
    };
    let ada = offramp_tests::ADA;
    refused_everywhere(&world, "another organisation's", &token(ada, "globex", &[])).await;
    refused_everywhere(
        &world,
        "another organisation's machine",
        &token("m", "globex", &["service"]),
    )
    .await;
    refused_everywhere(
        &world,
        "a member's",
        &token("lena.lindqvist@acme.example", ORG, &[]),
    )
    .await;
    refused_everywhere(
        &world,
        "a member's who says admin",
        &token("lena.lindqvist@acme.example", ORG, &["admin"]),
    )
    .await;
    refused_everywhere(&world, "nobody's", &token("nobody@acme.example", ORG, &[])).await;
    refused_everywhere(
        &world,
        "an id, where an address is wanted",
        &token("E-1001", ORG, &[]),
    )
    .await;
    refused_everywhere(
        &world,
        "the bootstrap's",
        &world.stack.bootstrap_token(ORG).unwrap(),
    )
    .await;
    let otto = token(OTTO, ORG, &[]);
    world
        .ask("GET", &world.path("/settings"))
        .token(&otto)
        .ok()
        .await;
    world.hr("E-1002", "inactive", json!({})).await;
    refused_everywhere(&world, "a scheduled admin's", &otto).await;
    world
        .admin("POST", "/users/E-1002/deactivate-now")
        .ok()
        .await;
    refused_everywhere(&world, "a deactivated admin's", &otto).await;
    world.admin("DELETE", "/users/E-1002").ok().await;
    refused_everywhere(&world, "a deleted admin's", &otto).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_none_opens_no_door() {
    let world = World::start().await;
    let deployment = world.stack.deployment();
    let authorizer = deployment.authorizers.values().next().unwrap().clone();
    let file = std::env::temp_dir().join(format!("offramp-other-key-{}", std::process::id()));
    let other = Identity::new(authorizer.clone(), names(), Some(&file)).unwrap();
    std::fs::remove_file(&file).unwrap();
    let forged = other
        .issue(world.now(), offramp_tests::ADA, Some(ORG), &[])
        .unwrap();
    let identity = world.stack.identity();
    let mut claims: Claims = identity
        .verify(&world.token, &authorizer, world.now())
        .unwrap();
    claims.insert("exp".into(), json!(world.now().timestamp()));
    let expired = identity.sign(&claims).unwrap();
    let long_gone = identity
        .issue(
            world.now() - TimeDelta::days(4_000),
            offramp_tests::ADA,
            Some(ORG),
            &[],
        )
        .unwrap();
    claims.insert("exp".into(), json!(world.now().timestamp() + 60));
    claims.insert("aud".into(), json!("somebody-else"));
    let elsewhere = identity.sign(&claims).unwrap();
    let (head, signature) = world.token.rsplit_once('.').unwrap();
    let cut = format!("{head}.{}", &signature[..signature.len() - 8]);
    for (method, path, _) in routes(&world) {
        let bare = world.ask(&method, &path).json(&json!({})).send().await;
        assert_eq!(bare.status, 401, "{method} {path}: {}", bare.text);
        for token in [
            "garbage", "a.b.c", "", &forged, &expired, &long_gone, &elsewhere, &cut,
        ] {
            let answer = world
                .ask(&method, &path)
                .token(token)
                .json(&json!({}))
                .send()
                .await;
            assert_eq!(
                answer.status, 401,
                "{method} {path} {token}: {}",
                answer.text
            );
        }
    }
    let health = world.ask("GET", "/healthz").ok().await;
    assert_eq!(health["status"], "ok");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_reads_people_and_uses_cards_and_nothing_else() {
    let world = World::start().await;
    let allowed = [
        "GET /me",
        "GET /users",
        "GET /users/{id}",
        "GET /users/{id}/access",
        "GET /access",
        "GET /users/{id}/cards",
        "POST /users/{id}/cards",
        "POST /cards/{card}/reassign",
        "PUT /cards/{card}/status",
    ];
    let machine = world.stack.token_for("login-page", ORG, &[]).unwrap();
    let mut met = 0;
    for (method, path, key) in routes(&world) {
        let answer = world
            .ask(&method, &path)
            .token(&machine)
            .json(&json!({}))
            .send()
            .await;
        let may = allowed.contains(&key.as_str());
        met += usize::from(may);
        assert_eq!(answer.status != 403, may, "{key}: {}", answer.text);
    }
    assert_eq!(met, allowed.len());
    let card = json!({ "label": "Fuel", "kind": "physical", "last4": "1234" });
    let added = world
        .ask("POST", &world.path("/users/E-1007/cards"))
        .token(&machine)
        .json(&card);
    added.ok().await;
    let entry = &world.history(LENA).await[0];
    assert_eq!(
        entry["by"],
        json!({ "actor": "service", "subject": "login-page" })
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_known_by_their_login_in_any_case_whatever_the_address_is_now() {
    let world = World::start().await;
    let look = |subject: &str| {
        let token = world.stack.token_for(subject, ORG, &[]).unwrap();
        world.ask("GET", &world.path("/settings")).token(&token)
    };
    look("OTTO.Brandt@ACME.example").ok().await;
    world.minutes(1).await;
    world
        .hr("E-1002", "active", json!({ "email": "otto@acme.example" }))
        .await;
    look(OTTO).ok().await;
    look("otto@acme.example").refused(403, "forbidden").await;
    world.end().await;
}

/// A second organisation, with one admin and a user of the same id as one of the first.
async fn globex(world: &World) -> String {
    let bootstrap = world.stack.bootstrap_token("globex").unwrap();
    let users = "/v1/orgs/globex/users";
    let add = |id: &str, role: &str| {
        let user = json!({ "employee_id": id, "name": format!("Globex {id}"), "email": format!("{id}@globex.example"), "role": role });
        world.ask("POST", users).token(&bootstrap).json(&user)
    };
    add(LENA, "member").ok().await;
    add("G-1", "admin").ok().await;
    // There is an admin now.
    add("G-2", "member").refused(403, "forbidden").await;
    world
        .stack
        .token_for("G-1@globex.example", "globex", &[])
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bootstrap_identity_is_let_in_until_there_is_an_admin_and_in_its_organisation_only() {
    let world = World::start().await;
    let bootstrap = world.stack.bootstrap_token("initech").unwrap();
    let look = |org: &str| {
        world
            .ask("GET", &format!("/v1/orgs/{org}/settings"))
            .token(&bootstrap)
    };
    look("initech").ok().await;
    look("globex").refused(403, "forbidden").await;
    look(ORG).refused(403, "forbidden").await;
    globex(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_do_not_see_each_other() {
    let world = World::start().await;
    let token = globex(&world).await;
    let there = |method: &str, path: &str| {
        world
            .ask(method, &format!("/v1/orgs/globex{path}"))
            .token(&token)
    };
    let theirs = there("GET", "/users").ok().await;
    assert_eq!(theirs["users"].as_array().unwrap().len(), 2);
    assert_eq!(world.find("").await.len(), 25);
    assert_eq!(
        there("GET", "/users/E-1007").ok().await["name"],
        "Globex E-1007"
    );
    assert_eq!(there("GET", "/users?q=lena").ok().await["users"], json!([]));
    let access = there("GET", "/access?email=lena.lindqvist@acme.example")
        .ok()
        .await;
    assert_eq!(access["access"], "revoked");
    there("GET", "/users/E-1012")
        .refused(404, "not_found")
        .await;
    assert_eq!(there("GET", "/sources").ok().await["sources"], json!([]));
    // Neither a card, nor a cursor, nor a confirmation crosses over.
    let cards = world.get("/users/E-1007/cards").await;
    let card = cards["cards"][0]["card_id"].as_str().unwrap();
    let taken = there("POST", &format!("/cards/{card}/reassign")).json(&json!({ "to": LENA }));
    taken.refused(404, "not_found").await;
    let frozen =
        there("PUT", &format!("/cards/{card}/status")).json(&json!({ "status": "frozen" }));
    frozen.refused(404, "not_found").await;
    let cursor = world.get("/users?limit=2").await["next_cursor"].clone();
    let cursor = format!("/users?limit=2&cursor={}", cursor.as_str().unwrap());
    there("GET", &cursor).refused(422, "invalid").await;
    let patch = json!({ "safeguards": { "max_users": 60 } });
    let question = world.question(&patch).await;
    let crossed = offramp_tests::confirmed(&patch, &question["confirmation"]);
    there("PATCH", "/settings")
        .json(&crossed)
        .refused(409, "bad_confirmation")
        .await;
    there("DELETE", "/users/E-1007").ok().await;
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(5).await;
    let mails = world.mails();
    assert!(
        mails.iter().all(|mail| mail.to == ["G-1@globex.example"]),
        "{mails:?}"
    );
    assert_eq!(mails.len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_is_none_is_api_gateways_own_404() {
    let world = World::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/orgs/acme/nothing",
        "/v1/orgs/acme/users/E-1007/nothing",
    ] {
        let answer = world.ask("GET", path).token(&world.token).send().await;
        assert_eq!(
            (answer.status, &answer.body),
            (404, &json!({ "message": "Not Found" }))
        );
    }
    let org = world.ask("GET", "/v1/orgs/ACME/users").token(&world.token);
    let body: Value = org.refused(403, "forbidden").await;
    assert!(body["detail"].is_string());
    world.end().await;
}

/// A typo in a query must not list everybody, or the last 30 days.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_a_route_does_not_have_is_refused() {
    let world = World::start().await;
    for (method, path, key) in routes(&world) {
        let ask = world.ask(&method, &format!("{path}?state=active&from=1&state=x"));
        let ask = ask.token(&world.token).json(&json!({}));
        let refused = ask.refused(422, "invalid").await;
        let errors = refused["errors"].as_array().unwrap().iter();
        let pointers: Vec<_> = errors.map(|one| &one["pointer"]).collect();
        assert_eq!(pointers, ["/from", "/state"], "{key}: {refused}");
    }
    let users = world.admin("GET", "/users?state=deactivated");
    let detail = &users.refused(422, "invalid").await["errors"][0]["detail"];
    assert_eq!(
        detail,
        "is unknown: this route has status, q, limit, cursor"
    );
    let settings = world.admin("GET", "/settings?a%2Fb=1");
    let wrong = &settings.refused(422, "invalid").await["errors"][0];
    assert_eq!(
        wrong,
        &json!({ "pointer": "/a~1b", "detail": "is unknown: this route has no parameters" })
    );
    world.end().await;
}
