//! Every list is in pages, and its cursors are good for its own organisation and query.

use std::collections::BTreeSet;

use offramp_tests::World;
use serde_json::{Value, json};

/// The values of a field over all the pages, each with at most `limit` rows, and the cursors between them.
async fn walk(world: &World, path: &str, rows: &[&str], limit: usize) -> (Vec<Value>, Vec<String>) {
    let sign = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{sign}limit={limit}");
    let (mut next, mut found, mut cursors) = (first.clone(), Vec::new(), Vec::new());
    loop {
        let page = world.admin("GET", &next).ok().await;
        let lists = rows.iter().map(|name| page[*name].as_array().unwrap());
        let here: Vec<Value> = lists.flatten().cloned().collect();
        assert!(here.len() <= limit, "{path}: {page}");
        found.extend(here);
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{first}&cursor={cursor}"),
            None => return (found, cursors),
        }
        cursors.push(page["next_cursor"].as_str().unwrap().to_owned());
    }
}

/// An admin hires people who share the beginning of their names, addresses or ids.
async fn hire(world: &World) {
    for n in 0..7 {
        let (name, email) = match n % 3 {
            0 => (format!("Zoe {n}"), format!("p{n}@acme.example")),
            1 => (format!("Ann {n}"), format!("zoe{n}@acme.example")),
            _ => (format!("Zoe {n}"), format!("zoe{n}@acme.example")),
        };
        let id = if n == 6 {
            "zoe-6".to_owned()
        } else {
            format!("Q-{n}")
        };
        let user = json!({ "employee_id": id, "name": name, "email": email, "start_date": "2020-03-02",
                           "birthday": "03-02" });
        world.admin("POST", "/users").json(&user).ok().await;
    }
    let last = json!({ "employee_id": "zoe-7", "name": "Ben" });
    world.admin("POST", "/users").json(&last).ok().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_on_until_everybody_is_found_once() {
    let world = World::start().await;
    hire(&world).await;
    let (all, _) = walk(&world, "/users?q=zoe", &["users"], 97).await;
    let names = |users: &[Value]| -> Vec<String> {
        let id = |user: &Value| user["employee_id"].as_str().unwrap().to_owned();
        users.iter().map(id).collect()
    };
    // By name, then by address, then by id.
    let wanted = ["Q-0", "Q-2", "Q-3", "Q-5", "zoe-6", "Q-1", "Q-4", "zoe-7"];
    assert_eq!(names(&all), wanted);
    for limit in 1..5 {
        let (found, cursors) = walk(&world, "/users?q=zoe", &["users"], limit).await;
        assert_eq!(names(&found), wanted, "{limit} on a page");
        assert!(!cursors.is_empty());
    }
    // A status narrows the search, and never hides whom a later page has.
    world.admin("DELETE", "/users/Q-5").ok().await;
    let (deleted, _) = walk(&world, "/users?q=zoe&status=deleted", &["users"], 1).await;
    assert_eq!(names(&deleted), ["Q-5"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_list_is_in_pages_of_its_own() {
    let world = World::start().await;
    hire(&world).await;
    for n in 0..3 {
        let card = json!({ "label": format!("Card {n}"), "kind": "virtual", "last4": "4242" });
        world
            .admin("POST", "/users/Q-1/cards")
            .json(&card)
            .ok()
            .await;
        let title = json!({ "title": format!("Objective {n}") });
        world
            .admin("POST", "/users/Q-1/objectives")
            .json(&title)
            .ok()
            .await;
        let source = json!({ "source": format!("source-{n}") });
        world.admin("POST", "/sources").json(&source).ok().await;
    }
    let lists: &[(&str, &[&str])] = &[
        ("/users", &["users"]),
        ("/users?q=zoe", &["users"]),
        ("/users/Q-1/cards", &["cards"]),
        ("/users/Q-1/objectives", &["objectives"]),
        ("/users/Q-1/history", &["entries"]),
        ("/dashboard/objectives", &["objectives"]),
        ("/feeds/celebrating", &["birthdays", "anniversaries"]),
        ("/sources", &["sources"]),
        ("/audit", &["entries"]),
    ];
    let mut cursors = Vec::new();
    for (path, rows) in lists {
        let (all, _) = walk(&world, path, rows, 90).await;
        let (parts, between) = walk(&world, path, rows, 2).await;
        assert_eq!(parts, all, "{path}");
        let different: BTreeSet<String> = parts.iter().map(Value::to_string).collect();
        assert!(different.len() > 2, "{path}");
        cursors.push((path, between[0].clone()));
    }
    for (path, _) in lists {
        for (own, cursor) in cursors.iter().filter(|(own, _)| own != &path) {
            let sign = if path.contains('?') { '&' } else { '?' };
            let there = format!("{path}{sign}cursor={cursor}");
            let refused = world.admin("GET", &there).refused(422, "invalid").await;
            assert_eq!(
                refused["errors"][0]["pointer"], "/cursor",
                "{own} at {path}"
            );
        }
    }
    // The same list of somebody else, or of another day, is another query.
    for (_, cursor) in &cursors {
        for path in [
            "/users/Q-2/cards",
            "/users/Q-2/history",
            "/users/Q-2/objectives",
            "/feeds/celebrating?on=2026-03-03",
        ] {
            let sign = if path.contains('?') { '&' } else { '?' };
            world
                .admin("GET", &format!("{path}{sign}cursor={cursor}"))
                .refused(422, "invalid")
                .await;
        }
    }
    world.end().await;
}

/// Whoever asks for all since long ago gets it in pages, however many days nothing happened on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_since_long_ago_ends_at_today() {
    let world = World::start().await;
    let (recent, _) = walk(&world, "/audit", &["entries"], 97).await;
    let since = "/audit?since=2025-11-01T00:00:00Z";
    let (all, cursors) = walk(&world, since, &["entries"], 97).await;
    assert_eq!(all, recent);
    assert!(!cursors.is_empty(), "31 days on a page: {cursors:?}");
    let old = world
        .admin("GET", "/audit?since=0001-01-01T00:00:00Z")
        .ok()
        .await;
    assert_eq!(old["entries"], json!([]));
    assert!(old["next_cursor"].is_string());
    for bad in ["", "yesterday", "2026-03-02"] {
        let path = format!("/audit?since={bad}");
        let refused = world.admin("GET", &path).refused(422, "invalid").await;
        assert_eq!(refused["errors"][0]["pointer"], "/since");
    }
    world.end().await;
}
