//! The same story twice, by handlers in this process and by compiled programs.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use offramp_tests::{ADA, Delivery, LENA, World};
use serde_json::{Value, json};

use super::{compiled, deployed, signed_sample, whole_seconds, world_since};

/// What came of the story, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Told {
    /// Each answer and each state, in order.
    said: Vec<(String, Value)>,
    /// The AWS calls of each part that change something, counted. Reads are not: a deactivation by hand looks at somebody as
    /// often as the stream takes long, and a sweep that comes between two others looks at everything once more. Nor are
    /// webhook secrets, which a process opens once.
    calls: Vec<(&'static str, BTreeMap<String, usize>)>,
    /// To whom, and about what.
    mails: Vec<(Vec<String>, String)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiled_functions_do_what_their_handlers_do() {
    let in_process = tell(false).await;
    let compiled = tell(true).await;
    for (here, there) in in_process.said.iter().zip(&compiled.said) {
        assert_eq!(here, there);
    }
    assert_eq!(in_process, compiled);
    assert!(in_process.mails.len() >= 4, "{:?}", in_process.mails);
}

async fn tell(by_programs: bool) -> Told {
    let world = world_since(TimeDelta::hours(72)).await;
    world.hr(LENA, "inactive", json!({})).await;
    // The sweep looks after the source half an hour before the present, and not again for an hour: programs have the
    // machine's clock, which does not move with the stack's.
    world.minutes(30).await;
    world.hours(71).await;
    world.minutes(29).await;
    let programs = by_programs.then(|| compiled(&world));
    let mut told = Told {
        said: Vec::new(),
        calls: Vec::new(),
        mails: Vec::new(),
    };
    let mails_before = world.mails().len();
    world.stack.cloud().faults().reset_calls();

    // The present. Her timer is due.
    world
        .stack
        .set_now(whole_seconds(Utc::now()))
        .await
        .unwrap();
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    told.say("deactivated", json!(world.user(LENA).await));
    told.say("history", json!(world.history(LENA).await));
    told.count("a timer", &world);

    samples(&world, &mut told).await;
    told.count("sample events", &world);
    over_http(&world, &mut told).await;
    told.count("requests", &world);

    // Digests, the tidying after the sync was turned off, and a sweep.
    world.minutes(6).await;
    told.count("digests and the sweep", &world);
    for mail in &world.mails()[mails_before..] {
        told.mails.push((mail.to.clone(), mail.subject.clone()));
    }
    told.mails.sort();
    told.say("at the end", world.get("/users").await);
    if let Some(programs) = programs {
        for (name, program) in programs {
            assert!(program.started() > 0, "{name} was never started");
        }
    }
    world.end().await;
    told
}

/// What `events/lambda` has for each function. The signed one is signed anew, with a secret that the source has.
async fn samples(world: &World, told: &mut Told) {
    macro_rules! sample {
        ($name:literal) => {{
            let text = include_str!(concat!("../../../events/lambda/", $name, ".json"));
            ($name, serde_json::from_str::<Value>(text).unwrap())
        }};
    }
    for (name, event) in [
        ("hr-sync", signed_sample(world, "E-1013")),
        sample!("hr-sync"),
        sample!("admin"),
        sample!("terminate"),
        sample!("notify"),
        sample!("apply"),
        sample!("sweep"),
    ] {
        let function = &deployed(world, name).name;
        let lambda = world.stack.cloud().lambda();
        let mut answer = lambda.invoke(function, event).await.unwrap();
        if let Some(body) = answer["body"].as_str() {
            answer["body"] = serde_json::from_str(body).unwrap();
        }
        told.say(name, answer);
    }
    // The runtime hands over by which ARN it was invoked: without the alias this would fail.
    let function = format!("{}:operator", deployed(world, "apply").name);
    let (name, export) = sample!("export");
    let lambda = world.stack.cloud().lambda();
    let exported = lambda.invoke(&function, export).await.unwrap();
    told.say(name, json!(exported["lines"].as_array().unwrap().len()));
}

async fn over_http(world: &World, told: &mut Told) {
    let leaves = world.hr("E-1008", "inactive", json!({})).await;
    told.say("scheduled", leaves);
    told.say("back", world.hr("E-1008", "active", json!({})).await);
    let rejected = world
        .hr("E-1009", "inactive", json!({ "birthday": "02-30" }))
        .await;
    told.say("rejected", rejected);
    let forged = Delivery::new("whsec_b2ZmcmFtcCBmb3JnZWQ=", world.now(), "{}");
    let forged = world.hand_in(&forged).refused(401, "bad_signature").await;
    told.say("forged", forged);

    told.say("card", json!(world.add_card("E-1010").await.len()));
    let now = world.post("/users/E-1010/deactivate-now", json!({})).await;
    told.say("now", now.body);
    told.say("cards", json!(world.cards("E-1010").await));
    let unknown = world
        .admin("GET", "/users/nobody")
        .refused(404, "not_found")
        .await;
    told.say("unknown", unknown);
    let off = json!({ "deactivation_sync": { "enabled": false } });
    told.say("sync off", world.confirm(&off).await);
    told.say("access", world.get(&format!("/access?email={ADA}")).await);
    let member = world.ask("GET", &world.path("/users"));
    let member = member
        .token(&world.token_of("E-1011"))
        .refused(403, "forbidden")
        .await;
    told.say("a member", member);
}

impl Told {
    fn say(&mut self, what: &str, mut value: Value) {
        blur(&mut value);
        self.said.push((what.to_owned(), value));
    }

    /// Counts what changed something in AWS since the last time.
    fn count(&mut self, part: &'static str, world: &World) {
        let faults = world.stack.cloud().faults();
        let mut counted = BTreeMap::new();
        for call in faults.calls() {
            let operation = call.operation.as_str();
            if !matches!(operation, "BatchGetItem" | "Decrypt" | "GetItem" | "Query") {
                *counted.entry(call.operation).or_default() += 1;
            }
        }
        faults.reset_calls();
        self.calls.push((part, counted));
    }
}

/// Takes out instants and random ids, which are others in each run; that they are there stays.
fn blur(value: &mut Value) {
    const RANDOM: [&str; 8] = [
        "request_id",
        "run_id",
        "hold_id",
        "card_id",
        "id",
        "confirmation",
        "banner",
        "detail",
    ];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if RANDOM.contains(&name.as_str()) && member.is_string() {
                    *member = json!("…");
                } else {
                    blur(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blur),
        Value::String(text) if text.parse::<chrono::DateTime<Utc>>().is_ok() => {
            *value = json!("an instant");
        }
        Value::String(text) if text.starts_with("card_") => *value = json!("a card"),
        _ => {}
    }
}
