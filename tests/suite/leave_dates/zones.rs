//! Leave dates where a day has no midnight, or two, and where the tables of time zones change under a planned date.

use aws_stand_ins::ScheduleView;
use offramp_app::Clock;
use offramp_app::ports::{Attempts, Overdue};
use offramp_aws::{Clients, Config, Offramp};
use offramp_domain::OrgId;
use offramp_tests::{LENA, LENA_MAIL, ORG, World, at, input, zulu};
use serde_json::{Value, json};

use super::{active, scheduled};

/// A world in a zone, some time before an instant, in which Lena leaves on a date.
async fn leaving(zone: &str, from: &str, date: &str) -> World {
    let world = World::start_at(from).await;
    world.set(json!({ "time_zone": zone })).await;
    // The dates that stand are looked at anew, once.
    world.minutes(10).await;
    world.leaves_on(LENA, json!(date)).await;
    assert_eq!(world.state(LENA).await, active());
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_once_with_the_first_instant_of_a_day_without_or_with_two_midnights() {
    for (zone, from, date, before, begins) in [
        // Clocks go from 23:59:59 to 01:00:00: the day begins at one o'clock.
        (
            "Africa/Cairo",
            "2026-04-22T12:00:00Z",
            "2026-04-24",
            "2026-04-23T21:59:59Z",
            "2026-04-23T22:00:00Z",
        ),
        // Clocks go back from 01:00:00 to 00:00:00: the day has two midnights, and begins with the first.
        (
            "America/Havana",
            "2026-10-30T12:00:00Z",
            "2026-11-01",
            "2026-11-01T03:59:59Z",
            "2026-11-01T04:00:00Z",
        ),
        // Clocks go back from 24:00:00 to 23:00:00: the day before ends twice, and this one begins after both.
        (
            "Asia/Beirut",
            "2026-10-23T12:00:00Z",
            "2026-10-25",
            "2026-10-24T21:59:59Z",
            "2026-10-24T22:00:00Z",
        ),
    ] {
        let world = leaving(zone, from, date).await;
        world.until(before).await;
        assert_eq!(world.state(LENA).await, active(), "{zone}");
        world.until(begins).await;
        assert_eq!(world.state(LENA).await, scheduled(), "{zone}");
        world.hours(3).await;
        assert_eq!(world.times(LENA, "scheduled").await, 1, "{zone}");
        world.end().await;
    }
}

/// A day in Berlin, as it begins.
const DAY: &str = "2026-03-20";
const BEGINS: &str = "2026-03-19T23:00:00Z";

/// Writes Lena's plan as a release with other tables would have made it, and her timer.
async fn plan(world: &World, planned: &str) -> ScheduleView {
    let items = world.scan(None).await;
    let is_lena =
        |item: &&Value| item["sk"]["S"] == "U" && item["pk"]["S"] == format!("O#{ORG}#U#{LENA}");
    let mut item = items.iter().find(is_lena).unwrap().clone();
    let mut data: Value = serde_json::from_str(item["data"]["S"].as_str().unwrap()).unwrap();
    assert_eq!(data["leave"]["plan"]["at"], BEGINS);
    data["leave"]["plan"]["at"] = json!(planned);
    item["data"]["S"] = json!(data.to_string());
    item["work_sk"]["S"] = json!(planned);
    world.put_item(&item).await;
    let mut timer = world.timers(LENA, "leave").remove(0);
    let mut payload = input(&timer);
    payload["due"] = json!(planned);
    timer.input = Some(payload.to_string());
    world.delete_schedules("leave");
    timer
}

fn planned(world: &World) -> Vec<Value> {
    let timers = world.timers(LENA, "leave");
    timers.iter().map(|one| zulu(one.next.unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_begins_later_by_new_tables_is_planned_anew_and_acts_once() {
    for timer_is_lost in [false, true] {
        let world = leaving("Europe/Berlin", "2026-03-18T12:00:00Z", DAY).await;
        let timer = plan(&world, "2026-03-19T21:00:00Z").await;
        world.until("2026-03-19T21:00:00Z").await;
        if timer_is_lost {
            // The sweep finds the plan overdue.
            world.minutes(10).await;
        } else {
            world.fire(&timer).await.unwrap();
        }
        assert_eq!(world.state(LENA).await, active());
        assert_eq!(planned(&world), [json!(BEGINS)]);
        world.until("2026-03-19T22:59:59Z").await;
        assert_eq!(world.state(LENA).await, active());
        world.until(BEGINS).await;
        assert_eq!(world.state(LENA).await, scheduled());
        world.hours(3).await;
        assert_eq!(world.times(LENA, "scheduled").await, 1);
        world.end().await;
    }
}

/// What the sweep works with, in this process.
fn inside(world: &World) -> Offramp {
    let environment = world
        .stack
        .environment(&world.stack.deployment().functions[0]);
    let config = Config::from_lookup(&|name| environment.get(name).cloned()).unwrap();
    let clients = Clients::new(&config.aws).unwrap();
    let now = world.now();
    offramp_aws::offramp(&config, &clients, Clock::from_fn(move || now))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_begins_earlier_by_new_tables_acts_when_it_begins() {
    let world = leaving("Europe/Berlin", "2026-03-18T12:00:00Z", DAY).await;
    plan(&world, "2026-03-20T05:00:00Z").await;
    // The sweep of the release before had other tables.
    let org = OrgId::new(ORG).unwrap();
    let mut older = Attempts::default();
    older.zones = Some("2020a".to_owned());
    let offramp = inside(&world);
    offramp.store.put_attempts(&org, &older).await.unwrap();
    // Something is overdue, so the sweep comes to this organisation.
    world.hr("E-1020", "inactive", json!({})).await;
    world.delete_schedules("digest");
    world.minutes(20).await;
    assert_eq!(planned(&world), [json!(BEGINS)]);
    let noted = offramp.store.attempts(&org).await.unwrap();
    assert_eq!(noted.zones.as_deref(), Some(offramp_app::when::tables()));
    world.until(BEGINS).await;
    assert_eq!(world.state(LENA).await, scheduled());
    world.hours(8).await;
    assert_eq!(world.times(LENA, "scheduled").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_moves_with_the_zone_of_the_organisation_and_acts_once() {
    let world = leaving("Europe/Berlin", "2026-03-18T12:00:00Z", DAY).await;
    world.set(json!({ "time_zone": "America/New_York" })).await;
    world.minutes(10).await;
    assert_eq!(planned(&world), [json!("2026-03-20T04:00:00Z")]);
    world.set(json!({ "time_zone": "Asia/Tokyo" })).await;
    world.minutes(10).await;
    assert_eq!(planned(&world), [json!("2026-03-19T15:00:00Z")]);
    world.until("2026-03-19T15:00:00Z").await;
    assert_eq!(world.state(LENA).await, scheduled());
    world.hours(30).await;
    assert_eq!(world.times(LENA, "scheduled").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_two_people_answers_for_the_one_who_has_access_now() {
    let world = World::start().await;
    // She is back under another id, and her former account has a leave date.
    world
        .hr("Z-1007", "active", json!({ "email": LENA_MAIL }))
        .await;
    world.leaves_on(LENA, json!("2026-03-03")).await;
    world.delete_schedules("leave");
    world.until("2026-03-03T00:00:30Z").await;
    // Nobody has acted on the date yet.
    assert_eq!(world.status(LENA).await, "active");
    assert_eq!(world.access(LENA).await, "revoked");
    let access = world.get(&format!("/access?email={LENA_MAIL}")).await;
    assert_eq!(access["access"], "granted", "{access}");
    assert!(world.now() < at("2026-03-03T00:01:00Z"));
    world.end().await;
}
