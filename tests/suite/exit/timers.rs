//! Operations come through their alias alone. A timer carries any payload, and its role may invoke `apply`: it asks for
//! none.

use aws_stand_ins::InvokeError;
use offramp_local::template::Function;
use offramp_tests::{LENA, ORG, World};
use serde_json::{Value, json};

use super::export;

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!(
            "../../../events/lambda/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

fn function<'w>(world: &'w World, name: &str) -> &'w Function {
    let functions = &world.stack.deployment().functions;
    let found = functions.iter().find(|one| one.crate_name == name);
    found.unwrap()
}

/// A schedule as any function may make one that may make schedules: due in a minute, with its role, at `apply`.
async fn schedule(world: &World, name: &str, payload: &Value) {
    let environment = &function(world, "hr-sync").environment;
    let due = world.now() + chrono::TimeDelta::minutes(1);
    let schedule = json!({
        "GroupName": environment["SCHEDULE_GROUP"],
        "ScheduleExpression": due.format("at(%Y-%m-%dT%H:%M:%S)").to_string(),
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": environment["APPLY_ARN"],
            "RoleArn": environment["SCHEDULE_ROLE_ARN"],
            "DeadLetterConfig": { "Arn": environment["TIMER_DEAD_LETTER_ARN"] },
            "Input": payload.to_string(),
        },
    });
    let scheduler = world.stack.cloud().endpoints().scheduler;
    let made = reqwest::Client::new()
        .post(format!("{scheduler}/schedules/{name}"))
        .header("authorization", "AWS4-HMAC-SHA256 x")
        .json(&schedule)
        .send();
    assert_eq!(made.await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_asks_for_an_operation_is_a_dead_letter() {
    let world = World::start().await;
    world.minutes(10).await;
    let before = export(&world, ORG).await;
    let line = json!({ "kind": "export", "v": 1, "id": "x", "org": "initech" });
    let import = json!({ "offramp": "import", "org": "initech", "export": "x", "lines": [line] });
    let asked = [
        sample!("export"),
        sample!("erase_person"),
        sample!("erase_organisation"),
        import,
    ];
    for (number, payload) in asked.iter().enumerate() {
        schedule(&world, &format!("n-{number}"), payload).await;
    }
    world.minutes(10).await;
    let queue = function(&world, "apply").on_failure.clone().unwrap();
    let letters = world.stack.cloud().queues();
    assert_eq!(letters.len(), asked.len(), "{letters:?}");
    for letter in letters {
        assert_eq!(letter.arn, queue);
        let record: Value = serde_json::from_str(&letter.body).unwrap();
        assert!(asked.contains(&record["requestPayload"]), "{record}");
        let answer = &record["responsePayload"];
        assert_eq!(answer["errorType"], "Permanent", "{record}");
        let message = answer["errorMessage"].as_str().unwrap();
        assert!(message.contains("alias `operator`"), "{record}");
    }
    // The first line has the id and the moment of the export.
    assert_eq!(export(&world, ORG).await[1..], before[1..]);
    assert_eq!(world.status(LENA).await, "active");
    world.stack.shutdown().await.unwrap();
}

/// Nor is the right to invoke the alias one to make up what API Gateway says of somebody, or a timer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_and_events_each_come_their_own_way() {
    let world = World::start().await;
    let lambda = world.stack.cloud().lambda();
    for (name, alias, payload) in [
        ("admin", "", sample!("first_admin")),
        ("apply", "", sample!("export")),
        ("admin", ":operator", sample!("admin")),
        ("apply", ":operator", sample!("apply")),
    ] {
        let function = format!("{}{alias}", function(&world, name).name);
        let refused = lambda.invoke(&function, payload).await.unwrap_err();
        let InvokeError::Handler(error) = refused else {
            unreachable!("{function}: {refused}");
        };
        assert_eq!(error.kind, "Permanent", "{function}: {error}");
        assert!(error.message.contains("alias `operator`"), "{error}");
    }
    let bootstrap = world.stack.bootstrap_token("globex").unwrap();
    let users = world.ask("GET", "/v1/orgs/globex/users").token(&bootstrap);
    assert_eq!(
        users.ok().await["users"],
        json!([]),
        "nobody has come to be"
    );
    world.stack.shutdown().await.unwrap();
}
