use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::faults::{Mode, Service};

/// One call of an AWS service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation, such as `PutItem`; `Unknown` when the request names none.
    pub operation: String,
    /// When it came, on the clock of the stand-ins.
    pub at: DateTime<Utc>,
    /// What became of it.
    pub outcome: Outcome,
    /// The fault that hit it.
    pub fault: Option<Mode>,
    /// Its `X-Amzn-Trace-Id`: the invocation that it was made in, where a process of Lambda's made it.
    pub trace_id: Option<String>,
    /// The size of the request's body in bytes.
    pub request_bytes: usize,
    /// The size of the answer's body in bytes; 0 without an answer.
    pub response_bytes: usize,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It runs, or its caller went away.
    Pending,
    /// It was answered with this HTTP status.
    Status(u16),
    /// It never gets an answer.
    Unanswered,
    /// Its connection was closed instead of an answer.
    Dropped,
}

/// The latest calls: a long-lived local stack must not grow without end.
#[derive(Default)]
pub(crate) struct CallLog {
    /// How many calls came before the first one that is kept.
    first: u64,
    calls: VecDeque<Call>,
}

const KEPT: usize = 250_000;

impl CallLog {
    /// Notes a call and returns the handle to finish it with.
    pub(crate) fn begin(&mut self, call: Call) -> u64 {
        if self.calls.len() == KEPT {
            self.calls.pop_front();
            self.first += 1;
        }
        self.calls.push_back(call);
        self.first + self.calls.len() as u64 - 1
    }

    pub(crate) fn finish(&mut self, handle: u64, outcome: Outcome, response_bytes: usize) {
        let index = handle
            .checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(call) = index.and_then(|index| self.calls.get_mut(index)) {
            call.outcome = outcome;
            call.response_bytes = response_bytes;
        }
    }

    pub(crate) fn list(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    pub(crate) fn reset(&mut self) {
        self.first += self.calls.len() as u64;
        self.calls.clear();
    }
}
