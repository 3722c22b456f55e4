//! The compiled functions, each a process that speaks the Lambda Runtime API with the stand-in, as it does with Lambda:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. What comes of it equals what comes of the same
//! handlers in this process.
//!
//! A process has the host's clock. So a world begins in the past, where the functions run in this process, and the
//! compiled ones take over when its clock has reached the present.

mod ends;
mod starts;
mod story;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_stand_ins::{Binary, Clock, Function};
use chrono::{DateTime, TimeDelta, Utc};
use offramp_local::template::Function as Deployed;
use offramp_tests::{Delivery, World};
use serde_json::{Value, json};

/// Attempts of AWS calls may take this long: a busy machine must not make a call twice.
const PATIENT: Duration = Duration::from_secs(10);

macro_rules! programs {
    ($($name:literal),*) => { [$(($name, env!(concat!("CARGO_BIN_EXE_lambda-", $name)))),*] };
}

/// The functions' programs, by the name of their folder.
const PROGRAMS: [(&str, &str); 6] =
    programs!["admin", "apply", "hr-sync", "notify", "sweep", "terminate"];

/// A world that began so long ago.
async fn world_since(ago: TimeDelta) -> World {
    let began = whole_seconds(Utc::now()) - ago;
    World::with(|config| {
        config.clock = Clock::frozen(began);
        config.attempt_timeout = PATIENT;
    })
    .await
}

fn whole_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap()
}

/// From here on every function of the world is its compiled program.
fn compiled(world: &World) -> BTreeMap<&'static str, Binary> {
    PROGRAMS
        .map(|(name, _)| (name, take_over(world, name, |_, _| {})))
        .into()
}

/// One function is its compiled program from here on, perhaps in another environment or with another time-out. It makes
/// no calls but those of its invocations, unless that is changed.
fn take_over(
    world: &World,
    name: &str,
    change: impl FnOnce(&mut Function, &mut BTreeMap<String, String>),
) -> Binary {
    let deployed = deployed(world, name);
    let program = PROGRAMS.iter().find(|(own, _)| *own == name).unwrap().1;
    let mut environment = world.stack.environment(deployed);
    environment.insert("PRIME".to_owned(), "off".to_owned());
    let mut function = Function {
        aliases: deployed.aliases.clone(),
        max_retries: deployed.retries,
        max_event_age: deployed.max_event_age,
        on_failure: deployed.on_failure.clone(),
        ..Function::new(
            &deployed.name,
            &deployed.arn,
            deployed.timeout,
            Binary::new(program, BTreeMap::new()).handler(),
        )
    };
    change(&mut function, &mut environment);
    let binary = Binary::new(program, environment);
    function.handler = binary.handler();
    world.stack.cloud().lambda().register(function);
    binary
}

fn deployed<'w>(world: &'w World, name: &str) -> &'w Deployed {
    let functions = &world.stack.deployment().functions;
    functions.iter().find(|one| one.crate_name == name).unwrap()
}

/// `events/lambda/hr-sync.json`, of somebody, at this moment, and signed with a secret that the source has.
fn signed_sample(world: &World, id: &str) -> Value {
    let text = include_str!("../../events/lambda/hr-sync.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    body["events"][0]["occurred_at"] = json!(world.now());
    body["events"][0]["employee"] = json!({ "employee_id": id, "status": "inactive" });
    let delivery = Delivery::new(world.secret(), world.now(), body.to_string());
    for (name, value) in delivery.signed.headers() {
        event["headers"][name] = json!(value);
    }
    event["body"] = json!(body.to_string());
    event
}

#[test]
fn every_function_is_among_the_programs() {
    let functions = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../functions"));
    let mut functions: Vec<_> = functions
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    functions.sort();
    assert_eq!(
        functions,
        PROGRAMS.map(|(name, _)| name),
        "give a new function a [[bin]] in tests/Cargo.toml, and name it in PROGRAMS"
    );
}
