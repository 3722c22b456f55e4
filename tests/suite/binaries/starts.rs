//! What a compiled function does before its first invocation.

use std::collections::BTreeMap;

use aws_stand_ins::{Call, Fault, InvokeError, Mode, Outcome, Service};
use chrono::TimeDelta;
use offramp_tests::World;
use serde_json::Value;

use super::{PROGRAMS, deployed, take_over, world_since};

/// A function that primes, as it does unless it is told not to.
fn primes(_: &mut aws_stand_ins::Function, environment: &mut BTreeMap<String, String>) {
    environment.remove("PRIME");
}

async fn invoke(world: &World, name: &str, event: Value) -> Result<Value, InvokeError> {
    let lambda = world.stack.cloud().lambda();
    lambda.invoke(&deployed(world, name).name, event).await
}

fn sample(name: &str) -> Value {
    let path = format!(
        "{}/../events/lambda/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The calls so far, apart: those of no invocation, and those of one, which have its trace.
fn calls(world: &World) -> (Vec<Call>, Vec<Call>) {
    let calls = world.stack.cloud().faults().calls();
    let invoked = calls.iter().position(|call| call.trace_id.is_some());
    let (before, after) = calls.split_at(invoked.unwrap_or(calls.len()));
    (before.to_vec(), after.to_vec())
}

fn named(calls: &[Call]) -> Vec<(Service, &str)> {
    let mut named: Vec<_> = calls
        .iter()
        .map(|call| (call.service, &*call.operation))
        .collect();
    named.sort_by_key(|(_, operation)| operation.to_owned());
    named
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reads_nothing_of_the_table_and_connects_to_what_it_asks_first() {
    let world = world_since(TimeDelta::zero()).await;
    for (name, _) in PROGRAMS {
        take_over(&world, name, primes);
        world.stack.cloud().faults().reset_calls();
        invoke(&world, name, sample(name)).await.unwrap();

        let (before, after) = calls(&world);
        let mut expected = vec![(Service::Dynamodb, "GetItem")];
        match name {
            "hr-sync" => expected.push((Service::Kms, "Unknown")),
            "notify" => expected.push((Service::Ses, "Unknown")),
            _ => (),
        }
        assert_eq!(named(&before), expected, "{name}");
        let mut table = before
            .iter()
            .filter(|call| call.service == Service::Dynamodb);
        assert!(
            table.all(|call| call.outcome == Outcome::Status(200)),
            "{name}: {before:?}"
        );
        for call in after {
            assert!(call.trace_id.is_some(), "{name}: {call:?}");
        }

        // Once a process.
        world.stack.cloud().faults().reset_calls();
        invoke(&world, name, sample(name)).await.unwrap();
        assert_eq!(named(&calls(&world).0), [], "{name}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_starts_whatever_becomes_of_those_calls() {
    let world = world_since(TimeDelta::zero()).await;
    for mode in [
        Mode::Error,
        Mode::Throttle,
        Mode::Timeout,
        Mode::AfterCommit,
    ] {
        let program = take_over(&world, "terminate", primes);
        let faults = world.stack.cloud().faults();
        faults.reset_calls();
        faults.inject(Fault {
            times: u32::MAX,
            ..Fault::once(Service::Dynamodb, "GetItem", mode)
        });
        let ended = invoke(&world, "terminate", sample("terminate")).await;
        assert_eq!(ended, Ok(Value::Null), "{mode:?}");
        faults.clear();
        let (before, _) = calls(&world);
        assert!(!before.is_empty(), "{mode:?}");
        for call in &before {
            assert_eq!(call.fault, Some(mode), "{call:?}");
        }
        let log = program.log();
        let told = log.iter().filter(|line| line.contains("prim"));
        assert_eq!(told.count(), 1, "{mode:?}: {log:?}");
    }
    world.end().await;
}
