use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    Seen, at, cloud, function, handler, minutes, register, register_failing, scheduler, start,
    until,
};
use crate::{Clock, Cloud, CloudConfig, Error};

#[tokio::test]
async fn all_that_falls_due_fires_in_order() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "terminate");
    for (name, after) in [("c", 180), ("a", 61), ("b", 120), ("d", 601)] {
        at(&client, name, "terminate", after, &json!(name))
            .send()
            .await
            .unwrap();
    }
    let now = cloud.advance(minutes(10)).await.unwrap();
    assert_eq!(now, start() + TimeDelta::minutes(10));
    assert_eq!(seen.events(), [json!("a"), json!("b"), json!("c")]);
    assert_eq!(seen.seconds(), [61, 120, 180]);
}

#[tokio::test]
async fn what_a_timer_causes_within_the_window_has_happened() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let seen = register(&cloud, "second");
    let (chained, inner) = (client.clone(), cloud.clock());
    cloud.lambda().register(function(
        "first",
        handler(move |_, _| {
            let (client, clock) = (chained.clone(), inner.clone());
            async move {
                let after = (clock.now() - start()).num_seconds() + 90;
                at(&client, "second", "second", after, &json!(2))
                    .send()
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(Value::Null)
            }
        }),
    ));
    at(&client, "first", "first", 60, &json!(1))
        .send()
        .await
        .unwrap();
    at(&client, "third", "second", 300, &json!(3))
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(10)).await.unwrap();
    assert_eq!(
        (seen.events(), seen.seconds()),
        (vec![json!(2), json!(3)], vec![150, 300])
    );
}

#[tokio::test]
async fn the_clock_does_not_go_back() {
    let cloud = cloud().await;
    let error = cloud
        .set_now(start() - TimeDelta::seconds(1))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Backwards { .. }), "{error}");
    assert_eq!(
        cloud.set_now(start() + TimeDelta::days(3)).await.unwrap(),
        start() + TimeDelta::days(3)
    );
    assert!(matches!(
        cloud.advance(std::time::Duration::MAX).await,
        Err(Error::TooFar)
    ));
    assert_eq!(cloud.clock().now(), start() + TimeDelta::days(3));
}

#[tokio::test]
async fn a_rule_ticks_in_short_jumps_and_once_in_long_ones() {
    let cloud = cloud().await;
    let seen = register(&cloud, "sweep");
    cloud.every(minutes(5), "sweep", json!({"rule": true}));
    cloud.advance(minutes(16)).await.unwrap();
    assert_eq!(seen.seconds(), [300, 600, 900]);
    cloud.advance(minutes(60)).await.unwrap();
    assert_eq!(seen.seconds().len(), 15);
    cloud.advance(minutes(72 * 60)).await.unwrap();
    assert_eq!(seen.seconds()[15..], [60 * (76 + 72 * 60)]);
    // The grid stands.
    cloud.advance(minutes(4)).await.unwrap();
    assert_eq!(seen.seconds()[16..], [60 * (80 + 72 * 60)]);
    assert_eq!(seen.events()[0], json!({"rule": true}));
}

#[tokio::test]
async fn timers_fire_at_their_instant_in_a_long_jump() {
    let cloud = cloud().await;
    let client = scheduler(&cloud);
    let timers = register_failing(&cloud, "terminate");
    let rule = register(&cloud, "sweep");
    cloud.every(minutes(5), "sweep", Value::Null);
    at(&client, "one", "terminate", 2 * 3600, &json!(1))
        .send()
        .await
        .unwrap();
    cloud.advance(minutes(240)).await.unwrap();
    assert_eq!(timers.seconds(), [7200, 7260, 7380]);
    assert_eq!(rule.seconds(), [4 * 3600]);
}

#[tokio::test]
async fn concurrent_jumps_come_one_after_the_other() {
    let cloud = cloud().await;
    let seen = register(&cloud, "sweep");
    cloud.every(minutes(5), "sweep", Value::Null);
    let jumps = (0..4).map(|_| cloud.advance(minutes(5)));
    for jump in futures_util::future::join_all(jumps).await {
        jump.unwrap();
    }
    assert_eq!(seen.seconds(), [300, 600, 900, 1200]);
}

#[tokio::test]
async fn a_running_clock_fires_by_itself_and_can_be_moved() {
    let cloud = Cloud::start(CloudConfig::new(Clock::running()))
        .await
        .unwrap();
    let seen = Seen::default();
    let (noted, clock) = (seen.clone(), cloud.clock());
    cloud.lambda().register(function(
        "works",
        handler(move |event, _| {
            noted.push(clock.now(), event);
            async { Ok(Value::Null) }
        }),
    ));
    cloud
        .lambda()
        .invoke_async("works", json!("early"))
        .unwrap();
    cloud.run();
    until(|| !seen.events().is_empty()).await;
    cloud
        .lambda()
        .invoke_async("works", json!("later"))
        .unwrap();
    until(|| seen.events().len() == 2).await;
    cloud.every(minutes(5), "works", json!("rule"));
    let before = cloud.clock().now();
    let after = cloud.advance(minutes(7)).await.unwrap();
    assert!(after - before >= TimeDelta::minutes(7) && cloud.clock().now() >= after);
    assert_eq!(
        seen.events(),
        [json!("early"), json!("later"), json!("rule")]
    );
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn settling_waits_for_what_runs() {
    let cloud = Cloud::start(CloudConfig::new(Clock::running()))
        .await
        .unwrap();
    let (seen, gate) = (
        Seen::default(),
        std::sync::Arc::new(tokio::sync::Notify::new()),
    );
    let (noted, opened) = (seen.clone(), std::sync::Arc::clone(&gate));
    cloud.lambda().register(function(
        "waits",
        handler(move |event, _| {
            let (noted, opened) = (noted.clone(), std::sync::Arc::clone(&opened));
            async move {
                noted.push(start(), json!("begun"));
                opened.notified().await;
                noted.push(start(), event);
                Ok(Value::Null)
            }
        }),
    ));
    cloud.run();
    cloud.lambda().invoke_async("waits", json!("done")).unwrap();
    until(|| seen.events().len() == 1).await;
    gate.notify_one();
    cloud.settle().await;
    assert_eq!(seen.events().len(), 2);
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jumps_and_the_background_share_the_work() {
    let cloud = Cloud::start(CloudConfig::new(Clock::running()))
        .await
        .unwrap();
    let seen = Seen::default();
    let (noted, clock) = (seen.clone(), cloud.clock());
    cloud.lambda().register(function(
        "works",
        handler(move |event, _| {
            noted.push(clock.now(), event);
            async {
                tokio::task::yield_now().await;
                Ok(Value::Null)
            }
        }),
    ));
    cloud.run();
    let callers = (0..4).map(|caller| {
        let cloud = cloud.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                cloud
                    .lambda()
                    .invoke_async("works", json!(caller * 50 + number))
                    .unwrap();
                if number % 10 == caller {
                    cloud.advance(minutes(1)).await.unwrap();
                }
            }
        })
    });
    futures_util::future::join_all(callers).await;
    cloud.settle().await;
    let mut events: Vec<_> = seen.events().iter().filter_map(Value::as_i64).collect();
    events.sort_unstable();
    assert_eq!(events, (0..200).collect::<Vec<_>>());
    assert!(seen.seconds().is_sorted_by(|one, next| next - one >= -1));
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_background_runs_events_side_by_side() {
    let cloud = Cloud::start(CloudConfig::new(Clock::running()))
        .await
        .unwrap();
    let meeting = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    cloud.lambda().register(function(
        "meets",
        handler(move |_, _| {
            let meeting = std::sync::Arc::clone(&meeting);
            async move {
                meeting.wait().await;
                Ok(Value::Null)
            }
        }),
    ));
    cloud.run();
    cloud.lambda().invoke_async("meets", json!(1)).unwrap();
    cloud.lambda().invoke_async("meets", json!(2)).unwrap();
    until(|| cloud.lambda().invocations().len() == 2).await;
    cloud.shutdown().await.unwrap();
}
