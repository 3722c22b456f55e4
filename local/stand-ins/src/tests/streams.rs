use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use dynoxide::Database;
use serde_json::{Value, json};

use super::{
    Folder, QUEUE, Seen, dynamodb, frozen, minutes, register, register_failing, start, until,
};
use crate::{Cloud, CloudConfig, InvocationKind, Lasting, Pattern, StreamMapping};

const STREAM: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/items/stream/1";

/// A table with a stream, an index, and a port.
async fn emulator() -> String {
    let database = Database::memory().unwrap();
    let create = json!({
        "TableName": "items",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "by", "AttributeType": "S" },
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "found",
            "KeySchema": [{ "AttributeName": "by", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    let create = serde_json::from_value(create).unwrap();
    database.create_table(create).unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    url
}

fn on(upstream: &str) -> CloudConfig {
    CloudConfig {
        dynamodb_upstream: Some(upstream.to_owned()),
        table: "items".to_owned(),
        ..frozen()
    }
}

async fn cloud() -> Cloud {
    Cloud::start(on(&emulator().await)).await.unwrap()
}

/// Of what has `todo` now and had none before; two more tries, a minute, positions to a queue.
fn todo() -> StreamMapping {
    let pattern = json!({ "dynamodb": {
        "NewImage": { "todo": { "N": [{ "exists": true }] } },
        "OldImage": { "todo": { "N": [{ "exists": false }] } },
    }});
    StreamMapping {
        patterns: vec![Pattern::parse(&pattern.to_string()).unwrap()],
        max_retries: Some(2),
        on_failure: Some(QUEUE.to_owned()),
        ..StreamMapping::new("Todo", "terminate", STREAM)
    }
}

async fn put(cloud: &Cloud, pk: &str, attributes: &[(&str, AttributeValue)]) {
    let mut put = dynamodb(cloud).put_item().table_name("items");
    put = put.item("pk", AttributeValue::S(pk.to_owned()));
    for (name, value) in attributes {
        put = put.item(*name, value.clone());
    }
    put.send().await.unwrap();
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn delete(cloud: &Cloud, pk: &str) {
    let delete = dynamodb(cloud).delete_item().table_name("items");
    delete.key("pk", text(pk)).send().await.unwrap();
}

/// What became of which item, in the order of delivery.
fn delivered(seen: &Seen) -> Vec<String> {
    let events = seen.events();
    let records = events
        .iter()
        .flat_map(|event| event["Records"].as_array().unwrap());
    records
        .map(|record| {
            let pk = record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap();
            format!("{} {pk}", record["eventName"].as_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_function_gets_the_records_that_its_pattern_asks_for() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(todo());
    put(&cloud, "a", &[]).await;
    put(&cloud, "a", &[("todo", number(1))]).await;
    put(&cloud, "a", &[("todo", number(2))]).await;
    put(&cloud, "b", &[("todo", number(1))]).await;
    put(&cloud, "a", &[]).await;
    delete(&cloud, "b").await;
    cloud.settle().await;
    assert_eq!(delivered(&seen), ["MODIFY a", "INSERT b"]);
    let record = seen.events()[0]["Records"][0].clone();
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["eventSourceARN"], STREAM);
    assert_eq!(record["awsRegion"], "eu-west-1");
    let data = &record["dynamodb"];
    assert_eq!(data["ApproximateCreationDateTime"], start().timestamp());
    assert_eq!(data["NewImage"]["todo"], json!({ "N": "1" }));
    assert_eq!(data["OldImage"], json!({ "pk": { "S": "a" } }));
    let log = cloud.lambda().invocations();
    assert_eq!((log.len(), log[0].kind), (1, InvocationKind::Stream));
    cloud.settle().await;
    assert_eq!(cloud.lambda().invocations().len(), 1);
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_in_no_record() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(StreamMapping::new("All", "terminate", STREAM));
    for _ in 0..3 {
        put(&cloud, "a", &[("todo", number(1))]).await;
    }
    cloud.settle().await;
    assert_eq!(delivered(&seen), ["INSERT a"]);
}

#[tokio::test]
async fn it_is_delivered_at_once_although_the_clock_stands() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(todo());
    cloud.run();
    put(&cloud, "a", &[("todo", number(1))]).await;
    until(|| !seen.events().is_empty()).await;
    // Moving the clock waits for what is under way.
    put(&cloud, "b", &[("todo", number(1))]).await;
    cloud.advance(minutes(1)).await.unwrap();
    assert_eq!(delivered(&seen), ["INSERT a", "INSERT b"]);
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_fails_is_tried_again_and_its_position_is_kept() {
    let cloud = cloud().await;
    let seen = register_failing(&cloud, "terminate");
    cloud.follow(todo());
    put(&cloud, "a", &[("todo", number(1)), ("name", text("Lena"))]).await;
    cloud.advance(minutes(5)).await.unwrap();
    assert_eq!(seen.seconds(), [0, 1, 3]);
    let queued = cloud.queues();
    assert_eq!((queued.len(), queued[0].arn.as_str()), (1, QUEUE));
    let body: Value = serde_json::from_str(&queued[0].body).unwrap();
    assert_eq!(
        body["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(body["responseContext"]["functionError"], "Unhandled");
    let position = &body["DDBStreamBatchInfo"];
    let record = &seen.events()[0]["Records"][0];
    assert_eq!(
        position["startSequenceNumber"],
        record["dynamodb"]["SequenceNumber"]
    );
    assert_eq!(
        (&position["batchSize"], &position["streamArn"]),
        (&json!(1), &json!(STREAM))
    );
    assert!(!queued[0].body.contains("Lena"), "{}", queued[0].body);
    // What comes after it is delivered.
    put(&cloud, "b", &[("todo", number(1))]).await;
    cloud.settle().await;
    assert_eq!(delivered(&seen).last().unwrap(), "INSERT b");
}

#[tokio::test]
async fn items_are_spread_over_lanes_and_each_keeps_its_order() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(StreamMapping {
        parallel: 10,
        ..StreamMapping::new("All", "terminate", STREAM)
    });
    for round in 1..=3 {
        for item in ["a", "b", "c", "d", "e", "f"] {
            put(&cloud, item, &[("round", number(round))]).await;
        }
    }
    cloud.settle().await;
    assert!(seen.events().len() > 1, "more than one lane");
    for item in ["a", "b", "c", "d", "e", "f"] {
        let events = seen.events();
        let records = events
            .iter()
            .flat_map(|event| event["Records"].as_array().unwrap());
        let own = records.filter(|record| record["dynamodb"]["Keys"]["pk"]["S"] == item);
        let rounds: Vec<_> = own
            .map(|record| record["dynamodb"]["NewImage"]["round"]["N"].clone())
            .collect();
        assert_eq!(rounds, ["1", "2", "3"], "{item}");
    }
}

#[tokio::test]
async fn the_end_of_a_time_to_live_is_the_databases_own_doing() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(StreamMapping::new("All", "terminate", STREAM));
    put(&cloud, "a", &[]).await;
    put(&cloud, "b", &[]).await;
    cloud.expiring(&json!({ "pk": { "S": "a" } }));
    delete(&cloud, "a").await;
    cloud.expiring(&json!({ "pk": { "S": "b" } }));
    cloud.not_expiring(&json!({ "pk": { "S": "b" } }));
    delete(&cloud, "b").await;
    cloud.settle().await;
    let records = seen.events()[0]["Records"].clone();
    assert_eq!(
        records[2]["userIdentity"],
        json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" })
    );
    assert_eq!(records[3]["eventName"], "REMOVE");
    assert!(records[3].get("userIdentity").is_none());
}

#[tokio::test]
async fn a_stream_that_is_off_is_delivered_when_it_is_on_again() {
    let cloud = cloud().await;
    let seen = register(&cloud, "terminate");
    cloud.follow(todo());
    cloud.run();
    cloud.faults().begin(Lasting::StreamsOff);
    put(&cloud, "a", &[("todo", number(1))]).await;
    cloud.advance(minutes(10)).await.unwrap();
    assert!(seen.events().is_empty());
    cloud.faults().clear();
    until(|| !seen.events().is_empty()).await;
    assert_eq!(delivered(&seen), ["INSERT a"]);
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_was_not_delivered_is_after_a_restart() {
    let (folder, upstream) = (Folder::new(), emulator().await);
    let begin = || async {
        let config = CloudConfig {
            data_dir: Some(folder.0.clone()),
            ..on(&upstream)
        };
        let cloud = Cloud::start(config).await.unwrap();
        let seen = register(&cloud, "terminate");
        cloud.follow(todo());
        (cloud, seen)
    };
    let (cloud, seen) = begin().await;
    put(&cloud, "a", &[("todo", number(1))]).await;
    cloud.settle().await;
    assert_eq!(delivered(&seen), ["INSERT a"]);
    cloud.faults().begin(Lasting::StreamsOff);
    put(&cloud, "b", &[("todo", number(1))]).await;
    cloud.settle().await;
    cloud.shutdown().await.unwrap();
    let (cloud, seen) = begin().await;
    cloud.settle().await;
    assert_eq!(delivered(&seen), ["INSERT b"]);
    cloud.shutdown().await.unwrap();
}

async fn found(cloud: &Cloud, by: &str) -> Vec<String> {
    let answer = dynamodb(cloud)
        .query()
        .table_name("items")
        .index_name("found")
        .key_condition_expression("#by = :by")
        .expression_attribute_names("#by", "by")
        .expression_attribute_values(":by", text(by))
        .send()
        .await
        .unwrap();
    let items = answer.items().iter();
    let mut found: Vec<_> = items
        .map(|item| item["pk"].as_s().unwrap().clone())
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn an_index_may_lag_behind_its_table() {
    let cloud = cloud().await;
    put(&cloud, "a", &[("by", text("x"))]).await;
    cloud.faults().begin(Lasting::Lag(3));
    put(&cloud, "b", &[("by", text("x"))]).await;
    put(&cloud, "a", &[("by", text("y"))]).await;
    assert_eq!(found(&cloud, "x").await, ["a"], "as before");
    let item = dynamodb(&cloud).get_item().table_name("items");
    let item = item.key("pk", text("a")).send().await.unwrap();
    assert_eq!(item.item.unwrap()["by"], text("y"), "the table is as it is");
    cloud
        .advance(TimeDelta::seconds(2).to_std().unwrap())
        .await
        .unwrap();
    delete(&cloud, "b").await;
    assert_eq!(found(&cloud, "x").await, ["a"]);
    cloud
        .advance(TimeDelta::seconds(1).to_std().unwrap())
        .await
        .unwrap();
    assert_eq!(found(&cloud, "x").await, ["b"]);
    assert_eq!(found(&cloud, "y").await, ["a"]);
    cloud
        .advance(TimeDelta::seconds(2).to_std().unwrap())
        .await
        .unwrap();
    assert!(found(&cloud, "x").await.is_empty());
    put(&cloud, "c", &[("by", text("x"))]).await;
    assert!(found(&cloud, "x").await.is_empty());
    cloud.faults().clear();
    assert_eq!(found(&cloud, "x").await, ["c"], "at once");
    // Again, with what is there by then.
    cloud.faults().begin(Lasting::Lag(3));
    delete(&cloud, "c").await;
    assert_eq!(found(&cloud, "x").await, ["c"]);
}

#[test]
fn what_lasts_is_said_as_a_fault_is() {
    let lag = json!({ "service": "dynamodb", "mode": "lag", "seconds": 3 });
    let off = json!({ "service": "streams", "mode": "off" });
    for (body, lasting) in [(&lag, Lasting::Lag(3)), (&off, Lasting::StreamsOff)] {
        let read: Lasting = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(read, lasting);
        assert_eq!(serde_json::to_value(lasting).unwrap(), *body);
    }
    for body in [
        json!({ "service": "dynamodb", "mode": "lag" }),
        json!({ "service": "ses", "mode": "lag", "seconds": 3 }),
        json!({ "service": "dynamodb", "operation": "Query", "mode": "lag", "seconds": 3 }),
        json!({ "service": "dynamodb", "mode": "off" }),
        json!({ "service": "streams", "mode": "off", "seconds": 3 }),
    ] {
        let read = serde_json::from_value::<Lasting>(body.clone());
        assert!(read.is_err(), "{body}");
    }
}
