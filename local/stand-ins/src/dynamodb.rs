use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use serde_json::{Value, json};

use crate::shared::Shared;
use crate::wire::{Answer, Request};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const NAMESPACE: &str = "com.amazonaws.dynamodb.v20120810#";

/// Hands a request on to the emulator, and its answer back, byte for byte.
pub(crate) async fn forward(shared: &Shared, request: &Request) -> Answer {
    let Some(upstream) = shared.config.dynamodb_upstream.as_deref() else {
        return error(
            500,
            "InternalServerError",
            "The stand-ins were started without a DynamoDB upstream",
        );
    };
    let url = format!("{}{}", upstream.trim_end_matches('/'), request.target);
    let answer = shared
        .dynamodb
        .request(request.method.clone(), url)
        .headers(end_to_end(&request.headers))
        .body(request.body.clone())
        .send()
        .await;
    let received = match answer {
        Ok(answer) => {
            let (status, headers) = (answer.status(), end_to_end(answer.headers()));
            answer.bytes().await.map(|body| Answer {
                status,
                headers,
                body,
            })
        }
        Err(error) => Err(error),
    };
    received.unwrap_or_else(|error| {
        tracing::error!(%error, "DynamoDB's emulator does not answer");
        self::error(
            500,
            "InternalServerError",
            "The DynamoDB emulator does not answer",
        )
    })
}

/// An error in DynamoDB's shape.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::type_error(status, CONTENT_TYPE, &format!("{NAMESPACE}{code}"), message)
}

/// What a write gets that another transaction was faster than: one reason per item of a transaction.
pub(crate) fn conflict(operation: &str, body: &Bytes) -> Answer {
    if !operation.starts_with("Transact") {
        return error(
            400,
            "TransactionConflictException",
            "Transaction is ongoing for the item",
        );
    }
    let items = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| {
            body.get("TransactItems")
                .and_then(Value::as_array)
                .map(Vec::len)
        })
        .unwrap_or(1);
    let reason =
        json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"});
    let codes = vec!["TransactionConflict"; items].join(", ");
    Answer::json(
        400,
        CONTENT_TYPE,
        &json!({
            "__type": format!("{NAMESPACE}TransactionCanceledException"),
            "Message": format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            ),
            "CancellationReasons": vec![reason; items],
        }),
    )
}

/// The headers without those that belong to one connection; the length is that of the body and is set anew.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}
