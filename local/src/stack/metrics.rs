//! What would be in CloudWatch: the functions' lines of metrics, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use offramp_aws::Sink;

/// Lines that are kept; the oldest go first.
const KEPT: usize = 10_000;

/// The lines so far. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct MetricLines(Arc<Mutex<VecDeque<String>>>);

impl MetricLines {
    /// Where the functions tell them.
    pub(super) fn sink(&self) -> Sink {
        let lines = self.clone();
        Sink::from_fn(move |line| lines.push(line))
    }

    pub(super) fn all(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}
