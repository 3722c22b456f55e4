//! What a mail promises is so: the ways out that it names, who is gone and who is back, and what a hold keeps.

use offramp_tests::{ADA, LENA, LENA_MAIL, MARCUS_MAIL, OTTO, World, golden, numbered};
use serde_json::{Value, json};

/// The address for escalations.
const ON_CALL: &str = "on-call@acme.example";

/// Twelve of the seed's 25 people: more than a fifth.
fn twelve() -> Vec<String> {
    (1010..1022).map(|n| format!("E-{n}")).collect()
}

/// The sweep has counted the source's people, so that a share of them can be held against a limit.
async fn counted() -> World {
    let world = World::start().await;
    world.minutes(6).await;
    world
}

async fn hand_in(world: &World, id: &str) {
    let list = json!({ "leavers": [{ "employee_id": id }] });
    let reply = world.post("/leavers", list).await;
    assert_eq!(reply.body["results"][0]["outcome"], "scheduled");
}

async fn deactivate(world: &World, id: &str) {
    let reply = world
        .post(&format!("/users/{id}/deactivate-now"), json!({}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// The text of the only mail to somebody since `seen`, which counts it.
fn only(world: &World, address: &str, seen: &mut usize) -> String {
    let mails = world.mails_to(address, "");
    assert_eq!(mails.len(), *seen + 1, "{mails:?}");
    *seen += 1;
    mails[*seen - 1].text.clone()
}

/// A mail, with the id in it that is new every time, is as it was found good.
fn golden_of(name: &str, world: &World, address: &str, at: usize, id: &str) {
    let mut mail = world.mails_to(address, "").remove(at);
    mail.text = mail.text.replace(id, "id_1");
    mail.html = mail.html.replace(id, "id_1");
    golden::mail(name, &mail);
}

/// Somebody answers a hold, as it is now.
async fn answer(world: &World, token: &str, hold: &Value, what: &str, only: Option<&str>) -> Value {
    let id = hold["hold_id"].as_str().unwrap();
    let version = world.get(&format!("/holds/{id}")).await["version"].clone();
    let body = only.map_or(json!({}), |id| json!({ "employee_ids": [id] }));
    let ask = world.ask("POST", &world.path(&format!("/holds/{id}/{what}")));
    let ask = ask.token(token).if_match(version);
    ask.json(&body).ok().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_names_the_ways_out_that_there_are() {
    let world = World::start().await;
    let (mut ada, mut marcus) = (0, 0);
    let by_hr = "mark the person active in HR, restore the user, or turn the deactivation sync off";
    world.leaves_on(LENA, json!("2026-03-02")).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(!text.contains(by_hr), "{text}");
    assert!(
        text.contains("restore the user, or move or remove the leave date, before then"),
        "{text}"
    );
    // Her manager can do none of it.
    let text = only(&world, MARCUS_MAIL, &mut marcus);
    assert!(text.contains("tell an admin before then"), "{text}");
    assert!(
        !text.contains("restore the user") && !text.contains("sync"),
        "{text}"
    );

    hand_in(&world, "E-1018").await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(!text.contains(by_hr), "{text}");
    assert!(text.contains("restore the user before then"), "{text}");

    world.hr("E-1024", "inactive", json!({})).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(text.contains(by_hr), "{text}");

    // In one mail, each with theirs.
    world.hr("E-1010", "inactive", json!({})).await;
    hand_in(&world, "E-1019").await;
    world.leaves_on("E-1020", json!("2026-03-02")).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(text.contains("restore the user before then"), "{text}");
    assert!(text.contains("\"inactive in HR\": marking"), "{text}");
    assert!(
        text.contains("\"leave date\": moving or removing it"),
        "{text}"
    );

    // And it is so.
    for id in [LENA, "E-1018"] {
        world.hr(id, "active", json!({ "team": "Treasury" })).await;
    }
    world
        .confirm(&json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    assert_eq!(world.status("E-1024").await, "active");
    for id in [LENA, "E-1018", "E-1019", "E-1020"] {
        assert_eq!(world.status(id).await, "deactivation_scheduled", "{id}");
    }
    world.leaves_on(LENA, Value::Null).await;
    world.restore("E-1018").await;
    for id in [LENA, "E-1018"] {
        assert_eq!(world.status(id).await, "active", "{id}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_back_before_the_mail_is_not_told_to_be_gone() {
    let world = World::start().await;
    let mut ada = 0;
    deactivate(&world, LENA).await;
    world.restore(LENA).await;
    // Without cards nothing is left of it to tell.
    world.hire(&numbered("X", 1)).await;
    deactivate(&world, "X-0001").await;
    world.restore("X-0001").await;
    world.mailed().await;
    assert_eq!(
        world.subjects(ADA),
        ["1 person restored after their cards were terminated"]
    );
    let text = only(&world, ADA, &mut ada);
    assert!(
        text.contains("Lena Lindqvist (E-1007): 3 cards terminated; the person is active again"),
        "{text}"
    );
    assert!(!text.contains("Access is revoked"), "{text}");
    assert!(!text.contains("X-0001"), "{text}");

    // By HR as well.
    world
        .set(json!({ "deactivation_sync": { "behaviour": "immediate" } }))
        .await;
    world.hr("E-1018", "inactive", json!({})).await;
    world.hr("E-1018", "active", json!({})).await;
    world.hr("E-1019", "inactive", json!({})).await;
    world.remove("E-1020").await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    let subject = "1 person deactivated; 1 person deleted; 1 person restored after their cards were terminated";
    assert_eq!(world.subjects(ADA)[1], subject, "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_of_the_last_admin_promises_nothing_of_others() {
    let world = World::start().await;
    world.set(json!({ "escalation": ON_CALL })).await;
    deactivate(&world, "E-1002").await;
    world.mailed().await;
    let mut ada = 1;
    world.dismiss(&["E-1001".to_owned()]).await;
    world.dismiss(&["E-1010".to_owned()]).await;
    world.mailed().await;
    let on_call = world.mails_to(ON_CALL, "");
    assert_eq!(on_call.len(), 1, "{on_call:?}");
    let text = &on_call[0].text;
    assert!(text.contains("It keeps nobody else"), "{text}");
    assert!(!text.contains("joins it"), "{text}");
    assert!(
        text.contains("Ada Okafor (E-1001): ") && text.contains("inactive in HR"),
        "{text}"
    );
    // The only admin is told of E-1010, and not of herself.
    let text = only(&world, ADA, &mut ada);
    assert!(
        text.contains("(E-1010)") && !text.contains("E-1001"),
        "{text}"
    );
    assert!(!text.contains("waits while"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_that_a_hold_keeps_them() {
    let world = counted().await;
    let mut ids = twelve();
    ids.push("E-1002".to_owned());
    world.dismiss(&ids).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut 0);
    assert!(text.contains("hris: 13 people held"), "{text}");
    assert!(text.contains("Otto Brandt (E-1002): "), "{text}");
    // Otto reads of the twelve others.
    let text = only(&world, OTTO, &mut 0);
    assert!(text.contains("hris: 12 people held"), "{text}");
    assert!(!text.contains("E-1002") && !text.contains("Otto"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_names_whom_it_keeps_and_how_it_is_answered() {
    let world = counted().await;
    world.hr(LENA, "inactive", json!({})).await;
    hand_in(&world, "E-1024").await;
    world.dismiss(&twelve()).await;
    // One of them is back before the mail.
    world.hr("E-1010", "active", json!({})).await;
    world.mailed().await;
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();
    let text = only(&world, OTTO, &mut 0);
    assert!(text.contains("hris: 11 people held"), "{text}");
    assert!(
        text.contains("Marcus Doyle (E-1012): 2 cards — inactive in HR"),
        "{text}"
    );
    assert!(!text.contains("E-1010"), "{text}");
    for route in [
        format!("GET /v1/orgs/acme/holds/{id}"),
        format!("POST /v1/orgs/acme/holds/{id}/approve"),
    ] {
        assert!(text.contains(&route), "{text}");
    }
    // What began before it waits with it, and what an admin began does not.
    let line = |name: &str| {
        let mut lines = text.lines();
        lines.find(|line| line.contains(name)).unwrap().to_owned()
    };
    let waits = "waits while the hold is open";
    assert!(line("Lena Lindqvist").contains(waits), "{text}");
    assert!(!line("Björk Jónsdóttir").contains(waits), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_a_hold_is_told_with_who_gave_it() {
    let world = counted().await;
    let (mut ada, otto) = (0, world.token_of(OTTO));
    world.dismiss(&twelve()).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(text.contains("12 people held"), "{text}");
    let hold = world.open_holds().await.remove(0);
    let id = hold["hold_id"].as_str().unwrap();

    answer(&world, &otto, &hold, "approve", Some("E-1011")).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    let told = format!("Otto Brandt approved a part of hold {id} of hris for 1 person");
    assert!(text.contains(&told), "{text}");

    answer(&world, &otto, &hold, "reject", None).await;
    world.mailed().await;
    assert_eq!(world.subjects(ADA)[2], "A hold was answered");
    let text = only(&world, ADA, &mut ada);
    let told = format!("Otto Brandt rejected hold {id} of hris: 11 people stay");
    assert!(text.contains(&told), "{text}");
    assert!(
        !text.contains("silent") && !text.contains("healthy"),
        "{text}"
    );
    golden_of("mail/answered", &world, ADA, 2, id);

    // One that is answered before it was told is told as that only; so is one that HR clears.
    world
        .dismiss(&["E-1022".to_owned(), "E-1023".to_owned()])
        .await;
    for id in twelve() {
        world.hr(&id, "active", json!({})).await;
    }
    world.minutes(1).await;
    for id in twelve() {
        world.hr(&id, "inactive", json!({})).await;
    }
    let hold = world.open_holds().await.remove(0);
    answer(&world, &otto, &hold, "reject", None).await;
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(!text.contains("A safeguard stopped"), "{text}");
    assert!(text.contains("Otto Brandt rejected"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_taken_back_is_told() {
    let world = World::start().await;
    let mut ada = 0;
    let leave = |id: &str| offramp_tests::event(world.now(), id, "inactive", json!({}));
    let run = world
        .deliver(json!([leave("E-1010"), leave("E-1011")]))
        .await;
    let run = run.body["run_id"].as_str().unwrap();
    world.mailed().await;
    let text = only(&world, ADA, &mut ada);
    assert!(text.contains("2 people scheduled"), "{text}");
    for _ in 0..2 {
        world.post(&format!("/runs/{run}/undo"), json!({})).await;
        world.mailed().await;
    }
    assert_eq!(world.subjects(OTTO)[1], "A run was taken back");
    let text = only(&world, ADA, &mut ada);
    let told = format!("Ada Okafor took back run {run} of hris");
    assert!(
        text.contains(&told) && text.contains("2 people are active again"),
        "{text}"
    );
    golden_of("mail/undone", &world, ADA, 1, run);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_restored_is_told_that_they_are_back() {
    let world = World::start().await;
    deactivate(&world, LENA).await;
    world.restore(LENA).await;
    world.mailed().await;
    let mails = world.mails_to(LENA_MAIL, "");
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].subject, "Your access to acme is back");
    golden::mail("mail/back", &mails[0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_an_approval_leaves_somebody_in_promises_nothing_of_others() {
    let world = counted().await;
    world.set(json!({ "escalation": ON_CALL })).await;
    let mut leavers = twelve();
    leavers.extend(["E-1001".to_owned(), "E-1002".to_owned()]);
    world.dismiss(&leavers).await;
    let hold = world.open_holds().await.remove(0);
    assert_eq!(hold["rule"], "max_percent");
    answer(&world, &world.token, &hold, "approve", None).await;
    world.hours(25).await;
    // One of the two admins has gone; the other is the last, and is not told that a hold keeps them.
    let told = |address| world.mails_to(address, "A safeguard holds 1 person");
    assert_eq!([told(ADA).len(), told(OTTO).len()], [0, 0]);
    let text = &told(ON_CALL)[0].text;
    assert!(text.contains("It keeps nobody else"), "{text}");
    assert!(!text.contains("joins it"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_in_a_mail_read_as_people_say_them() {
    let world = World::start().await;
    world.hire(&numbered("X", 1)).await;
    deactivate(&world, "X-0001").await;
    world
        .set(json!({ "deactivation_sync": { "enabled": false } }))
        .await;
    world.mailed().await;
    let text = only(&world, ADA, &mut 0);
    assert!(text.contains("X-0001): no cards — by an admin"), "{text}");
    assert!(text.contains("sync off; nobody was scheduled"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_everybody_has_left_is_not_told_as_open() {
    let world = counted().await;
    world.read().await;
    for status in ["inactive", "active"] {
        let said = twelve()
            .into_iter()
            .map(|id| offramp_tests::event(world.now(), &id, status, json!({})));
        world.deliver(said.collect()).await;
    }
    assert_eq!(world.get("/holds").await["holds"][0]["left"], 0);
    world.mailed().await;
    let told: Vec<_> = world.mails().into_iter().map(|mail| mail.subject).collect();
    assert!(
        !told.iter().any(|subject| subject.contains("safeguard")),
        "{told:?}"
    );
    world.end().await;
}
