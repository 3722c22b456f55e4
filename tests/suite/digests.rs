//! Whom a mail goes to, when, and what stands in it; and the mails as they were looked at and found good.

use aws_stand_ins::{Clock, Fault, InvocationOutcome, Mode, Service};
use offramp_tests::{ADA, LENA, OTTO, World, at, golden, numbered};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_are_those_of_our_clocks_also_when_these_are_put_forward() {
    // Clocks go forward in Berlin on Sunday 29 March 2026.
    let world =
        World::with(|config| config.clock = Clock::frozen(at("2026-03-27T09:30:15Z"))).await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    let result = world.hr(LENA, "inactive", json!({})).await;
    assert_eq!(result["due_at"], "2026-03-30T09:30:15Z");
    let date = "Monday 30 March 2026 at 11:30 (Europe/Berlin)";
    let banner = world.user(LENA).await["banner"].clone();
    assert!(banner.as_str().unwrap().contains(date), "{banner}");
    world.minutes(5).await;
    let mail = &world.mails_to(ADA, "")[0];
    assert!(mail.text.contains(date), "{}", mail.text);
    assert!(mail.text.contains("3 cards"), "{}", mail.text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_who_leaves_is_not_told_of_it() {
    let world = World::start().await;
    let admin = json!({ "role": "admin" });
    world
        .admin("PUT", "/users/E-1003/role")
        .json(&admin)
        .ok()
        .await;
    let priya = "priya.raman@acme.example";
    world.dismiss(&["E-1002".to_owned(), LENA.to_owned()]).await;
    world.minutes(5).await;
    assert_eq!(world.mails_to(OTTO, "").len(), 0);
    assert_eq!(world.mails_to(ADA, "2 people").len(), 1);
    assert_eq!(world.mails_to(priya, "2 people").len(), 1);
    // Nor, without access, of what happens later.
    world.hr("E-1012", "inactive", json!({})).await;
    world.hours(80).await;
    assert_eq!(world.mails_to(OTTO, "").len(), 0);
    assert_eq!(
        world.mails_to(priya, "").len(),
        world.mails_to(ADA, "").len()
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_whose_role_is_gone_before_the_mail_is_told_that_alone() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    let member = json!({ "role": "member" });
    world
        .admin("PUT", "/users/E-1002/role")
        .json(&member)
        .ok()
        .await;
    world.minutes(5).await;
    assert_eq!(world.subjects(OTTO), ["Who may do what has changed"]);
    assert_eq!(world.mails_to(ADA, "").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_refused_does_not_keep_the_mail_from_the_others() {
    let world = World::start().await;
    world.stack.cloud().ses().refuse(ADA);
    world.hr(LENA, "inactive", json!({})).await;
    world.hours(1).await;
    assert_eq!(world.mails_to(ADA, "").len(), 0);
    assert_eq!(world.mails_to(OTTO, "").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_admins_than_mails_in_a_second_are_told_once_each_by_one_run() {
    let world = World::start().await;
    for number in 3..=15 {
        let path = format!("/users/E-10{number:02}/role");
        let role = json!({ "role": "admin" });
        world.admin("PUT", &path).json(&role).ok().await;
    }
    world.hr("E-1020", "inactive", json!({})).await;
    // Each of the fifteen is refused, and all of them more often than the SDK tries one call.
    let throttled = Fault::once(Service::Ses, "SendEmail", Mode::Throttle);
    let faults = world.stack.cloud().faults();
    faults.inject(Fault {
        times: 60,
        ..throttled
    });
    world.minutes(5).await;
    assert!(faults.pending().is_empty());
    let mut told: Vec<String> = world.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told.len(), 15, "{told:?}");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 15, "{told:?}");
    let runs = world.stack.cloud().lambda().invocations();
    let all_went_well = runs.iter().all(|run| run.outcome == InvocationOutcome::Ok);
    assert!(all_went_well, "{runs:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_tells_the_cards_as_they_are_when_it_is_sent() {
    let world = World::start().await;
    world.hr("E-1012", "inactive", json!({})).await;
    let cards = world.get("/users/E-1012/cards").await;
    let card = cards["cards"][0]["card_id"].as_str().unwrap();
    let to = json!({ "to": "E-1013" });
    world.post(&format!("/cards/{card}/reassign"), to).await;
    world.minutes(5).await;
    let mail = &world.mails_to(ADA, "")[0];
    assert!(mail.text.contains("1 card —"), "{}", mail.text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mails_of_a_leaver_are_as_they_were_found_good() {
    let world = World::start().await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    // Names come from elsewhere: nothing in them is markup.
    world
        .hr(
            "E-1012",
            "inactive",
            json!({ "name": "<b>&\"Mark's\" <script>" }),
        )
        .await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(5).await;
    let mail = &world.mails_to(ADA, "scheduled")[0];
    assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>"));
    golden::mail("mail/scheduled", mail);
    world.hours(72).await;
    golden::mail("mail/terminated", &world.mails_to(OTTO, "deactivated")[0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_of_many_things_is_as_it_was_found_good() {
    let world = World::start().await;
    world.admin("DELETE", "/users/E-1024").ok().await;
    world
        .admin("POST", "/users/E-1018/deactivate-now")
        .ok()
        .await;
    world.hr(LENA, "inactive", json!({})).await;
    world
        .hr("E-1024", "active", json!({ "team": "Treasury" }))
        .await;
    world
        .confirm(&json!({ "safeguards": { "max_users": 60 } }))
        .await;
    world.minutes(5).await;
    let mails = world.mails_to(ADA, "");
    assert_eq!(mails.len(), 1, "{mails:?}");
    golden::mail("mail/mixed", &mails[0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_that_the_sync_was_turned_off_is_as_it_was_found_good() {
    let world = World::start().await;
    world.hr(LENA, "inactive", json!({})).await;
    world.minutes(5).await;
    world
        .confirm(&json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.minutes(5).await;
    golden::mail("mail/sync_off", &world.mails_to(OTTO, "settings")[0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_about_very_many_is_as_it_was_found_good() {
    let world = World::start().await;
    let ids = numbered("X", 203);
    world.hire(&ids).await;
    world.let_many_go().await;
    world.dismiss(&ids).await;
    world.minutes(5).await;
    golden::mail("mail/many", &world.mails_to(ADA, "scheduled")[0]);
    world.end().await;
}
