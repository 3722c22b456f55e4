//! Reads the stream, and hands its records to functions.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::StreamMapping;
use super::lane::{Batch, Discarded, End, end};
use crate::drive::Running;
use crate::dynamodb::Upstream;
use crate::lambda::{self, InvocationKind, InvokeError};
use crate::persist::File;
use crate::queues::QueuedMessage;
use crate::shared::Shared;
use crate::sync::{lock, rfc3339};

/// Takes what was written since the last time to whom it is for. Looks only where something was written, or where the
/// last look failed.
pub(crate) async fn read(shared: &Shared) {
    let mut reading = shared.reading.lock().await;
    let writes = shared.writes();
    if reading.seen == Some(writes) || !lock(&shared.streams).is_read() {
        return;
    }
    let reader = reading
        .reader
        .get_or_insert_with(|| lock(&shared.streams).reader(&shared.config.table));
    match reader.read(&Upstream(shared)).await {
        Ok(records) => {
            reading.seen = Some(writes);
            if !records.is_empty() {
                let now = shared.clock.now();
                let region = &shared.config.region;
                lock(&shared.streams).take(records, region, now);
                shared.store.mark(File::Streams);
            }
        }
        Err(error) => {
            tracing::error!(error, "the table's stream cannot be read");
            // An iterator lives for fifteen minutes: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html
            reading.reader = Some(lock(&shared.streams).reader(&shared.config.table));
        }
    }
}

/// When the next batch is due.
pub(crate) fn next(shared: &Shared) -> Option<DateTime<Utc>> {
    match shared.faults.streams_are_off() {
        true => None,
        false => lock(&shared.streams).next(),
    }
}

/// Runs what is due now, one batch after the other.
pub(crate) async fn deliver_due(shared: &Arc<Shared>) {
    for work in due(shared) {
        work.run(shared).await;
    }
}

/// Starts what is due now.
pub(crate) fn spawn_due(shared: &Arc<Shared>) {
    for work in due(shared) {
        let running = Running::new(shared);
        tokio::spawn(async move { work.run(running.shared()).await });
    }
}

/// A batch that has left its lane's queue.
struct Work {
    mapping: StreamMapping,
    follower: usize,
    lane: usize,
    batch: Batch,
}

fn due(shared: &Shared) -> Vec<Work> {
    if shared.faults.streams_are_off() {
        return Vec::new();
    }
    let now = shared.clock.now();
    let mut work = Vec::new();
    let mut streams = lock(&shared.streams);
    for (follower, lane) in streams.due(now) {
        let one = &mut streams.followers[follower];
        let (old, batch) = one.lanes[lane].take(&one.mapping, now);
        if let Some(old) = old {
            give_up(shared, &one.mapping, &old, None);
        }
        work.extend(batch.map(|batch| Work {
            mapping: one.mapping.clone(),
            follower,
            lane,
            batch,
        }));
    }
    work
}

impl Work {
    async fn run(self, shared: &Arc<Shared>) {
        let function = lock(&shared.registry).by_name(&self.mapping.function);
        let Some(function) = function else {
            tracing::error!(function = %self.mapping.function, "a stream's function does not exist");
            return self.ended(shared, End::Failed, false);
        };
        let records: Vec<_> = self.batch.records.iter().map(|one| &one.event).collect();
        let payload = json!({ "Records": records });
        let result = lambda::run(
            shared,
            &function,
            payload,
            Uuid::new_v4().to_string(),
            InvocationKind::Stream,
            self.batch.failed + 1,
        )
        .await;
        match result {
            // What was cut off by the end of the stand-ins is read again when they are back.
            Err(InvokeError::Killed) if shared.is_stopping() => {}
            Ok(answer) => {
                let end = end(&self.mapping, &self.batch, &answer);
                self.ended(shared, end, true);
            }
            Err(_) => self.ended(shared, End::Failed, false),
        }
    }

    fn ended(self, shared: &Shared, end: End, answered: bool) {
        let now = shared.clock.now();
        let mut streams = lock(&shared.streams);
        let lane = &mut streams.followers[self.follower].lanes[self.lane];
        let discarded = lane.ended(&self.mapping, self.batch, end, now);
        drop(streams);
        if let Some(discarded) = discarded {
            let mut response = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
            if !answered {
                response["functionError"] = json!("Unhandled");
            }
            give_up(shared, &self.mapping, &discarded, Some(response));
        }
        shared.store.mark(File::Streams);
        shared.scheduled.notify_one();
    }
}

/// Sends the record of an on-failure destination, if the mapping has one: positions, and no images.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
fn give_up(
    shared: &Shared,
    mapping: &StreamMapping,
    discarded: &Discarded,
    response: Option<Value>,
) {
    let Discarded { batch, condition } = discarded;
    let count = batch.records.len();
    tracing::warn!(mapping = %mapping.name, condition, count, "records of the stream are given up");
    let (Some(arn), Some(first), Some(last)) = (
        &mapping.on_failure,
        batch.records.first(),
        batch.records.last(),
    ) else {
        return;
    };
    let now = shared.clock.now();
    let function = lock(&shared.registry).by_name(&mapping.function);
    let mut record = json!({
        "requestContext": {
            "requestId": Uuid::new_v4(),
            "functionArn": function.map(|function| function.arn.clone()),
            "condition": condition,
            "approximateInvokeCount": batch.failed,
        },
        "version": "1.0",
        "timestamp": rfc3339(now),
        "DDBStreamBatchInfo": {
            "shardId": first.shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": rfc3339(first.at),
            "approximateArrivalOfLastRecord": rfc3339(last.at),
            "batchSize": count,
            "streamArn": mapping.stream_arn,
        },
    });
    if let Some(response) = response {
        record["responseContext"] = response;
    }
    lock(&shared.timers).queued.push(QueuedMessage {
        arn: arn.clone(),
        body: record.to_string(),
        attributes: [].into(),
        at: now,
    });
    shared.store.mark(File::Timers);
}
