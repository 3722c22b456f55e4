//! One rule says whom the sync may touch.

use offramp_tests::{ADA, Answer, LENA_MAIL, World, event, texts};
use serde_json::{Value, json};

/// Lena, Marcus and all of Sales are no matter of the sync.
const NOT_SALES: &str = "employee.department != \"Sales\"";

async fn saved(world: &World, active: &str) -> Value {
    let reply = world.rule(active).await;
    assert_eq!(reply.status, 200, "{active}: {}", reply.body);
    reply.body
}

async fn tried(world: &World, active: &str, employees: Value) -> Answer {
    world
        .post(
            "/sync-rules/test",
            json!({ "active": active, "employees": employees }),
        )
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_that_people_write_are_taken() {
    let world = World::start().await;
    assert_eq!(world.get("/sync-rules").await["active"], "true");
    for active in [
        "employee.employee_id in [\"E-7\",\"E-9\"]",
        "employee.department != \"Contractors\"",
        "employee.email.endsWith(\"@example.com\")",
        "!has(employee.team) || employee.team.startsWith(\"Field\")",
        "has(employee.email) && employee.email.contains(\"@\") && size(employee.employee_id) > 2",
        "",
        "true",
    ] {
        let body = saved(&world, active).await;
        assert_eq!(body["active"], active);
        assert_eq!(world.get("/sync-rules").await["active"], active);
    }
    assert_eq!(world.get("/sync-rules").await["version"], 7);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_rule_is_refused_with_the_position_of_its_error() {
    let world = World::start().await;
    let nested = "[1].all(a, ".repeat(8) + "true" + &")".repeat(8);
    for (active, place, word) in [
        ("employee.department ==", "line 1", ""),
        (
            "true &&\n  employee.departmnt == \"Sales\"",
            "line 2, column 3",
            "departmnt",
        ),
        (
            "employee.status == \"active\"",
            "line 1, column 1",
            "status",
        ),
        (
            "employee.name.matches(\"(a+)+\")",
            "line 1, column 15",
            "matches",
        ),
        ("[1, 2].exists(n, n == 1)", "line 1, column 8", "exists"),
        (nested.as_str(), "line 1", "all"),
        ("employee.department", "line 1", "true or false"),
        ("employee.name == 3", "line 1", ""),
    ] {
        for reply in [
            world.rule(active).await,
            tried(&world, active, json!([])).await,
        ] {
            assert_eq!(reply.status, 422, "{active}: {}", reply.body);
            let error = &reply.body["errors"][0];
            assert_eq!(error["pointer"], "/active", "{active}");
            let detail = error["detail"].as_str().unwrap();
            assert!(
                detail.contains(place) && detail.contains(word),
                "{active}: {detail}"
            );
        }
    }
    let reply = world.put("/sync-rules", json!({ "activ": "true" })).await;
    assert_eq!(reply.status, 422);
    assert_eq!(world.get("/sync-rules").await["active"], "true");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_rule_leaves_out_the_sync_neither_creates_updates_deactivates_nor_restores() {
    let world = World::start().await;
    world.remove("E-1013").await;
    world.post("/users/E-1014/deactivate-now", json!({})).await;
    world.mailed().await;
    let mails = world.mails().len();
    saved(&world, NOT_SALES).await;
    world.hours(1).await;
    let now = world.now();
    let sales = |id: &str, status, fields: Value| event(now, id, status, fields);
    let reply = world
        .deliver(json!([
            sales("N-1", "active", json!({ "department": "Sales" })),
            sales("E-1007", "inactive", json!({ "name": "Lena M. Lindqvist" })),
            sales("E-1012", "active", json!({ "team": "Elsewhere" })),
            sales("E-1013", "active", json!({ "name": "Mia X. Novak" })),
            sales("E-1014", "inactive", json!({})),
            sales("E-1008", "inactive", json!({})),
        ]))
        .await;
    let outcomes: Vec<_> = reply.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "excluded",
            "excluded",
            "excluded",
            "excluded",
            "excluded",
            "scheduled"
        ]
    );
    world.hours(1).await;
    assert_eq!(
        world.hr("E-1014", "active", json!({})).await["outcome"],
        "excluded"
    );
    world.hours(72).await;
    let unknown = world.admin("GET", "/users/N-1");
    unknown.refused(404, "not_found").await;
    let lena = world.user("E-1007").await;
    assert_eq!(lena["status"], "active");
    assert_eq!(lena["name"], "Lena Lindqvist");
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.user("E-1012").await["team"], "Field Sales");
    assert_eq!(world.status("E-1013").await, "deleted");
    assert_eq!(world.status("E-1014").await, "deactivated");
    assert_eq!(world.status("E-1008").await, "deactivated");
    // Of all that, the two admins are told of the rule, and of Samuel only: scheduled, and then deactivated.
    assert_eq!(world.mails().len(), mails + 6);
    // An admin still may.
    let reply = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert_eq!(reply.body["cards_cancelled"], 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_is_held_against_the_merged_record() {
    let world = World::start().await;
    saved(&world, NOT_SALES).await;
    world.hours(1).await;
    // The event does not say the department; the record does.
    assert_eq!(
        world.hr("E-1007", "inactive", json!({})).await["outcome"],
        "excluded"
    );
    world.hours(1).await;
    // Whoever moves out of Sales is in the sync again. What was said before is not made up for; the next word counts.
    let moved = json!({ "department": "Finance" });
    assert_eq!(
        world.hr("E-1007", "inactive", moved).await["outcome"],
        "updated"
    );
    world.minutes(1).await;
    world.hr("E-1007", "active", json!({})).await;
    world.minutes(1).await;
    assert_eq!(
        world.hr("E-1007", "inactive", json!({})).await["outcome"],
        "scheduled"
    );
    world.hours(1).await;
    // And whoever moves into it falls out of it: their schedule is undone.
    let back = json!({ "department": "Sales" });
    assert_eq!(
        world.hr("E-1007", "inactive", back).await["outcome"],
        "excluded"
    );
    world.hours(80).await;
    assert_eq!(
        world.state("E-1007").await,
        ("active".into(), "granted".into())
    );
    assert_eq!(world.alive("E-1007").await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_scheduled_and_falls_out_is_active_again_and_the_answer_names_them() {
    let world = World::start().await;
    for id in ["E-1007", "E-1015", "E-1008"] {
        assert_eq!(
            world.hr(id, "inactive", json!({})).await["outcome"],
            "scheduled"
        );
    }
    let reply = world
        .post(
            "/leavers",
            json!({ "leavers": [{ "employee_id": "E-1016" }] }),
        )
        .await;
    assert_eq!(reply.body["results"][0]["outcome"], "scheduled");
    world.hours(1).await;
    let body = saved(&world, NOT_SALES).await;
    assert_eq!(texts(&body["reactivated"]), ["E-1007", "E-1015"]);
    assert!(body["note"].as_str().unwrap().contains("active again"));
    assert_eq!(
        world.state("E-1007").await,
        ("active".into(), "granted".into())
    );
    assert_eq!(world.schedules("deactivate").len(), 2);
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.status("E-1008").await, "deactivated");
    assert_eq!(
        world.status("E-1016").await,
        "deactivated",
        "an admin's wish is no matter of the sync"
    );
    let entry = &world.get("/users/E-1007/history").await["entries"][0];
    assert_eq!(entry["what"], "reactivated");
    assert_eq!(entry["by"]["actor"], "rule_changed");
    // Nothing comes of the rule's end: an unchanged record is no mutation.
    assert_eq!(texts(&saved(&world, "true").await["reactivated"]).len(), 0);
    assert_eq!(
        world.hr("E-1007", "inactive", json!({})).await["outcome"],
        "unchanged"
    );
    assert_eq!(world.status("E-1007").await, "active");
    assert!(world.subjects(LENA_MAIL).is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_by_hrs_date_and_falls_out_is_named_too() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2026-03-01" }))
        .await;
    assert_eq!(result["outcome"], "scheduled", "{result}");
    let body = saved(&world, NOT_SALES).await;
    assert_eq!(world.status("E-1007").await, "active");
    assert_eq!(texts(&body["reactivated"]), ["E-1007"]);
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_shows_who_would_fall_out_and_changes_nothing() {
    let world = World::start().await;
    let reply = tried(
        &world,
        NOT_SALES,
        json!([
            { "employee_id": "X-1", "department": "Sales" },
            { "employee_id": "X-2", "department": "Finance", "status": "inactive" },
            { "employee_id": "X-3" },
            { "employee_id": "E-1007" },
            { "employee_id": "E-1008" },
            { "employee_id": "X-4", "colour": "blue" },
            { "department": "Sales" },
        ]),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let results = reply.body["results"].as_array().unwrap();
    let active: Vec<_> = results.iter().map(|one| one["active"].as_bool()).collect();
    assert_eq!(
        active,
        [
            Some(false),
            Some(true),
            Some(true),
            Some(false),
            Some(true),
            None,
            None
        ]
    );
    assert_eq!(results[3]["employee_id"], "E-1007");
    assert!(results[5]["error"].as_str().unwrap().contains("colour"));
    assert!(
        results[6]["error"]
            .as_str()
            .unwrap()
            .contains("employee_id")
    );
    assert_eq!(world.get("/sync-rules").await["active"], "true");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_fields_are_null_and_has_tells() {
    let world = World::start().await;
    let employees = json!([{ "employee_id": "X-1" }, { "employee_id": "X-2", "team": null }]);
    for (active, expected) in [
        ("employee.team == null", Some(true)),
        ("employee.team != \"Sales\"", Some(true)),
        ("employee.team in [\"Sales\"]", Some(false)),
        ("has(employee.team)", Some(false)),
        (
            "has(employee.team) && employee.team.startsWith(\"S\")",
            Some(false),
        ),
        (
            "!has(employee.team) || employee.team.startsWith(\"S\")",
            Some(true),
        ),
        ("employee.team.startsWith(\"S\")", None),
    ] {
        let reply = tried(&world, active, employees.clone()).await;
        for one in reply.body["results"].as_array().unwrap() {
            assert_eq!(one["active"].as_bool(), expected, "{active}: {one}");
            if expected.is_none() {
                assert!(one["error"].as_str().unwrap().contains("team"), "{one}");
            }
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_do_not_overwrite_each_others_rule() {
    let world = World::start().await;
    let call = |tag: &str, active: &str| {
        let body = json!({ "active": active });
        let ask = world.admin("PUT", "/sync-rules").json(&body);
        ask.header("if-match", tag).send()
    };
    let read = world.admin("GET", "/sync-rules").send().await;
    let tag = read.etag.unwrap();
    let first = call(&tag, NOT_SALES).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let second = call(&tag, "employee.department != \"Finance\"").await;
    assert_eq!(second.status, 412);
    assert_eq!(second.body["code"], "version_mismatch");
    assert_eq!(world.get("/sync-rules").await["active"], NOT_SALES);
    let third = call(&first.etag.unwrap(), "true").await;
    assert_eq!(third.status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_fails_on_one_employee_rejects_that_record_and_the_others_apply() {
    let world = World::start().await;
    saved(&world, "employee.email.endsWith(\"@acme.example\")").await;
    world.hours(1).await;
    let now = world.now();
    let reply = world
        .deliver(json!([
            event(now, "E-1007", "inactive", json!({ "email": null })),
            event(now, "E-1008", "inactive", json!({})),
            event(now, "N-1", "active", json!({ "name": "No Address" })),
        ]))
        .await;
    let results = &reply.body["results"];
    assert_eq!(results[0]["outcome"], "rejected");
    assert!(
        results[0]["reason"].as_str().unwrap().contains("email"),
        "{results}"
    );
    assert_eq!(results[1]["outcome"], "scheduled");
    assert_eq!(results[2]["outcome"], "rejected");
    let lena = world.user("E-1007").await;
    assert_eq!(lena["status"], "active");
    assert_eq!(lena["email"], LENA_MAIL);
    assert_eq!(lena["hr"]["status"], "active", "it touches nothing");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_comes_to_fail_on_somebody_scheduled_leaves_their_cards_alive_until_it_is_mended()
 {
    let world = World::start().await;
    world.hr("E-1007", "inactive", json!({})).await;
    let body = saved(&world, "employee.leave_date < \"2030-01-01\"").await;
    assert_eq!(texts(&body["reactivated"]).len(), 0);
    world.hours(73).await;
    assert_eq!(world.status("E-1007").await, "deactivation_scheduled");
    assert_eq!(world.access("E-1007").await, "revoked");
    assert_eq!(world.alive("E-1007").await, 3);
    let why = world.get("/users/E-1007/explain").await;
    let codes: Vec<_> = why["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert!(codes.contains(&&json!("rule_fails")), "{why}");
    saved(&world, "true").await;
    world.minutes(15).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.mails_to(ADA, "deactivated").len(), 1);
    world.end().await;
}
