//! The grace period, as an admin lives it.

use offramp_tests::{ADA, LENA, OTTO, World, event, zulu};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_after_hr_marks_somebody_inactive_their_cards_are_cancelled() {
    let world = World::start().await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "scheduled");
    assert_eq!(result["due_at"], "2026-03-05T09:00:00Z");
    let user = world.user(LENA).await;
    assert_eq!(user["status"], "deactivation_scheduled");
    assert_eq!(user["badge"], "Deactivation scheduled");
    assert_eq!(user["due_at"], result["due_at"]);
    let banner = user["banner"].as_str().unwrap();
    assert!(
        banner.contains("Thursday 5 March 2026 at 09:00"),
        "{banner}"
    );
    assert_eq!(user["active_cards"], 3);
    assert_eq!(world.access(LENA).await, "revoked");
    assert_eq!(world.alive(LENA).await, 3);
    world.hours(71).await;
    assert_eq!(world.alive(LENA).await, 3);
    world.hours(1).await;
    let user = world.user(LENA).await;
    assert_eq!(user["status"], "deactivated");
    for gone in ["badge", "banner", "due_at"] {
        assert_eq!(user[gone], Value::Null);
    }
    assert_eq!(user["active_cards"], 0);
    assert_eq!(world.alive(LENA).await, 0);
    world.minutes(3).await;
    for admin in [ADA, OTTO] {
        assert_eq!(world.mails_to(admin, "scheduled").len(), 1);
        assert_eq!(world.mails_to(admin, "deactivated").len(), 1);
        assert_eq!(world.mails_to(admin, "").len(), 2);
    }
    world.only_admins_were_mailed();
    world.end().await;
}

/// Scheduler fills its context attributes into the input of a target.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_reads_like_one_of_schedulers_own_words_is_an_id() {
    let world = World::start().await;
    let id = "E-<aws.scheduler.attempt-number>";
    world.hr(id, "active", json!({})).await;
    let result = world.hr(id, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "scheduled");
    world.hours(72).await;
    let user = world
        .get("/users/E-%3Caws.scheduler.attempt-number%3E")
        .await;
    assert_eq!(user["status"], "deactivated");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_period_is_one_or_two_days_where_we_say_so() {
    let world = World::start().await;
    for (days, id) in [(1_u64, "E-1004"), (2, "E-1018")] {
        let begin = world.now();
        let delay = json!({ "deactivation_sync": { "delay_days": days } });
        world.set(delay).await;
        let result = world.hr(id, "inactive", json!({})).await;
        let due = begin + chrono::TimeDelta::days(days.cast_signed());
        assert_eq!(result["due_at"], zulu(due));
        let cards = world.alive(id).await;
        assert!(cards > 1);
        world.hours(24 * days - 1).await;
        assert_eq!(world.status(id).await, "deactivation_scheduled");
        assert_eq!(world.alive(id).await, cards);
        world.hours(1).await;
        assert_eq!(world.status(id).await, "deactivated");
        assert_eq!(world.alive(id).await, 0);
    }
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staging_stack_has_short_days() {
    let world = World::with(|config| {
        let day = ("StagingDaySeconds".to_owned(), "120".to_owned());
        config.parameters.extend([day]);
    })
    .await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(
        result["due_at"],
        zulu(world.now() + chrono::TimeDelta::minutes(6))
    );
    world.minutes(5).await;
    assert_eq!(world.alive(LENA).await, 3);
    world.minutes(2).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_grace_period_the_cards_are_gone_with_the_answer_to_hr() {
    let world = World::start().await;
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["outcome"], "deactivated");
    assert_eq!(result.get("due_at"), None);
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.access(LENA).await, "revoked");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    assert_eq!(world.timers(LENA, "deactivate").len(), 0);
    world.hours(1).await;
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "");
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "1 person deactivated");
        assert!(
            mails[0]
                .text
                .contains("Lena Lindqvist (E-1007): 3 cards terminated")
        );
    }
    world.only_admins_were_mailed();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_at_once_was_never_gone_and_nobody_hears_of_it() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let timers = world.timers(LENA, "deactivate");
    assert_eq!(timers.len(), 1);
    world.minutes(1).await;
    let result = world.hr(LENA, "active", json!({})).await;
    assert_eq!(result["outcome"], "reactivated");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.user(LENA).await["badge"], Value::Null);
    world.hours(73).await;
    // Scheduler may deliver once more, or the schedule could not be deleted.
    world.fire(&timers[0]).await.unwrap();
    assert_eq!(world.status(LENA).await, "active");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.alive(LENA).await, 3);
    assert_eq!(world.mails(), []);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_after_the_mail_keeps_access_and_cards() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let timers = world.timers(LENA, "deactivate");
    world.hours(71).await;
    assert_eq!(world.mails_to(ADA, "scheduled").len(), 1);
    let result = world.hr(LENA, "active", json!({})).await;
    assert_eq!(result["outcome"], "reactivated");
    assert_eq!(world.timers(LENA, "deactivate").len(), 0);
    world.hours(2).await;
    world.fire(&timers[0]).await.unwrap();
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.alive(LENA).await, 3);
    assert_eq!(world.mails_to(ADA, "").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_comes_back_and_leaves_again_gets_a_whole_grace_period() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let first = world.timers(LENA, "deactivate");
    world.hours(30).await;
    world.hr(LENA, "active", json!({})).await;
    let result = world.hr_at(
        world.now() + chrono::TimeDelta::seconds(1),
        LENA,
        "inactive",
        json!({}),
    );
    assert_eq!(result.await["due_at"], "2026-03-06T15:00:00Z");
    world.hours(60).await;
    world.fire(&first[0]).await.unwrap();
    assert_eq!(world.status(LENA).await, "deactivation_scheduled");
    assert_eq!(world.alive(LENA).await, 3);
    world.hours(12).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    world.minutes(3).await;
    assert_eq!(world.mails_to(ADA, "scheduled").len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hr_edits_in_the_grace_period_does_not_move_the_date() {
    let world = World::start().await;
    let due_at = world.hr(LENA, "inactive", json!({})).await["due_at"].clone();
    world.hours(20).await;
    let result = world
        .hr(
            LENA,
            "inactive",
            json!({ "team": "Alumni", "name": "Lena Berg" }),
        )
        .await;
    assert_eq!(result["outcome"], "updated");
    assert_eq!(result["due_at"], due_at);
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["team"], &user["due_at"]),
        (&json!("Alumni"), &due_at)
    );
    world.hours(52).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    world.minutes(3).await;
    assert_eq!(world.mails_to(ADA, "scheduled").len(), 1);
    assert!(
        world.mails_to(ADA, "deactivated")[0]
            .text
            .contains("Lena Berg")
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_that_were_announced_stand_when_we_change_the_delay() {
    let world = World::start().await;
    let first = world.hr(LENA, "inactive", json!({})).await;
    world
        .set(json!({ "deactivation_sync": { "delay_days": 1 } }))
        .await;
    let second = world.hr("E-1012", "inactive", json!({})).await;
    assert_eq!(first["due_at"], "2026-03-05T09:00:00Z");
    assert_eq!(second["due_at"], "2026-03-03T09:00:00Z");
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    world.hours(24).await;
    assert_eq!(world.status("E-1012").await, "deactivated");
    let user = world.user(LENA).await;
    assert_eq!(user["status"], "deactivation_scheduled");
    assert_eq!(user["due_at"], first["due_at"]);
    world.hours(48).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_returns_after_the_deactivation_gets_access_but_no_cards() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(73).await;
    let result = world.hr(LENA, "active", json!({})).await;
    assert_eq!(result["outcome"], "reactivated");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    world.add_card(LENA).await;
    world.hours(73).await;
    assert_eq!(world.alive(LENA).await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_gone_before_we_came_is_stored_and_nobody_is_told() {
    let world = World::start().await;
    let gone = event(
        world.now(),
        "X-1",
        "inactive",
        json!({ "name": "Long Gone" }),
    );
    let result = world.outcomes(json!([gone])).await;
    assert_eq!(result[0]["outcome"], "created");
    assert_eq!(world.status("X-1").await, "deactivated");
    assert_eq!(world.access("X-1").await, "revoked");
    world.hours(1).await;
    assert_eq!(world.mails(), []);
    let result = world.hr("X-1", "active", json!({})).await;
    assert_eq!(result["outcome"], "reactivated");
    world.end().await;
}
