//! Somebody leaves on a day: when it begins where the organisation is, access ends.

use offramp_tests::World;
use serde_json::{Value, json};

use crate::telling::{
    ADA, LENA, MARCUS, OTTO, confirmed, delete_schedules, leaves_on, mailed, restore, schedules,
    state, subjects, until, world_at,
};

const SCHEDULED: &str = "1 person scheduled for deactivation";

fn active() -> (String, String) {
    ("active".to_owned(), "granted".to_owned())
}

fn scheduled() -> (String, String) {
    ("deactivation_scheduled".to_owned(), "revoked".to_owned())
}

/// The day begins at an instant of UTC in a time zone: access ends at that very second.
async fn begins(zone: &str, date: &str, second_before: &str, second: &str, cards_gone: &str) {
    let start = chrono::TimeDelta::hours(9);
    let world = world_at(&(offramp_tests::at(second) - start).to_rfc3339()).await;
    world.set(json!({ "time_zone": zone })).await;
    let lena = leaves_on(&world, "E-1007", json!(date)).await;
    assert_eq!(lena["leave_date"], date);
    assert_eq!(lena["leave_date_by"], "admin");
    assert_eq!(lena["status"], "active");
    until(&world, second_before).await;
    assert_eq!(state(&world, "E-1007").await, active(), "{zone}");
    assert!(world.mails().is_empty());
    until(&world, second).await;
    assert_eq!(state(&world, "E-1007").await, scheduled(), "{zone}");
    let lena = world.user("E-1007").await;
    assert_eq!(lena["cause"], "leave_date");
    assert_eq!(lena["due_at"], cards_gone);
    assert_eq!(lena["badge"], "Deactivation scheduled");
    assert_eq!(world.alive("E-1007").await, 3);
    mailed(&world).await;
    for told in [ADA, OTTO, MARCUS] {
        assert_eq!(subjects(&world, told), [SCHEDULED], "{zone}");
    }
    assert!(subjects(&world, LENA).is_empty());
    let mail = &world.mails_to(MARCUS, SCHEDULED)[0];
    assert!(mail.text.contains("Lena Lindqvist") && mail.text.contains("leave date"));
    assert!(mail.text.contains(zone), "{}", mail.text);
    world.hours(71).await;
    assert_eq!(world.alive("E-1007").await, 3);
    until(&world, cards_gone).await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    mailed(&world).await;
    assert!(subjects(&world, LENA).is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_when_the_day_begins_in_berlin_and_the_manager_and_the_admins_are_told() {
    begins(
        "Europe/Berlin",
        "2026-03-10",
        "2026-03-09T22:59:59Z",
        "2026-03-09T23:00:00Z",
        "2026-03-12T23:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_when_the_day_begins_in_new_york_two_days_after_the_clocks_went_forward() {
    begins(
        "America/New_York",
        "2026-03-10",
        "2026-03-10T03:59:59Z",
        "2026-03-10T04:00:00Z",
        "2026-03-13T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_at_one_where_the_clocks_skip_midnight() {
    begins(
        "America/Santiago",
        "2026-09-06",
        "2026-09-06T03:59:59Z",
        "2026-09-06T04:00:00Z",
        "2026-09-09T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_at_the_first_of_two_midnights() {
    begins(
        "America/Havana",
        "2026-11-01",
        "2026-11-01T03:59:59Z",
        "2026-11-01T04:00:00Z",
        "2026-11-04T04:00:00Z",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_night_of_the_change_of_clocks_belongs_to_the_day_before() {
    // 29 March has 23 hours in Berlin: the 30th begins at 22:00 UTC, the 29th at 23:00.
    let world = world_at("2026-03-28T12:00:00Z").await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    leaves_on(&world, "E-1007", json!("2026-03-29")).await;
    leaves_on(&world, "E-1008", json!("2026-03-30")).await;
    until(&world, "2026-03-28T23:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    until(&world, "2026-03-29T21:59:59Z").await;
    assert_eq!(state(&world, "E-1008").await, active());
    until(&world, "2026-03-29T22:00:00Z").await;
    assert_eq!(state(&world, "E-1008").await, scheduled());
    // Three times 24 hours, whatever the clocks do.
    assert_eq!(world.user("E-1007").await["due_at"], "2026-03-31T23:00:00Z");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_is_gone_at_that_second_although_no_timer_fires() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-03")).await;
    delete_schedules(&world, "leave");
    until(&world, "2026-03-02T23:59:59Z").await;
    assert_eq!(world.access("E-1007").await, "granted");
    until(&world, "2026-03-03T00:00:00Z").await;
    let access = world.get("/users/E-1007/access").await;
    assert_eq!(
        access,
        json!({ "access": "revoked", "reason": "leave_date" })
    );
    let access = world.get(&format!("/access?email={LENA}")).await;
    assert_eq!(access["access"], "revoked");
    // And the sweep begins the grace period that the timer did not.
    world.minutes(12).await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    mailed(&world).await;
    assert_eq!(subjects(&world, MARCUS), [SCHEDULED]);
    world.hours(73).await;
    assert_eq!(world.alive("E-1007").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_today_or_in_the_past_acts_now() {
    let world = World::start().await;
    for (id, date) in [("E-1007", "2026-03-02"), ("E-1008", "2025-12-24")] {
        let answer = leaves_on(&world, id, json!(date)).await;
        assert_eq!(answer["status"], "deactivation_scheduled", "{answer}");
        assert_eq!(answer["access"], "revoked");
        assert_eq!(answer["due_at"], "2026-03-05T09:00:00Z");
        assert_eq!(state(&world, id).await, scheduled());
    }
    mailed(&world).await;
    assert_eq!(
        subjects(&world, ADA),
        ["2 people scheduled for deactivation"]
    );
    assert_eq!(
        subjects(&world, MARCUS),
        [SCHEDULED],
        "of his own people only"
    );
    world.hours(72).await;
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_ends_everything_at_once_where_the_behaviour_is_immediate() {
    let world = World::start().await;
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    leaves_on(&world, "E-1007", json!("2026-03-03")).await;
    assert_eq!(world.alive("E-1007").await, 3);
    until(&world, "2026-03-03T00:00:00Z").await;
    assert_eq!(world.status("E-1007").await, "deactivated");
    assert_eq!(world.alive("E-1007").await, 0);
    mailed(&world).await;
    for told in [ADA, OTTO, MARCUS] {
        assert_eq!(subjects(&world, told), ["1 person deactivated"]);
    }
    let now = leaves_on(&world, "E-1004", json!("2026-03-03")).await;
    assert_eq!(now["status"], "deactivated", "{now}");
    assert_eq!(now["active_cards"], 0);
    assert_eq!(world.alive("E-1004").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_that_is_moved_or_removed_takes_back_what_was_planned() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-03")).await;
    leaves_on(&world, "E-1008", json!("2026-03-03")).await;
    assert_eq!(schedules(&world, "leave").len(), 2);
    leaves_on(&world, "E-1007", json!("2026-03-04")).await;
    let removed = leaves_on(&world, "E-1008", Value::Null).await;
    assert_eq!(removed["leave_date"], Value::Null);
    assert_eq!(removed["leave_date_by"], Value::Null);
    assert_eq!(schedules(&world, "leave").len(), 1);
    until(&world, "2026-03-03T00:30:00Z").await;
    assert_eq!(state(&world, "E-1007").await, active());
    assert_eq!(state(&world, "E-1008").await, active());
    until(&world, "2026-03-04T00:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    // In the grace period too.
    let moved = leaves_on(&world, "E-1007", json!("2026-03-20")).await;
    assert_eq!(moved["status"], "active", "{moved}");
    assert_eq!(moved["access"], "granted");
    mailed(&world).await;
    assert!(
        world.mails().is_empty(),
        "it was taken back before anybody was told"
    );
    leaves_on(&world, "E-1007", json!("2026-03-04")).await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    let removed = leaves_on(&world, "E-1007", Value::Null).await;
    assert_eq!(removed["status"], "active");
    world.hours(80).await;
    assert_eq!(state(&world, "E-1007").await, active());
    assert_eq!(world.alive("E-1007").await, 3);
    assert!(schedules(&world, "leave").is_empty() && schedules(&world, "deactivate").is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_date_is_shown_and_nothing_happens_unless_the_settings_count_it() {
    let world = World::start().await;
    world.hours(1).await;
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    let lena = world.user("E-1007").await;
    assert_eq!(lena["leave_date"], "2026-03-03");
    assert_eq!(lena["leave_date_by"], "hr");
    world.hours(96).await;
    assert_eq!(state(&world, "E-1007").await, active());
    assert!(world.mails().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_date_acts_where_the_settings_count_all_and_hr_may_move_it() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    for id in ["E-1007", "E-1008", "E-1015"] {
        let result = world
            .hr(id, "active", json!({ "leave_date": "2026-03-03" }))
            .await;
        assert_eq!(result["outcome"], "updated", "{result}");
    }
    world.hours(1).await;
    world
        .hr("E-1008", "active", json!({ "leave_date": "2026-03-04" }))
        .await;
    world
        .hr("E-1015", "active", json!({ "leave_date": null }))
        .await;
    until(&world, "2026-03-03T00:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    assert_eq!(state(&world, "E-1008").await, active());
    assert_eq!(state(&world, "E-1015").await, active());
    mailed(&world).await;
    assert_eq!(subjects(&world, MARCUS), [SCHEDULED]);
    // HR takes it back in the grace period.
    let result = world
        .hr("E-1007", "active", json!({ "leave_date": "2026-04-03" }))
        .await;
    assert_eq!(result["outcome"], "reactivated", "{result}");
    until(&world, "2026-03-04T00:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, active());
    assert_eq!(state(&world, "E-1008").await, scheduled());
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admins_date_wins_over_hrs_until_it_is_removed() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "all" })).await;
    leaves_on(&world, "E-1007", json!("2026-03-06")).await;
    world.hours(1).await;
    world
        .hr("E-1007", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    let lena = world.user("E-1007").await;
    assert_eq!(
        (&lena["leave_date"], &lena["leave_date_by"]),
        (&json!("2026-03-06"), &json!("admin"))
    );
    until(&world, "2026-03-04T12:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, active());
    let removed = leaves_on(&world, "E-1007", Value::Null).await;
    assert_eq!(removed["leave_date"], "2026-03-03");
    assert_eq!(removed["leave_date_by"], "hr");
    assert_eq!(
        removed["status"], "deactivation_scheduled",
        "HR's counts now, and has come"
    );
    // A later date of an admin's overrules it again.
    let again = leaves_on(&world, "E-1007", json!("2026-03-09")).await;
    assert_eq!(again["status"], "active", "{again}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_hrs_dates_asks_first_where_some_have_passed() {
    let world = World::start().await;
    world.hours(1).await;
    world
        .hr("E-1007", "active", json!({ "leave_date": "2026-02-27" }))
        .await;
    world
        .hr("E-1008", "active", json!({ "leave_date": "2026-03-04" }))
        .await;
    let (asked, done) = confirmed(&world, json!({ "leave_dates": "all" })).await;
    assert_eq!(asked["affected"], 1);
    assert_eq!(asked["users"][0]["employee_id"], "E-1007");
    assert_eq!(done["leave_dates"], "all");
    assert_eq!(done["users"], json!(["E-1007"]));
    assert_eq!(state(&world, "E-1007").await, scheduled());
    assert_eq!(state(&world, "E-1008").await, active());
    until(&world, "2026-03-04T00:00:00Z").await;
    assert_eq!(
        state(&world, "E-1008").await,
        scheduled(),
        "and those ahead are planned"
    );
    let history = world.get("/users/E-1007/history").await;
    assert_eq!(history["entries"][0]["by"]["actor"], "settings_changed");
    // Back to manual: whoever leaves by HR's date does not.
    world.set(json!({ "leave_dates": "manual" })).await;
    assert_eq!(state(&world, "E-1007").await, active());
    assert_eq!(state(&world, "E-1008").await, active());
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_date_counts_where_the_settings_ignore_them() {
    let world = World::start().await;
    world.set(json!({ "leave_dates": "ignore" })).await;
    let lena = leaves_on(&world, "E-1007", json!("2026-03-01")).await;
    assert_eq!(lena["status"], "active");
    assert_eq!(lena["leave_date"], "2026-03-01");
    world.hours(24).await;
    assert_eq!(state(&world, "E-1007").await, active());
    let (asked, _) = confirmed(&world, json!({ "leave_dates": "manual" })).await;
    assert_eq!(asked["affected"], 1);
    assert_eq!(state(&world, "E-1007").await, scheduled());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_moves_with_the_time_zone() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-03")).await;
    leaves_on(&world, "E-1008", json!("2026-03-04")).await;
    let due = |world: &World| {
        let mut due: Vec<_> = schedules(world, "leave")
            .into_iter()
            .map(|one| one.2.unwrap())
            .collect();
        due.sort();
        due
    };
    assert_eq!(due(&world)[0], offramp_tests::at("2026-03-03T00:00:00Z"));
    world.set(json!({ "time_zone": "America/New_York" })).await;
    assert_eq!(
        due(&world),
        [
            offramp_tests::at("2026-03-03T05:00:00Z"),
            offramp_tests::at("2026-03-04T05:00:00Z")
        ]
    );
    until(&world, "2026-03-03T04:59:59Z").await;
    assert_eq!(state(&world, "E-1007").await, active());
    until(&world, "2026-03-03T05:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    // Eastward it is the 4th already for E-1008: an admin is asked.
    until(&world, "2026-03-03T16:00:00Z").await;
    let (asked, done) = confirmed(&world, json!({ "time_zone": "Asia/Tokyo" })).await;
    assert_eq!(asked["users"][0]["employee_id"], "E-1008");
    assert_eq!(done["users"], json!(["E-1008"]));
    assert_eq!(state(&world, "E-1008").await, scheduled());
    assert_eq!(
        world.user("E-1007").await["due_at"],
        "2026-03-06T05:00:00Z",
        "what was announced stands"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_the_sync_off_does_not_undo_a_leave_date() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-02")).await;
    leaves_on(&world, "E-1008", json!("2026-03-04")).await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    until(&world, "2026-03-04T00:00:00Z").await;
    assert_eq!(
        state(&world, "E-1008").await,
        scheduled(),
        "nor one that lies ahead"
    );
    world.hours(80).await;
    assert_eq!(world.alive("E-1007").await, 0);
    assert_eq!(world.status("E-1008").await, "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_admin_restores_a_date_that_has_come_does_not_end_again() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-02")).await;
    leaves_on(&world, "E-1004", json!("2026-03-02")).await;
    world.hours(1).await;
    assert_eq!(restore(&world, "E-1007").await["status"], "active");
    world.hours(72).await;
    assert_eq!(world.status("E-1004").await, "deactivated");
    // HR's word alone does not bring back whose date has come.
    world.hr("E-1004", "inactive", json!({})).await;
    world.hours(1).await;
    let result = world
        .hr("E-1004", "active", json!({ "team": "Elsewhere" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    assert_eq!(world.status("E-1004").await, "deactivated");
    assert_eq!(restore(&world, "E-1004").await["status"], "active");
    world
        .hr("E-1007", "active", json!({ "team": "Elsewhere" }))
        .await;
    world.hours(24).await;
    for id in ["E-1007", "E-1004"] {
        assert_eq!(state(&world, id).await, active());
        assert_eq!(
            world.user(id).await["leave_date"],
            "2026-03-02",
            "it is still shown"
        );
    }
    assert_eq!(world.alive("E-1007").await, 3);
    assert_eq!(world.alive("E-1004").await, 0);
    // Another date is another wish.
    assert_eq!(
        leaves_on(&world, "E-1007", json!("2026-03-01")).await["status"],
        "deactivation_scheduled"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_date_survives_that_hr_calls_somebody_inactive_and_active_again() {
    let world = World::start().await;
    leaves_on(&world, "E-1007", json!("2026-03-04")).await;
    world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    world.hours(24).await;
    assert_eq!(
        world.hr("E-1007", "active", json!({})).await["outcome"],
        "reactivated"
    );
    assert_eq!(state(&world, "E-1007").await, active());
    until(&world, "2026-03-04T00:00:00Z").await;
    assert_eq!(state(&world, "E-1007").await, scheduled());
    assert_eq!(world.user("E-1007").await["cause"], "leave_date");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sets_their_own_leave_date_and_what_is_no_date_is_refused() {
    let world = World::start().await;
    let put =
        async |id: &str, body: Value| world.put(&format!("/users/{id}/leave-date"), body).await;
    let own = put("E-1001", json!({ "leave_date": "2026-12-31" })).await;
    assert_eq!((own.status, &own.body["code"]), (409, &json!("self")));
    for (body, pointer) in [
        (json!({}), "/leave_date"),
        (json!({ "leave_date": "31.12.2026" }), "/leave_date"),
        (json!({ "leave_date": "2026-02-30" }), "/leave_date"),
        (json!({ "leave_date": "2026-12-31", "why": "retires" }), ""),
    ] {
        let reply = put("E-1007", body.clone()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
        let at = reply.body["errors"][0]["pointer"].as_str().unwrap();
        assert!(at.starts_with(pointer), "{body}: {}", reply.body);
    }
    assert_eq!(
        put("E-9999", json!({ "leave_date": null })).await.status,
        404
    );
    assert_eq!(world.user("E-1007").await["leave_date"], Value::Null);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_whose_date_comes_is_held() {
    let world = World::start().await;
    let reply = world
        .put("/users/E-1002/role", json!({ "role": "member" }))
        .await;
    assert_eq!(reply.status, 200);
    world.set(json!({ "leave_dates": "all" })).await;
    world.hours(1).await;
    let result = world
        .hr("E-1001", "active", json!({ "leave_date": "2026-03-03" }))
        .await;
    assert_eq!(result["outcome"], "updated", "{result}");
    until(&world, "2026-03-03T00:00:00Z").await;
    assert_eq!(state(&world, "E-1001").await, active());
    let why = world.get("/users/E-1001/explain").await;
    assert_eq!(why["reasons"][0]["code"], "held", "{why}");
    world.hours(80).await;
    assert_eq!(state(&world, "E-1001").await, active());
    world.end().await;
}
