use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use serde_json::{Value, json};

use crate::shared::Shared;
use crate::wire::{Answer, Request};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const NAMESPACE: &str = "com.amazonaws.dynamodb.v20120810#";

/// Hands a request on to the emulator, and its answer back, byte for byte.
pub(crate) async fn forward(shared: &Shared, operation: &str, request: &Request) -> Answer {
    let answer = hand_on(shared, request).await;
    if writes(operation) {
        shared.written();
    }
    answer
}

/// Whether an operation may change items.
pub(crate) fn writes(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
    )
}

/// The emulator, as the stand-ins ask it themselves.
pub(crate) struct Upstream<'a>(pub(crate) &'a Shared);

impl Upstream<'_> {
    /// A call of DynamoDB.
    ///
    /// # Errors
    /// What it said.
    pub(crate) async fn table(&self, operation: &str, body: &Value) -> Result<Value, String> {
        self.call(&format!("DynamoDB_20120810.{operation}"), body)
            .await
    }

    /// A call of DynamoDB Streams.
    ///
    /// # Errors
    /// What it said.
    pub(crate) async fn streams(&self, operation: &str, body: &Value) -> Result<Value, String> {
        self.call(&format!("DynamoDBStreams_20120810.{operation}"), body)
            .await
    }

    async fn call(&self, target: &str, body: &Value) -> Result<Value, String> {
        let config = &self.0.config;
        let upstream = config.dynamodb_upstream.as_deref();
        let upstream = upstream.ok_or("there is no DynamoDB upstream")?;
        // Nobody checks the signature; key and region are read.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/dynamodb/aws4_request, SignedHeaders=host, Signature=none",
            config.access_key, config.region
        );
        let failed = |error: reqwest::Error| format!("{target}: {error}");
        let answer = self
            .0
            .dynamodb
            .post(upstream)
            .header("authorization", authorization)
            .header("content-type", CONTENT_TYPE)
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-target", target)
            .body(body.to_string())
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let text = answer.bytes().await.map_err(failed)?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&text);
            return Err(format!("{target}: {status} {text}"));
        }
        serde_json::from_slice(&text).map_err(|error| format!("{target}: {error}"))
    }
}

async fn hand_on(shared: &Shared, request: &Request) -> Answer {
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
