//! Indexes that lag behind their table, as they may at AWS.
//!
//! A second table of the emulator is the first as it was so many seconds ago: changes come to it from the stream, when
//! they are old enough on the stack's clock. A query of an index is answered from there; a read of the table is not.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::dynamodb::{self, Upstream, writes};
use crate::shared::Shared;
use crate::streams;
use crate::sync::lock;
use crate::wire::{Answer, Request};

/// What was written lately, and when.
pub(crate) type Changes = VecDeque<(DateTime<Utc>, Value)>;

/// Items that one call writes at most.
const PAGE: usize = 25;

/// That the second table stands.
#[derive(Debug)]
pub(crate) struct Lag;

/// Hands a request on, as [`dynamodb::forward`] does; one that asks an index, to the table of some seconds ago.
pub(crate) async fn forward(shared: &Shared, operation: &str, request: &Request) -> Answer {
    let Some(delay) = shared.faults.lag() else {
        if lock(&shared.streams).gathers() {
            end(shared).await;
        }
        return dynamodb::forward(shared, operation, request).await;
    };
    let answer = match begin(shared).await {
        Ok(()) => lagging(shared, operation, request, delay).await,
        Err(reason) => Err(reason),
    };
    answer.unwrap_or_else(|reason| {
        tracing::error!(reason, "indexes cannot lag behind");
        dynamodb::error(500, "InternalServerError", &reason)
    })
}

async fn lagging(
    shared: &Shared,
    operation: &str,
    request: &Request,
    delay: Duration,
) -> Result<Answer, String> {
    if let Some(body) = asks_an_index(shared, operation, &request.body) {
        let _held = shared.lag.lock().await;
        streams::read(shared).await;
        catch_up(shared, delay).await?;
        let request = Request {
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body: Bytes::from(body.to_string()),
        };
        return Ok(dynamodb::forward(shared, operation, &request).await);
    }
    let answer = dynamodb::forward(shared, operation, request).await;
    if writes(operation) {
        // Now, so that it is known when it was written.
        streams::read(shared).await;
    }
    Ok(answer)
}

/// The body of a request for an index, of the second table instead of the first.
fn asks_an_index(shared: &Shared, operation: &str, body: &Bytes) -> Option<Value> {
    if !matches!(operation, "Query" | "Scan") {
        return None;
    }
    let mut body: Value = serde_json::from_slice(body).ok()?;
    body.get("IndexName")?;
    let table = body.get_mut("TableName")?;
    if *table != json!(shared.config.table) {
        return None;
    }
    *table = json!(second(shared));
    Some(body)
}

/// Makes the second table, as the first is now.
async fn begin(shared: &Shared) -> Result<(), String> {
    let mut lag = shared.lag.lock().await;
    if lag.is_some() {
        return Ok(());
    }
    // What was written before is seen.
    streams::read(shared).await;
    lock(&shared.streams).gather(true);
    streams::read(shared).await;
    let upstream = Upstream(shared);
    let table = upstream
        .table(
            "DescribeTable",
            &json!({ "TableName": shared.config.table }),
        )
        .await?;
    drop_second(&upstream).await;
    upstream
        .table("CreateTable", &like(&table["Table"], &second(shared)))
        .await?;
    let mut start = Value::Null;
    loop {
        let mut ask = json!({ "TableName": shared.config.table, "ConsistentRead": true });
        if !start.is_null() {
            ask["ExclusiveStartKey"] = start;
        }
        let page = upstream.table("Scan", &ask).await?;
        let items = page["Items"].as_array().map_or(&[][..], Vec::as_slice);
        for items in items.chunks(PAGE) {
            let puts = items
                .iter()
                .map(|item| json!({ "PutRequest": { "Item": item } }));
            let puts: Vec<_> = puts.collect();
            let write = json!({ "RequestItems": { second(shared): puts } });
            upstream.table("BatchWriteItem", &write).await?;
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            *lag = Some(Lag);
            return Ok(());
        }
    }
}

/// Deletes the second table: indexes are as their table again.
async fn end(shared: &Shared) {
    let mut lag = shared.lag.lock().await;
    if lag.take().is_some() {
        lock(&shared.streams).gather(false);
        drop_second(&Upstream(shared)).await;
    }
}

/// Does to the second table what was done to the first until so many seconds ago.
async fn catch_up(shared: &Shared, delay: Duration) -> Result<(), String> {
    let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
    let until = shared.clock.now() - delay;
    let upstream = Upstream(shared);
    loop {
        let change = lock(&shared.streams).gathered(until);
        let Some(change) = change else { return Ok(()) };
        let data = &change["dynamodb"];
        match &data["NewImage"] {
            Value::Null => {
                let delete = json!({ "TableName": second(shared), "Key": data["Keys"] });
                upstream.table("DeleteItem", &delete).await?;
            }
            item => {
                let put = json!({ "TableName": second(shared), "Item": item });
                upstream.table("PutItem", &put).await?;
            }
        }
    }
}

/// Where it was left by an earlier process, or by a lag that has ended.
async fn drop_second(upstream: &Upstream<'_>) {
    let second = second(upstream.0);
    let deleted = upstream
        .table("DeleteTable", &json!({ "TableName": second }))
        .await;
    if let Err(reason) = deleted {
        tracing::debug!(reason, "there was no second table");
    }
}

fn second(shared: &Shared) -> String {
    format!("{}-seen-late", shared.config.table)
}

/// What makes a table of the same keys and indexes, without a stream.
fn like(table: &Value, name: &str) -> Value {
    let keys = ["IndexName", "KeySchema", "Projection"];
    let index = |index: &Value| -> Value {
        keys.iter()
            .map(|key| ((*key).to_owned(), index[*key].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let indexes = table["GlobalSecondaryIndexes"].as_array();
    let indexes: Vec<_> = indexes.into_iter().flatten().map(index).collect();
    let mut create = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": table["KeySchema"],
        "AttributeDefinitions": table["AttributeDefinitions"],
    });
    if !indexes.is_empty() {
        create["GlobalSecondaryIndexes"] = json!(indexes);
    }
    create
}
