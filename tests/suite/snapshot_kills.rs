//! The process dies before and after every transaction that applying a large snapshot makes. Lambda's retries, the
//! timer that each run arms before it begins, and the sweep bring it to the end that it has without.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_stand_ins::{Fault, InvocationOutcome, Mode, Service};
use chrono::{DateTime, Utc};
use offramp_domain::{Arrival, EmployeeId, Field, HrEvent, HrStatus};
use offramp_tests::{World, numbered};
use serde_json::{Value, json};

use crate::faults::stack::end::breaker;
use crate::faults::stack::matrix::{Folder, LONG, seed};
use crate::snapshots::{complete, employee, open, page, seeded, state};

const PEOPLE: usize = 20_000;
/// One per cent of them change. Within what the safeguards let through are 30 who are missing and 15 who are inactive.
const MISSING: usize = 30;
const INACTIVE: usize = 15;
const RENAMED: usize = 125;
const NEW: usize = 30;
/// Steps of a snapshot: each of 16 partitions is compared, the breaker is asked, each is applied.
const STEPS: u64 = 33;
/// Commits of this one: all are compared at once, the breaker is asked, and what differs is compared again and applied by
/// partition, since no run lives long enough to know it.
const COMMITS: u64 = 18;

/// Somebody as `employee` tells of them.
pub(crate) fn event(id: &str, at: DateTime<Utc>) -> HrEvent {
    HrEvent {
        id: None,
        occurred_at: at,
        employee_id: EmployeeId::new(id).unwrap(),
        status: HrStatus::Active,
        fields: BTreeMap::from([(Field::Name, Some(format!("Person {id}")))]),
        unread: Vec::new(),
        arrival: Arrival::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_settled_stands_as_a_snapshot_leaves_them() {
    let folder = seed().await.copy("settled").await;
    let (mut ends, second) = (Vec::new(), folder.copy("settled-by-snapshot").await);
    let mut arrival = Arrival::default();
    for (folder, by_snapshot) in [(&second, true), (&folder, false)] {
        let world = folder.world(LONG).await;
        let at = world.now();
        if by_snapshot {
            let mut all = seeded(&world).await;
            all.push(employee("S-1", "active"));
            let id = open(&world, json!({ "occurred_at": at })).await;
            page(&world, &id, 1, &all).await;
            complete(&world, &id, 1, false).await;
            world.minutes(2).await;
            arrival = Arrival::new(&id, 0);
        } else {
            // When the snapshot of the other is applied.
            world.minutes(2).await;
            let said = HrEvent {
                arrival: arrival.clone(),
                ..event("S-1", at)
            };
            assert_eq!(world.stack.settle([said]).unwrap(), 1);
        }
        let items = world.scan(None).await;
        ends.push(items.into_iter().find(|item| {
            item["sk"]["S"] == "U" && item["pk"]["S"].as_str().unwrap().ends_with("#S-1")
        }));
        world.end().await;
    }
    assert!(ends[0].is_some());
    assert_eq!(ends[0], ends[1]);
}

/// Everybody but those who go; some of them otherwise than they were; and those who are new.
fn changed(ids: &[String]) -> Vec<Value> {
    let mut all: Vec<Value> = ids[MISSING..]
        .iter()
        .map(|id| employee(id, "active"))
        .collect();
    for one in &mut all[..INACTIVE] {
        one["status"] = json!("inactive");
    }
    for one in &mut all[INACTIVE..INACTIVE + RENAMED] {
        one["name"] = json!("Another Name");
    }
    all.extend(numbered("N", NEW).iter().map(|id| employee(id, "active")));
    all
}

/// A folder in which everybody is, and a snapshot of them that is complete; with its name.
async fn completed(what: &str) -> (Folder, String) {
    let folder = seed().await.copy(what).await;
    let world = folder.world(LONG).await;
    let mut all = seeded(&world).await;
    let ids = numbered("P", PEOPLE);
    let now = world.now();
    let people = ids.iter().map(|id| event(id, now));
    assert_eq!(world.stack.settle(people).unwrap(), PEOPLE as u64);
    all.extend(changed(&ids));
    let id = open(&world, json!({})).await;
    let pages: Vec<&[Value]> = all.chunks(5_000).collect();
    for (number, employees) in pages.iter().enumerate() {
        let answer = page(&world, &id, number + 1, employees).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let answer = complete(&world, &id, pages.len(), false).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    world.stack.shutdown().await.unwrap();
    (folder, id)
}

/// What is compared: everybody, each of their changes, what the breaker says, what is still to be done, what was told.
#[derive(Debug, PartialEq, Eq)]
struct End {
    people: BTreeMap<String, String>,
    breaker: Vec<String>,
    told: Vec<String>,
    summary: Value,
}

impl End {
    async fn of(world: &World, id: &str) -> Self {
        let mut people = BTreeMap::new();
        for item in world.scan(None).await {
            let (pk, sk) = (
                item["pk"]["S"].as_str().unwrap(),
                item["sk"]["S"].as_str().unwrap(),
            );
            let Some((_, who)) = pk.split_once("#U#") else {
                continue;
            };
            let data: Value = serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap();
            let what = if sk == "U" {
                // Status and name, HR's word and fields, how often they changed; no instants.
                let (listed, print) = (&item["people_pk"]["S"], &item["print"]["B"]);
                let (name, version) = (&item["people_sk"]["S"], &data["version"]);
                let generation = &item["generation"]["N"];
                format!(
                    "{listed} {name} {print} {version} {generation} {}",
                    data["hold"]
                )
            } else {
                data["what"].to_string()
            };
            people.insert(format!("{who} {sk}"), what);
        }
        let state = state(world, id).await;
        let mut told: Vec<String> = world
            .mails()
            .iter()
            .flat_map(|mail| {
                let to = mail.to.join(",");
                let rows = mail.text.lines().filter_map(|line| line.strip_prefix("- "));
                // Without when: a later try plans another minute.
                let who = rows.map(|row| row.split_once(": ").map_or(row, |(who, _)| who));
                who.map(|who| format!("{to} {who}")).collect::<Vec<_>>()
            })
            .collect();
        told.sort();
        Self {
            people,
            breaker: breaker(world).await,
            told,
            summary: json!([
                state["state"],
                state["summary"],
                state["employees"],
                state["progress"]
            ]),
        }
    }

    /// The first few things that differ.
    fn difference(&self, other: &Self) -> String {
        let people = self
            .people
            .iter()
            .filter(|(who, what)| other.people.get(*who) != Some(*what));
        let more = other
            .people
            .keys()
            .filter(|who| !self.people.contains_key(*who));
        let people: Vec<_> = people
            .map(|(who, what)| format!("{who}: {what}, not {:?}", other.people.get(who)))
            .chain(more.map(|who| format!("{who}: not at all")))
            .take(10)
            .collect();
        format!(
            "{people:#?}\n{}\nnot\n{}\n{:#?}\nnot\n{:#?}\n{} lines told, not {}",
            self.summary,
            other.summary,
            self.breaker,
            other.breaker,
            self.told.len(),
            other.told.len()
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_people_and_a_process_that_dies_around_every_transaction() {
    let (folder, id) = completed("kills").await;
    let second = folder.copy("kills-none").await;

    let world = second.world(LONG).await;
    world.minutes(3).await;
    let done = state(&world, &id).await;
    assert_eq!(done["progress"], json!({ "done": STEPS, "of": STEPS }));
    world.minutes(7).await;
    let plain = End::of(&world, &id).await;
    assert_eq!(
        done["summary"],
        json!({
            "created": NEW,
            "scheduled": MISSING + INACTIVE,
            "updated": RENAMED,
            "unchanged": PEOPLE + 25 - MISSING - INACTIVE - RENAMED,
        })
    );
    world.end().await;

    let world = folder.world(LONG).await;
    let faults = world.stack.cloud().faults();
    for _ in 0..2_000 {
        for mode in [Mode::KillBefore, Mode::KillAfter] {
            faults.inject(Fault::once(Service::Dynamodb, "TransactWriteItems", mode));
        }
    }
    let mut hours = 0;
    while state(&world, &id).await["state"] == "applying" {
        hours += 1;
        assert!(hours <= 48, "no end: {}", state(&world, &id).await);
        world.hours(1).await;
    }
    assert!(
        !faults.pending().is_empty(),
        "it ended because nothing failed any more"
    );
    faults.clear();
    let killed = world.stack.cloud().lambda().invocations();
    let killed = killed
        .iter()
        .filter(|one| one.outcome == InvocationOutcome::Killed);
    let killed = u64::try_from(killed.count()).unwrap();
    println!("{killed} invocations were killed within {hours} hours");
    // Before each commit and after it a process has died; and in between around people's own.
    assert!(
        killed >= 2 * COMMITS,
        "only {killed} invocations were killed"
    );
    // The sweep, and the mails of what it found.
    world.hours(1).await;
    world.advance(Duration::from_secs(600)).await;
    let end = End::of(&world, &id).await;
    assert!(end == plain, "{}", end.difference(&plain));
    world.stack.shutdown().await.unwrap();
}
