//! Who may do what: admins and auditors sign in as the login that they were appointed with, whatever HR sends.

use std::collections::BTreeMap;

use offramp_api::route::Door;
use offramp_tests::{ADA, LENA, LENA_MAIL, OTTO, World};
use serde_json::{Map, Value, json};

async fn status_of(world: &World, token: &str) -> u16 {
    let path = world.path("/settings");
    world.ask("GET", &path).token(token).send().await.status
}

async fn role(world: &World, id: &str, body: Value) -> offramp_tests::Answer {
    world.put(&format!("/users/{id}/role"), body).await
}

async fn role_of(world: &World, token: &str) -> Value {
    let path = world.path("/me");
    world.ask("GET", &path).token(token).ok().await["role"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hr_makes_nobody_an_admin_by_an_address_and_locks_no_admin_out() {
    let world = World::start().await;
    let (lena, otto) = (world.token_of(LENA_MAIL), world.token_of(OTTO));
    let patched = world
        .patch("/sources/hris", json!({ "state": "observing" }))
        .await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    // The source gives an admin the address of a member, and the other one an address of nobody.
    world
        .hr("E-1002", "active", json!({ "email": LENA_MAIL }))
        .await;
    world
        .hr("E-1001", "active", json!({ "email": "x@evil.example" }))
        .await;
    assert_eq!(world.user("E-1002").await["email"], LENA_MAIL);
    assert_eq!(world.user("E-1002").await["login"], OTTO);
    assert_eq!(status_of(&world, &lena).await, 403);
    let evil = world.token_of("x@evil.example");
    assert_eq!(status_of(&world, &evil).await, 403);
    assert_eq!(role_of(&world, &lena).await, Value::Null);
    for token in [&otto, &world.token] {
        assert_eq!(status_of(&world, token).await, 200);
    }
    // What admins are told still comes to them.
    world
        .patch("/sources/hris", json!({ "state": "active" }))
        .await;
    world.hr("E-1012", "inactive", json!({})).await;
    world.minutes(5).await;
    let to = |address: &str| world.mails_to(address, "").len();
    assert!(to(ADA) > 0 && to(OTTO) > 0, "the logins are mailed");
    assert_eq!((to(LENA_MAIL), to("x@evil.example")), (0, 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_binds_a_login_which_is_nobody_elses_and_ends_with_the_role() {
    let world = World::start().await;
    let lena = world.token_of(LENA_MAIL);
    assert_eq!(world.user(LENA).await["login"], Value::Null);
    let answer = role(&world, LENA, json!({ "role": "admin" })).await;
    assert_eq!(
        (answer.status, &answer.body["login"]),
        (200, &json!(LENA_MAIL))
    );
    assert_eq!(status_of(&world, &lena).await, 200);

    let login = |id: &str| format!("/users/{id}/login");
    let taken = world
        .put(&login(LENA), json!({ "login": OTTO.to_uppercase() }))
        .await;
    assert_eq!(
        (taken.status, &taken.body["code"]),
        (409, &json!("login_taken"))
    );
    let own = world
        .put(&login("E-1001"), json!({ "login": "a@acme.example" }))
        .await;
    assert_eq!((own.status, &own.body["code"]), (409, &json!("self")));
    let no_address = world.put(&login(LENA), json!({ "login": "lena" })).await;
    assert_eq!(no_address.status, 422, "{}", no_address.body);
    let member = world
        .put(&login("E-1012"), json!({ "login": "x@acme.example" }))
        .await;
    assert_eq!(member.status, 422, "members have none: {}", member.body);

    let moved = world
        .put(&login(LENA), json!({ "login": "l@acme.example" }))
        .await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert_eq!(
        status_of(&world, &lena).await,
        403,
        "the old login is nobody's"
    );
    let new = world.token_of("L@acme.example");
    assert_eq!(status_of(&world, &new).await, 200);

    role(&world, LENA, json!({ "role": "member" })).await;
    assert_eq!(status_of(&world, &new).await, 403);
    assert_eq!(world.user(LENA).await["login"], Value::Null);
    let again = role(&world, LENA, json!({ "role": "admin" })).await;
    assert_eq!(again.body["login"], "l@acme.example", "the last they had");
    let entries = world.get(&format!("/users/{LENA}/history")).await;
    assert_eq!(entries["entries"][0]["login"], "l@acme.example");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_hr_changed_lately_is_bound_only_if_it_is_said() {
    let world = World::start().await;
    world
        .hr(LENA, "active", json!({ "email": "not.lena@acme.example" }))
        .await;
    let answer = role(&world, LENA, json!({ "role": "auditor" })).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (409, &json!("address_changed"))
    );
    let said = json!({ "role": "auditor", "login": LENA_MAIL });
    let answer = role(&world, LENA, said).await;
    assert_eq!(
        (answer.status, &answer.body["login"]),
        (200, &json!(LENA_MAIL))
    );
    // Somebody who is new has no changed address.
    world.hire(&["E-7001".to_owned()]).await;
    let answer = role(&world, "E-7001", json!({ "role": "admin" })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_counts_in_ascii_and_only_if_it_is_verified() {
    let world = World::start().await;
    let claims = |verified: Value| {
        let now = world.now().timestamp();
        let config = world.stack.identity();
        let token = config.issue(world.now(), ADA, Some(offramp_tests::ORG), &[]);
        let whole: Map<String, Value> = decoded(&token.unwrap());
        let mut whole = whole;
        whole.insert("iat".into(), json!(now));
        whole.insert("email_verified".into(), verified);
        config.sign(&whole).unwrap()
    };
    for (verified, status) in [
        (json!(true), 200),
        (json!("true"), 200),
        (json!(null), 200),
        (json!(false), 403),
        (json!("false"), 403),
        (json!("no"), 403),
        (json!(""), 403),
    ] {
        let token = claims(verified.clone());
        assert_eq!(status_of(&world, &token).await, status, "{verified}");
    }
    let upper = world.token_of("ADA.okafor@ACME.example");
    assert_eq!(status_of(&world, &upper).await, 200);
    // The Kelvin sign is no k.
    let kelvin = "ada.o\u{212a}afor@acme.example";
    assert_eq!(status_of(&world, &world.token_of(kelvin)).await, 403);
    let access = world.get(&format!("/access?email={kelvin}")).await;
    assert_eq!(access["access"], "revoked");
    world.end().await;
}

fn decoded(token: &str) -> Map<String, Value> {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// Over the whole table of routes, so that none is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_may_get_everything_and_do_nothing() {
    let world = World::start().await;
    let answer = role(&world, LENA, json!({ "role": "auditor" })).await;
    assert_eq!(answer.body["role"], "auditor", "{}", answer.body);
    let member = world.user("E-1010").await["email"].clone();
    let (auditor, member) = (
        world.token_of(LENA_MAIL),
        world.token_of(member.as_str().unwrap()),
    );
    assert_eq!(role_of(&world, &auditor).await, "auditor");
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for row in admin::Route::ALL.iter().map(|route| route.row()) {
        if row.door == Door::Open {
            continue;
        }
        let path = row.path.replace("{org}", offramp_tests::ORG);
        let path = path.replace("{source}", "hris").replace("{id}", "E-1012");
        let path = path.replace('{', "x-").replace('}', "");
        let body = json!({});
        let status = async |token: &str| {
            let ask = world.ask(row.method, &path).token(token).json(&body);
            ask.send().await.status
        };
        let any = row.door == Door::AnyToken;
        let reads = row.method == "GET";
        *seen
            .entry(if reads { "reads" } else { "writes" })
            .or_default() += 1;
        assert_eq!(
            status(&auditor).await != 403,
            reads || any,
            "auditor {} {}",
            row.method,
            row.path
        );
        assert_eq!(
            status(&member).await != 403,
            any,
            "member {} {}",
            row.method,
            row.path
        );
    }
    assert!(seen["reads"] > 15 && seen["writes"] > 15, "{seen:?}");
    // Nothing has happened, and an auditor is told nothing but that they are one.
    assert_eq!(world.status("E-1012").await, "active");
    world.hr("E-1013", "inactive", json!({})).await;
    world.minutes(5).await;
    assert_eq!(world.subjects(LENA_MAIL), ["Who may do what has changed"]);
    // Whoever loses access is no auditor.
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(status_of(&world, &auditor).await, 403);
    world.end().await;
}

/// The logins in the item that knows the admins.
async fn logins(world: &World) -> Value {
    let items = world.scan(None).await;
    let admins = items.iter().find(|item| item["sk"]["S"] == "ADMINS");
    let attributes = admins.unwrap().as_object().unwrap().iter();
    let logins = attributes.filter_map(|(name, value)| {
        let login = name.strip_prefix("login#")?;
        let (id, _) = value["S"].as_str().unwrap().split_once('\u{1f}').unwrap();
        Some((login.to_owned(), json!(id)))
    });
    logins.collect::<Map<_, _>>().into()
}

/// Makes the item that knows the admins, and the users, as the releases before logins wrote them.
async fn before_logins(world: &World) {
    for mut item in world.scan(None).await {
        let sk = item["sk"]["S"].as_str().unwrap().to_owned();
        let members = item.as_object_mut().unwrap();
        match &*sk {
            "ADMINS" => members.retain(|name, _| !name.starts_with("login#")),
            "U" => {
                let data = members["data"]["S"].as_str().unwrap();
                let mut user: Value = serde_json::from_str(data).unwrap();
                user.as_object_mut().unwrap().remove("login");
                members["data"]["S"] = json!(user.to_string());
            }
            _ => continue,
        }
        world.put_item(&item).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_binds_the_addresses_which_hr_may_not_change_until_then() {
    let world = World::with(|config| {
        let form = ("StoredForm".to_owned(), "1".to_owned());
        config.parameters.extend([form]);
    })
    .await;
    // Two requests of an admin would bind them, so the other one looks.
    let machine = world.stack.token_for("login-page", offramp_tests::ORG, &[]);
    let machine = machine.unwrap();
    before_logins(&world).await;
    let look = async |id: &str| {
        let path = world.path(&format!("/users/{id}"));
        world.ask("GET", &path).token(&machine).ok().await
    };
    assert_eq!(logins(&world).await, json!({}));
    world
        .hr(
            "E-1002",
            "active",
            json!({ "email": LENA_MAIL, "team": "x" }),
        )
        .await;
    let otto = look("E-1002").await;
    assert_eq!((&otto["email"], &otto["team"]), (&json!(OTTO), &json!("x")));
    // The first sweep that has something to do binds them.
    world.hr("E-1012", "inactive", json!({})).await;
    world.delete_schedules("digest");
    world.hours(2).await;
    assert_eq!(look("E-1002").await["email"], LENA_MAIL);
    assert_eq!(
        logins(&world).await,
        json!({ ADA: "E-1001", OTTO: "E-1002" })
    );
    // All admins are told of both.
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "Who may do what has changed");
        let text: String = mails.into_iter().map(|mail| mail.text).collect();
        let text = text.replace('\u{2060}', "");
        for login in [ADA, OTTO] {
            let said = format!("signs in as {login}");
            assert_eq!(text.matches(&said).count(), 1, "{admin}: {text}");
        }
    }
    assert_eq!(status_of(&world, &world.token_of(LENA_MAIL)).await, 403);
    assert_eq!(status_of(&world, &world.token_of(OTTO)).await, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_of_an_admin_from_before_logins_binds_theirs() {
    let world = World::with(|config| {
        let form = ("StoredForm".to_owned(), "1".to_owned());
        config.parameters.extend([form]);
    })
    .await;
    before_logins(&world).await;
    assert_eq!(status_of(&world, &world.token).await, 200);
    assert_eq!(world.user("E-1001").await["login"], ADA);
    assert_eq!(world.user("E-1002").await["login"], Value::Null);
    assert_eq!(status_of(&world, &world.token_of(OTTO)).await, 200);
    assert_eq!(world.user("E-1002").await["login"], OTTO);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_lets_somebody_back_in_when_all_are_locked_out() {
    let world = World::start().await;
    let repair = |admin: Value, repair: bool| json!({ "offramp": "first_admin", "org": offramp_tests::ORG, "admin": admin, "repair": repair });
    let invoke = async |payload: Value| world.stack.invoke("admin:operator", payload).await;
    let back = json!({ "employee_id": "E-1002", "login": "back@acme.example" });
    let plain = invoke(repair(back.clone(), false)).await.unwrap();
    assert_eq!(plain["admin"]["outcome"], "unchanged");
    let made = invoke(repair(back.clone(), true)).await.unwrap();
    let expected =
        json!({ "employee_id": "E-1002", "outcome": "repaired", "login": "back@acme.example" });
    assert_eq!(made["admin"], expected);
    assert_eq!(status_of(&world, &world.token_of(OTTO)).await, 403);
    let token = world.token_of("back@acme.example");
    assert_eq!(status_of(&world, &token).await, 200);
    let again = invoke(repair(back, true)).await.unwrap();
    assert_eq!(again["admin"]["outcome"], "unchanged");
    // A member becomes an admin, with the address as the login; also with other admins about.
    let member = json!({ "employee_id": LENA, "email": LENA_MAIL });
    let made = invoke(repair(member, true)).await.unwrap();
    assert_eq!(
        (&made["admin"]["outcome"], &made["admin"]["login"]),
        (&json!("repaired"), &json!(LENA_MAIL))
    );
    assert_eq!(status_of(&world, &world.token_of(LENA_MAIL)).await, 200);
    let entries = world.get(&format!("/users/{LENA}/history")).await;
    assert_eq!(entries["entries"][0]["by"]["actor"], "operator");
    // Neither word nor address: what is known may be what locks everybody out.
    let unsaid = invoke(repair(json!({ "employee_id": "E-1002" }), true)).await;
    assert_eq!(unsaid.unwrap()["status"], 422);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_login_of_somebody_who_is_erased_is_free_and_known_no_more() {
    let world = World::start().await;
    let (id, login) = ("E-1012", "former.auditor@acme.example");
    let appointed = json!({ "role": "auditor", "login": login });
    let path = format!("/users/{id}/role");
    world.admin("PUT", &path).json(&appointed).ok().await;
    assert_eq!(logins(&world).await[login], id);
    world.hr(id, "inactive", json!({})).await;
    world.hours(73).await;
    let erase = json!({ "offramp": "erase_person", "org": offramp_tests::ORG, "employee_id": id });
    let erased = world.stack.invoke("apply:operator", erase).await.unwrap();
    assert_eq!(erased["done"], true, "{erased}");
    assert_eq!(logins(&world).await[login], Value::Null);
    let next = json!({ "role": "auditor", "login": login });
    world
        .admin("PUT", "/users/E-1013/role")
        .json(&next)
        .ok()
        .await;
    world.end().await;
}
