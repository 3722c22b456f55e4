//! A snapshot that lacks two fifths of a large company: held, approved for a part, rejected for the rest, and undone.
//!
//! 2,000 people unless `OFFRAMP_PEOPLE` says how many. It prints how long each step takes:
//! `OFFRAMP_PEOPLE=100000 cargo test --profile measure --workspace --test suite two_fifths -- --nocapture`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use offramp_tests::{World, numbered};
use serde_json::{Value, json};

use crate::snapshot_kills::event;
use crate::snapshots::{complete, employee, open, page, seeded, state};

const PEOPLE: usize = 2_000;
/// At most so many are approved.
const PART: usize = 10_000;

/// The ids of everybody of a status.
async fn of(world: &World, status: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/users?status={status}&limit=97{cursor}");
        let page = world.get(&path).await;
        let users = page["users"].as_array().unwrap().iter();
        all.extend(users.map(|user| user["employee_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// The hold, as an admin reads it.
async fn read(world: &World, hold: &Value) -> Value {
    let path = format!("/holds/{}", hold["hold_id"].as_str().unwrap());
    world.get(&path).await
}

/// An answer; what comes of it within its request.
async fn answer(world: &World, hold: &Value, how: &str, body: Value) -> Value {
    let path = format!("/holds/{}/{how}", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    let reply = world.post_if(&path, version, body).await;
    assert!((200..300).contains(&reply.status), "{}", reply.text);
    reply.body
}

/// Timers come until so many are left in a hold; the hold then.
async fn until_left(world: &World, hold: &Value, left: usize) -> Value {
    for _ in 0..100 {
        world.minutes(5).await;
        let seen = read(world, hold).await;
        if seen["left"] == left {
            return seen;
        }
    }
    read(world, hold).await
}

/// How many people an answer has dealt with, and how many it leaves to the timer.
fn dealt(answer: &Value) -> (usize, usize) {
    let left = answer["pending"].as_u64().unwrap_or_default();
    let done = answer["results"].as_array().unwrap().len();
    (done, usize::try_from(left).unwrap())
}

struct Watch(Instant);

impl Watch {
    /// Prints how long a step took, and begins the next.
    fn says(&mut self, what: &str) {
        println!("{:>8.1} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_fifths_are_missing_held_approved_in_part_rejected_and_undone() {
    let count = std::env::var("OFFRAMP_PEOPLE").map_or(PEOPLE, |count| count.parse().unwrap());
    let (missing, mut watch) = (count * 2 / 5, Watch(Instant::now()));
    let part = (missing / 4).min(PART);
    // Each call may take as long as a machine with much else to do needs for it.
    let world = World::with(|config| config.attempt_timeout = Duration::from_secs(20)).await;
    let seed = seeded(&world).await;
    let ids = numbered("P", count);
    let now = world.now();
    let people = ids.iter().map(|id| event(id, now));
    assert_eq!(world.stack.settle(people).unwrap(), count as u64);
    // The sweep counts the people of the source.
    world.minutes(6).await;
    let everybody = of(&world, "active").await;
    assert_eq!(everybody.len(), count + seed.len());
    watch.says(&format!("{count} people"));

    let (gone, here) = ids.split_at(missing);
    let mut all = seed;
    all.extend(here.iter().map(|id| employee(id, "active")));
    let id = open(&world, json!({})).await;
    let pages: Vec<&[Value]> = all.chunks(5_000).collect();
    for (number, employees) in pages.iter().enumerate() {
        let answer = page(&world, &id, number + 1, employees).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let completed = complete(&world, &id, pages.len(), false).await;
    assert_eq!(completed.status, 202);
    watch.says(&format!("{} pages", pages.len()));
    let mut done = Value::Null;
    for _ in 0..60 {
        world.minutes(2).await;
        done = state(&world, &id).await;
        if done["state"] != "applying" {
            break;
        }
    }
    assert_eq!(done["state"], "held", "{done}");
    assert_eq!(done["summary"]["held"], missing, "{done}");
    let hold = world.open_holds().await.remove(0);
    let seen = read(&world, &hold).await;
    assert_eq!(
        (&seen["people"], &seen["left"]),
        (&json!(missing), &json!(missing))
    );
    watch.says(&format!("{missing} are held"));
    assert_eq!(of(&world, "active").await, everybody, "nobody is ended");
    watch.says("everybody is read");

    let approved: BTreeSet<String> = gone[..part].iter().cloned().collect();
    let asked = answer(
        &world,
        &seen,
        "approve",
        json!({ "employee_ids": approved }),
    )
    .await;
    let (at_once, later) = dealt(&asked);
    assert_eq!(
        at_once + later,
        part,
        "{} {}",
        asked["state"],
        asked["pending"]
    );
    let run = asked["approval_run_id"].as_str().unwrap().to_owned();
    watch.says(&format!(
        "{at_once} are approved in one request, {later} are left to the timer"
    ));
    let seen = until_left(&world, &hold, missing - part).await;
    watch.says("the timer has come");
    assert_eq!(
        of(&world, "deactivation_scheduled").await,
        approved,
        "exactly those"
    );
    assert_eq!(
        (&seen["state"], &seen["left"]),
        (&json!("open"), &json!(missing - part))
    );
    watch.says("those who were approved are read");

    let (at_once, later) = dealt(&answer(&world, &seen, "reject", json!({})).await);
    assert_eq!(at_once + later, missing - part);
    watch.says(&format!(
        "{at_once} are rejected in one request, {later} are left to the timer"
    ));
    let seen = until_left(&world, &hold, 0).await;
    watch.says("the timer has come");
    assert_eq!(
        (&seen["state"], &seen["left"]),
        (&json!("rejected"), &json!(0))
    );
    assert_eq!(
        of(&world, "deactivation_scheduled").await,
        approved,
        "the others are spared"
    );
    watch.says("those who were approved are read");

    let undone = world.post(&format!("/runs/{run}/undo"), json!({})).await;
    assert_eq!(undone.status, 200, "{}", undone.text);
    watch.says(&format!(
        "the run is undone, and {} are back",
        undone.body["affected"]
    ));
    for _ in 0..100 {
        world.minutes(5).await;
        if of(&world, "deactivation_scheduled").await.is_empty() {
            break;
        }
    }
    assert_eq!(of(&world, "active").await, everybody, "everybody is back");
    watch.says("everybody is read");
    // No timer of a grace period that was taken back ends anybody.
    world.hours(80).await;
    assert_eq!(of(&world, "active").await, everybody, "nobody is lost");
    assert_eq!(world.open_holds().await, Vec::<Value>::new());
    watch.says("80 hours later");
    world.end().await;
}
