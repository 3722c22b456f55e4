//! What an organisation decides about its sync.

use offramp_tests::{ADA, World};
use serde_json::{Value, json};

const WEEK: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

fn many_days(count: usize) -> Vec<chrono::NaiveDate> {
    let first: chrono::NaiveDate = "2026-01-01".parse().unwrap();
    first.iter_days().take(count).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_begin_with_a_grace_period_of_three_days() {
    let world = World::start().await;
    let settings = world.admin("GET", "/settings").send().await;
    let wanted = json!({
        "deactivation_sync": { "enabled": true, "behaviour": "delayed", "delay_days": 3 },
        "on_missing": "deactivate", "restore_deleted_on": "any_change", "leave_dates": "manual",
        "invitations": "restored", "objectives": "complete", "time_zone": "Etc/UTC",
        "safeguards": { "max_users": 50, "max_percent": 20, "window_hours": 24, "max_returns": 50,
                        "max_invitations": 200, "four_eyes_above": null },
        "access_during_grace": "revoked", "leave_date_is": "first_day_out",
        "delay_counts": "days", "weekend": ["saturday", "sunday"], "holidays": [],
        "reminders": { "before_leave_days": [] }, "escalation": null, "escalate_after_hours": 4,
        "version": 0,
    });
    assert_eq!(settings.body, wanted);
    assert_eq!(settings.etag.as_deref(), Some("\"0\""));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let world = World::start().await;
    let before = world.get("/settings").await;
    let patch = json!({ "deactivation_sync": { "delay_days": 2 }, "objectives": "keep" });
    let answer = world.admin("PATCH", "/settings").json(&patch).send().await;
    assert_eq!(
        (answer.status, answer.etag.as_deref()),
        (200, Some("\"1\""))
    );
    let mut wanted = before;
    wanted["deactivation_sync"]["delay_days"] = json!(2);
    wanted["objectives"] = json!("keep");
    wanted["version"] = json!(1);
    assert_eq!(world.get("/settings").await, wanted);
    // The same again is no change.
    let again = world.admin("PATCH", "/settings").json(&patch).send().await;
    assert_eq!((again.status, again.etag.as_deref()), (200, Some("\"1\"")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_patch_is_pointed_out_and_nothing_is_changed() {
    let world = World::start().await;
    let before = world.get("/settings").await;
    for (patch, pointer) in [
        (json!({ "tidy": true }), "/tidy"),
        (
            json!({ "deactivation_sync": { "delay": 2 } }),
            "/deactivation_sync/delay",
        ),
        (
            json!({ "deactivation_sync": { "delay_days": 4 } }),
            "/deactivation_sync/delay_days",
        ),
        (
            json!({ "deactivation_sync": { "delay_days": 0 } }),
            "/deactivation_sync/delay_days",
        ),
        (
            json!({ "deactivation_sync": { "delay_days": "2" } }),
            "/deactivation_sync/delay_days",
        ),
        (
            json!({ "deactivation_sync": { "behaviour": "soon" } }),
            "/deactivation_sync/behaviour",
        ),
        (json!({ "time_zone": "Mars/Olympus" }), "/time_zone"),
        (json!({ "time_zone": 7 }), "/time_zone"),
        (
            json!({ "safeguards": { "max_users": 0 } }),
            "/safeguards/max_users",
        ),
        (
            json!({ "safeguards": { "max_percent": 101 } }),
            "/safeguards/max_percent",
        ),
        (json!({ "leave_dates": "some" }), "/leave_dates"),
        (json!({ "delay_counts": "weeks" }), "/delay_counts"),
        (json!({ "weekend": ["saturday", "Sun"] }), "/weekend/1"),
        (json!({ "weekend": "saturday" }), "/weekend"),
        (json!({ "weekend": WEEK }), "/weekend"),
        (
            json!({ "holidays": ["2026-12-25", "2026-02-29"] }),
            "/holidays/1",
        ),
        (json!({ "holidays": ["25.12.2026"] }), "/holidays/0"),
        (json!({ "holidays": [20_261_225] }), "/holidays/0"),
        (json!({ "holidays": many_days(201) }), "/holidays"),
        (json!([]), ""),
        (json!("off"), ""),
    ] {
        let refused = world
            .admin("PATCH", "/settings")
            .json(&patch)
            .refused(422, "invalid")
            .await;
        assert_eq!(
            refused["errors"][0]["pointer"], pointer,
            "{patch}: {refused}"
        );
    }
    // What a browser offers, or somebody types, has a near name.
    for (zone, near) in [
        ("BST", "Asia/Dhaka"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
    ] {
        let reply = world.patch("/settings", json!({ "time_zone": zone })).await;
        let detail = reply.body["errors"][0]["detail"].as_str().unwrap();
        assert!(
            detail.ends_with(&format!("the nearest is {near}")),
            "{zone}: {detail}"
        );
    }
    // Of a member that is there twice nobody knows which was meant.
    let twice = r#"{"deactivation_sync":{"delay_days":1,"delay_days":3}}"#;
    let ask = world.admin("PATCH", "/settings").body(twice);
    ask.refused(422, "invalid").await;
    let several = json!({ "time_zone": "Nowhere", "deactivation_sync": { "delay_days": 9 } });
    let refused = world
        .admin("PATCH", "/settings")
        .json(&several)
        .refused(422, "invalid")
        .await;
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2);
    // All that is wrong is said at once: what is unknown, of the wrong kind, and out of range.
    let mixed = json!({
        "colour": "red", "leave_dates": "some", "safeguards": [],
        "deactivation_sync": { "delay_days": 9, "behaviour": 7, "dealy_days": 2 },
    });
    let refused = world
        .admin("PATCH", "/settings")
        .json(&mixed)
        .refused(422, "invalid")
        .await;
    let pointers = refused["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = pointers
        .map(|one| one["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/colour",
            "/deactivation_sync/behaviour",
            "/deactivation_sync/dealy_days",
            "/leave_dates",
            "/safeguards",
            "/deactivation_sync/delay_days",
        ]
    );
    // A field that is taken away must have a value.
    let gone = json!({ "time_zone": null });
    world
        .admin("PATCH", "/settings")
        .json(&gone)
        .refused(422, "invalid")
        .await;
    let broken = world.admin("PATCH", "/settings").bytes(b"{\"a\"".to_vec());
    broken.refused(400, "malformed_json").await;
    assert_eq!(world.get("/settings").await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_do_not_overwrite_settings_that_i_have_not_seen() {
    let world = World::start().await;
    world.set(json!({ "objectives": "keep" })).await;
    let patch = json!({ "objectives": "delete" });
    let stale = world
        .admin("PATCH", "/settings")
        .header("if-match", "\"0\"");
    stale.json(&patch).refused(412, "version_mismatch").await;
    // Quotation marks of a word processor are no condition that one may leave out.
    let curly = world
        .admin("PATCH", "/settings")
        .header("if-match", "\u{201c}0\u{201d}");
    curly.json(&patch).refused(422, "invalid").await;
    let fresh = world
        .admin("PATCH", "/settings")
        .header("if-match", "\"1\"");
    assert_eq!(fresh.json(&patch).ok().await["version"], 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raising_a_safeguard_is_asked_back_and_told_and_lowering_is_not() {
    let world = World::start().await;
    for lower in [
        json!({ "max_users": 10 }),
        json!({ "max_percent": 5 }),
        json!({ "window_hours": 48 }),
    ] {
        world.set(json!({ "safeguards": lower })).await;
    }
    for higher in [
        json!({ "max_users": 11 }),
        json!({ "max_percent": 6 }),
        json!({ "window_hours": 47, "max_returns": 50 }),
    ] {
        let patch = json!({ "safeguards": higher });
        let before = world.get("/settings").await;
        let question = world.question(&patch).await;
        assert_eq!(
            (&question["affected"], &question["users"]),
            (&json!(0), &json!([]))
        );
        assert_eq!(
            question["detail"],
            "`safeguards` lets more people go before an admin is asked; send the same with `confirmation` within 10 minutes"
        );
        assert_eq!(world.get("/settings").await, before);
        world.settle(&patch, &question).await;
    }
    assert_eq!(
        world.get("/settings").await["safeguards"],
        json!({ "max_users": 11, "max_percent": 6, "window_hours": 47, "max_returns": 50, "max_invitations": 200, "four_eyes_above": null })
    );
    world.minutes(5).await;
    let mails = world.mails_to(ADA, "settings");
    assert_eq!(mails.len(), 1);
    assert_eq!(
        mails[0]
            .text
            .matches("raised the limits of the safeguards")
            .count(),
        3
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_admins_who_change_settings_at_once_none_is_lost_unseen() {
    let world = World::start().await;
    let zone = world
        .admin("PATCH", "/settings")
        .json(&json!({ "time_zone": "Europe/Paris" }));
    let keep = world
        .admin("PATCH", "/settings")
        .json(&json!({ "objectives": "keep" }));
    let (zone, keep) = tokio::join!(zone.send(), keep.send());
    let settings = world.get("/settings").await;
    for (answer, field, value) in [
        (&zone, "time_zone", "Europe/Paris"),
        (&keep, "objectives", "keep"),
    ] {
        match answer.status {
            200 => assert_eq!(settings[field], value),
            _ => assert_eq!(
                answer.body["code"],
                Value::from("version_mismatch"),
                "{}",
                answer.text
            ),
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_as_they_were_read_can_be_sent_back() {
    let world = World::start().await;
    world.set(json!({ "objectives": "keep" })).await;
    let mut settings = world.get("/settings").await;
    settings["deactivation_sync"]["delay_days"] = json!(1);
    let answer = world.admin("PATCH", "/settings").json(&settings).ok().await;
    assert_eq!(
        (
            &answer["version"],
            &answer["deactivation_sync"]["delay_days"]
        ),
        (&json!(2), &json!(1))
    );
    let late = world.admin("PATCH", "/settings").json(&settings);
    late.refused(412, "version_mismatch").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_off_are_shown_as_a_calendar_has_them_and_null_takes_them_back() {
    let world = World::start().await;
    let patch = json!({
        "delay_counts": "working_days", "weekend": ["sunday", "friday", "sunday"],
        "holidays": ["2026-12-25", "2026-01-01", "2026-12-25"],
    });
    let rehearsed = world.admin("PATCH", "/settings?dry_run=true");
    let rehearsed = rehearsed.json(&patch).ok().await;
    let changed = world.admin("PATCH", "/settings").json(&patch).ok().await;
    for answer in [&rehearsed, &changed, &world.get("/settings").await] {
        assert_eq!(answer["delay_counts"], "working_days");
        assert_eq!(answer["weekend"], json!(["friday", "sunday"]));
        assert_eq!(answer["holidays"], json!(["2026-01-01", "2026-12-25"]));
    }
    // They are whole values: a patch of a list is the new list.
    world
        .set(json!({ "weekend": [], "holidays": many_days(200) }))
        .await;
    assert_eq!(world.get("/settings").await["weekend"], json!([]));
    let back = json!({ "delay_counts": null, "weekend": null, "holidays": null });
    let back = world.admin("PATCH", "/settings").json(&back).ok().await;
    assert_eq!(back["delay_counts"], "days");
    assert_eq!(back["weekend"], json!(["saturday", "sunday"]));
    assert_eq!(back["holidays"], json!([]));
    world.end().await;
}

/// By itself serde would read a section from an array of its values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_section_is_an_object_and_no_array() {
    let world = World::start().await;
    let settings = world.get("/settings").await;
    let sections = settings.as_object().unwrap().iter();
    let sections: Vec<_> = sections.filter(|(_, value)| value.is_object()).collect();
    assert_eq!(sections.len(), 3, "{settings}");
    for (name, section) in sections {
        let values: Vec<Value> = section.as_object().unwrap().values().cloned().collect();
        for array in [json!(values), json!([])] {
            let patch = world
                .admin("PATCH", "/settings")
                .json(&json!({ name.as_str(): array }));
            let refused = patch.refused(422, "invalid").await;
            assert_eq!(
                refused["errors"][0]["pointer"],
                format!("/{name}"),
                "{refused}"
            );
        }
    }
    assert_eq!(world.get("/settings").await, settings);
    world.end().await;
}
