//! The query of the admin's routes is read as it was sent: a comma belongs to its value, a name comes once, and a value
//! that is not allowed is refused.

use admin::Route;
use offramp_tests::{LENA, ORG, World, event};
use serde_json::{Value, json};

/// Each route with each parameter that it reads, with names of the seeded organisation in the path.
fn parameters(run: &str) -> Vec<(&'static str, String, &'static str)> {
    let rows = Route::ALL.iter().map(|route| route.row());
    let all: Vec<_> = rows
        .flat_map(|row| row.query.iter().map(move |name| (row, *name)))
        .map(|(row, name)| {
            let path = [
                ("{org}", ORG),
                ("{id}", LENA),
                ("{source}", "hris"),
                ("{run}", run),
            ];
            let path = path.iter().fold(row.path.to_owned(), |path, (from, to)| {
                path.replace(from, to)
            });
            (row.method, path, name)
        })
        .collect();
    assert!(all.len() > 30, "{all:?}");
    all
}

/// A value of each parameter that is allowed, and values that are not.
fn values(name: &str) -> (&'static str, &'static [&'static str]) {
    match name {
        "limit" => ("1", &["0", "-1", "1,2", "1%2C2", "x", ""]),
        "cursor" => ("x", &["x", "x,y", "%ff"]),
        "status" => (
            "active",
            &["active,deleted", "active%2Cdeleted", "gone", ""],
        ),
        "q" => ("lena", &["%ff"]),
        "email" => ("lena@acme.example", &["", "%ff"]),
        "dry_run" => ("true", &["1", "yes", "true,true", ""]),
        "when" => ("grace", &["later", "grace,now", ""]),
        "then" => ("delete", &["archive", "deactivate,delete", ""]),
        "on" => ("2026-03-02", &["2026", "2026-03-02,2026-03-03"]),
        "since" => ("2026-03-02T00:00:00Z", &["yesterday", "2026-03-02"]),
        other => panic!("say here which values {other} may not have"),
    }
}

async fn refused(world: &World, method: &str, path: &str, query: &str) -> Value {
    let ask = world.ask(method, &format!("{path}?{query}"));
    let ask = ask.token(&world.token).json(&json!({ "leavers": [] }));
    let answer = ask.send().await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (422, &json!("invalid")),
        "{method} {path}?{query}: {}",
        answer.text
    );
    answer.body["errors"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_given_twice_is_refused_on_every_route() {
    let world = World::start().await;
    for (method, path, name) in parameters("run_1") {
        let (value, _) = values(name);
        let wrong = json!([{ "pointer": format!("/{name}"), "detail": "must be there once" }]);
        for query in [
            format!("{name}={value}&{name}={value}"),
            format!("{name}&{name}={value}"),
        ] {
            let errors = refused(&world, method, &path, &query).await;
            assert_eq!(errors, wrong, "{method} {path}?{query}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_not_allowed_is_refused_on_every_route() {
    let world = World::start().await;
    let leaves = world.signed(&json!([event(
        world.now(),
        "E-1008",
        "inactive",
        json!({})
    )]));
    let run = world.hand_in(&leaves).ok().await["run_id"].clone();
    for (method, path, name) in parameters(run.as_str().unwrap()) {
        for value in values(name).1 {
            let errors = refused(&world, method, &path, &format!("{name}={value}")).await;
            assert_eq!(
                errors[0]["pointer"],
                format!("/{name}"),
                "{method} {path} {value}"
            );
        }
    }
    world.end().await;
}

/// The address before the comma is nobody's login by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_a_comma_is_nobodys() {
    let world = World::start().await;
    let look = async |email: &str| {
        let access = world.get(&format!("/access?email={email}")).await;
        access["access"].as_str().unwrap().to_owned()
    };
    let ada = "ada.okafor@acme.example";
    assert_eq!(look(ada).await, "granted");
    assert_eq!(look("ada%2Eokafor%40acme.example").await, "granted");
    assert_eq!(look(&format!("{ada},x@y.example")).await, "revoked");
    assert_eq!(look(&format!("x@y.example,{ada}")).await, "revoked");
    assert_eq!(look(&format!("{ada}%2C")).await, "revoked");
    world.end().await;
}

/// Many HR systems write the last name first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_the_whole_text_with_its_comma() {
    let world = World::start().await;
    for (id, name) in [("D-1", "Doe, Jane"), ("D-2", "Doe, John"), ("D-3", "Doe")] {
        world.hr(id, "active", json!({ "name": name })).await;
    }
    let found = async |q: &str| {
        let users = world.get(&format!("/users?q={q}")).await["users"].clone();
        let users = users.as_array().unwrap().iter();
        users
            .map(|user| user["employee_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("Doe,%20Ja").await, ["D-1"]);
    assert_eq!(found("doe,+jo").await, ["D-2"]);
    assert_eq!(found("Doe%2C+").await, ["D-1", "D-2"]);
    assert_eq!(found("Doe").await.len(), 3);
    world.end().await;
}

/// A body is read by every route that changes something, or refused: nobody's `dry_run` is done in earnest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_takes_no_body_refuses_one() {
    let world = World::start().await;
    let document = world.ask("GET", "/v1/openapi.json").ok().await;
    let rows = Route::ALL.iter().map(|route| route.row());
    let mut tried = 0;
    for row in rows.filter(|row| row.method != "GET") {
        let described = &document["paths"][row.path][row.method.to_lowercase()];
        assert!(described.is_object(), "{} {}", row.method, row.path);
        if described.get("requestBody").is_some() {
            continue;
        }
        let names = [
            ("{org}", ORG),
            ("{id}", LENA),
            ("{run}", "run_1"),
            ("{objective}", "o-1"),
            ("{name}", "login-page"),
        ];
        let path = names.iter().fold(row.path.to_owned(), |path, (from, to)| {
            path.replace(from, to)
        });
        let ask = world.ask(row.method, &path).token(&world.token);
        let refused = ask.json(&json!({ "dry_run": true })).send().await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (422, &json!("invalid")),
            "{path}"
        );
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
    assert_eq!(world.status(LENA).await, "active");
    assert_eq!(
        world.get("/machines").await["machines"][0]["name"],
        "login-page"
    );
    // Nothing, and nothing in it, is no body.
    for body in ["", "{}", " { } "] {
        let ask = world.admin("POST", "/users/E-1010/deactivate-now");
        assert_eq!(ask.body(body).send().await.status, 200, "{body:?}");
    }
    world.end().await;
}
