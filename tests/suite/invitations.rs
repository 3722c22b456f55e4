//! The limit on invitations: what is above it is not sent and is told, and an admin sends one by hand.

use std::collections::BTreeSet;

use aws_stand_ins::{Fault, Message, Mode, Service};
use offramp_tests::{ADA, LENA, OTTO, World, golden, numbered};
use serde_json::{Value, json};

const INVITED: &str = "You are invited to acme";
const STOPPED: &str = "not invited";

/// A world in which everybody who is new is invited, but so many within a day.
async fn limited(most: u32) -> World {
    let world = World::start().await;
    world
        .set(json!({ "invitations": "all", "safeguards": { "max_invitations": most } }))
        .await;
    world.read().await;
    world
}

/// To whom invitations went, once for each.
fn invited(world: &World) -> Vec<String> {
    let mut all = world.mails();
    all.retain(|mail| mail.subject == INVITED);
    let mut to: Vec<String> = all.iter().map(|mail| mail.to.concat()).collect();
    to.sort();
    to
}

fn addresses(ids: &[&str]) -> Vec<String> {
    ids.iter()
        .map(|id| format!("{}@acme.example", id.to_lowercase()))
        .collect()
}

/// What an admin was told of those who were not invited, without the invisible characters.
fn told(world: &World, admin: &str) -> Vec<String> {
    let mails = world.mails_to(admin, STOPPED).into_iter();
    mails
        .map(|mail: Message| mail.text.replace('\u{2060}', ""))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_the_limit_nobody_is_invited_and_the_admins_are_told_who() {
    let world = limited(2).await;
    world.hire(&numbered("N", 5)).await;
    world.mailed().await;
    let people = numbered("N", 5);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    assert_eq!(invited(&world), addresses(&people[..2]));
    for admin in [ADA, OTTO] {
        let told = told(&world, admin);
        let [text] = &told[..] else {
            panic!("{told:?}")
        };
        assert!(text.starts_with("3 people not invited"), "{text}");
        for id in &people[2..] {
            assert!(
                text.contains(&format!("Person {id} ({id})")),
                "{id}: {text}"
            );
        }
        for id in &people[..2] {
            assert!(!text.contains(&format!("({id})")), "{id}: {text}");
        }
        assert!(text.contains("POST /v1/orgs/acme/users/{id}/invite"));
        assert!(text.contains("max_invitations"));
    }
    let mail = world.mails_to(ADA, STOPPED).remove(0);
    golden::mail("mail/not-invited", &mail);
    // Nothing of it is left to send, not even when there is room again.
    world.hours(48).await;
    assert_eq!(invited(&world), addresses(&people[..2]));

    // By hand, whatever the limit says: once, and it is in the history.
    world.stack.cloud().ses().clear();
    let path = format!("/users/{}/invite", people[4]);
    let once = || {
        let ask = world.admin("POST", &path);
        ask.header("idempotency-key", "a").send()
    };
    let (first, again) = (once().await, once().await);
    assert_eq!(first.status, 202, "{}", first.body);
    assert_eq!(first.body["employee_id"], people[4]);
    assert_eq!((again.status, &again.body), (202, &first.body));
    world.mailed().await;
    assert_eq!(invited(&world), addresses(&people[4..]));
    assert_eq!(world.mails().len(), 1, "the admins are not told");
    assert_eq!(world.times(people[4], "invited").await, 1);
    let entry = world.history(people[4]).await.into_iter();
    let entry = entry.rev().find(|entry| entry["what"] == "invited");
    assert_eq!(entry.unwrap()["by"]["subject"], ADA);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_of_the_window_over_all_digests() {
    let world = limited(3).await;
    let (first, second, third) = (numbered("A", 2), numbered("B", 2), numbered("C", 2));
    world.hire(&first).await;
    world.mailed().await;
    world.hours(1).await;
    world.hire(&second).await;
    world.mailed().await;
    let so_far = [&*first[0], &first[1], &second[0]];
    assert_eq!(invited(&world), addresses(&so_far));
    // What an admin asks for does not count, and stops none: by hand and by HR in one digest is one mail.
    let patch = json!({ "safeguards": { "max_invitations": 4 } });
    world.confirm(&patch).await;
    let by_hand = format!("/users/{}/invite", second[1]);
    assert_eq!(world.post(&by_hand, json!({})).await.status, 202);
    world.hire(&third).await;
    let by_hand = format!("/users/{}/invite", third[1]);
    assert_eq!(world.post(&by_hand, json!({})).await.status, 202);
    world.mailed().await;
    let mut all = so_far.to_vec();
    all.extend([&*second[1], &third[0], &third[1]]);
    assert_eq!(invited(&world), addresses(&all));
    assert_eq!(told(&world, ADA).len(), 1, "of the second digest alone");
    // The window has passed.
    world.hours(25).await;
    world.stack.cloud().ses().clear();
    world.hire(&numbered("D", 5)).await;
    world.mailed().await;
    assert_eq!(invited(&world).len(), 4);
    assert_eq!(told(&world, ADA).len(), 1);
    world.end().await;
}

/// An admin who is not invited still reads the digest, and who has no account any more takes nobody's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_limit_stops_may_be_an_admin_and_who_has_left_is_not_counted() {
    let world = limited(1).await;
    let people = numbered("N", 3);
    world.hire(&people).await;
    let admin = json!({ "role": "admin" });
    let made = world
        .put(&format!("/users/{}/role", people[2]), admin)
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    world.dismiss(&people[..1]).await;
    world.mailed().await;
    assert_eq!(invited(&world), addresses(&[&people[1]]));
    let own = format!("{}@acme.example", people[2].to_lowercase());
    assert_eq!(told(&world, &own).len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_dies_invites_the_same_people() {
    // After the grant is written, and after each of the messages that follow.
    let deaths = [
        (Service::Dynamodb, "TransactWriteItems", 1),
        (Service::Ses, "SendEmail", 0),
        (Service::Ses, "SendEmail", 1),
        (Service::Dynamodb, "DeleteItem", 0),
    ];
    for (service, operation, skip) in deaths {
        let world = limited(2).await;
        let people = numbered("N", 5);
        world.hire(&people).await;
        world.stack.cloud().faults().inject(Fault {
            skip,
            ..Fault::once(service, operation, Mode::KillAfter)
        });
        world.minutes(30).await;
        let to: BTreeSet<String> = invited(&world).into_iter().collect();
        let wanted = addresses(&[&people[0], &people[1]]);
        assert_eq!(to, wanted.into_iter().collect(), "{operation} {skip}");
        assert!(!told(&world, OTTO).is_empty(), "{operation} {skip}");
        // Counted once: there is room for as many again after a raise by two.
        let raised = json!({ "safeguards": { "max_invitations": 4 } });
        world.confirm(&raised).await;
        world.hire(&numbered("P", 3)).await;
        world.minutes(30).await;
        let to: BTreeSet<String> = invited(&world).into_iter().collect();
        assert_eq!(to.len(), 4, "{operation} {skip}: {to:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_here_or_has_no_address_is_not_invited_by_hand() {
    let world = World::start().await;
    let invite = |id: &str| {
        let path = format!("/users/{id}/invite");
        world.admin("POST", &path)
    };
    invite("nobody").refused(404, "not_found").await;
    world.hr("N-1", "active", json!({})).await;
    invite("N-1").refused(409, "no_address").await;
    invite(LENA)
        .if_match(77)
        .refused(412, "version_mismatch")
        .await;
    world.hr(LENA, "inactive", json!({})).await;
    invite(LENA).refused(409, "not_active").await;
    world.remove(LENA).await;
    invite(LENA).refused(409, "not_active").await;
    let reply = invite("E-1012").send().await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    // Who leaves before the digest is not invited.
    world.remove("E-1012").await;
    world.mailed().await;
    assert_eq!(invited(&world), Vec::<String>::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_at_least_one_and_raising_it_is_asked_about() {
    let world = World::start().await;
    let patch = |most: i64| json!({ "safeguards": { "max_invitations": most } });
    let ask = |most: i64| world.admin("PATCH", "/settings").json(&patch(most));
    ask(0).refused(422, "invalid").await;
    ask(199).ok().await;
    ask(200).refused(409, "confirmation_required").await;
    world.confirm(&patch(200)).await;
    let settings: Value = world.get("/settings").await;
    assert_eq!(settings["safeguards"]["max_invitations"], 200);
    world.end().await;
}
