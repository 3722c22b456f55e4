//! The form in which users are stored, which a deployment changes while people are on their way out.

use std::path::Path;

use aws_stand_ins::Clock;
use offramp_local::{Stack, StackConfig};
use offramp_tests::{LENA, MORNING, ORG, World, at};
use serde_json::{Value, json};

/// Somebody whom an admin deletes, and somebody whom nobody touches.
const DELETED: &str = "E-1009";
const HERE: &str = "E-1010";

/// The stack of a folder, with the parameter `StoredForm`.
async fn with_form(form: &str, folder: &Path, now: &str) -> World {
    let config = StackConfig {
        data: Some(folder.to_owned()),
        clock: Clock::frozen(at(now)),
        counted: false,
        parameters: [("StoredForm".to_owned(), form.to_owned())].into(),
        ..StackConfig::default()
    };
    World::of(Stack::start(config).await.unwrap())
}

/// The form in which somebody is stored.
async fn form(world: &World, id: &str) -> Value {
    let items = world.scan(None).await;
    let pk = format!("O#{ORG}#U#{id}");
    let user = items
        .iter()
        .find(|item| item["pk"]["S"] == pk && item["sk"]["S"] == "U");
    user.unwrap()["v"]["N"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_changes_the_form_and_nobody_notices() {
    let folder = std::env::temp_dir().join(format!("offramp-form-{}", std::process::id()));

    // All is in form 1: somebody is scheduled, somebody was deleted by hand, somebody is here.
    let world = with_form("1", &folder, MORNING).await;
    world.hr(LENA, "inactive", json!({})).await;
    world.remove(DELETED).await;
    let before = [
        world.user(LENA).await,
        world.user(DELETED).await,
        world.user(HERE).await,
    ];
    for id in [LENA, DELETED, HERE] {
        assert_eq!(form(&world, id).await, "1", "{id}");
    }
    world.end().await;

    // Form 2: everybody is read as they were, and is stored anew when they change.
    let world = with_form("2", &folder, MORNING).await;
    let after = [
        world.user(LENA).await,
        world.user(DELETED).await,
        world.user(HERE).await,
    ];
    assert_eq!(after, before);
    assert_eq!(form(&world, LENA).await, "1");
    world.hours(72).await;
    world.minutes(10).await;
    assert_eq!(world.status(LENA).await, "deactivated");
    assert_eq!(world.alive(LENA).await, 0);
    assert_eq!(form(&world, LENA).await, "2");
    world
        .hr(DELETED, "active", json!({ "team": "Treasury" }))
        .await;
    assert_eq!(
        world.state(DELETED).await,
        ("active".into(), "granted".into())
    );
    assert_eq!(form(&world, DELETED).await, "2");
    assert_eq!(form(&world, HERE).await, "1");
    let before = [
        world.user(LENA).await,
        world.user(DELETED).await,
        world.history(DELETED).await.into(),
    ];
    world.end().await;

    // And back.
    let world = with_form("1", &folder, "2026-03-06T09:00:00Z").await;
    let after = [
        world.user(LENA).await,
        world.user(DELETED).await,
        world.history(DELETED).await.into(),
    ];
    assert_eq!(after, before);
    world.hr(DELETED, "inactive", json!({})).await;
    assert_eq!(form(&world, DELETED).await, "1");
    world.restore(DELETED).await;
    world.hr(LENA, "active", json!({})).await;
    for id in [LENA, DELETED] {
        assert_eq!(
            world.state(id).await,
            ("active".into(), "granted".into()),
            "{id}"
        );
    }
    world.end().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
