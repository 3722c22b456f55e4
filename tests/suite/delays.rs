//! How long a grace period is: counted in working days, or as its source says.

use chrono::TimeDelta;
use offramp_tests::{ADA, Delivery, LENA, ORG, World, event, zulu};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_weekend_cards_stay_alive_where_we_count_working_days() {
    let world = World::start().await;
    let mia = "E-1018";
    // Friday 6 March 2026 at 9:00 UTC. In Berlin it is ten, and Monday is a holiday.
    world.hours(4 * 24).await;
    let friday = world.now();
    let before = world.hr(mia, "inactive", json!({})).await;
    assert_eq!(before["due_at"], zulu(friday + TimeDelta::days(3)));
    world
        .set(json!({
            "delay_counts": "working_days", "time_zone": "Europe/Berlin", "holidays": ["2026-03-09"],
            "deactivation_sync": { "delay_days": 2 },
        }))
        .await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    let due = zulu(friday + TimeDelta::days(5));
    assert_eq!(
        result["due_at"], due,
        "Tuesday is the first, Wednesday the second"
    );
    let banner = world.user(LENA).await["banner"].clone();
    let banner = banner.as_str().unwrap();
    assert!(
        banner.contains("Wednesday 11 March 2026 at 10:00 (Europe/Berlin)"),
        "{banner}"
    );
    let told = world.get(&format!("/users/{LENA}/explain")).await;
    assert_eq!(told["next"], json!({ "what": "deactivated", "at": due }));
    // What was announced stands.
    assert_eq!(world.user(mia).await["due_at"], before["due_at"]);
    world.hours(72).await;
    assert_eq!(world.status(mia).await, "deactivated");
    world.hours(47).await;
    assert_eq!(world.alive(LENA).await, 3);
    world.hours(1).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    world.minutes(3).await;
    let mails = world.mails_to(ADA, "scheduled");
    assert!(mails.iter().any(|mail| {
        mail.text
            .contains("Lena Lindqvist (E-1007): Wednesday 11 March 2026 at 10:00 (Europe/Berlin)")
    }));
    world.end().await;
}

/// What a source shows that has nothing of its own.
fn none() -> Value {
    json!({ "behaviour": null, "delay_days": null })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_has_a_grace_period_of_its_own_for_what_it_says_and_for_nothing_else() {
    let world = World::start().await;
    let (hris, own) = ("/sources/hris", "deactivation_sync");
    world.minutes(1).await;
    let since = zulu(world.now());
    let since = since.as_str().unwrap();
    assert_eq!(world.get(hris).await[own], none());
    let before = world.hr("E-1004", "inactive", json!({})).await;
    assert_eq!(before["due_at"], zulu(world.now() + TimeDelta::days(3)));

    let version = world.get(hris).await["version"].as_u64().unwrap();
    let one_day = json!({ own: { "delay_days": 1 } });
    let changed = world.admin("PATCH", hris).if_match(version).json(&one_day);
    let changed = changed.ok().await;
    assert_eq!(changed[own], json!({ "behaviour": null, "delay_days": 1 }));
    assert_eq!(changed["version"], version + 1);
    let again = world.admin("PATCH", hris).json(&one_day).ok().await;
    assert_eq!(again["version"], version + 1, "the same again is no change");
    let stale = world.admin("PATCH", hris).if_match(version).json(&one_day);
    stale.refused(412, "version_mismatch").await;
    assert_eq!(world.get("/sources").await["sources"][0][own], changed[own]);

    // What was announced stands, and what an admin says has the organisation's delay.
    assert_eq!(world.user("E-1004").await["due_at"], before["due_at"]);
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["due_at"], zulu(world.now() + TimeDelta::days(1)));
    let today = json!({ "leave_date": world.now().date_naive() });
    let date = world.put("/users/E-1018/leave-date", today).await;
    assert_eq!(date.body["due_at"], zulu(world.now() + TimeDelta::days(3)));

    // The one is set, and the other stays.
    let at_once = json!({ own: { "behaviour": "immediate" }, "silent_after_hours": 9_000 });
    assert_eq!(world.patch(hris, at_once).await.status, 422);
    let at_once = json!({ own: { "behaviour": "immediate" } });
    let changed = world.admin("PATCH", hris).json(&at_once).ok().await;
    assert_eq!(
        changed[own],
        json!({ "behaviour": "immediate", "delay_days": 1 })
    );
    assert_eq!(
        world.hr("E-1010", "inactive", json!({})).await["outcome"],
        "deactivated"
    );
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    let back = json!({ own: null });
    assert_eq!(
        world.admin("PATCH", hris).json(&back).ok().await[own],
        none()
    );
    let result = world.hr("E-1012", "inactive", json!({})).await;
    assert_eq!(result["due_at"], zulu(world.now() + TimeDelta::days(3)));

    let audit = world.get(&format!("/audit?since={since}")).await;
    let of_source = |entry: &&Value| entry["of"] == "source" && entry["what"] == "changed";
    let entries = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(of_source);
    let own = |entry: &Value| [entry["from"][own].clone(), entry["to"][own].clone()];
    let told: Vec<_> = entries.map(own).collect();
    let one = json!({ "behaviour": null, "delay_days": 1 });
    let both = json!({ "behaviour": "immediate", "delay_days": 1 });
    assert_eq!(
        told,
        [
            [Value::Null, one.clone()],
            [one, both.clone()],
            [both, Value::Null]
        ]
    );
    world.minutes(5).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_source_may_bring_its_grace_period_and_a_wrong_one_is_pointed_out() {
    let world = World::start().await;
    let own = "deactivation_sync";
    for (wrong, pointer) in [
        (json!({ "delay_days": 4 }), "/deactivation_sync/delay_days"),
        (json!({ "delay_days": 0 }), "/deactivation_sync/delay_days"),
        (
            json!({ "delay_days": "1" }),
            "/deactivation_sync/delay_days",
        ),
        (
            json!({ "behaviour": "soon" }),
            "/deactivation_sync/behaviour",
        ),
        (json!({ "enabled": false }), "/deactivation_sync/enabled"),
        // By itself serde would read a structure from an array of its values.
        (json!([null, null]), "/deactivation_sync"),
    ] {
        let new = json!({ "source": "payroll", own: wrong });
        let made = world.admin("POST", "/sources").json(&new);
        let refused = made.refused(422, "invalid").await;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
        let change = json!({ own: wrong });
        let changed = world.admin("PATCH", "/sources/hris").json(&change);
        let refused = changed.refused(422, "invalid").await;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let version = world.get("/settings").await["version"].as_u64().unwrap();
    let new = json!({ "source": "payroll", own: { "behaviour": "delayed", "delay_days": 2 } });
    let made = world.admin("POST", "/sources").json(&new).ok().await;
    assert_eq!(made[own], new[own]);
    let active = json!({ "state": "active" });
    let active = world
        .admin("PATCH", "/sources/payroll")
        .json(&active)
        .ok()
        .await;
    assert_eq!(active[own], new[own], "its state alone");
    assert_eq!(world.get("/sources/hris").await[own], none());
    // Decisions read it with the settings, so it is a change of theirs that an admin might overwrite unseen.
    let stale = world.admin("PATCH", "/settings").if_match(version);
    let immediate = json!({ own: { "behaviour": "immediate" } });
    stale
        .json(&immediate)
        .refused(412, "version_mismatch")
        .await;
    world.set(immediate).await;
    let twice = world.admin("POST", "/sources").json(&new);
    twice.refused(409, "exists").await;

    let secret = made["secret"].as_str().unwrap();
    for status in ["active", "inactive"] {
        world.minutes(1).await;
        let events = json!({ "events": [event(world.now(), "P-1", status, json!({}))] });
        let delivery = Delivery::new(secret, world.now(), events.to_string());
        world.hand_in_at(ORG, "payroll", &delivery).ok().await;
    }
    let due = zulu(world.now() + TimeDelta::days(2));
    assert_eq!(world.user("P-1").await["due_at"], due);
    world.minutes(5).await;
    world.end().await;
}
