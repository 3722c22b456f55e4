//! What an admin does by hand: deactivate now, delete, restore, appoint; and what HR makes of it afterwards.

use offramp_tests::{ADA, LENA, OTTO, World};
use serde_json::{Value, json};

async fn deactivate(world: &World, id: &str) -> Value {
    let path = format!("/users/{id}/deactivate-now");
    world.admin("POST", &path).ok().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_i_deactivate_somebody_now_their_cards_are_gone_with_the_answer() {
    let world = World::start().await;
    let answer = world
        .admin("POST", "/users/E-1007/deactivate-now")
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["status"], "deactivated");
    assert_eq!(answer.body["cards_cancelled"], 3);
    assert_eq!(answer.body.get("cards_pending"), None);
    let user = world.admin("GET", "/users/E-1007").send().await;
    assert_eq!(user.etag, answer.etag);
    assert_eq!(
        user.body["pending"],
        json!({ "cards": false, "notice": false, "objectives": false })
    );
    assert_eq!(world.access(LENA).await, "revoked");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    let again = deactivate(&world, LENA).await;
    assert_eq!(again["status"], "deactivated");
    world.hours(1).await;
    for admin in [ADA, OTTO] {
        let mails = world.mails_to(admin, "");
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "1 person deactivated");
        assert!(mails[0].text.contains("3 cards terminated — by an admin"));
    }
    assert_eq!(world.times(LENA, "deactivated").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_i_do_not_wait_for_the_grace_period_only_the_deactivation_is_told() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let timers = world.timers(LENA, "deactivate");
    assert_eq!(deactivate(&world, LENA).await["cards_cancelled"], 3);
    assert_eq!(world.timers(LENA, "deactivate").len(), 0);
    world.hours(73).await;
    world.fire(&timers[0]).await.unwrap();
    let mails = world.mails_to(OTTO, "");
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "1 person deactivated");
    assert_eq!(world.times(LENA, "deactivated").await, 1);
    assert_eq!(world.times(LENA, "finished").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_cannot_lock_myself_out() {
    let world = World::start().await;
    let me = "/users/E-1001";
    let to = |path: &str| format!("{me}{path}");
    let member = json!({ "role": "member" });
    world
        .admin("POST", &to("/deactivate-now"))
        .refused(409, "self")
        .await;
    world
        .admin("POST", &to("/restore"))
        .refused(409, "self")
        .await;
    world.admin("DELETE", me).refused(409, "self").await;
    let demote = world.admin("PUT", &to("/role")).json(&member);
    demote.refused(409, "self").await;
    assert_eq!(world.access("E-1001").await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_who_deactivate_each_other_do_not_leave_us_without_one() {
    let world = World::start().await;
    let otto = world.token_of(OTTO);
    let one = world.admin("POST", "/users/E-1002/deactivate-now");
    let path = world.path("/users/E-1001/deactivate-now");
    let other = world.ask("POST", &path).token(&otto);
    let (one, other) = tokio::join!(one.send(), other.send());
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    let refused = if one.status == 200 { other } else { one };
    refused.is_a_problem();
    // Whoever is too late has no access any more, or would have been the last.
    let code = refused.body["code"].as_str().unwrap();
    assert!(["last_admin", "forbidden"].contains(&code), "{code}");
    world.minutes(3).await;
    assert_eq!(world.mails().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hr_cannot_take_the_last_admin_from_us() {
    let world = World::start().await;
    let results = world
        .dismiss(&["E-1002".to_owned(), "E-1001".to_owned()])
        .await;
    let mut outcomes: Vec<_> = results.iter().map(|one| one["outcome"].clone()).collect();
    outcomes.sort_by_key(ToString::to_string);
    assert_eq!(outcomes, [json!("held"), json!("scheduled")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_or_unknown_cannot_be_deactivated() {
    let world = World::start().await;
    world.admin("DELETE", "/users/E-1007").ok().await;
    let again = world.admin("POST", "/users/E-1007/deactivate-now");
    again.refused(409, "deleted").await;
    let nobody = world.admin("POST", "/users/E-9999/deactivate-now");
    nobody.refused(404, "not_found").await;
    world
        .admin("DELETE", "/users/E-9999")
        .refused(404, "not_found")
        .await;
    world
        .admin("POST", "/users/E-9999/restore")
        .refused(404, "not_found")
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_do_not_undo_what_i_have_not_seen() {
    let world = World::start().await;
    let seen = world
        .admin("GET", "/users/E-1007")
        .send()
        .await
        .etag
        .unwrap();
    let now = world.admin("POST", "/users/E-1007/deactivate-now");
    world
        .hr(LENA, "active", json!({ "team": "Elsewhere" }))
        .await;
    now.header("if-match", &seen)
        .refused(412, "version_mismatch")
        .await;
    for (method, path) in [("DELETE", ""), ("POST", "/restore"), ("PUT", "/role")] {
        let stale = world.admin(method, &format!("/users/E-1007{path}"));
        let stale = match method {
            "PUT" => stale.json(&json!({ "role": "admin" })),
            _ => stale,
        };
        stale
            .header("if-match", &seen)
            .refused(412, "version_mismatch")
            .await;
    }
    let garbage = world.admin("DELETE", "/users/E-1007");
    garbage
        .header("if-match", "\"abc\"")
        .refused(412, "version_mismatch")
        .await;
    assert_eq!(world.status(LENA).await, "active");
    let seen = world
        .admin("GET", "/users/E-1007")
        .send()
        .await
        .etag
        .unwrap();
    let now = world.admin("POST", "/users/E-1007/deactivate-now");
    now.header("if-match", &seen).ok().await;
    assert_eq!(world.status(LENA).await, "deactivated");
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hr_edits_does_not_bring_back_whom_i_deactivated() {
    let world = World::start().await;
    deactivate(&world, LENA).await;
    world.minutes(1).await;
    let edited = world
        .hr(LENA, "active", json!({ "team": "Elsewhere" }))
        .await;
    assert_eq!(edited["outcome"], "updated");
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["status"], &user["team"]),
        (&json!("deactivated"), &json!("Elsewhere"))
    );
    // HR's own word must change before it may bring anybody back.
    world.minutes(1).await;
    let left = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(left["outcome"], "updated");
    world.minutes(1).await;
    let back = world.hr(LENA, "active", json!({})).await;
    assert_eq!(back["outcome"], "reactivated");
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    world.minutes(3).await;
    assert_eq!(world.mails_to(ADA, "").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_i_deleted_stays_deleted_until_their_record_changes() {
    let world = World::start().await;
    let answer = world.admin("DELETE", "/users/E-1007").ok().await;
    assert_eq!(answer["status"], "deleted");
    assert_eq!(answer["cards_cancelled"], 3);
    assert_eq!(world.status(LENA).await, "deleted");
    world.minutes(5).await;
    let same = world
        .hr(LENA, "active", json!({ "team": "Field Sales" }))
        .await;
    assert_eq!(same["outcome"], "ignored");
    // A field that HR never sent before is no change.
    world.minutes(5).await;
    let mapped = world
        .hr(LENA, "active", json!({ "leave_date": null }))
        .await;
    assert_eq!(mapped["outcome"], "ignored");
    world.minutes(5).await;
    let left = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(left["outcome"], "ignored");
    assert_eq!(world.status(LENA).await, "deleted");
    world.minutes(5).await;
    let changed = world
        .hr(LENA, "active", json!({ "team": "Inside Sales" }))
        .await;
    assert_eq!(changed["outcome"], "restored");
    let user = world.user(LENA).await;
    assert_eq!(
        (&user["status"], &user["role"]),
        (&json!("active"), &json!("member"))
    );
    assert_eq!(user["team"], "Inside Sales");
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    world.minutes(5).await;
    assert_eq!(
        world
            .mails_to(OTTO, "1 person restored by the HR sync")
            .len(),
        1
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_say_what_may_bring_back_the_deleted() {
    let world = World::start().await;
    world
        .set(json!({ "restore_deleted_on": "reactivation" }))
        .await;
    world.admin("DELETE", "/users/E-1007").ok().await;
    world.minutes(1).await;
    let edited = world.hr(LENA, "active", json!({ "team": "A" })).await;
    assert_eq!(edited["outcome"], "ignored");
    world.set(json!({ "restore_deleted_on": "never" })).await;
    for status in ["inactive", "active"] {
        world.minutes(1).await;
        let result = world.hr(LENA, status, json!({})).await;
        assert_eq!(result["outcome"], "ignored", "{status}");
    }
    world
        .set(json!({ "restore_deleted_on": "reactivation" }))
        .await;
    world.minutes(1).await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(1).await;
    let back = world.hr(LENA, "active", json!({})).await;
    assert_eq!(back["outcome"], "restored");
    world.minutes(3).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_i_restore_is_a_member_without_cards() {
    let world = World::start().await;
    let admin = json!({ "role": "admin" });
    world
        .admin("PUT", "/users/E-1007/role")
        .json(&admin)
        .ok()
        .await;
    assert_eq!(world.user(LENA).await["role"], "admin");
    world.admin("DELETE", "/users/E-1007").ok().await;
    let back = world.admin("POST", "/users/E-1007/restore").ok().await;
    assert_eq!(
        (&back["status"], &back["role"]),
        (&json!("active"), &json!("member"))
    );
    assert_eq!(back.get("note"), None);
    assert_eq!(world.cards(LENA).await, ["cancelled"; 3]);
    assert_eq!(world.access(LENA).await, "granted");
    world.hours(1).await;
    assert_eq!(world.status(LENA).await, "active");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_may_restore_somebody_whom_hr_still_calls_inactive_and_am_told_so() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let back = world.admin("POST", "/users/E-1007/restore").ok().await;
    assert_eq!(back["status"], "active");
    assert_eq!(back["note"], "HR still says inactive");
    world.hours(73).await;
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.alive(LENA).await, 3);
    // It was not told before it was undone.
    assert_eq!(world.mails(), []);
    let again = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(again["outcome"], "unchanged");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_whom_i_demote_is_none_at_once() {
    let world = World::start().await;
    let otto = world.token_of(OTTO);
    let look = || world.ask("GET", &world.path("/settings")).token(&otto);
    look().ok().await;
    let member = json!({ "role": "member" });
    let demoted = world.admin("PUT", "/users/E-1002/role").json(&member);
    assert_eq!(demoted.ok().await["role"], "member");
    look().refused(403, "forbidden").await;
    let nonsense = json!({ "role": "owner" });
    let refused = world.admin("PUT", "/users/E-1002/role").json(&nonsense);
    assert_eq!(
        refused.refused(422, "invalid").await["errors"][0]["pointer"],
        "/role"
    );
    world.end().await;
}
