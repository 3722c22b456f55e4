//! What doing a job once took, and what is in the middle of several.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use offramp_local::Cost;

use crate::book::Call;
use crate::chain;
use crate::stats::{median, ms};

/// How long an answer of AWS is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Not at all.
    AtOnce,
    /// About as long as AWS takes where a function and its table are in one region.
    Held,
    /// Far longer than a processor takes to make fifty calls: so these are all under way before the first is answered.
    /// It tells what is in a row, and nothing about time.
    Slow,
}

impl Answers {
    pub(crate) fn held(self) -> Duration {
        Duration::from_millis(match self {
            Self::AtOnce => 0,
            Self::Held => 4,
            Self::Slow => 60,
        })
    }
}

/// What doing a job once took: of all its invocations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) took: Duration,
    /// Of a processor, by the function alone.
    pub(crate) busy: Duration,
    pub(crate) cost: Cost,
    pub(crate) calls: Vec<Call>,
    /// Calls in a row; of several invocations, all of theirs.
    pub(crate) in_a_row: usize,
}

impl Sample {
    /// Of one invocation.
    pub(crate) fn of(took: Duration, busy: Duration, cost: Cost, calls: Vec<Call>) -> Self {
        let in_a_row = chain(&calls).len();
        Self {
            took,
            busy,
            cost,
            calls,
            in_a_row,
        }
    }
}

impl AddAssign for Sample {
    fn add_assign(&mut self, other: Self) {
        self.took += other.took;
        self.busy += other.busy;
        self.cost += other.cost;
        self.calls.extend(other.calls);
        self.in_a_row += other.in_a_row;
    }
}

/// The places of the calls of the longest chain.
pub(crate) fn chain(calls: &[Call]) -> Vec<usize> {
    let times: Vec<(Instant, Option<Instant>)> =
        calls.iter().map(|call| (call.begun, call.ended)).collect();
    chain::longest(&times)
}

/// The numbers of samples of one job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    calls: Vec<f64>,
    in_a_row: Vec<f64>,
    read: Vec<f64>,
    write: Vec<f64>,
    index: Vec<f64>,
    at_once: Vec<f64>,
    held: Vec<f64>,
    busy: Vec<f64>,
}

/// Medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    pub(crate) calls: f64,
    /// Counted where answers were slow: there, what is asked at once is under way at once.
    pub(crate) in_a_row: f64,
    /// Units of DynamoDB.
    pub(crate) read: f64,
    pub(crate) write: f64,
    pub(crate) index: f64,
    /// Milliseconds with answers at once.
    pub(crate) at_once: f64,
    /// Milliseconds with answers that were held.
    pub(crate) held: f64,
    /// Milliseconds of a processor, with answers at once.
    pub(crate) busy: f64,
}

impl Samples {
    pub(crate) fn push(&mut self, sample: &Sample, answers: Answers) {
        // A float says numbers of this size exactly.
        self.calls.push(sample.calls.len() as f64);
        self.read.push(sample.cost.read);
        self.write.push(sample.cost.write);
        self.index.push(sample.cost.index);
        match answers {
            Answers::AtOnce => {
                self.at_once.push(ms(sample.took));
                self.busy.push(ms(sample.busy));
            }
            Answers::Held => self.held.push(ms(sample.took)),
            Answers::Slow => self.in_a_row.push(sample.in_a_row as f64),
        }
    }

    pub(crate) fn row(&self) -> Row {
        Row {
            calls: median(&self.calls),
            in_a_row: median(&self.in_a_row),
            read: median(&self.read),
            write: median(&self.write),
            index: median(&self.index),
            at_once: median(&self.at_once),
            held: median(&self.held),
            busy: median(&self.busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;

    use super::*;

    fn sample(begun: Instant, calls: &[(u64, u64)], took: u64) -> Sample {
        let at = |ms| begun + Duration::from_millis(ms);
        let call = |(from, to): &(u64, u64)| Call {
            service: "dynamodb".to_owned(),
            operation: "GetItem".to_owned(),
            body: Bytes::new(),
            begun: at(*from),
            ended: Some(at(*to)),
        };
        let calls = calls.iter().map(call).collect();
        let took = Duration::from_millis(took);
        Sample::of(took, took / 2, Cost::default(), calls)
    }

    #[test]
    fn calls_in_a_row_of_several_invocations_add_up() {
        let now = Instant::now();
        let mut all = sample(now, &[(0, 4), (0, 4), (5, 9)], 10);
        assert_eq!(all.in_a_row, 2);
        // Whatever the other invocation's calls overlap with, they were not made at once.
        all += sample(now, &[(0, 4)], 5);
        assert_eq!((all.calls.len(), all.in_a_row), (4, 3));
        assert_eq!(all.took, Duration::from_millis(15));
    }

    #[test]
    fn only_slow_answers_tell_what_is_in_a_row() {
        let now = Instant::now();
        let mut samples = Samples::default();
        // Two calls that were made at once, the first answered before the second came.
        samples.push(&sample(now, &[(0, 1), (1, 2)], 2), Answers::AtOnce);
        samples.push(&sample(now, &[(0, 4), (5, 9)], 6), Answers::Held);
        samples.push(&sample(now, &[(0, 4), (5, 9)], 8), Answers::Held);
        samples.push(&sample(now, &[(0, 4), (5, 9)], 7), Answers::Held);
        samples.push(&sample(now, &[(0, 60), (5, 65)], 66), Answers::Slow);
        let row = samples.row();
        assert_eq!((row.calls, row.in_a_row), (2.0, 1.0));
        assert_eq!((row.at_once, row.held, row.busy), (2.0, 7.0, 1.0));
    }
}
