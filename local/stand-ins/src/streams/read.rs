//! Reads the stream of the emulator, shard by shard.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::dynamodb::Upstream;

/// Records that one call gives at most.
const PAGE: usize = 1_000;

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// With the oldest record that is kept.
    Oldest,
    /// With what is written from now on.
    Now,
    /// With this record.
    Record(String),
    /// With the one after this record.
    After(String),
}

/// The stream of a table, and how far it was read. A stream that has been made anew since is found by itself.
#[derive(Debug)]
pub(crate) struct Reader {
    table: String,
    from: Place,
    stream: Option<String>,
    shards: Vec<Shard>,
    /// Shards that are closed and read to their end.
    closed: BTreeSet<String>,
}

#[derive(Debug)]
struct Shard {
    id: String,
    /// None once the shard is closed and read to its end.
    iterator: Option<String>,
}

impl Reader {
    pub(crate) fn new(table: &str, from: Place) -> Self {
        Self {
            table: table.to_owned(),
            from,
            stream: None,
            shards: Vec::new(),
            closed: BTreeSet::new(),
        }
    }

    /// All that was written since the last time, in order, each with its shard.
    ///
    /// # Errors
    /// What the emulator said. What was not read yet is read the next time.
    pub(crate) async fn read(
        &mut self,
        upstream: &Upstream<'_>,
    ) -> Result<Vec<(String, Value)>, String> {
        self.find(upstream).await?;
        let mut records = Vec::new();
        loop {
            for shard in &mut self.shards {
                drain(upstream, shard, &mut records).await?;
            }
            let count = self.shards.len();
            let done = |shard: &&Shard| shard.iterator.is_none();
            self.closed
                .extend(self.shards.iter().filter(done).map(|one| one.id.clone()));
            self.shards.retain(|shard| shard.iterator.is_some());
            if self.shards.len() == count {
                return Ok(records);
            }
            // A closed shard has successors.
            self.more_shards(upstream).await?;
        }
    }

    async fn find(&mut self, upstream: &Upstream<'_>) -> Result<(), String> {
        if self.stream.is_some() {
            return Ok(());
        }
        let streams = upstream
            .streams("ListStreams", &json!({ "TableName": self.table }))
            .await?;
        let arn = streams["Streams"][0]["StreamArn"].as_str();
        let arn = arn.ok_or_else(|| format!("table {} has no stream", self.table))?;
        self.stream = Some(arn.to_owned());
        self.more_shards(upstream).await
    }

    async fn more_shards(&mut self, upstream: &Upstream<'_>) -> Result<(), String> {
        let Some(stream) = self.stream.clone() else {
            return Ok(());
        };
        let ask = json!({ "StreamArn": stream });
        let described = upstream.streams("DescribeStream", &ask).await?;
        let shards = described["StreamDescription"]["Shards"].as_array();
        let ids = shards
            .into_iter()
            .flatten()
            .filter_map(|shard| shard["ShardId"].as_str());
        for id in ids {
            if self.closed.contains(id) || self.shards.iter().any(|shard| shard.id == id) {
                continue;
            }
            let mut ask = json!({ "StreamArn": stream, "ShardId": id });
            // What follows a shard that was read to its end is read from its beginning.
            let from = match self.closed.is_empty() {
                true => &self.from,
                false => &Place::Oldest,
            };
            let (kind, sequence) = match from {
                Place::Oldest => ("TRIM_HORIZON", None),
                Place::Now => ("LATEST", None),
                Place::Record(sequence) => ("AT_SEQUENCE_NUMBER", Some(sequence)),
                Place::After(sequence) => ("AFTER_SEQUENCE_NUMBER", Some(sequence)),
            };
            ask["ShardIteratorType"] = json!(kind);
            if let Some(sequence) = sequence {
                ask["SequenceNumber"] = json!(sequence);
            }
            let got = upstream.streams("GetShardIterator", &ask).await?;
            self.shards.push(Shard {
                id: id.to_owned(),
                iterator: got["ShardIterator"].as_str().map(str::to_owned),
            });
        }
        Ok(())
    }
}

async fn drain(
    upstream: &Upstream<'_>,
    shard: &mut Shard,
    records: &mut Vec<(String, Value)>,
) -> Result<(), String> {
    while let Some(iterator) = shard.iterator.clone() {
        let ask = json!({ "ShardIterator": iterator, "Limit": PAGE });
        let mut got = upstream.streams("GetRecords", &ask).await?;
        let page = match got["Records"].take() {
            Value::Array(page) => page,
            _ => Vec::new(),
        };
        shard.iterator = got["NextShardIterator"].as_str().map(str::to_owned);
        let empty = page.is_empty();
        records.extend(page.into_iter().map(|record| (shard.id.clone(), record)));
        if empty {
            break;
        }
    }
    Ok(())
}
