//! How an organisation leaves, comes back and goes; and how one person goes.

mod addresses;
mod erasing;
mod timers;

use std::path::PathBuf;

use aws_stand_ins::{Fault, InvocationOutcome, Mode, Service};
use offramp_local::operate::{Place, Task, run};
use offramp_tests::{ADA, Delivery, LENA, ORG, OTTO, World};
use serde_json::{Value, json};

/// Does what the command line does, with this stack; what it prints.
async fn command(world: &World, org: &str, task: Task) -> Result<String, String> {
    let place = Place {
        to: Some(world.stack.url().to_owned()),
        stack: None,
    };
    let mut out = Vec::new();
    let done = run(org, task, place, &mut out, &mut std::io::sink()).await;
    done.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

async fn export(world: &World, org: &str) -> Vec<Value> {
    let lines = command(world, org, Task::Export { file: None }).await;
    let lines = lines.unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file of lines, which goes with this.
struct Lines(PathBuf);

impl Lines {
    fn new(name: &str, lines: &[Value]) -> Self {
        let name = format!("offramp-{name}-{}.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    async fn import(&self, world: &World, org: &str) -> Result<Value, String> {
        let file = self.0.clone();
        let done = command(world, org, Task::Import { file }).await?;
        Ok(serde_json::from_str(&done).unwrap())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// A stack without an organisation, at the same moment as the other.
async fn elsewhere(world: &World) -> World {
    let now = world.now();
    World::with(|config| {
        config.seed = false;
        config.clock = aws_stand_ins::Clock::frozen(now);
    })
    .await
}

/// A past of every kind: somebody in the grace period, deactivated, deleted, restored; leave dates,
/// objectives, settings, a notice that is not mailed yet.
async fn lived_in() -> World {
    let world = World::start().await;
    world.set(json!({ "time_zone": "Europe/Berlin" })).await;
    for id in [LENA, "E-1004"] {
        let path = format!("/users/{id}/objectives");
        for title in ["Ship it", "Write it down"] {
            let added = world.post(&path, json!({ "title": title })).await;
            assert_eq!(added.status, 201);
        }
    }
    world
        .admin("POST", "/users/E-1004/deactivate-now")
        .ok()
        .await;
    world.admin("DELETE", "/users/E-1012").ok().await;
    world.admin("DELETE", "/users/E-1015").ok().await;
    world.admin("POST", "/users/E-1015/restore").ok().await;
    let moved = json!({ "email": "moved@acme.example" });
    world.hr("E-1016", "active", moved).await;
    let date = json!({ "leave_date": "2026-04-01" });
    world
        .admin("PUT", "/users/E-1018/leave-date")
        .json(&date)
        .ok()
        .await;
    world.minutes(5).await;
    let raised = json!({ "safeguards": { "max_users": 1_000, "max_percent": 100 } });
    world.question(&raised).await;
    world.hr(LENA, "inactive", json!({})).await;
    world
}

async fn everybody(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for id in world.find("?limit=97").await {
        let mut user = world.user(&id).await;
        user["history"] = json!(world.history(&id).await);
        user["objectives"] = world.get(&format!("/users/{}/objectives", id)).await;
        all.push(user);
    }
    all.push(world.get("/settings").await);
    all.push(world.get("/dashboard/objectives").await);
    let mut audit = world
        .get("/audit?limit=97&since=2026-01-01T00:00:00Z")
        .await;
    audit["next_cursor"] = Value::Null;
    all.push(audit);
    all
}

/// The lines of an export, which is all that is stored: each item once, each with its form.
async fn complete(world: &World) -> Vec<Value> {
    let lines = export(world, ORG).await;
    assert_eq!(lines[0]["kind"], "export");
    assert_eq!(lines[0]["org"], ORG);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut left: Vec<_> = lines[1..]
        .iter()
        .map(|line| (format!("O#{ORG}{}", text(&line["pk"])), text(&line["sk"])))
        .collect();
    let mut wanted = Vec::new();
    for item in world.scan(None).await {
        assert!(item["v"]["N"].is_string(), "{item}");
        let pk = text(&item["pk"]["S"]);
        let sk = text(&item["sk"]["S"]);
        // Gone in a day or two, and of no meaning elsewhere.
        let stays = ["#R#", "#D#", "#S#", "#SN#", "#REJECTED#"]
            .iter()
            .any(|kind| pk.contains(kind))
            || ["ATTEMPTS", "CONFIRM#", "PULSE", "WOULD"]
                .iter()
                .any(|kind| sk.starts_with(kind));
        if !stays && sk != "IMPORT" {
            wanted.push((pk, sk));
        }
    }
    left.sort();
    wanted.sort();
    assert_eq!(left, wanted);
    lines
}

/// More people than one read finds, and somebody whose past has more than one page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_people_and_a_long_past_are_walked_to_the_end() {
    let world = World::start().await;
    let people = offramp_tests::numbered("P", 400);
    world.hire(&people).await;
    let much = "P-0001";
    let renamed = |n: i64| {
        let name = json!({ "name": format!("Name {n}") });
        let when = world.now() + chrono::TimeDelta::milliseconds(n);
        offramp_tests::event(when, much, "active", name)
    };
    // One request each: what one request says of somebody is one entry.
    for n in 1..=450 {
        world.outcomes(json!([renamed(n)])).await;
    }
    let lines = complete(&world).await;
    let entries = |lines: &[Value]| {
        let of = format!("#U#{much}");
        lines
            .iter()
            .filter(|line| line["pk"] == of.as_str())
            .count()
    };
    assert_eq!(entries(&lines), 452, "created, 450 names, and the user");

    let file = Lines::new("many", &lines);
    let other = elsewhere(&world).await;
    let done = file.import(&other, ORG).await.unwrap();
    assert_eq!(done["written"], lines.len() - 1);
    let mut again = complete(&other).await;
    let mut first = lines.clone();
    again.remove(0);
    first.remove(0);
    // Notices stay out.
    first.retain(|line| line["kind"] != "notice");
    assert_eq!(again.len(), first.len());
    other.end().await;

    world.delete(&format!("/users/{much}")).await;
    let task = Task::ErasePerson {
        employee_id: much.to_owned(),
    };
    let erased: Value = serde_json::from_str(&command(&world, ORG, task).await.unwrap()).unwrap();
    assert!(erased["erased"].as_u64().unwrap() > 452, "{erased}");
    assert_eq!(entries(&complete(&world).await), 0);
    let task = Task::EraseOrganisation {
        confirm: ORG.to_owned(),
        live_cards: Some("leave".to_owned()),
    };
    command(&world, ORG, task).await.unwrap();
    nothing_is_stored_of(&world, ORG).await;
    world.end().await;
}

/// An export finds nothing of it, says so, and leaves no file behind.
async fn nothing_is_stored_of(world: &World, org: &str) {
    let folder = std::env::temp_dir().join(format!("offramp-nothing-{org}-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    for file in [None, Some(folder.join("export.jsonl"))] {
        let refused = command(world, org, Task::Export { file }).await;
        let refused = refused.unwrap_err();
        assert!(
            refused.contains(&format!("nothing is stored of {org}")),
            "{refused}"
        );
    }
    let left = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 0);
    std::fs::remove_dir(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_an_organisation_that_is_not_there_is_refused() {
    let world = World::start().await;
    nothing_is_stored_of(&world, "nosuch").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_complete_and_holds_no_secret() {
    let world = lived_in().await;
    let lines = complete(&world).await;
    let text: String = lines.iter().map(Value::to_string).collect();
    let source = lines.iter().find(|line| line["kind"] == "source").unwrap();
    assert_eq!(source["data"]["secrets"], json!([]));
    for secret in ["sealed", "whsec_", world.secret(), &world.token] {
        assert!(!text.contains(secret), "{secret}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_comes_back_as_it_was_and_mails_nobody() {
    let world = lived_in().await;
    let before = everybody(&world).await;
    let file = Lines::new("back", &export(&world, ORG).await);
    let other = elsewhere(&world).await;
    let done = file.import(&other, ORG).await.unwrap();
    assert_eq!(everybody(&other).await, before);
    assert_eq!(other.mails(), []);

    // Whoever is in the grace period, or has a leave date, is waited for by the same timers.
    for (id, kind) in [(LENA, "deactivate"), ("E-1018", "leave")] {
        let names = |world: &World| -> Vec<String> {
            let timers = world.timers(id, kind);
            timers.into_iter().map(|timer| timer.name).collect()
        };
        assert_eq!(names(&other), names(&world), "{id}");
        assert_eq!(names(&other).len(), 1, "{id}");
    }
    assert_eq!(done["armed"], 2);

    // The same again changes nothing; another does not get in.
    let again = file.import(&other, ORG).await.unwrap();
    assert_eq!(again["written"], 0);
    let another = Lines::new("another", &export(&world, ORG).await);
    let refused = another.import(&other, ORG).await.unwrap_err();
    assert!(refused.contains("exists"), "{refused}");
    assert_eq!(everybody(&other).await, before);

    let delivery = world.signed(&json!([]));
    let unheard = other.hand_in(&delivery);
    unheard.refused(401, "bad_signature").await;
    // HR is heard once the source has a secret of this stack.
    let rotated = other
        .admin("POST", "/sources/hris/rotate-secret")
        .ok()
        .await;
    let secret = rotated["secret"].as_str().unwrap();
    let events =
        json!({ "events": [offramp_tests::event(other.now(), "E-1022", "inactive", json!({}))] });
    let delivery = Delivery::new(secret, other.now(), events.to_string());
    let answer = other.hand_in(&delivery).ok().await;
    assert_eq!(answer["summary"], json!({ "scheduled": 1 }));
    other.hours(73).await;
    assert_eq!(other.status(LENA).await, "deactivated");
    assert_eq!(other.alive(LENA).await, 0);
    assert_eq!(other.mails_to(ADA, "deactivated").len(), 1);
    other.only_admins_were_mailed();
    other.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_will_do_and_what_fell_due_meanwhile_is_the_sweeps() {
    let world = lived_in().await;
    let file = Lines::new("renamed", &export(&world, ORG).await);
    world.hours(80).await;
    let other = elsewhere(&world).await;
    let done = file.import(&other, "globex").await.unwrap();
    assert_eq!(done["armed"], 1, "the leave date alone is still to come");
    let token = other.stack.token_for(ADA, "globex", &[]).unwrap();
    let lena = format!("/v1/orgs/globex/users/{LENA}");
    let user = async || other.ask("GET", &lena).token(&token).ok().await;
    assert_eq!(user().await["access"], "revoked");
    assert_eq!(user().await["status"], "deactivation_scheduled");
    assert_eq!(other.mails(), []);
    other.minutes(10).await;
    assert_eq!(user().await["status"], "deactivated");
    assert_eq!(user().await["active_cards"], 0);
    let told = other.mails();
    assert!(
        told.iter()
            .all(|mail| mail.to == [ADA] || mail.to == [OTTO])
    );
    other.end().await;
    world.end().await;
}

/// Each call of an import in turn takes the process with it; the next run ends as the one that nobody disturbed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_died_goes_on_where_it_was() {
    let world = lived_in().await;
    let before = everybody(&world).await;
    let file = Lines::new("killed", &export(&world, ORG).await);
    for (service, operation, mode, skip) in [
        (Service::Dynamodb, "PutItem", Mode::KillAfter, 0),
        (Service::Dynamodb, "PutItem", Mode::KillBefore, 40),
        (Service::Scheduler, "CreateSchedule", Mode::KillAfter, 0),
        (Service::Dynamodb, "PutItem", Mode::AfterCommit, 90),
        (Service::Dynamodb, "UpdateItem", Mode::Error, 0),
        (Service::Dynamodb, "TransactWriteItems", Mode::KillAfter, 0),
    ] {
        let other = elsewhere(&world).await;
        other.stack.cloud().faults().inject(Fault {
            service,
            operation: Some(operation.to_owned()),
            mode,
            times: 1,
            skip,
        });
        let mut tries = 0;
        while let Err(error) = file.import(&other, ORG).await {
            tries += 1;
            assert!(tries < 3, "{service:?} {operation}: {error}");
        }
        assert_eq!(
            everybody(&other).await,
            before,
            "{operation} {mode:?} {skip}"
        );
        let standing = other.stack.cloud().scheduler().schedules().len();
        assert_eq!(standing, 2, "{operation} {mode:?} {skip}");
        let invocations = other.stack.cloud().lambda().invocations();
        let died = |one: &aws_stand_ins::Invocation| one.outcome != InvocationOutcome::Ok;
        assert!(invocations.iter().filter(|one| died(one)).count() <= 1);
        other.stack.shutdown().await.unwrap();
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_that_could_not_be_read_later() {
    let world = World::with(|config| config.seed = false).await;
    let header =
        json!({ "kind": "export", "v": 1, "id": "x", "org": ORG, "at": "2026-03-02T09:00:00Z" });
    let ask = async |lines: Value| {
        let payload =
            json!({ "offramp": "import", "org": ORG, "export": "x", "lines": lines, "last": true });
        world.stack.invoke("apply:operator", payload).await.unwrap()
    };
    let newer = json!({ "kind": "export", "v": 2, "id": "x" });
    let other = json!({ "kind": "export", "v": 1, "id": "y" });
    let unknown = json!({ "kind": "wish", "pk": "", "sk": "WISH", "v": 1, "data": {} });
    let broken = json!({ "kind": "settings", "pk": "", "sk": "SETTINGS", "v": 1, "attributes": { "version": 1 }, "data": { "version": "one" } });
    for line in [newer, other, unknown, broken, json!(1)] {
        let answer = ask(json!([header, line])).await;
        assert_eq!(answer["code"], "invalid", "{line}: {answer}");
        assert_eq!(answer["errors"][0]["pointer"], "/lines/1");
    }
    let ended = ask(json!([header])).await;
    assert_eq!(ended["ended"], true, "{ended}");
    world.end().await;
}

/// The form of version 1, as a file of it would be: whatever version reads this test, it takes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_first_form_is_imported() {
    let items = include_str!("../../shared/aws/tests/previous/form-1.jsonl");
    let header = json!({ "kind": "export", "v": 1, "id": "first", "org": ORG, "at": "2026-03-02T09:00:00Z" });
    let mut lines = vec![header];
    lines.extend(
        items
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()),
    );
    let file = Lines::new("first", &lines);
    let world = World::with(|config| config.seed = false).await;
    let done = file.import(&world, "initech").await.unwrap();
    // Each key once: the file has several items for some.
    assert_eq!(done["written"], 32, "{done}");
    let bootstrap = world.stack.bootstrap_token("initech").unwrap();
    let refused = world
        .ask("GET", "/v1/orgs/initech/settings")
        .token(&bootstrap);
    refused.refused(403, "forbidden").await;
    world.end().await;
}
