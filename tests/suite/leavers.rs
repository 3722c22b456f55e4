//! A list of leavers is handed in at once, and every row is answered.

mod dates;
mod files;
mod people;
mod then;

use offramp_tests::{ADA, Answer, LENA_MAIL, MARCUS_MAIL, OTTO, World};
use serde_json::{Value, json};

async fn hand_in(world: &World, leavers: Value, when: Option<&str>) -> Answer {
    let mut body = json!({ "leavers": leavers });
    if let Some(when) = when {
        body["when"] = json!(when);
    }
    world.post("/leavers", body).await
}

/// Hands in a file as it is.
async fn csv(world: &World, query: &str, file: impl Into<Vec<u8>>) -> (u16, Value) {
    let ask = world.admin("POST", &format!("/leavers{query}"));
    let ask = ask.bytes_of("text/csv; charset=utf-8", file.into());
    let answer = ask.send().await;
    (answer.status, answer.body)
}

/// Row, whom, and what became of it; a question mark for nobody.
fn rows(body: &Value) -> Vec<(u64, &str, &str)> {
    let results = body["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{body}"));
    results
        .iter()
        .map(|one| {
            (
                one["row"].as_u64().unwrap(),
                one["employee_id"].as_str().unwrap_or("?"),
                one["outcome"].as_str().unwrap(),
            )
        })
        .collect()
}

fn reason(body: &Value, at: usize) -> &str {
    body["results"][at]["reason"]
        .as_str()
        .unwrap_or_else(|| panic!("row {at} of {body} has no reason"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_a_json_list_gets_its_own_answer() {
    let world = World::start().await;
    world.hours(1).await;
    for id in ["N-1", "N-2"] {
        world
            .hr(id, "active", json!({ "email": "shared@acme.example" }))
            .await;
    }
    world.hr("E-1009", "inactive", json!({})).await;
    world.remove("E-1013").await;
    world.post("/users/E-1014/deactivate-now", json!({})).await;
    let reply = hand_in(
        &world,
        json!([
            { "employee_id": "E-1007" },
            { "email": "Samuel.ADEYEMI@acme.example" },
            { "employee_id": "E-1015", "leave_date": "2026-12-31" },
            { "employee_id": "E-1016", "leave_date": "2026-03-01" },
            { "employee_id": "E-1009" },
            { "employee_id": "E-1013" },
            { "email": "diego.fuentes@acme.example" },
            { "employee_id": "E-9999" },
            { "email": "nobody@acme.example" },
            { "email": "shared@acme.example" },
            { "employee_id": "E-1017", "email": LENA_MAIL },
            { "employee_id": "E-1018", "leave_date": "31.12.2026" },
            { "employee_id": "E-1019", "why": "retires" },
            { "employee_id": "E-1001" },
            "E-1020",
            {},
        ]),
        None,
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(
        rows(&reply.body),
        [
            (1, "E-1007", "scheduled"),
            (2, "E-1008", "scheduled"),
            (3, "E-1015", "planned"),
            (4, "E-1016", "scheduled"),
            (5, "E-1009", "already_left"),
            (6, "E-1013", "already_left"),
            (7, "E-1014", "already_left"),
            (8, "?", "not_found"),
            (9, "?", "not_found"),
            (10, "?", "ambiguous"),
            (11, "?", "invalid"),
            (12, "?", "invalid"),
            (13, "?", "invalid"),
            (14, "E-1001", "invalid"),
            (15, "?", "invalid"),
            (16, "?", "invalid"),
        ]
    );
    assert!(reason(&reply.body, 9).starts_with('2'));
    for at in 10..16 {
        assert!(!reason(&reply.body, at).is_empty());
    }
    assert!(reason(&reply.body, 13).contains("themselves"));
    assert_eq!(world.user("E-1007").await["cause"], "admin");
    assert_eq!(world.user("E-1016").await["cause"], "leave_date");
    assert_eq!(world.user("E-1015").await["leave_date_by"], "admin");
    for id in [
        "E-1017", "E-1018", "E-1019", "E-1020", "E-1001", "N-1", "N-2",
    ] {
        assert_eq!(world.access(id).await, "granted", "{id}");
    }
    world.mailed().await;
    let text = &world.mails_to(ADA, "4 people scheduled")[0].text;
    assert!(
        text.contains("Lena Lindqvist") && text.contains("Omar Farouk"),
        "{text}"
    );
    assert!(world.subjects(LENA_MAIL).is_empty());
    assert_eq!(
        world.subjects(MARCUS_MAIL).len(),
        1,
        "only of whom a leave date has taken"
    );
    world.hours(72).await;
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.status("E-1015").await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_from_a_spreadsheet_is_taken_as_it_is() {
    let world = World::start().await;
    let file = "\u{feff}Email;\"Employee_ID\";leave_date\r\n\
        \"lena.lindqvist@acme.example\";;\r\n\
        \r\n\
        ;\"E-1008\";\"2026-12-31\"\r\n\
        ;E-9999;\r\n\
        ;E-1015;31.12.2026\r\n\
        a@b.example;E-1016;\r\n\
        ;E-1017\r\n\
        ;E-1019;;x\r\n\
        ;\"no\r\nsuch \"\"id\"\"\";\r\n\
        ; E-1018 ;2026-03-02\r\n";
    let (status, body) = csv(&world, "", file).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        rows(&body),
        [
            (2, "E-1007", "scheduled"),
            (4, "E-1008", "planned"),
            (5, "?", "not_found"),
            (6, "?", "invalid"),
            (7, "?", "invalid"),
            (8, "E-1017", "scheduled"),
            (9, "?", "invalid"),
            (10, "?", "invalid"),
            (12, "E-1018", "scheduled"),
        ]
    );
    assert!(reason(&body, 6).contains("4 fields"));
    assert_eq!(world.access("E-1019").await, "granted");
    assert_eq!(world.state("E-1007").await.0, "deactivation_scheduled");
    assert_eq!(world.user("E-1008").await["leave_date"], "2026-12-31");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commas_and_bare_line_feeds_do_as_well_and_now_means_now() {
    let world = World::start().await;
    let (status, body) = csv(
        &world,
        "?when=now",
        "employee_id,leave_date\nE-1007,\nE-1008,2026-12-31\n",
    )
    .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        rows(&body),
        [(2, "E-1007", "deactivated"), (3, "E-1008", "planned")]
    );
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(
        world.alive("E-1007").await,
        0,
        "the cards are gone when it answers"
    );
    for (query, file) in [
        ("?when=soon", "employee_id\nE-1010\n"),
        ("?then=erase", "employee_id\nE-1010\n"),
        ("", "employee_id,Employee ID\nE-1010,E-1011\n"),
        ("", "leave_date\n2026-12-31\n"),
        ("", ""),
    ] {
        let (status, body) = csv(&world, query, file).await;
        assert_eq!(status, 422, "{query} {file}: {body}");
    }
    let (status, body) = csv(&world, "", vec![b'e', 0xff, 0xfe]).await;
    assert_eq!(status, 422, "{body}");
    // What a spreadsheet says that it is; the answer says what it takes instead.
    let sheet = world.admin("POST", "/leavers");
    let sheet = sheet.header("content-type", "application/vnd.ms-excel");
    let refused = sheet
        .body("employee_id\nE-1010\n")
        .refused(400, "malformed_json");
    let detail = refused.await["detail"].to_string();
    assert!(detail.contains("a CSV is sent as text/csv"), "{detail}");
    assert_eq!(world.status("E-1010").await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn now_ends_access_and_cards_of_a_json_list_before_it_answers() {
    let world = World::start().await;
    world.hr("E-1004", "inactive", json!({})).await;
    let leavers =
        json!([{ "email": LENA_MAIL }, { "employee_id": "E-1004" }, { "employee_id": "E-1018" }]);
    let reply = hand_in(&world, leavers, Some("now")).await;
    assert_eq!(
        rows(&reply.body),
        [
            (1, "E-1007", "deactivated"),
            (2, "E-1004", "deactivated"),
            (3, "E-1018", "deactivated")
        ]
    );
    for id in ["E-1007", "E-1004", "E-1018"] {
        assert_eq!(world.alive(id).await, 0, "{id}");
    }
    world.mailed().await;
    assert_eq!(world.mails_to(ADA, "3 people deactivated").len(), 1);
    let reply = hand_in(&world, json!([]), Some("later")).await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.body["errors"][0]["pointer"], "/when");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_handed_in_twice_does_nothing_the_second_time() {
    let world = World::start().await;
    let leavers = json!([
        { "employee_id": "E-1007" },
        { "employee_id": "E-1007" },
        { "email": LENA_MAIL },
        { "employee_id": "E-1008", "leave_date": "2026-12-31" },
        { "employee_id": "E-1015", "leave_date": "2026-03-01" },
    ]);
    let first = hand_in(&world, leavers.clone(), None).await;
    assert_eq!(
        rows(&first.body),
        [
            (1, "E-1007", "scheduled"),
            (2, "E-1007", "scheduled"),
            (3, "E-1007", "scheduled"),
            (4, "E-1008", "planned"),
            (5, "E-1015", "scheduled"),
        ]
    );
    let before = [
        world.user("E-1007").await,
        world.user("E-1008").await,
        world.user("E-1015").await,
    ];
    world.hours(1).await;
    let second = hand_in(&world, leavers.clone(), None).await;
    let outcomes: Vec<_> = rows(&second.body).into_iter().map(|row| row.2).collect();
    assert_eq!(
        outcomes,
        [
            "already_left",
            "already_left",
            "already_left",
            "planned",
            "already_left"
        ]
    );
    let after = [
        world.user("E-1007").await,
        world.user("E-1008").await,
        world.user("E-1015").await,
    ];
    assert_eq!(before, after);
    world.mailed().await;
    assert_eq!(world.subjects(OTTO).len(), 1);
    world.hours(72).await;
    let third = hand_in(&world, leavers, Some("now")).await;
    assert_eq!(rows(&third.body)[0].2, "already_left");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_an_admin_has_overruled_is_answered_for_what_it_is() {
    let world = World::start().await;
    let leavers = json!([{ "employee_id": "E-1007", "leave_date": "2026-03-01" }]);
    hand_in(&world, leavers.clone(), None).await;
    world.restore("E-1007").await;
    let again = hand_in(&world, leavers, None).await;
    assert_eq!(world.state("E-1007").await.0, "active");
    assert!(
        reason(&again.body, 0).contains("restored"),
        "{}",
        again.body
    );
    world.set(json!({ "leave_dates": "ignore" })).await;
    let leavers = json!([{ "employee_id": "E-1008", "leave_date": "2026-03-01" }]);
    let ignored = hand_in(&world, leavers, None).await;
    assert_eq!(rows(&ignored.body), [(1, "E-1008", "planned")]);
    assert!(reason(&ignored.body, 0).contains("do not count"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_never_takes_oneself_so_that_an_admin_always_stays() {
    let world = World::start().await;
    let leavers = json!([{ "email": ADA }, { "email": OTTO }, { "employee_id": "E-1001" }]);
    for when in ["grace", "now"] {
        let reply = hand_in(&world, leavers.clone(), Some(when)).await;
        let answers = rows(&reply.body);
        assert_eq!((answers[0].1, answers[0].2), ("E-1001", "invalid"));
        assert_eq!((answers[2].1, answers[2].2), ("E-1001", "invalid"));
        assert!(reason(&reply.body, 0).contains("themselves"));
        assert_eq!(world.access("E-1001").await, "granted");
    }
    assert_eq!(world.status("E-1002").await, "deactivated");
    // Otto is no admin any more, whatever his token says.
    let ask = world.admin_as(OTTO, "POST", "/leavers");
    let ask = ask.json(&json!({ "leavers": [{ "email": ADA }] }));
    ask.refused(403, "forbidden").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_more_than_5000_is_refused_whole() {
    let world = World::start().await;
    let leavers: Vec<Value> = (0..5_001)
        .map(|n| json!({ "employee_id": format!("X-{n}") }))
        .collect();
    let reply = hand_in(&world, json!(leavers), None).await;
    assert_eq!(
        (reply.status, &reply.body["code"]),
        (413, &json!("too_large"))
    );
    let file: String = (0..5_001).fold("employee_id\nE-1007\n".to_owned(), |file, n| {
        file + &format!("X-{n}\n")
    });
    let (status, body) = csv(&world, "", file).await;
    assert_eq!((status, &body["code"]), (413, &json!("too_large")));
    assert_eq!(world.status("E-1007").await, "active");
    // 5,000 are not too many.
    let file: String = (0..4_999).fold("employee_id\nE-1007\n".to_owned(), |file, n| {
        file + &format!("X-{n}\n")
    });
    let (status, body) = csv(&world, "", file).await;
    assert_eq!(status, 200, "{body}");
    let answers = rows(&body);
    assert_eq!(answers.len(), 5_000);
    assert_eq!(answers[0], (2, "E-1007", "scheduled"));
    assert_eq!(answers[4_999], (5_001, "?", "not_found"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_list_may_say_when_in_its_query_and_the_body_wins() {
    let world = World::start().await;
    let hand_in =
        |query: &str, body: Value| world.admin("POST", &format!("/leavers{query}")).json(&body);
    let one = |id: &str| json!({ "leavers": [{ "employee_id": id }] });
    let body = hand_in("?when=now", one("E-1007")).ok().await;
    assert_eq!(rows(&body), [(1, "E-1007", "deactivated")]);
    let mut grace = one("E-1012");
    grace["when"] = json!("grace");
    let body = hand_in("?when=now", grace).ok().await;
    assert_eq!(rows(&body), [(1, "E-1012", "scheduled")]);
    for bad in ["later", "", "0"] {
        let refused = hand_in(&format!("?when={bad}"), one("E-1010"))
            .refused(422, "invalid")
            .await;
        assert_eq!(refused["errors"][0]["pointer"], "/when");
    }
    assert_eq!(world.status("E-1010").await, "active");
    world.end().await;
}
