//! Finding people, adding them by hand, and what is known of them.

use offramp_tests::{LENA, World};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_by_how_name_address_or_id_begin_in_any_case() {
    let world = World::start().await;
    for (q, found) in [
        ("lena", LENA),
        ("LENA L", LENA),
        ("lena.lindqvist@", LENA),
        ("Lena.Lindqvist@ACME", LENA),
        ("e-1007", LENA),
        ("björk", "E-1024"),
        ("BJÖRK JÓN", "E-1024"),
        ("ÉLODIE", "E-1017"),
        ("nguyễn", "E-1025"),
        ("%20lena%20", LENA),
    ] {
        assert_eq!(world.find(&format!("?q={q}")).await, [found], "{q}");
    }
    assert_eq!(world.find("?q=lindqvist").await, [""; 0]);
    assert_eq!(world.find("?q=e-100").await.len(), 9);
    assert_eq!(world.find("?q=e-100&limit=4").await.len(), 4);
    assert_eq!(world.find("?q=lena&status=deactivated").await, [""; 0]);
    world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(world.find("?q=lena&status=active").await, [""; 0]);
    assert_eq!(
        world.find("?q=lena&status=deactivation_scheduled").await,
        [LENA]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_listed_once_page_by_page_in_the_order_of_names() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.admin("DELETE", "/users/E-1020").ok().await;
    let mut names = Vec::new();
    let mut query = "/users?limit=10".to_owned();
    let mut pages = 0;
    loop {
        let page = world.get(&query).await;
        let users = page["users"].as_array().unwrap();
        names.extend(
            users
                .iter()
                .map(|user| user["name"].as_str().unwrap().to_lowercase()),
        );
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("/users?limit=10&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!((names.len(), pages), (25, 3));
    assert!(names.is_sorted(), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), 25);
    assert_eq!(world.find("?status=active").await.len(), 23);
    assert_eq!(world.find("?status=deactivation_scheduled").await, [LENA]);
    assert_eq!(world.find("?status=deleted").await, ["E-1020"]);
    assert_eq!(world.find("?status=deactivated").await, [""; 0]);
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_for_its_own_query_only() {
    let world = World::start().await;
    let page = world.get("/users?limit=5&status=active").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    world
        .get(&format!("/users?limit=5&status=active&cursor={cursor}"))
        .await;
    for (query, pointer) in [
        (format!("limit=5&cursor={cursor}"), "/cursor"),
        (format!("limit=5&status=deleted&cursor={cursor}"), "/cursor"),
        (
            format!("limit=5&status=active&q=a&cursor={cursor}"),
            "/cursor",
        ),
        ("cursor=garbage".to_owned(), "/cursor"),
        ("cursor=%00%01".to_owned(), "/cursor"),
        ("limit=0".to_owned(), "/limit"),
        ("limit=100000".to_owned(), "/limit"),
        ("limit=ten".to_owned(), "/limit"),
        ("limit=-1".to_owned(), "/limit"),
        ("status=gone".to_owned(), "/status"),
    ] {
        let refused = world
            .admin("GET", &format!("/users?{query}"))
            .refused(422, "invalid")
            .await;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{query}");
    }
    let other = world.admin("GET", &format!("/users/E-1007/history?cursor={cursor}"));
    other.refused(422, "invalid").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_page_is_told_who_may_come_in() {
    let world = World::start().await;
    let access = async |path: &str| {
        let answer = world.get(path).await;
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        (text("access"), text("reason"))
    };
    let said = |access: &str, reason: &str| (access.to_owned(), reason.to_owned());
    let by_mail = "/access?email=Lena.Lindqvist@acme.EXAMPLE";
    let by_id = "/users/E-1007/access";
    for path in [by_mail, by_id] {
        assert_eq!(access(path).await, said("granted", "active"));
    }
    world.hr(LENA, "inactive", json!({})).await;
    for path in [by_mail, by_id] {
        assert_eq!(
            access(path).await,
            said("revoked", "deactivation_scheduled")
        );
    }
    world
        .admin("POST", "/users/E-1007/deactivate-now")
        .ok()
        .await;
    assert_eq!(access(by_mail).await, said("revoked", "deactivated"));
    world.admin("DELETE", "/users/E-1007").ok().await;
    assert_eq!(access(by_id).await, said("revoked", "deleted"));
    assert_eq!(
        access("/users/E-9999/access").await,
        said("revoked", "unknown")
    );
    assert_eq!(
        access("/access?email=nobody@acme.example").await,
        said("revoked", "unknown")
    );
    assert_eq!(
        access("/access?email=lena").await,
        said("revoked", "unknown")
    );
    world.admin("GET", "/access").refused(422, "invalid").await;
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_whom_hr_does_not_know_is_added_by_hand() {
    let world = World::start().await;
    let new = json!({ "employee_id": "C-1", "name": "Ända Weiß", "email": "a@b.example", "role": "admin", "birthday": "02-29" });
    let add = || {
        world
            .admin("POST", "/users")
            .header("idempotency-key", "k")
            .json(&new)
    };
    let added = add().send().await;
    assert_eq!((added.status, added.etag.as_deref()), (201, Some("\"1\"")));
    for (field, value) in [
        ("status", "active"),
        ("access", "granted"),
        ("role", "admin"),
        ("name", "Ända Weiß"),
    ] {
        assert_eq!(added.body[field], value);
    }
    let again = add().send().await;
    assert_eq!(
        (again.status, &again.text, &again.etag),
        (201, &added.text, &added.etag)
    );
    world
        .admin("POST", "/users")
        .json(&new)
        .refused(409, "exists")
        .await;
    assert_eq!(world.find("?q=ÄNDA").await, ["C-1"]);
    assert_eq!(world.user("C-1").await["hr"], Value::Null);
    world
        .ask("GET", &world.path("/settings"))
        .token(&world.token_of("a@b.example"))
        .ok()
        .await;
    // HR comes to know them: it adopts them.
    let known = world.hr("C-1", "active", json!({ "team": "Legal" })).await;
    assert_eq!(known["outcome"], "updated");
    assert_eq!(world.user("C-1").await["name"], "Ända Weiß");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_new_user_is_pointed_out() {
    let world = World::start().await;
    for (field, value) in [
        ("employee_id", json!("")),
        ("employee_id", json!(7)),
        ("email", json!("nobody")),
        ("birthday", json!("02-30")),
        ("start_date", json!("2026-1-1")),
        ("role", json!("owner")),
        ("name", json!("x".repeat(257))),
        ("salary", json!(1)),
    ] {
        let mut new = json!({ "employee_id": "C-1" });
        new[field] = value;
        let refused = world
            .admin("POST", "/users")
            .json(&new)
            .refused(422, "invalid")
            .await;
        assert_eq!(
            refused["errors"][0]["pointer"],
            format!("/{field}"),
            "{refused}"
        );
    }
    world
        .admin("POST", "/users")
        .json(&json!({}))
        .refused(422, "invalid")
        .await;
    world
        .admin("GET", "/users/C-1")
        .refused(404, "not_found")
        .await;
    world
        .admin("GET", "/users/C-1/history")
        .refused(404, "not_found")
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_a_chain_from_the_newest_to_the_first_with_who_and_why() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(1).await;
    world.hr(LENA, "active", json!({ "team": "Back" })).await;
    world
        .admin("POST", "/users/E-1007/deactivate-now")
        .ok()
        .await;
    world.admin("DELETE", "/users/E-1007").ok().await;
    world.admin("POST", "/users/E-1007/restore").ok().await;
    let history = world.history(LENA).await;
    let user = world.user(LENA).await;
    assert_eq!(history[0]["version"], user["version"]);
    assert_eq!(history[0]["to"], user["status"]);
    for pair in history.windows(2) {
        let version = |entry: &Value| entry["version"].as_u64().unwrap();
        assert_eq!(version(&pair[0]), version(&pair[1]) + 1);
        assert_eq!(pair[0]["from"], pair[1]["to"]);
        assert!(pair[0]["at"].as_str() >= pair[1]["at"].as_str());
    }
    let first = history.last().unwrap();
    assert_eq!(
        (&first["version"], &first["what"], first.get("from")),
        (&json!(1), &json!("created"), None)
    );
    let of = |what: &str| history.iter().find(|entry| entry["what"] == what).unwrap();
    assert_eq!(of("scheduled")["cause"], "hr");
    assert_eq!(of("scheduled")["by"]["source"], "hris");
    assert_eq!(of("reactivated")["fields"], json!(["team"]));
    assert_eq!(of("deactivated")["cause"], "admin");
    assert_eq!(of("deleted")["by"]["employee_id"], "E-1001");
    assert_eq!(of("restored")["by"]["subject"], offramp_tests::ADA);
    // Page by page it is the same.
    let mut paged = Vec::new();
    let mut path = "/users/E-1007/history?limit=4".to_owned();
    loop {
        let page = world.get(&path).await;
        paged.extend(page["entries"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/users/E-1007/history?limit=4&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(paged, history);
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_employee_id_may_hold_any_character_that_is_none_of_control() {
    let world = World::start().await;
    for (n, id) in [
        "A/B", "a b", "Ü#U#1", "100%", "E?x=1&y", "\u{e9}", "..", "A+B", "%2F",
    ]
    .iter()
    .enumerate()
    {
        let result = world
            .hr(id, "active", json!({ "name": format!("Odd {n}") }))
            .await;
        assert_eq!(result["outcome"], "created", "{id}");
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        // Clients and proxies take dots out of paths, whatever they are written as.
        if *id != ".." {
            let user = world.user(&encoded).await;
            assert_eq!(
                (&user["employee_id"], &user["name"]),
                (&json!(id), &json!(format!("Odd {n}")))
            );
            world
                .admin("POST", &format!("/users/{encoded}/deactivate-now"))
                .ok()
                .await;
            assert_eq!(world.access(&encoded).await, "revoked", "{id}");
        }
        assert_eq!(world.find(&format!("?q=Odd {n}")).await, [*id]);
    }
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_that_of_whoever_is_here_also_where_somebody_came_back_under_another_id() {
    let world = World::start().await;
    let shared = json!({ "email": "desk@acme.example" });
    world.hr("X-1", "active", shared.clone()).await;
    world.hr("X-2", "active", shared).await;
    let access = async || world.get("/access?email=desk@acme.example").await["access"].clone();
    assert_eq!(access().await, "granted");
    world.hr("X-1", "inactive", json!({})).await;
    assert_eq!(access().await, "granted");
    world.hr("X-2", "inactive", json!({})).await;
    assert_eq!(access().await, "revoked");
    // Whoever is added by hand gives it back, and whoever adds them is told whose it is too.
    let third = json!({ "employee_id": "X-3", "email": "Desk@acme.example" });
    let added = world.admin("POST", "/users").json(&third).ok().await;
    assert_eq!(added["note"], "this is the address of X-1, X-2 too");
    assert_eq!(access().await, "granted");
    let alone = json!({ "employee_id": "X-4", "email": "x-4@acme.example" });
    let added = world.admin("POST", "/users").json(&alone).ok().await;
    assert!(added.get("note").is_none(), "{added}");
    world.end().await;
}
