//! `dry_run`: the same answer as in earnest, nothing written, nobody mailed. And how many are in a hold.

use offramp_tests::{LENA, World, numbered};
use serde_json::{Value, json};

/// Everything stored but what passes by itself: the writing of the sweep, and pending questions.
async fn stored(world: &World) -> Vec<String> {
    let mut items: Vec<String> = world
        .scan(None)
        .await
        .iter()
        .map(Value::to_string)
        .collect();
    items.sort();
    items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_can_be_tried_and_then_does_what_it_said() {
    for (when, by_hand) in [("grace", false), ("now", false), ("grace", true)] {
        let world = World::start().await;
        if by_hand {
            // Where there is one admin more, who may go is the same for a list as for its rehearsal.
            let role = json!({ "role": "admin" });
            world
                .admin("PUT", "/users/E-1003/role")
                .json(&role)
                .ok()
                .await;
        }
        world.hr("E-1020", "inactive", json!({})).await;
        let body = |dry_run: bool| {
            json!({ "when": when, "then": "delete", "dry_run": dry_run, "leavers": [
                { "employee_id": LENA },
                { "employee_id": "E-1012", "leave_date": "2026-03-31" },
                { "employee_id": "E-1013", "leave_date": "2026-03-31" },
                { "employee_id": "E-1013", "leave_date": "2026-03-02" },
                { "employee_id": "E-1014" },
                { "email": "diego.fuentes@acme.example" },
                { "employee_id": "E-1015", "email": "diego.fuentes@acme.example" },
                { "employee_id": "E-1016", "leave_date": "2206-03-31" },
                { "email": "nobody@acme.example" },
                { "employee_id": "E-1020" },
                { "employee_id": "E-1001" },
                { "employee_id": "E-1002" },
                { "employee_id": "E-1003" },
                { "leave_date": "2026-03-31" },
            ] })
        };
        let before = stored(&world).await;
        let (timers, mails) = (
            world.stack.cloud().scheduler().schedules().len(),
            world.mails().len(),
        );
        let tried = world.post("/leavers", body(true)).await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        assert_eq!(stored(&world).await, before, "nothing is written");
        let after = world.stack.cloud().scheduler().schedules().len();
        assert_eq!(
            (after, world.mails().len()),
            (timers, mails),
            "no timer, no mail"
        );
        let done = world.post("/leavers", body(false)).await;
        assert_eq!(done.body, tried.body, "{when}");
        let again = world.post("/leavers", body(true)).await;
        assert_eq!(
            again.body["results"][0]["outcome"], "already_left",
            "{}",
            again.text
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_csv_can_be_tried_and_a_slip_is_not_done_in_earnest() {
    let world = World::start().await;
    let csv = format!("employee_id\n{LENA}\n");
    let ask = |path: &str| {
        world
            .admin("POST", path)
            .bytes_of("text/csv", csv.clone().into())
    };
    let tried = ask("/leavers?dry_run=true").ok().await;
    assert_eq!(tried["results"][0]["outcome"], "scheduled");
    assert_eq!(world.status(LENA).await, "active");
    for slip in [
        "/leavers?dryRun=true",
        "/leavers?dry_run=yes",
        "/leavers?dry_run=",
    ] {
        ask(slip).refused(422, "invalid").await;
    }
    let slip = json!({ "leavers": [{ "employee_id": LENA }], "dryRun": true });
    assert_eq!(world.post("/leavers", slip).await.status, 422);
    assert_eq!(world.status(LENA).await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_settings_can_be_tried_without_a_question() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world
        .hr("E-1012", "active", json!({ "leave_date": "2026-03-01" }))
        .await;
    world.minutes(5).await;
    for (patch, touched) in [
        (
            json!({ "deactivation_sync": { "enabled": false } }),
            vec![LENA],
        ),
        (json!({ "leave_dates": "all" }), vec!["E-1012"]),
        (json!({ "safeguards": { "max_users": 900 } }), vec![]),
        (json!({ "invitations": "all" }), vec![]),
        (json!({}), vec![]),
    ] {
        let before = stored(&world).await;
        let mut dry = patch.clone();
        dry["dry_run"] = json!(true);
        let tried = world.patch("/settings", dry).await;
        assert_eq!(tried.status, 200, "{}", tried.text);
        assert_eq!(tried.body["users"], json!(touched), "{patch}");
        assert_eq!(tried.body["affected"], touched.len());
        assert_eq!(stored(&world).await, before, "{patch}");
        let by_query = world.patch("/settings?dry_run=true", patch.clone()).await;
        assert_eq!(by_query.body, tried.body);
    }
    let wrong = json!({ "dry_run": true, "deactivation_sync": { "delay_days": 9 } });
    assert_eq!(world.patch("/settings", wrong).await.status, 422);
    let odd = json!({ "dry_run": "yes", "invitations": "all" });
    assert_eq!(world.patch("/settings", odd).await.status, 422);
    // In earnest it is asked first, and does what was said.
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let mut dry = off.clone();
    dry["dry_run"] = json!(true);
    let tried = world.patch("/settings", dry).await.body;
    assert_eq!(world.confirm(&off).await, tried);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_says_how_many_are_in_it_now() {
    let world = World::start().await;
    let ids = numbered("P", 60);
    world.hire(&ids).await;
    world.dismiss(&ids).await;
    let hold = async |people: u64, left: u64| {
        let holds = world.get("/holds").await;
        let of_list = holds["holds"][0].clone();
        let path = format!("/holds/{}", of_list["hold_id"].as_str().unwrap());
        let one = world.get(&path).await;
        for hold in [&of_list, &one] {
            assert_eq!(
                (&hold["people"], &hold["left"]),
                (&json!(people), &json!(left)),
                "{hold}"
            );
        }
        // The figures by which it was opened stay; beside them are those of now.
        assert_eq!(one["figures"]["people"], 60, "{one}");
        let open = one["state"] == "open";
        let now = match open {
            true => json!(left),
            false => Value::Null,
        };
        assert_eq!(one["figures_now"]["people"], now, "{one}");
        if let Some(user) = one["users"].get(0) {
            assert_eq!(user["role"], "member", "{user}");
            for field in ["email", "department", "manager_id"] {
                assert!(user.get(field).is_some(), "{user}");
            }
        }
        assert!(one["run_id"].as_str().unwrap().starts_with("run_"), "{one}");
        (path, one["version"].as_u64().unwrap())
    };
    hold(60, 60).await;
    // HR takes one back, who then joins again; an admin rejects two, and approves the others.
    world.hr(&ids[0], "active", json!({})).await;
    hold(60, 59).await;
    world.minutes(1).await;
    world.hr(&ids[0], "inactive", json!({})).await;
    let (path, version) = hold(61, 60).await;
    let some = json!({ "employee_ids": ids[..2] });
    let answered = world
        .post_if(&format!("{path}/reject"), version, some)
        .await;
    assert_eq!(answered.body["left"], 58, "{}", answered.text);
    let (path, version) = hold(61, 58).await;
    let answered = world
        .post_if(&format!("{path}/approve"), version, json!({}))
        .await;
    assert_eq!(
        (answered.status, &answered.body["left"]),
        (200, &json!(0)),
        "{}",
        answered.text
    );
    hold(61, 0).await;
    world.minutes(5).await;
    world.end().await;
}
