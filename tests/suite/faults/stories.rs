//! Faults that are stories of their own: timers that are lost, doubled, late or given up, issuers, and a process that ends.

use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Clock, Fault, Function, Mode, Service};
use offramp_local::{Stack, StackConfig};
use offramp_tests::{MORNING, World, at};
use serde_json::{Value, json};

use super::stack::LEAVER;
use super::stack::end::End;
use super::stack::matrix::{Folder, seed};

const ADMIN: &str = "ada.okafor@acme.example";
const SECOND: &str = "otto.brandt@acme.example";
/// Patient, so that a busy machine is not taken for a fault.
const PATIENT: Duration = Duration::from_secs(5);

pub(super) async fn world(what: &str) -> (Folder, World) {
    let folder = seed().await.copy(what).await;
    let world = folder.world(PATIENT).await;
    (folder, world)
}

pub(super) fn inject(
    world: &World,
    service: Service,
    operation: &str,
    mode: Mode,
    times: u32,
    skip: u32,
) {
    world.stack.cloud().faults().inject(Fault {
        service,
        operation: Some(operation.to_owned()),
        mode,
        times,
        skip,
    });
}

fn delete_all_schedules(world: &World) -> usize {
    let scheduler = world.stack.cloud().scheduler();
    let standing = scheduler.schedules();
    for one in &standing {
        assert!(scheduler.delete(&one.group, &one.name));
    }
    standing.len()
}

/// A leaver's grace period as it should be.
pub(super) async fn plain_grace() -> End {
    let (_folder, world) = world("plain").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    world.hours(72).await;
    let end = End::of(&world, &[LEAVER]).await;
    world.end().await;
    end
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_schedule_deleted_by_hand_the_sweep_brings_the_same_end() {
    let (_folder, world) = world("no-timers").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    assert_eq!(delete_all_schedules(&world), 2);
    world.minutes(6).await;
    assert_eq!(world.mails_to(ADMIN, "scheduled for deactivation").len(), 1);
    world.hours(71).await;
    world.minutes(50).await;
    assert_eq!(world.alive(LEAVER).await, 3);
    // Due in four minutes; the sweep comes every five, and gives a timer a minute and a half.
    world.minutes(4 + 7).await;
    assert_eq!(world.status(LEAVER).await, "deactivated");
    assert_eq!(world.alive(LEAVER).await, 0);
    delete_all_schedules(&world);
    world.minutes(10).await;
    assert_eq!(End::of(&world, &[LEAVER]).await, plain_grace().await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finishing_timer_deleted_by_hand_is_made_up_for() {
    let (_folder, world) = world("no-finish").await;
    inject(&world, Service::Issuer, "UpdateItem", Mode::Error, 9, 0);
    let path = format!("/users/{LEAVER}/deactivate-now");
    let reply = world.post(&path, json!({})).await;
    assert_eq!(
        (reply.status, &reply.body["cards_pending"]),
        (202, &json!(3))
    );
    world.stack.cloud().faults().clear();
    // The finishing timer, and the digest that was armed while the issuer was told.
    assert_eq!(delete_all_schedules(&world), 2);
    world.minutes(10).await;
    assert_eq!(world.alive(LEAVER).await, 0);
    assert_eq!(world.mails_to(ADMIN, "deactivated").len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tidying_that_failed_and_lost_its_timer_keeps_nobody_scheduled() {
    let (_folder, world) = world("no-tidy").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    let off = json!({ "deactivation_sync": { "enabled": false } });
    let question = world.patch("/settings", off.clone()).await;
    let mut off = off;
    off["confirmation"] = question.body["confirmation"].clone();
    // The first transaction turns the sync off, the second says for how many people, the next would tidy.
    inject(
        &world,
        Service::Dynamodb,
        "TransactWriteItems",
        Mode::Error,
        3,
        2,
    );
    assert_eq!(world.patch("/settings", off).await.status, 200);
    assert_eq!(world.status(LEAVER).await, "active");
    assert_eq!(world.access(LEAVER).await, "granted");
    assert_eq!(delete_all_schedules(&world), 3);
    let on = json!({ "deactivation_sync": { "enabled": true } });
    assert_eq!(world.patch("/settings", on).await.status, 200);
    world.minutes(6).await;
    assert_eq!(world.mails_to(ADMIN, "settings changed").len(), 1);
    world.hours(73).await;
    let end = End::of(&world, &[LEAVER]).await;
    assert_eq!(world.status(LEAVER).await, "active");
    assert_eq!(world.alive(LEAVER).await, 3);
    assert_eq!(end.work, Vec::<String>::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_that_come_twice_do_it_once() {
    let (_folder, world) = world("twice").await;
    world.stack.cloud().scheduler().duplicate_next(1_000);
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    world.hours(72).await;
    assert_eq!(End::of(&world, &[LEAVER]).await, plain_grace().await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_that_is_hours_late_still_does_it() {
    let (_folder, world) = world("late").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    let cloud = world.stack.cloud();
    let timer = cloud.scheduler().schedules().remove(0);
    assert!(cloud.scheduler().delete(&timer.group, &timer.name));
    let input: Value = serde_json::from_str(timer.input.as_deref().unwrap()).unwrap();
    // No sweep either, for as long as the timer takes.
    inject(&world, Service::Dynamodb, "Query", Mode::Error, 10_000, 0);
    world.hours(80).await;
    cloud.faults().clear();
    assert_eq!(world.alive(LEAVER).await, 3);
    let function = timer.target.rsplit(':').next().unwrap();
    cloud
        .lambda()
        .invoke_async(function, input.clone())
        .unwrap();
    cloud.settle().await;
    assert_eq!(world.status(LEAVER).await, "deactivated");
    assert_eq!(world.alive(LEAVER).await, 0);
    world.minutes(10).await;
    // Once more, when all is long over.
    cloud.lambda().invoke_async(function, input).unwrap();
    world.hours(2).await;
    assert_eq!(End::of(&world, &[LEAVER]).await, plain_grace().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_keeps_failing_ends_in_its_queue_and_the_sweep_goes_on() {
    let (_folder, world) = world("failing").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    inject(
        &world,
        Service::Dynamodb,
        "BatchGetItem",
        Mode::Error,
        10_000,
        0,
    );
    world.hours(71).await;
    world.minutes(59).await;
    let cloud = world.stack.cloud();
    let given_up: Vec<String> = cloud
        .queues()
        .into_iter()
        .filter(|lost| lost.arn.ends_with("FailedInvocations"))
        .map(|lost| lost.body)
        .collect();
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    let record: Value = serde_json::from_str(&given_up[0]).unwrap();
    assert_eq!(record["requestPayload"]["kind"], "deactivate");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    cloud.faults().clear();
    world.minutes(10).await;
    let mut end = End::of(&world, &[LEAVER]).await;
    end.lost.clear();
    assert_eq!(end, plain_grace().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_without_a_target_becomes_a_dead_letter_and_the_sweep_goes_on() {
    let (_folder, world) = world("dead").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    world.minutes(6).await;
    let functions = &world.stack.deployment().functions;
    let terminate = functions
        .iter()
        .find(|function| function.crate_name == "terminate")
        .unwrap();
    let lambda = world.stack.cloud().lambda();
    let real = lambda.function(&terminate.name).unwrap();
    lambda.register(Function::new(
        &terminate.name,
        format!("{}-elsewhere", terminate.arn),
        terminate.timeout,
        Arc::new(|_, _| Box::pin(async { Ok(Value::Null) })),
    ));
    world.hours(72 + 7).await;
    let mut end = End::of(&world, &[LEAVER]).await;
    assert_eq!(end.lost.len(), 1);
    assert!(end.lost[0].contains("TimerDeadLetters"), "{:?}", end.lost);
    // Access is gone for good all the same; cards wait for the one function that may cancel them.
    assert_eq!(world.status(LEAVER).await, "deactivated");
    lambda.register(real);
    world.minutes(15).await;
    end = End::of(&world, &[LEAVER]).await;
    end.lost.clear();
    assert_eq!(end, plain_grace().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_issuer_does_not_answer_is_finished_later() {
    // Slow, failing, and cancelled already although nobody heard it.
    for (mode, pending) in [(Mode::Timeout, 3), (Mode::Error, 3), (Mode::AfterCommit, 3)] {
        let folder = seed().await.copy("issuer").await;
        let world = folder.world(Duration::from_millis(300)).await;
        inject(&world, Service::Issuer, "UpdateItem", mode, 9, 0);
        let path = format!("/users/{LEAVER}/deactivate-now");
        let reply = world.post(&path, json!({})).await;
        assert_eq!(reply.status, 202, "{mode:?}: {}", reply.body);
        assert_eq!(reply.body["cards_pending"], pending, "{mode:?}");
        assert_eq!(world.access(LEAVER).await, "revoked");
        // The finishing timer comes after two minutes, the mail two after that.
        world.minutes(5).await;
        assert_eq!(world.alive(LEAVER).await, 0, "{mode:?}");
        let mails = world.mails_to(ADMIN, "deactivated");
        assert_eq!(mails.len(), 1, "{mode:?}");
        assert!(mails[0].text.contains("3 cards terminated"), "{mode:?}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_card_that_fails_keeps_only_itself() {
    let (_folder, world) = world("one-card").await;
    // The three are told at once: three attempts of one of them are not to be had, but three in all are.
    inject(&world, Service::Issuer, "UpdateItem", Mode::Throttle, 7, 0);
    let path = format!("/users/{LEAVER}/deactivate-now");
    let reply = world.post(&path, json!({})).await;
    let alive = world.alive(LEAVER).await;
    assert_eq!(world.user(LEAVER).await["active_cards"], alive);
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(reply.body["cards_pending"], alive);
    assert_eq!(reply.body["cards_cancelled"], 3 - alive);
    world.minutes(6).await;
    assert_eq!(world.alive(LEAVER).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_noticed_while_a_digest_is_retried_is_told_to_every_admin() {
    let (_folder, world) = world("closed-digest").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    // The first admin's message goes, the second's does not: the digest runs again a minute later.
    inject(&world, Service::Ses, "SendEmail", Mode::Error, 3, 1);
    world.advance(Duration::from_secs(150)).await;
    world.hr("E-1012", "inactive", json!({})).await;
    world.minutes(6).await;
    for admin in [ADMIN, SECOND] {
        for who in [LEAVER, "E-1012"] {
            let mails = world.mails_to(admin, "scheduled");
            let told = mails.iter().filter(|mail| mail.text.contains(who)).count();
            assert_eq!(told, 1, "{admin} of {who}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_without_a_word_goes_on_in_the_next() {
    let (folder, world) = world("ended").await;
    world.hr(LEAVER, "inactive", json!({})).await;
    drop(world);
    let world = reopened(&folder).await;
    assert_eq!(world.stack.cloud().scheduler().schedules().len(), 2);
    world.minutes(6).await;
    assert_eq!(world.mails_to(ADMIN, "scheduled").len(), 1);
    // It ends in the middle of cancelling cards.
    inject(&world, Service::Issuer, "UpdateItem", Mode::KillAfter, 1, 1);
    world
        .advance(Duration::from_secs(72 * 3_600 - 6 * 60))
        .await;
    drop(world);
    let world = reopened(&folder).await;
    assert_eq!(world.mails_to(ADMIN, "scheduled").len(), 1);
    world.minutes(10).await;
    assert_eq!(End::of(&world, &[LEAVER]).await, plain_grace().await);
    world.end().await;
}

/// The folder is free when the last of the old process has gone.
async fn reopened(folder: &Folder) -> World {
    let mut tries = 0;
    let stack = loop {
        let config = StackConfig {
            data: Some(folder.path().to_owned()),
            clock: Clock::frozen(at(MORNING)),
            attempt_timeout: PATIENT,
            ..StackConfig::default()
        };
        match Stack::start(config).await {
            Ok(stack) => break stack,
            Err(error) => assert!(tries < 1_000, "{error}"),
        }
        tries += 1;
        tokio::task::yield_now().await;
    };
    World::of(stack)
}
