use std::time::Duration;

use aws_stand_ins::Clock;
use serde_json::{Value, json};

use super::{Stack, StackConfig};
use crate::acme::{ADMINS, ORG, SOURCE};
use crate::client::Client;
use crate::signer::fill_now;

const LEAVER: &str = include_str!("../../../events/hr/leaver.json");

async fn user(client: &Client, token: &str, id: &str) -> Value {
    let path = format!("/v1/orgs/{ORG}/users/{id}");
    client.get(path).token(token).ok().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_true() {
    let mut out = Vec::new();
    let told = crate::demo::run(&mut out).await;
    let out = String::from_utf8(out).unwrap();
    assert!(told.is_ok(), "{out}\n{told:?}");
    assert!(!out.contains('✗'), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_people_timers_and_mails() {
    let folder = std::env::temp_dir().join(format!("offramp-restart-{}", std::process::id()));
    let config = || StackConfig {
        data: Some(folder.clone()),
        clock: Clock::frozen("2026-03-02T09:00:00Z".parse().unwrap()),
        ..StackConfig::default()
    };
    let stack = Stack::start(config()).await.unwrap();
    let client = Client::new(stack.url()).unwrap();
    let (secret, token) = (
        stack.webhook_secret().unwrap().to_owned(),
        stack.admin_token().unwrap(),
    );
    let mut leaver: Value = serde_json::from_str(LEAVER).unwrap();
    fill_now(&mut leaver, stack.now());
    let delivery = client
        .deliver(ORG, SOURCE, &secret, stack.now(), &leaver)
        .unwrap();
    delivery.ok().await.unwrap();
    stack.advance(Duration::from_secs(120)).await.unwrap();
    let before = user(&client, &token, "E-1007").await;
    let mails = stack.cloud().ses().messages();
    let schedules = stack.cloud().scheduler().schedules();
    assert_eq!((mails.len(), schedules.len()), (2, 1));
    stack.shutdown().await.unwrap();

    let stack = Stack::start(config()).await.unwrap();
    let client = Client::new(stack.url()).unwrap();
    assert_eq!(stack.webhook_secret(), Some(secret.as_str()));
    assert_eq!(stack.cloud().ses().messages(), mails);
    assert_eq!(stack.cloud().scheduler().schedules(), schedules);
    assert_eq!(user(&client, &token, "E-1007").await, before);
    let repeated = client
        .deliver(ORG, SOURCE, &secret, stack.now(), &leaver)
        .unwrap();
    assert_eq!(
        repeated.ok().await.unwrap()["summary"],
        json!({"unchanged": 1})
    );
    stack
        .advance(Duration::from_secs(72 * 3_600))
        .await
        .unwrap();
    let after = user(&client, &token, "E-1007").await;
    assert_eq!(
        (&after["status"], &after["active_cards"]),
        (&json!("deactivated"), &json!(0))
    );
    stack.shutdown().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_was_cut_off_is_taken_up_again() {
    let folder = std::env::temp_dir().join(format!("offramp-seed-{}", std::process::id()));
    let config = || StackConfig {
        data: Some(folder.clone()),
        ..StackConfig::default()
    };
    let stack = Stack::start(config()).await.unwrap();
    let secret = stack.webhook_secret().unwrap().to_owned();
    stack.shutdown().await.unwrap();

    // As if it had ended just before it could say that it was done: the same work again makes nothing twice.
    let note = folder.join("seed.json");
    let text = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, text.replace("true", "false")).unwrap();
    let stack = Stack::start(config()).await.unwrap();
    assert_eq!(stack.webhook_secret(), Some(secret.as_str()));
    let token = stack.admin_token().unwrap();
    let client = Client::new(stack.url()).unwrap();
    let lena = user(&client, &token, "E-1007").await;
    assert_eq!(lena["active_cards"], 3);
    for admin in ADMINS {
        assert_eq!(user(&client, &token, admin).await["role"], "admin");
    }
    stack.shutdown().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
