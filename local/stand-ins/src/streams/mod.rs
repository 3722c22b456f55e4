//! The stream of the table, and Lambda's event source mappings on it.
//!
//! A mapping is read from the stream within milliseconds of a write, and not four times a second as at AWS; what it does
//! with the records is what AWS does: filters, batches, lanes, tries, bisecting, ages, and a failure's destination, which
//! gets positions and no images. <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>

mod deliver;
mod lane;
mod pattern;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lag::Changes;
pub(crate) use deliver::{deliver_due, next, read, spawn_due};
use lane::{Lane, Record};
pub use pattern::Pattern;
use read::{Place, Reader};

/// An event source mapping on the table's stream, as `template.yaml` describes it.
#[derive(Clone, Debug)]
pub struct StreamMapping {
    /// What it is called in the template; unique.
    pub name: String,
    /// The function that gets the records, by its name.
    pub function: String,
    /// The stream's ARN, as the records say it.
    pub stream_arn: String,
    /// Whether records that were written before the mapping was made are delivered: `TRIM_HORIZON`, not `LATEST`.
    pub from_the_oldest: bool,
    /// A record is delivered where one of these matches; without any, every record is.
    pub patterns: Vec<Pattern>,
    /// Records of a batch at most.
    pub batch_size: usize,
    /// How long a batch gathers, on the clock, unless it is full.
    pub window: Duration,
    /// Batches at a time, of different items.
    pub parallel: usize,
    /// Whether the function's answer names the records that failed: `ReportBatchItemFailures`.
    pub reports_failures: bool,
    /// Whether a batch that failed is split in two.
    pub bisect: bool,
    /// How many more tries a batch has; without end where there is none.
    pub max_retries: Option<u32>,
    /// How old a record may be that is tried, on the clock.
    pub max_record_age: Option<Duration>,
    /// The queue's ARN for the positions of what was given up.
    pub on_failure: Option<String>,
}

impl StreamMapping {
    /// A mapping with AWS's defaults: batches of 100, one at a time, tried until they succeed.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        function: impl Into<String>,
        stream_arn: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            function: function.into(),
            stream_arn: stream_arn.into(),
            from_the_oldest: true,
            patterns: Vec::new(),
            batch_size: 100,
            window: Duration::ZERO,
            parallel: 1,
            reports_failures: false,
            bisect: false,
            max_retries: None,
            max_record_age: None,
            on_failure: None,
        }
    }

    fn wants(&self, record: &Value) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(record))
    }
}

/// A mapping and what it has under way.
struct Follower {
    mapping: StreamMapping,
    lanes: Vec<Lane>,
}

impl Follower {
    /// "Lambda still ensures in-order processing at the item (partition and sort key) level."
    fn push(&mut self, record: Record) {
        let mut hasher = DefaultHasher::new();
        item(&record.event["dynamodb"]["Keys"]).hash(&mut hasher);
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(u64::MAX);
        let lane = usize::try_from(hasher.finish() % lanes.max(1)).unwrap_or_default();
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push(record);
        }
    }
}

/// The mappings, and what they have under way.
#[derive(Default)]
pub(crate) struct Streams {
    followers: Vec<Follower>,
    /// How far the stream was read when it was last looked at.
    read_to: Option<String>,
    /// Items whose deletion is the database's own, by their keys.
    expiring: BTreeSet<String>,
    /// What was changed, while somebody gathers it.
    changes: Option<Changes>,
    saved: Position,
}

/// How far the stream is read. It is held while it is read, so that records keep their order.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    reader: Option<Reader>,
    /// The count of writes that was read up to.
    seen: Option<u64>,
}

/// Where reading goes on after a restart: nothing that was not done is missed, and some may be delivered twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Position {
    #[default]
    Start,
    /// This record was not done.
    At(String),
    /// All up to this one were done.
    After(String),
}

impl Streams {
    pub(crate) fn restore(saved: Position) -> Self {
        Self {
            saved,
            ..Self::default()
        }
    }

    pub(crate) fn follow(&mut self, mapping: StreamMapping) {
        let lanes = (0..mapping.parallel.max(1)).map(|_| Lane::default());
        let lanes = lanes.collect();
        self.followers.push(Follower { mapping, lanes });
    }

    pub(crate) fn position(&self) -> Position {
        let lanes = self.followers.iter().flat_map(|one| &one.lanes);
        match (lanes.filter_map(Lane::oldest).min(), &self.read_to) {
            (Some(oldest), _) => Position::At(oldest.to_owned()),
            (None, Some(last)) => Position::After(last.clone()),
            (None, None) => self.saved.clone(),
        }
    }

    /// Notes that the database itself deletes an item: the record says so, as at AWS, where a time to live has ended.
    pub(crate) fn expiring(&mut self, key: &Value) {
        self.expiring.insert(item(key));
    }

    /// The item was given more time: a deletion now is a user's.
    pub(crate) fn not_expiring(&mut self, key: &Value) {
        self.expiring.remove(&item(key));
    }

    /// Begins, or ends, to keep what is changed.
    pub(crate) fn gather(&mut self, wanted: bool) {
        self.changes = wanted.then(Changes::new);
    }

    pub(crate) fn gathers(&self) -> bool {
        self.changes.is_some()
    }

    /// The oldest change that was gathered, if it was made by then.
    pub(crate) fn gathered(&mut self, until: DateTime<Utc>) -> Option<Value> {
        let changes = self.changes.as_mut()?;
        changes.front().filter(|(at, _)| *at <= until)?;
        changes.pop_front().map(|(_, change)| change)
    }

    /// Whether anybody wants to know what is written.
    fn is_read(&self) -> bool {
        !self.followers.is_empty() || self.gathers()
    }

    /// A reader of what was not read yet.
    fn reader(&self, table: &str) -> Reader {
        let read_to = self.read_to.clone().map(Position::After);
        let from = match read_to.as_ref().unwrap_or(&self.saved) {
            Position::At(sequence) => Place::Record(sequence.clone()),
            Position::After(sequence) => Place::After(sequence.clone()),
            Position::Start => match self.followers.iter().any(|one| one.mapping.from_the_oldest) {
                true => Place::Oldest,
                false => Place::Now,
            },
        };
        Reader::new(table, from)
    }

    /// Takes what was read: as AWS would have written it, to whom it is for.
    fn take(&mut self, read: Vec<(String, Value)>, region: &str, now: DateTime<Utc>) {
        for (shard, mut record) in read {
            let data = &record["dynamodb"];
            let sequence = data["SequenceNumber"].as_str().unwrap_or_default();
            let sequence = sequence.to_owned();
            let keys = item(&data["Keys"]);
            self.read_to = Some(sequence.clone());
            // AWS writes no record of a write that changes nothing; not every emulator knows.
            if data["NewImage"] == data["OldImage"] {
                continue;
            }
            record["awsRegion"] = json!(region);
            record["dynamodb"]["ApproximateCreationDateTime"] = json!(now.timestamp());
            let removed = record["eventName"] == "REMOVE";
            if removed && self.expiring.remove(&keys) {
                record["userIdentity"] =
                    json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
            }
            for follower in &mut self.followers {
                if follower.mapping.wants(&record) {
                    let mut event = record.clone();
                    event["eventSourceARN"] = json!(follower.mapping.stream_arn);
                    follower.push(Record {
                        event,
                        shard: shard.clone(),
                        sequence: sequence.clone(),
                        at: now,
                    });
                }
            }
            if let Some(changes) = &mut self.changes {
                changes.push_back((now, record));
            }
        }
    }

    /// The lanes that are due, by mapping and lane.
    fn due(&self, now: DateTime<Utc>) -> Vec<(usize, usize)> {
        let mut due = BTreeMap::new();
        for (one, follower) in self.followers.iter().enumerate() {
            for (two, lane) in follower.lanes.iter().enumerate() {
                if let Some(at) = lane.due(&follower.mapping).filter(|at| *at <= now) {
                    due.insert((at, one, two), (one, two));
                }
            }
        }
        due.into_values().collect()
    }

    /// When the next lane is due.
    fn next(&self) -> Option<DateTime<Utc>> {
        let due = |one: &Follower| {
            let lanes = one.lanes.iter();
            lanes.filter_map(|lane| lane.due(&one.mapping)).min()
        };
        self.followers.iter().filter_map(due).min()
    }
}

/// The name of an item: its key, in whatever order its attributes come.
fn item(key: &Value) -> String {
    let attributes = key.as_object().into_iter().flatten();
    let attributes: BTreeMap<_, _> = attributes.collect();
    format!("{attributes:?}")
}
