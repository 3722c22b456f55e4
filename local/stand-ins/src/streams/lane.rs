//! One of the batches that an event source mapping has under way at a time: its records, in order, and what becomes
//! of them when the function fails.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::StreamMapping;

/// The longest pause between two tries. AWS backs off exponentially and does not say how far.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// A record of the stream, as the function gets it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) event: Value,
    pub(crate) shard: String,
    pub(crate) sequence: String,
    /// When it was written, on the stack's clock.
    pub(crate) at: DateTime<Utc>,
}

/// Records that go to the function together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// How many tries of exactly these have failed.
    pub(crate) failed: u32,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// From the record at this place on; those before it are done.
    FailedFrom(usize),
    Failed,
}

/// Records that no try is left for.
#[derive(Debug)]
pub(crate) struct Discarded {
    pub(crate) batch: Batch,
    pub(crate) condition: &'static str,
}

/// Records of some items, one batch at a time: what happened to one item stays in its order.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    waiting: VecDeque<Record>,
    /// What is tried again, before anything that waits.
    again: VecDeque<Batch>,
    not_before: Option<DateTime<Utc>>,
    running: Option<String>,
}

impl Lane {
    pub(crate) fn push(&mut self, record: Record) {
        self.waiting.push_back(record);
    }

    /// When its next batch is due; none where there is nothing, or where one runs.
    pub(crate) fn due(&self, mapping: &StreamMapping) -> Option<DateTime<Utc>> {
        if self.running.is_some() {
            return None;
        }
        if let Some(batch) = self.again.front() {
            return self
                .not_before
                .or(batch.records.first().map(|first| first.at));
        }
        let first = self.waiting.front()?;
        if self.waiting.len() >= mapping.batch_size {
            return Some(first.at);
        }
        Some(first.at + TimeDelta::from_std(mapping.window).unwrap_or(TimeDelta::MAX))
    }

    /// Hands out the next batch, and what has become too old to be tried.
    pub(crate) fn take(
        &mut self,
        mapping: &StreamMapping,
        now: DateTime<Utc>,
    ) -> (Option<Discarded>, Option<Batch>) {
        self.not_before = None;
        let mut batch = self.again.pop_front().unwrap_or_else(|| {
            let size = mapping.batch_size.min(self.waiting.len());
            Batch {
                records: self.waiting.drain(..size).collect(),
                failed: 0,
            }
        });
        let age = mapping
            .max_record_age
            .and_then(|age| TimeDelta::from_std(age).ok());
        let is_old = |record: &Record| age.is_some_and(|age| record.at + age < now);
        let old = batch
            .records
            .iter()
            .take_while(|record| is_old(record))
            .count();
        let rest = batch.records.split_off(old);
        let discarded = (old > 0).then(|| Discarded {
            batch: batch.clone(),
            condition: "RecordAgeExceeded",
        });
        batch.records = rest;
        self.running = batch.records.first().map(|first| first.sequence.clone());
        (discarded, self.running.is_some().then_some(batch))
    }

    /// What follows from how a try ended: nothing, another try, or the end of the tries.
    pub(crate) fn ended(
        &mut self,
        mapping: &StreamMapping,
        mut batch: Batch,
        end: End,
        now: DateTime<Utc>,
    ) -> Option<Discarded> {
        self.running = None;
        match end {
            End::Done => return None,
            // The checkpoint moves: what is left is another batch, with all its tries.
            End::FailedFrom(place) if place > 0 => {
                let records = batch.records.split_off(place);
                self.again.push_front(Batch { records, failed: 0 });
                self.not_before = Some(now + pause(1));
                return None;
            }
            // "Splitting batches doesn't consume the retry quota."
            End::Failed if mapping.bisect && batch.records.len() > 1 => {
                let second = batch.records.split_off(batch.records.len() / 2);
                let failed = batch.failed;
                self.again.push_front(Batch {
                    records: second,
                    failed,
                });
                self.again.push_front(batch);
                self.not_before = Some(now + pause(1));
                return None;
            }
            End::FailedFrom(_) | End::Failed => {}
        }
        batch.failed += 1;
        if mapping.max_retries.is_some_and(|most| batch.failed > most) {
            return Some(Discarded {
                batch,
                condition: "RetryAttemptsExhausted",
            });
        }
        self.not_before = Some(now + pause(batch.failed));
        self.again.push_front(batch);
        None
    }

    /// The oldest record that is not done, by its sequence number.
    pub(crate) fn oldest(&self) -> Option<&str> {
        let again = self.again.front().and_then(|batch| batch.records.first());
        self.running
            .as_deref()
            .or_else(|| Some(&*again.or(self.waiting.front())?.sequence))
    }
}

/// What a function's answer says of its batch.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
pub(crate) fn end(mapping: &StreamMapping, batch: &Batch, answer: &Value) -> End {
    let failures = answer.get("batchItemFailures").unwrap_or(&Value::Null);
    if !mapping.reports_failures || failures.is_null() {
        return End::Done;
    }
    let Some(failures) = failures.as_array() else {
        return End::Failed;
    };
    let place = |failure: &Value| {
        let sequence = failure.get("itemIdentifier")?.as_str()?;
        let mut records = batch.records.iter();
        records.position(|record| record.sequence == sequence)
    };
    // One that names no record of the batch fails all of it.
    let places: Option<Vec<_>> = failures.iter().map(place).collect();
    match places.map(|places| places.into_iter().min()) {
        Some(None) => End::Done,
        Some(Some(first)) => End::FailedFrom(first),
        None => End::Failed,
    }
}

fn pause(failed: u32) -> TimeDelta {
    TimeDelta::seconds(1_i64 << failed.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_442_000 + second, 0).unwrap()
    }

    fn lane(records: &[(i64, i64)]) -> Lane {
        let mut lane = Lane::default();
        for (sequence, second) in records {
            lane.push(Record {
                event: json!({ "dynamodb": { "SequenceNumber": sequence.to_string() } }),
                shard: "shard".to_owned(),
                sequence: sequence.to_string(),
                at: at(*second),
            });
        }
        lane
    }

    fn mapping() -> StreamMapping {
        StreamMapping {
            batch_size: 4,
            bisect: true,
            reports_failures: true,
            max_retries: Some(2),
            max_record_age: Some(Duration::from_secs(60)),
            ..StreamMapping::new("m", "f", "arn:aws:dynamodb:r:a:table/t/stream/l")
        }
    }

    fn names(batch: &Batch) -> String {
        let names = batch.records.iter().map(|record| record.sequence.as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    /// Runs a lane dry, each try ending as `ends` says; every try, and what was discarded.
    fn run(
        mapping: &StreamMapping,
        lane: &mut Lane,
        ends: impl Fn(&Batch) -> End,
    ) -> (Vec<String>, Vec<String>) {
        let (mut tries, mut discarded) = (Vec::new(), Vec::new());
        let mut note = |gone: Option<Discarded>| {
            discarded.extend(gone.map(|gone| format!("{} {}", gone.condition, names(&gone.batch))));
        };
        let mut now = at(0);
        while let Some(due) = lane.due(mapping) {
            now = now.max(due);
            let (old, batch) = lane.take(mapping, now);
            note(old);
            let Some(batch) = batch else { continue };
            assert_eq!(lane.due(mapping), None, "one batch at a time");
            assert_eq!(lane.oldest(), Some(&*batch.records[0].sequence));
            tries.push(names(&batch));
            let end = ends(&batch);
            note(lane.ended(mapping, batch, end, now));
        }
        assert_eq!(lane.oldest(), None);
        (tries, discarded)
    }

    fn fails(batch: &Batch, poison: &str) -> bool {
        batch.records.iter().any(|record| record.sequence == poison)
    }

    #[test]
    fn a_batch_has_its_size_and_its_order() {
        let mut six = lane(&[(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)]);
        let (tries, discarded) = run(&mapping(), &mut six, |_| End::Done);
        assert_eq!(tries, ["1 2 3 4", "5 6"]);
        assert!(discarded.is_empty());
    }

    #[test]
    fn a_window_gathers_until_a_batch_is_full() {
        let mut mapping = mapping();
        mapping.window = Duration::from_secs(5);
        assert_eq!(lane(&[(1, 0), (2, 3)]).due(&mapping), Some(at(5)));
        let full = lane(&[(1, 0), (2, 1), (3, 2), (4, 3)]);
        assert_eq!(full.due(&mapping), Some(at(0)));
    }

    #[test]
    fn bisecting_finds_the_bad_record_and_does_not_count_as_a_try() {
        let mut four = lane(&[(1, 0), (2, 0), (3, 0), (4, 0)]);
        let (tries, discarded) = run(&mapping(), &mut four, |batch| match fails(batch, "3") {
            true => End::Failed,
            false => End::Done,
        });
        assert_eq!(tries, ["1 2 3 4", "1 2", "3 4", "3", "3", "3", "4"]);
        assert_eq!(discarded, ["RetryAttemptsExhausted 3"]);
    }

    #[test]
    fn without_bisecting_all_of_the_batch_goes() {
        let mut mapping = mapping();
        mapping.bisect = false;
        let mut two = lane(&[(1, 0), (2, 0)]);
        let (tries, discarded) = run(&mapping, &mut two, |_| End::Failed);
        assert_eq!(tries, ["1 2"; 3]);
        assert_eq!(discarded, ["RetryAttemptsExhausted 1 2"]);
    }

    #[test]
    fn what_comes_before_the_first_reported_failure_is_done() {
        let mut four = lane(&[(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
        let (tries, discarded) = run(&mapping(), &mut four, |batch| {
            let place = batch.records.iter().position(|one| one.sequence == "3");
            place.map_or(End::Done, End::FailedFrom)
        });
        assert_eq!(tries, ["1 2 3 4", "3 4", "3 4", "3 4", "5"]);
        assert_eq!(discarded, ["RetryAttemptsExhausted 3 4"]);
    }

    #[test]
    fn a_record_that_is_too_old_is_not_tried() {
        let mut two = lane(&[(1, -100), (2, 0)]);
        let (tries, discarded) = run(&mapping(), &mut two, |_| End::Done);
        assert_eq!(tries, ["2"]);
        assert_eq!(discarded, ["RecordAgeExceeded 1"]);
        // Tries without end last until the record is too old.
        let mut mapping = mapping();
        mapping.max_retries = None;
        let mut one = lane(&[(1, 0)]);
        let (tries, discarded) = run(&mapping, &mut one, |_| End::Failed);
        assert_eq!(tries.len(), 6, "after 0, 1, 3, 7, 15 and 31 seconds");
        assert_eq!(discarded, ["RecordAgeExceeded 1"]);
    }

    #[test]
    fn an_answer_names_its_failures_or_fails_as_a_whole() {
        let batch = Batch {
            records: Vec::from(lane(&[(1, 0), (2, 0), (3, 0)]).waiting),
            failed: 0,
        };
        let failed = |ids: Value| json!({ "batchItemFailures": ids });
        let id = |id: &str| json!({ "itemIdentifier": id });
        for (answer, expected) in [
            (Value::Null, End::Done),
            (json!({}), End::Done),
            (failed(Value::Null), End::Done),
            (failed(json!([])), End::Done),
            (failed(json!([id("3"), id("2")])), End::FailedFrom(1)),
            (failed(json!([id("1")])), End::FailedFrom(0)),
            (failed(json!([id("")])), End::Failed),
            (failed(json!([id("9"), id("2")])), End::Failed),
            (failed(json!([{ "itemIdentifier": null }])), End::Failed),
            (failed(json!([{ "identifier": "2" }])), End::Failed),
            (failed(json!("2")), End::Failed),
        ] {
            assert_eq!(end(&mapping(), &batch, &answer), expected, "{answer}");
        }
        let mut silent = mapping();
        silent.reports_failures = false;
        let answer = failed(json!([id("1")]));
        assert_eq!(end(&silent, &batch, &answer), End::Done, "not asked for");
    }
}
