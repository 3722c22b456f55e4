use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use serde_json::json;

use super::{cloud, dynamodb, frozen};
use crate::{Cloud, CloudConfig, Fault, Mode, Outcome, Service};

/// A front whose upstream is the KMS port of another cloud: whatever answers in JSON will do for a proxy.
async fn fronted() -> (Cloud, Cloud) {
    let upstream = cloud().await;
    upstream.kms().create_key("k").unwrap();
    let config = CloudConfig {
        dynamodb_upstream: Some(upstream.endpoints().kms),
        issuer_matcher: Some(|operation, body| {
            operation == "PutItem" && body.windows(5).any(|part| part == b"CARD#")
        }),
        ..frozen()
    };
    (Cloud::start(config).await.unwrap(), upstream)
}

fn removal() -> TransactWriteItem {
    let delete = Delete::builder()
        .table_name("t")
        .key("pk", AttributeValue::S("a".to_owned()))
        .build()
        .unwrap();
    TransactWriteItem::builder().delete(delete).build()
}

#[tokio::test]
async fn the_front_hands_on_byte_for_byte() {
    let (cloud, upstream) = fronted().await;
    let body = r#"{ "KeyId":"alias/k" }"#;
    let ask = |url: String| {
        reqwest::Client::new()
            .post(url)
            .header("x-amz-target", "TrentService.DescribeKey")
            .header("authorization", "AWS4-HMAC-SHA256 x")
            .body(body)
            .send()
    };
    let through = ask(cloud.endpoints().dynamodb).await.unwrap();
    assert_eq!(
        through.headers()["content-type"],
        "application/x-amz-json-1.1"
    );
    assert!(through.headers().contains_key("x-amzn-requestid"));
    let direct = ask(upstream.endpoints().kms).await.unwrap();
    assert_eq!(
        through.bytes().await.unwrap(),
        direct.bytes().await.unwrap()
    );
    let call = cloud.faults().calls().remove(0);
    assert_eq!(
        (call.service, call.operation.as_str(), call.request_bytes),
        (Service::Dynamodb, "DescribeKey", 21)
    );
    assert_eq!(call.outcome, Outcome::Status(200));
    assert_eq!(
        call.response_bytes,
        upstream.faults().calls()[0].response_bytes
    );
}

#[tokio::test]
async fn faults_of_dynamodb_have_its_shape() {
    let (cloud, upstream) = fronted().await;
    let client = dynamodb(&cloud);
    let transact = || {
        client
            .transact_write_items()
            .transact_items(removal())
            .transact_items(removal())
            .send()
    };
    let put = || {
        client
            .put_item()
            .table_name("t")
            .item("pk", AttributeValue::S("a".to_owned()))
            .send()
    };
    let faults = cloud.faults();
    faults.inject(Fault::once(
        Service::Dynamodb,
        "TransactWriteItems",
        Mode::Error,
    ));
    assert!(
        transact()
            .await
            .unwrap_err()
            .into_service_error()
            .is_internal_server_error()
    );
    faults.inject(Fault::once(Service::Dynamodb, "*", Mode::Throttle));
    assert!(
        put()
            .await
            .unwrap_err()
            .into_service_error()
            .is_provisioned_throughput_exceeded_exception()
    );
    faults.inject(Fault {
        times: 2,
        ..Fault::once(Service::Dynamodb, "*", Mode::Conflict)
    });
    let error = transact().await.unwrap_err();
    let Some(reasons) = error.as_service_error().and_then(|error| match error {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
            cancelled,
        ) => cancelled.cancellation_reasons.clone(),
        _ => None,
    }) else {
        panic!("{error:?}")
    };
    assert_eq!(
        reasons
            .iter()
            .map(|reason| reason.code())
            .collect::<Vec<_>>(),
        [Some("TransactionConflict"); 2]
    );
    assert!(
        put()
            .await
            .unwrap_err()
            .into_service_error()
            .is_transaction_conflict_exception()
    );
    // A read cannot conflict: where any operation was meant it is let through.
    faults.inject(Fault::once(Service::Dynamodb, "*", Mode::Conflict));
    let _ = client
        .get_item()
        .table_name("t")
        .key("pk", AttributeValue::S("a".to_owned()))
        .send()
        .await;
    assert_eq!(faults.pending().len(), 1);
    let arrived: Vec<_> = upstream
        .faults()
        .calls()
        .into_iter()
        .map(|call| call.operation)
        .collect();
    assert_eq!(arrived, ["GetItem"]);
}

#[tokio::test]
async fn a_lost_answer_has_reached_the_emulator() {
    let (cloud, upstream) = fronted().await;
    cloud
        .faults()
        .inject(Fault::once(Service::Dynamodb, "PutItem", Mode::AfterCommit));
    let put = dynamodb(&cloud)
        .put_item()
        .table_name("t")
        .item("pk", AttributeValue::S("a".to_owned()))
        .send()
        .await;
    assert!(put.unwrap_err().as_service_error().is_none());
    assert_eq!(upstream.faults().calls()[0].operation, "PutItem");
}

#[tokio::test]
async fn the_issuers_calls_are_a_service_of_their_own() {
    let (cloud, _upstream) = fronted().await;
    let client = dynamodb(&cloud);
    let put = |key: &str| {
        client
            .put_item()
            .table_name("t")
            .item("pk", AttributeValue::S(key.to_owned()))
            .send()
    };
    cloud
        .faults()
        .inject(Fault::once(Service::Issuer, "*", Mode::Error));
    assert_ne!(
        put("USER#1").await.unwrap_err().code(),
        Some("InternalServerError")
    );
    assert_eq!(
        put("CARD#1").await.unwrap_err().code(),
        Some("InternalServerError")
    );
    let services: Vec<_> = cloud
        .faults()
        .calls()
        .into_iter()
        .map(|call| call.service)
        .collect();
    assert_eq!(services, [Service::Dynamodb, Service::Issuer]);
}

#[tokio::test]
async fn without_an_upstream_every_call_fails() {
    let cloud = cloud().await;
    let error = dynamodb(&cloud).list_tables().send().await.unwrap_err();
    assert_eq!(
        error.code(),
        Some("InternalServerError"),
        "{}",
        json!({"error": error.to_string()})
    );
}
