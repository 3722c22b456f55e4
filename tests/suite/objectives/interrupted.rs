//! Closing and reopening go on where they were cut off.

use aws_stand_ins::{Fault, Mode, Service};
use offramp_tests::World;
use serde_json::json;

use super::{add_many, board, deactivate, history, restore, statuses};

/// The process dies at the next transaction but `skip`.
fn kill(world: &World, skip: u32, mode: Mode) {
    world.stack.cloud().faults().inject(Fault {
        skip,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", mode)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_again_before_they_are_back_finds_them_on_their_return() {
    let world = World::start().await;
    add_many(&world, "E-1007", 60).await;
    deactivate(&world, "E-1007").await;
    // Only the first batch is opened again before everything stops.
    kill(&world, 2, Mode::KillBefore);
    let cut = world.post("/users/E-1007/restore", json!({})).await;
    assert!(cut.status >= 500, "{}", cut.status);
    let open = statuses(&world, "E-1007").await;
    assert_eq!(open.iter().filter(|status| *status == "open").count(), 50);
    world.hr("E-1007", "inactive", json!({})).await;
    assert_eq!(world.status("E-1007").await, "deactivation_scheduled");
    // The rest is opened in the grace period, seen by nobody.
    world.minutes(10).await;
    assert_eq!(statuses(&world, "E-1007").await, ["open"; 60]);
    assert_eq!(board(&world).await, [""; 0]);
    let entry = &history(&world, "E-1007", "objectives_reopened").await[0];
    assert_eq!(entry["count"], 60);
    world.hours(72).await;
    assert_eq!(statuses(&world, "E-1007").await, ["complete"; 60]);
    assert_eq!(restore(&world, "E-1007").await["objectives_reopened"], 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_and_reopening_survive_a_death_at_every_write() {
    let world = World::start().await;
    // The deactivation; then the end, with up to ninety objectives in it, or two batches, what was closed, and the end. Of
    // the way back: the return, two batches, the end.
    let both = |at| [(at, Mode::KillBefore), (at, Mode::KillAfter)];
    let few = both(1).map(|(at, mode)| (60, at, mode));
    let many = (1..=4).flat_map(both).map(|(at, mode)| (100, at, mode));
    for (case, (count, at, mode)) in few.into_iter().chain(many).enumerate() {
        let owner = format!("T-{case}");
        let new = json!({ "employee_id": owner, "name": "Temp" });
        assert_eq!(world.post("/users", new).await.status, 201);
        add_many(&world, &owner, count).await;
        kill(&world, at, mode);
        let cut = world
            .post(&format!("/users/{owner}/deactivate-now"), json!({}))
            .await;
        // The request waits for the work: it may see the last write before the process dies.
        let seen = mode == Mode::KillAfter && at == if count > 90 { 4 } else { 1 };
        let answered = cut.status >= 500 || (seen && cut.status == 200);
        assert!(answered, "{count} {at} {mode:?}: {}", cut.status);
        world.minutes(10).await;
        assert_eq!(
            statuses(&world, &owner).await,
            vec!["complete"; count],
            "{count} {at} {mode:?}"
        );
        let closed = history(&world, &owner, "objectives_closed").await;
        assert_eq!(
            (closed.len(), &closed[0]["count"]),
            (1, &json!(count)),
            "{count} {at} {mode:?}"
        );
        assert_eq!(
            history(&world, &owner, "finished").await.len(),
            1,
            "{count} {at} {mode:?}"
        );

        kill(&world, (at - 1).max(1), mode);
        let cut = world
            .post(&format!("/users/{owner}/restore"), json!({}))
            .await;
        assert!(cut.status >= 500, "{count} {at} {mode:?}: {}", cut.status);
        world.minutes(10).await;
        assert_eq!(
            statuses(&world, &owner).await,
            vec!["open"; count],
            "{count} {at} {mode:?}"
        );
        let back = history(&world, &owner, "objectives_reopened").await;
        assert_eq!(
            (back.len(), &back[0]["count"]),
            (1, &json!(count)),
            "{count} {at} {mode:?}"
        );
        assert_eq!(world.user(&owner).await["pending"]["objectives"], false);
    }
    assert!(world.stack.cloud().queues().is_empty(), "dead letters");
    assert!(world.stack.cloud().faults().pending().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_with_others_are_tried_again() {
    let world = World::start().await;
    add_many(&world, "E-1003", 3).await;
    world.stack.cloud().faults().inject(Fault {
        skip: 1,
        times: 2,
        ..Fault::once(Service::Dynamodb, "TransactWriteItems", Mode::Conflict)
    });
    deactivate(&world, "E-1003").await;
    assert_eq!(statuses(&world, "E-1003").await, ["complete"; 3]);
    world.end().await;
}
