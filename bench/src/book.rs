//! What was asked of AWS: when each call came and was answered, and the answers for those that are to be told again.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderMap;

/// One call of AWS.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// In small letters: `dynamodb`.
    pub(crate) service: String,
    /// Such as `GetItem`.
    pub(crate) operation: String,
    /// What was asked; empty where answers are told again.
    pub(crate) body: Bytes,
    /// When the request's head had come.
    pub(crate) begun: Instant,
    /// When its answer was sent, after it was held; `None` while it is not.
    pub(crate) ended: Option<Instant>,
}

/// What to do with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Pass them on.
    #[default]
    Pass,
    /// Pass them on, and remember their answers.
    Remember,
    /// Answer as the same call was answered before.
    Replay,
}

/// Tells two calls apart: service, operation, and what it is about.
pub(crate) type Name = (String, String, String);

/// What is sent back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The calls of one function.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) mode: Mode,
    /// How long each answer is held before it is sent.
    pub(crate) hold: Duration,
    pub(crate) answers: HashMap<Name, Answer>,
    calls: Vec<Call>,
    /// How many calls were taken out already.
    taken: usize,
}

impl Book {
    /// Notes a call that has come; its number, for [`Self::ended`].
    pub(crate) fn begun(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.taken + self.calls.len() - 1
    }

    /// Notes that a call is answered now, unless it was taken out meanwhile.
    pub(crate) fn ended(&mut self, number: usize, at: Instant) {
        let place = number.checked_sub(self.taken);
        if let Some(call) = place.and_then(|place| self.calls.get_mut(place)) {
            call.ended = Some(at);
        }
    }

    /// Takes out the calls since the last time, in the order in which they came.
    pub(crate) fn take(&mut self) -> Vec<Call> {
        self.taken += self.calls.len();
        std::mem::take(&mut self.calls)
    }
}

/// How often each operation was called, by service and operation.
pub(crate) fn counts(calls: &[Call]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for call in calls {
        let name = format!("{} {}", call.service, call.operation);
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        Call {
            service: "dynamodb".to_owned(),
            operation: operation.to_owned(),
            body: Bytes::new(),
            begun: Instant::now(),
            ended: None,
        }
    }

    #[test]
    fn an_answer_that_comes_late_ends_no_later_call() {
        let mut book = Book::default();
        let late = book.begun(call("GetItem"));
        assert_eq!(book.take().len(), 1);
        let next = book.begun(call("PutItem"));
        book.ended(late, Instant::now());
        book.ended(next + 1, Instant::now());
        assert!(book.calls.iter().all(|call| call.ended.is_none()));
        book.ended(next, Instant::now());
        let taken = book.take();
        assert!(taken.iter().all(|call| call.ended.is_some()));
        assert_eq!(counts(&taken), [("dynamodb PutItem".to_owned(), 1)].into());
    }
}
