//! What one run has no time for is done by the next, once; and nothing that is slow or fails keeps others from their turn.

use std::time::Duration;

use aws_stand_ins::{Fault, Mode, Service};
use offramp_app::outbound::digest;
use offramp_app::ports::{Overdue, Work};
use offramp_app::upkeep::sweep;
use offramp_app::{Clock, Deadline, Error};
use offramp_aws::{Clients, Config, Offramp, Ses};
use offramp_domain::{DigestMinute, EmployeeId, OrgId, SubjectKind};
use offramp_tests::{ADA, LENA, ORG, World};
use serde_json::json;

/// The longest time of a function: no test waits for it.
const AMPLE: Duration = Duration::from_secs(30);

/// What the sweep works with, in this process, as of now.
fn inside(world: &World) -> (Offramp, Ses) {
    let deployment = world.stack.deployment();
    let mut functions = deployment.functions.iter();
    let sweep = functions.find(|one| one.name.ends_with("-sweep")).unwrap();
    let environment = world.stack.environment(sweep);
    let config = Config::from_lookup(&|name| environment.get(name).cloned()).unwrap();
    let clients = Clients::new(&config.aws).unwrap();
    let now = world.now();
    let offramp = offramp_aws::offramp(&config, &clients, Clock::from_fn(move || now));
    let ses = Ses::new(clients.sesv2(), config.need_sender().unwrap());
    (offramp, ses)
}

fn org() -> OrgId {
    OrgId::new(ORG).unwrap()
}

/// Makes admins of the first people of the seed, the two included.
async fn admins(world: &World, count: usize) {
    for number in 3..=count {
        let path = format!("/users/E-10{number:02}/role");
        let role = json!({ "role": "admin" });
        world.admin("PUT", &path).json(&role).ok().await;
    }
}

fn mails_fail(world: &World, skip: u32) {
    world.stack.cloud().faults().inject(Fault {
        skip,
        times: 100_000,
        ..Fault::once(Service::Ses, "SendEmail", Mode::Error)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_had_no_time_is_mailed_later_and_to_nobody_twice() {
    let world = World::start().await;
    admins(&world, 15).await;
    world.hr("E-1020", "inactive", json!({})).await;
    let (offramp, ses) = inside(&world);
    let (org, minute) = (org(), DigestMinute::of(world.now()));
    let tenant = offramp.of(&org);
    let none = Deadline::after(Duration::ZERO);
    let first = digest::mail(&tenant, &ses, minute, "first", none).await;
    assert!(matches!(first, Err(Error::Unfinished(_))), "{first:?}");
    assert_eq!(world.mails().len(), 0);
    // Five are told, then SES is away.
    mails_fail(&world, 5);
    let second = digest::mail(&tenant, &ses, minute, "first", Deadline::after(AMPLE)).await;
    assert!(matches!(second, Err(Error::Fault(_))), "{second:?}");
    assert_eq!(world.mails().len(), 5);
    world.stack.cloud().faults().clear();
    let third = digest::mail(&tenant, &ses, minute, "first", none).await;
    assert!(matches!(third, Err(Error::Unfinished(_))), "{third:?}");
    assert_eq!(world.mails().len(), 5);
    // The timer does the rest.
    world.minutes(5).await;
    let mut told: Vec<String> = world.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told.len(), 15, "{told:?}");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 15, "{told:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_fails_is_remembered_and_keeps_nobody_from_their_end() {
    let world = World::start().await;
    world.hr("E-1020", "inactive", json!({})).await;
    mails_fail(&world, 0);
    world.hours(72).await;
    // Nobody decides but the sweep, and the digest is the oldest work.
    world.hr(LENA, "inactive", json!({})).await;
    world.delete_schedules("deactivate");
    world.hours(72).await;
    world.minutes(10).await;
    let (offramp, _) = inside(&world);
    let minute = DigestMinute::of(world.now());
    let digest = Work::Notice { org: org(), minute };
    let attempts = offramp.store.attempts(&org()).await.unwrap();
    let tried = attempts.at(&digest).map_or(0, |attempt| attempt.tries);
    assert!(tried > 1, "{attempts:?}");
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.mails_to(ADA, "").len(), 0);
    world.stack.cloud().faults().clear();
    world.minutes(15).await;
    assert!(!world.mails_to(ADA, "").is_empty());
    let attempts = offramp.store.attempts(&org()).await.unwrap();
    assert_eq!(attempts.at(&digest), None, "a success is forgotten");
    world.stack.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_an_issuer_keeps_waiting_goes_behind_newer_work() {
    let world = World::start().await;
    world.stack.cloud().faults().inject(Fault {
        times: 100_000,
        ..Fault::once(Service::Issuer, "UpdateItem", Mode::Error)
    });
    world
        .admin("POST", &format!("/users/{LENA}/deactivate-now"))
        .send()
        .await;
    world.hours(1).await;
    let (offramp, ses) = inside(&world);
    let employee_id = EmployeeId::new(LENA).unwrap();
    let work = Work::User {
        org: org(),
        employee_id,
    };
    let attempts = async || offramp.store.attempts(&org()).await.unwrap().at(&work);
    let before = attempts().await.unwrap();
    let swept = sweep::sweep(
        &offramp,
        &ses,
        SubjectKind::Email,
        "by hand",
        Deadline::after(AMPLE),
    )
    .await;
    assert!(swept.unwrap().found >= 1);
    let after = attempts().await.unwrap();
    assert_eq!(after.tries, before.tries + 1);
    assert_eq!(after.at, offramp.clock.now());
    // A sweep without time tries nothing, and ends in order.
    let none = Deadline::after(Duration::ZERO);
    sweep::sweep(&offramp, &ses, SubjectKind::Email, "by hand", none)
        .await
        .unwrap();
    assert_eq!(attempts().await, Some(after));
    world.stack.cloud().faults().clear();
    world.hours(1).await;
    assert_eq!(world.alive(LENA).await, 0);
    world.stack.shutdown().await.unwrap();
}
