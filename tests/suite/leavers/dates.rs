//! Leave dates that nobody can mean, and forms that say another day in another country, end nobody's access.

use offramp_tests::{LENA, World};
use serde_json::{Value, json};

use super::{csv, reason, rows};

/// It is 2 March 2026; Lena started on 2019-06-17.
const REFUSED: [(&str, &str); 18] = [
    ("0001-01-01", "before 1990"),
    ("0026-12-31", "before 1990"),
    ("1753-01-01", "before 1990"),
    ("1899-12-30", "before 1990"),
    ("1900-01-01", "before 1990"),
    ("1926-12-31", "before 1990"),
    ("1970-01-01", "before 1990"),
    ("1989-12-31", "before 1990"),
    ("1990-01-01", "before the start date"),
    ("2019-06-16", "before the start date"),
    ("2036-03-03", "more than ten years ahead"),
    ("2206-12-31", "more than ten years ahead"),
    ("9999-12-31", "more than ten years ahead"),
    ("0000-00-00", "YYYY-MM-DD"),
    ("2026-02-30", "YYYY-MM-DD"),
    ("31.12.2026", "YYYY-MM-DD"),
    ("12/31/2026", "YYYY-MM-DD"),
    ("46387", "spreadsheet"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_nobody_can_mean_is_refused_by_every_way_in() {
    let world = World::start().await;
    let before = world.user(LENA).await;
    for (date, says) in REFUSED {
        let file = format!("employee_id;leave_date\n{LENA};{date}\n");
        let (status, by_csv) = csv(&world, "", file).await;
        let row = json!({ "employee_id": LENA, "leave_date": date });
        let list = json!({ "leavers": [row] });
        let by_json = world.post("/leavers", list.clone()).await;
        assert_eq!((status, by_json.status), (200, 200));
        let mut tried = list;
        tried["dry_run"] = json!(true);
        let tried = world.post("/leavers", tried).await;
        for body in [&by_csv, &by_json.body, &tried.body] {
            assert_eq!(rows(body)[0].2, "invalid", "{date}: {body}");
            assert!(reason(body, 0).starts_with("leave_date "), "{date}: {body}");
            assert!(reason(body, 0).contains(says), "{date}: {body}");
        }
        let by_hand = json!({ "leave_date": date });
        let answer = world
            .put(&format!("/users/{LENA}/leave-date"), by_hand)
            .await;
        let code = &answer.body["code"];
        assert_eq!((answer.status, code), (422, &json!("invalid")), "{date}");
        let error = &answer.body["errors"][0];
        assert_eq!(error["pointer"], "/leave_date");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{date}: {error}");
    }
    assert_eq!(world.user(LENA).await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_on_the_limits_and_dates_with_times_are_taken() {
    let world = World::start().await;
    for (date, day) in [
        ("2036-03-02", "2036-03-02"),
        ("2026-12-31T00:00:00", "2026-12-31"),
        ("2026-12-30 23:59", "2026-12-30"),
        ("2026-12-29T22:00:00.000-08:00", "2026-12-29"),
        ("2026-12-28 12:00 AM", "2026-12-28"),
    ] {
        let (_, body) = csv(&world, "", format!("id,leave date\n{LENA},{date}\n")).await;
        assert_eq!(rows(&body), [(2, LENA, "planned")], "{date}: {body}");
        assert_eq!(world.user(LENA).await["leave_date"], day);
        world.leaves_on(LENA, Value::Null).await;
        let answer = world.leaves_on(LENA, json!(date)).await;
        assert_eq!(answer["leave_date"], day);
    }
    world.leaves_on(LENA, json!("2019-06-17")).await;
    assert_eq!(world.access(LENA).await, "revoked");
    world.end().await;
}

/// A column that says *last day* is read by the setting as every other; the answer says so where that is another day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setting_says_what_a_last_day_is_and_the_answer_says_so() {
    let world = World::start().await;
    let list = "employee id;Last day\nE-1009;2026-03-10\n";
    let (_, tried) = csv(&world, "?dry_run=true", list).await;
    let note = tried["note"].as_str().unwrap();
    assert!(
        note.contains("\"Last day\"") && note.contains("last_day_in"),
        "{note}"
    );
    let plain = "employee id;Leave date\nE-1009;2026-03-10\n";
    let (_, plain) = csv(&world, "?dry_run=true", plain).await;
    assert_eq!(plain.get("note"), None);
    world.set(json!({ "leave_date_is": "last_day_in" })).await;
    let (_, done) = csv(&world, "", list).await;
    assert_eq!(done.get("note"), None, "{done}");
    world.until("2026-03-10T22:00:00Z").await;
    assert_eq!(world.access("E-1009").await, "granted");
    world.until("2026-03-11T00:05:00Z").await;
    assert_eq!(world.access("E-1009").await, "revoked");
    world.end().await;
}
