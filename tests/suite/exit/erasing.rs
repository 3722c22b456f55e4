//! Erasing one person, and erasing an organisation.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_local::operate::Task;
use offramp_tests::{ADA, LENA, ORG, World};
use serde_json::{Value, json};

use super::{command, elsewhere, export, lived_in};

fn erase_person(id: &str) -> Value {
    let sample = include_str!("../../../events/lambda/erase_person.json");
    let mut payload: Value = serde_json::from_str(sample).unwrap();
    payload["employee_id"] = json!(id);
    payload
}

async fn ask(world: &World, id: &str) -> Value {
    world
        .stack
        .invoke("apply:operator", erase_person(id))
        .await
        .unwrap()
}

/// Every item that says a word anywhere, but for what is gone in two days by itself.
async fn mentions(world: &World, words: &[&str]) -> Vec<String> {
    let items = world.scan(None).await.into_iter();
    items
        .map(|item| item.to_string())
        // What is gone in a while, as docs/EXIT.md says.
        .filter(|item| {
            ["#R#", "#D#", "#ROLL#"]
                .iter()
                .all(|kind| !item.contains(kind))
        })
        .filter(|item| words.iter().any(|word| item.contains(word)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_here_or_not_finished_with_is_not_erased() {
    let world = lived_in().await;
    for id in ["E-1001", LENA, "E-1018"] {
        let refused = ask(&world, id).await;
        assert_eq!(refused["code"], "not_erasable", "{id}: {refused}");
    }
    // Cards that an issuer has not yet cancelled.
    world.stack.cloud().faults().inject(Fault {
        service: Service::Issuer,
        operation: None,
        mode: Mode::Error,
        times: 20,
        skip: 0,
    });
    let ended = world
        .admin("POST", "/users/E-1022/deactivate-now")
        .send()
        .await;
    assert_eq!(ended.status, 202, "{ended:?}");
    assert_eq!(ask(&world, "E-1022").await["code"], "not_erasable");
    world.stack.cloud().faults().clear();
    world.minutes(10).await;
    assert_eq!(ask(&world, "E-1022").await["done"], true);
    let nobody = ask(&world, "E-4711").await;
    assert_eq!(
        (&nobody["done"], &nobody["erased"]),
        (&json!(true), &json!(0))
    );
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_goes_with_all_that_is_theirs() {
    let world = lived_in().await;
    let name = "Lena Lindqvist";
    world
        .admin("POST", "/users/E-1007/deactivate-now")
        .ok()
        .await;
    // The digest that would name her is not mailed yet.
    assert!(!mentions(&world, &[name]).await.is_empty());
    let erased = ask(&world, LENA).await;
    assert_eq!(erased["done"], true, "{erased}");
    assert_eq!(
        mentions(&world, &[name, LENA, "lena.lindqvist"]).await,
        Vec::<String>::new()
    );
    world.minutes(10).await;
    let told = world.mails();
    assert!(
        told.iter().all(|mail| !mail.text.contains(name)),
        "{told:?}"
    );

    world
        .admin("GET", "/users/E-1007")
        .refused(404, "not_found")
        .await;
    world
        .admin("GET", "/users/E-1007/history")
        .refused(404, "not_found")
        .await;
    let access = world.get("/users/E-1007/access").await;
    assert_eq!(access["access"], "revoked");
    let audit = world.get("/audit?limit=97").await;
    let entries = audit["entries"].as_array().unwrap();
    let kept = entries
        .iter()
        .find(|entry| entry["of"] == "erasure")
        .unwrap();
    assert_eq!(kept["person"], erased["person"]);
    assert_eq!(kept["by"]["actor"], "operator");
    assert!(!kept.to_string().contains(LENA), "{kept}");

    let again = ask(&world, LENA).await;
    assert_eq!(
        (&again["done"], &again["erased"]),
        (&json!(true), &json!(0))
    );
    assert!(
        export(&world, ORG)
            .await
            .iter()
            .any(|line| line["kind"] == "erasure")
    );
    world.end().await;
}

/// HR that speaks of somebody who was erased speaks of a stranger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_come_back_as_a_stranger() {
    let world = lived_in().await;
    world
        .admin("POST", "/users/E-1007/deactivate-now")
        .ok()
        .await;
    assert_eq!(ask(&world, LENA).await["done"], true);
    world.minutes(1).await;
    let mails = world.mails().len();
    assert_eq!(
        world.hr(LENA, "inactive", json!({})).await["outcome"],
        "created"
    );
    assert_eq!(world.access(LENA).await, "revoked");
    world.minutes(5).await;
    assert_eq!(world.mails().len(), mails, "nobody is told of it");
    assert_eq!(
        ask(&world, LENA).await["done"],
        true,
        "and can be erased again"
    );
    assert_eq!(
        world.hr(LENA, "active", json!({ "name": "Lena" })).await["outcome"],
        "created"
    );
    assert_eq!(world.access(LENA).await, "granted");
    assert_eq!(world.history(LENA).await.len(), 1);
    assert_eq!(world.user(LENA).await["active_cards"], 0);
    world.end().await;
}

/// Each write of an erasure takes the process with it; somebody half erased is found by the next run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_died_is_ended_by_the_next() {
    for (mode, skip) in [
        (Mode::KillBefore, 0),
        (Mode::KillAfter, 0),
        (Mode::KillBefore, 1),
        (Mode::KillAfter, 1),
        (Mode::Conflict, 0),
        (Mode::Conflict, 1),
    ] {
        let world = lived_in().await;
        world
            .admin("POST", "/users/E-1007/deactivate-now")
            .ok()
            .await;
        world.stack.cloud().faults().inject(Fault {
            service: Service::Dynamodb,
            operation: Some("TransactWriteItems".to_owned()),
            mode,
            times: 1,
            skip,
        });
        // It dies, or it is tried again within.
        let first = world
            .stack
            .invoke("apply:operator", erase_person(LENA))
            .await;
        assert_eq!(
            first.is_ok(),
            mode == Mode::Conflict,
            "{mode:?} {skip}: {first:?}"
        );
        assert_eq!(ask(&world, LENA).await["done"], true, "{mode:?} {skip}");
        assert_eq!(
            mentions(&world, &[LENA]).await,
            Vec::<String>::new(),
            "{mode:?} {skip}"
        );
        let audit = world.get("/audit?limit=97").await;
        let kept = audit["entries"].as_array().unwrap().iter();
        assert_eq!(
            kept.filter(|entry| entry["of"] == "erasure").count(),
            1,
            "{mode:?} {skip}"
        );
        world.stack.shutdown().await.unwrap();
    }
}

fn everything(confirm: &str, live_cards: Option<&str>) -> Task {
    Task::EraseOrganisation {
        confirm: confirm.to_owned(),
        live_cards: live_cards.map(str::to_owned),
    }
}

/// All but what is gone in two days by itself.
async fn left(world: &World, org: &str) -> usize {
    let items = world.scan(None).await.into_iter();
    items
        .map(|item| item["pk"]["S"].as_str().unwrap().to_owned())
        .filter(|pk| pk == &format!("O#{org}") || pk.starts_with(&format!("O#{org}#")))
        .filter(|pk| !pk.contains("#R#") && !pk.contains("#D#"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_goes_and_its_neighbour_stays() {
    let world = lived_in().await;
    let sample = include_str!("../../../events/lambda/first_admin.json");
    let sample = serde_json::from_str(sample).unwrap();
    world.stack.invoke("admin:operator", sample).await.unwrap();
    let globex = left(&world, "globex").await;
    assert!(globex > 3);

    let sample = include_str!("../../../events/lambda/erase_organisation.json");
    let mut hasty: Value = serde_json::from_str(sample).unwrap();
    hasty.as_object_mut().unwrap().remove("live_cards");
    let refused = world.stack.invoke("apply:operator", hasty).await.unwrap();
    assert_eq!(refused["code"], "not_erasable");
    let refused = command(&world, ORG, everything("globex", None)).await;
    assert!(refused.unwrap_err().contains("/confirm"));
    let refused = command(&world, ORG, everything(ORG, None)).await;
    assert!(refused.unwrap_err().contains("not_erasable"));
    assert_eq!(
        world.status(LENA).await,
        "deactivation_scheduled",
        "nothing was erased"
    );

    let erased = command(&world, ORG, everything(ORG, Some("leave"))).await;
    assert!(erased.unwrap().contains("\"done\": true"));
    assert_eq!(left(&world, ORG).await, 0);
    assert_eq!(left(&world, "globex").await, globex);
    assert_eq!(world.timers(LENA, "deactivate").len(), 0);
    world.admin("GET", "/users").refused(403, "forbidden").await;
    let delivery = world.signed(&json!([offramp_tests::event(
        world.now(),
        LENA,
        "active",
        json!({})
    )]));
    world.hand_in(&delivery).refused(401, "bad_signature").await;

    // Nothing of it acts any more.
    let of_acme = |world: &World| {
        let mails = world.mails().into_iter();
        mails
            .filter(|mail| !mail.to.concat().ends_with("globex.example"))
            .count()
    };
    let mails = of_acme(&world);
    world.hours(80).await;
    assert_eq!(of_acme(&world), mails);
    let again = command(&world, ORG, everything(ORG, None)).await;
    assert!(again.unwrap().contains("\"erased\": 0"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_died_half_erased_is_erased_by_the_next() {
    let world = lived_in().await;
    for (mode, skip) in [
        (Mode::KillAfter, 0),
        (Mode::KillBefore, 3),
        (Mode::KillAfter, 5),
    ] {
        world.stack.cloud().faults().inject(Fault {
            service: Service::Dynamodb,
            operation: Some("TransactWriteItems".to_owned()),
            mode,
            times: 1,
            skip,
        });
        let died = command(&world, ORG, everything(ORG, Some("leave"))).await;
        assert!(died.is_err(), "{mode:?} {skip}");
    }
    command(&world, ORG, everything(ORG, Some("leave")))
        .await
        .unwrap();
    assert_eq!(left(&world, ORG).await, 0);
    world.stack.shutdown().await.unwrap();
}

/// What moving to another region is: everything there, nothing here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_moves() {
    let world = lived_in().await;
    let file = std::env::temp_dir().join(format!("offramp-move-{}.jsonl", std::process::id()));
    let task = Task::Export {
        file: Some(file.clone()),
    };
    command(&world, ORG, task).await.unwrap();
    let other = elsewhere(&world).await;
    let task = Task::Import { file: file.clone() };
    command(&other, ORG, task).await.unwrap();
    std::fs::remove_file(file).unwrap();
    command(&world, ORG, everything(ORG, Some("leave")))
        .await
        .unwrap();
    other.hours(73).await;
    assert_eq!(other.status(LENA).await, "deactivated");
    assert_eq!(other.mails_to(ADA, "deactivated").len(), 1);
    world.hours(73).await;
    assert!(
        world
            .mails_to(ADA, "deactivated")
            .iter()
            .all(|mail| !mail.text.contains("Lena"))
    );
    other.end().await;
    world.end().await;
}

/// An unknown employee who looks like somebody who is here is in no list, but in what an organisation exports and erases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_alike_is_exported_and_can_be_erased() {
    let world = World::start().await;
    let result = world
        .hr("e-1007", "inactive", json!({ "name": "Lena Two" }))
        .await;
    assert_eq!(result["outcome"], "held", "{result}");
    let lines = export(&world, ORG).await;
    let own = |line: &&Value| line["kind"] == "user" && line.to_string().contains("Lena Two");
    assert_eq!(lines.iter().filter(own).count(), 1);
    let erased = ask(&world, "e-1007").await;
    assert_eq!(erased.get("code"), None, "{erased}");
    let left = mentions(&world, &["Lena Two", "\"e-1007\""]).await;
    assert!(left.is_empty(), "{left:#?}");
    world.end().await;
}
