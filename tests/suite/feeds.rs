//! Birthdays and anniversaries of people who are here.

use std::time::Duration;

use offramp_local::StackConfig;
use offramp_tests::{World, event};
use serde_json::{Value, json};

async fn feed(world: &World, on: &str) -> Value {
    world.get(&format!("/feeds/celebrating?on={on}")).await
}

fn ids(list: &Value) -> Vec<&str> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["employee_id"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_is_gone_from_the_feeds_from_the_moment_that_access_ends() {
    let world = World::start().await;
    let birthday = feed(&world, "2026-05-30").await;
    assert_eq!(birthday["on"], "2026-05-30");
    let lena = json!({ "employee_id": "E-1007", "name": "Lena Lindqvist", "team": "Field Sales" });
    assert_eq!(birthday["birthdays"], json!([lena]));
    let start = feed(&world, "2026-06-17").await;
    let mut seven = lena;
    seven["years"] = json!(7);
    assert_eq!(start["anniversaries"], json!([seven]));

    world.hr("E-1007", "inactive", json!({})).await;
    for on in ["2026-05-30", "2026-06-17"] {
        let gone = feed(&world, on).await;
        assert!(!ids(&gone["birthdays"]).contains(&"E-1007"), "{gone}");
        assert!(ids(&gone["anniversaries"]).is_empty(), "{gone}");
    }
    // The sync is turned off: here again, by the epoch.
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let asked = world.patch("/settings", off.clone()).await;
    let mut confirmed = off;
    confirmed["confirmation"] = asked.body["confirmation"].clone();
    assert_eq!(world.patch("/settings", confirmed).await.status, 200);
    assert_eq!(
        ids(&feed(&world, "2026-05-30").await["birthdays"]),
        ["E-1007"]
    );
    let now = world.post("/users/E-1007/deactivate-now", json!({})).await;
    assert_eq!(now.status, 200);
    assert!(ids(&feed(&world, "2026-05-30").await["birthdays"]).is_empty());
    world.post("/users/E-1007/restore", json!({})).await;
    assert_eq!(
        ids(&feed(&world, "2026-05-30").await["birthdays"]),
        ["E-1007"]
    );
    world.minutes(10).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_29th_of_february_is_celebrated_every_year() {
    let world = World::start().await;
    world
        .hr(
            "E-1003",
            "active",
            json!({ "start_date": "2024-02-29", "birthday": "02-28" }),
        )
        .await;
    // Tomás was born on the 29th.
    for (on, birthdays, years) in [
        ("2026-02-28", vec!["E-1003", "E-1004"], Some(2)),
        ("2026-03-01", vec![], None),
        ("2028-02-28", vec!["E-1003"], None),
        ("2028-02-29", vec!["E-1004"], Some(4)),
        ("2100-02-28", vec!["E-1003", "E-1004"], Some(76)),
        // Before, and on the very first day, there are no years to celebrate.
        ("2024-02-29", vec!["E-1004"], None),
        ("2023-02-28", vec!["E-1003", "E-1004"], None),
    ] {
        let feed = feed(&world, on).await;
        assert_eq!(ids(&feed["birthdays"]), birthdays, "{on}");
        let anniversaries = feed["anniversaries"].as_array().unwrap();
        let own = anniversaries
            .iter()
            .find(|one| one["employee_id"] == "E-1003");
        assert_eq!(
            own.map(|one| one["years"].clone()),
            years.map(|years| json!(years)),
            "{on}"
        );
    }
    // What HR corrects moves in the feed.
    world.minutes(1).await;
    world
        .hr(
            "E-1003",
            "active",
            json!({ "birthday": null, "start_date": "2024-03-05" }),
        )
        .await;
    assert_eq!(
        ids(&feed(&world, "2026-02-28").await["birthdays"]),
        ["E-1004"]
    );
    assert_eq!(
        ids(&feed(&world, "2026-03-05").await["anniversaries"]),
        ["E-1003"]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn today_is_the_organisations() {
    let world = World::start().await;
    assert_eq!(world.get("/feeds/celebrating").await["on"], "2026-03-02");
    world
        .set(json!({ "time_zone": "Pacific/Kiritimati" }))
        .await;
    world.hours(1).await;
    // 10:00 in Greenwich is midnight there.
    assert_eq!(world.get("/feeds/celebrating").await["on"], "2026-03-03");
    for bad in [
        "today",
        "2026-2-3",
        "2026-02-30",
        "%2B2026-02-03",
        "",
        "-026-01-01",
    ] {
        let feed = world.admin("GET", &format!("/feeds/celebrating?on={bad}"));
        feed.refused(422, "invalid").await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_a_whole_company_shares_is_told_in_full() {
    // So many at once on a busy machine take longer than a test otherwise allows one call.
    let patient = |config: &mut StackConfig| config.attempt_timeout = Duration::from_secs(5);
    let world = World::with(patient).await;
    let many: usize = 500;
    let now = world.now();
    let events: Vec<Value> = (0..many)
        .map(|at| {
            let fields = json!({ "birthday": "01-01", "start_date": "2020-01-01", "name": format!("N{at:05}") });
            event(now, &format!("B-{at}"), "active", fields)
        })
        .collect();
    for chunk in events.chunks(100) {
        let reply = world.deliver(json!(chunk)).await;
        assert_eq!(reply.status, 200, "{}", reply.body["code"]);
    }
    world.minutes(1).await;
    world.hr("B-17", "inactive", json!({})).await;
    let feed = feed(&world, "2027-01-01").await;
    assert_eq!(feed["birthdays"].as_array().unwrap().len(), many - 1);
    let anniversaries = feed["anniversaries"].as_array().unwrap();
    assert_eq!(anniversaries.len(), many - 1);
    assert!(anniversaries.iter().all(|one| one["years"] == 7));
    assert!(anniversaries.is_sorted_by_key(|one| one["name"].as_str().unwrap().to_owned()));
    world.end().await;
}
