use aws_sdk_kms::primitives::Blob;
use chrono::TimeDelta;
use serde_json::json;

use super::{
    Folder, at, frozen, function, handler, kms, minutes, register, register_failing, scheduler,
    start,
};
use crate::{Clock, Cloud, CloudConfig, Error};

async fn open(folder: &Folder) -> Cloud {
    Cloud::start(CloudConfig {
        data_dir: Some(folder.0.clone()),
        ..frozen()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn schedules_events_and_the_clock_survive() {
    let folder = Folder::new();
    let cloud = open(&folder).await;
    let client = scheduler(&cloud);
    cloud.scheduler().create_group("timers");
    at(&client, "one", "terminate", 600, &json!("timer"))
        .group_name("timers")
        .send()
        .await
        .unwrap();
    let seen = register_failing(&cloud, "fails");
    cloud
        .lambda()
        .invoke_async("fails", json!("event"))
        .unwrap();
    cloud.advance(minutes(2)).await.unwrap();
    assert_eq!(seen.seconds(), [0, 60]);
    cloud.shutdown().await.unwrap();

    let cloud = open(&folder).await;
    assert_eq!(cloud.clock().now(), start() + TimeDelta::minutes(2));
    assert_eq!(cloud.scheduler().schedules()[0].group, "timers");
    let (timer, event) = (
        register(&cloud, "terminate"),
        register_failing(&cloud, "fails"),
    );
    cloud.advance(minutes(20)).await.unwrap();
    assert_eq!(
        (timer.events(), timer.seconds()),
        (vec![json!("timer")], vec![600])
    );
    assert_eq!(
        (event.events(), event.seconds()),
        (vec![json!("event")], vec![180])
    );
    assert_eq!(cloud.queues().len(), 1);
    cloud.flush().await.unwrap();

    let cloud = open(&folder).await;
    assert_eq!(
        (cloud.queues().len(), cloud.scheduler().schedules().len()),
        (1, 0)
    );
}

#[tokio::test]
async fn overdue_schedules_fire_once_functions_are_known() {
    let folder = Folder::new();
    let cloud = open(&folder).await;
    at(&scheduler(&cloud), "one", "terminate", 600, &json!(1))
        .send()
        .await
        .unwrap();
    cloud.shutdown().await.unwrap();

    // Long after, with a running clock.
    let config = CloudConfig {
        data_dir: Some(folder.0.clone()),
        ..CloudConfig::new(Clock::running())
    };
    let cloud = Cloud::start(config).await.unwrap();
    let seen = register(&cloud, "terminate");
    cloud.run();
    super::until(|| !seen.events().is_empty()).await;
    assert_eq!(seen.events(), [json!(1)]);
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_the_shutdown_cuts_off_runs_again() {
    let folder = Folder::new();
    let cloud = open(&folder).await;
    let begun = std::sync::Arc::new(tokio::sync::Notify::new());
    let bell = std::sync::Arc::clone(&begun);
    cloud.lambda().register(function(
        "hangs",
        handler(move |_, _| {
            bell.notify_one();
            std::future::pending()
        }),
    ));
    cloud.lambda().invoke_async("hangs", json!(1)).unwrap();
    let stop = async {
        begun.notified().await;
        cloud.shutdown().await.unwrap();
    };
    tokio::join!(cloud.settle(), stop);

    let cloud = open(&folder).await;
    let seen = register(&cloud, "hangs");
    cloud.settle().await;
    assert_eq!(
        (seen.events(), cloud.lambda().invocations()[0].attempt),
        (vec![json!(1)], 1)
    );
}

#[tokio::test]
async fn keys_and_mails_survive() {
    let folder = Folder::new();
    let cloud = open(&folder).await;
    let arn = cloud.kms().create_key("offramp").unwrap();
    let sealed = kms(&cloud)
        .encrypt()
        .key_id(&arn)
        .plaintext(Blob::new("x"))
        .send()
        .await
        .unwrap();
    cloud.ses().verify("example.com");
    let mail = json!({
        "FromEmailAddress": "a@example.com",
        "Destination": {"ToAddresses": ["b@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
    });
    let url = format!("{}/v2/email/outbound-emails", cloud.endpoints().sesv2);
    let sent = reqwest::Client::new()
        .post(url)
        .header("authorization", "AWS4-HMAC-SHA256 x")
        .json(&mail)
        .send()
        .await;
    assert_eq!(sent.unwrap().status(), 200);
    cloud.shutdown().await.unwrap();

    let again = open(&folder).await;
    assert_eq!(again.ses().messages(), cloud.ses().messages());
    assert_eq!(again.kms().create_key("offramp").unwrap(), arn);
    let opened = kms(&again)
        .decrypt()
        .ciphertext_blob(sealed.ciphertext_blob.unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), b"x");
}

#[tokio::test]
async fn a_foreign_file_is_not_overwritten() {
    let folder = Folder::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("timers.json"), "not ours").unwrap();
    let config = CloudConfig {
        data_dir: Some(folder.0.clone()),
        ..frozen()
    };
    assert!(matches!(
        Cloud::start(config).await.err(),
        Some(Error::Corrupt { .. })
    ));
    assert_eq!(
        std::fs::read_to_string(folder.0.join("timers.json")).unwrap(),
        "not ours"
    );
}

#[tokio::test]
async fn changes_are_written_without_being_asked_for() {
    let folder = Folder::new();
    let cloud = open(&folder).await;
    at(&scheduler(&cloud), "one", "terminate", 600, &json!(1))
        .send()
        .await
        .unwrap();
    let file = folder.0.join("timers.json");
    super::until(|| file.exists()).await;
    // As after a crash: the first process has never shut down.
    assert_eq!(
        open(&folder).await.scheduler().schedules(),
        cloud.scheduler().schedules()
    );
}
