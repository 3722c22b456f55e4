//! The telemetry of an invocation: a span that gives every log event its request id, one event at the end, and the
//! recorded metrics.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use offramp_app::metrics::Meter;
use tracing::Instrument;

use crate::metrics;

/// The destination of lines of metrics.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&str) + Send + Sync>);

impl Sink {
    /// Writes to standard output, which Lambda sends to CloudWatch Logs.
    #[must_use]
    pub fn stdout() -> Self {
        Self::from_fn(|line| {
            // If the line cannot be written, the invocation goes on.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    /// Passes each line to `take`.
    pub fn from_fn(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// The telemetry of one function. Clones share one meter.
#[derive(Debug, Clone)]
pub struct Telemetry {
    meter: Meter,
    sink: Sink,
    stack: Arc<str>,
    function: Arc<str>,
}

impl Telemetry {
    /// The telemetry of a function of a stack. Its metrics are dropped until [`Telemetry::to`] gives a sink.
    #[must_use]
    pub fn new(stack: &str, function: &str) -> Self {
        Self {
            meter: Meter::default(),
            sink: Sink::from_fn(|_| ()),
            stack: stack.into(),
            function: function.into(),
        }
    }

    /// The same telemetry with a sink for its metrics.
    #[must_use]
    pub fn to(&self, sink: Sink) -> Self {
        Self {
            sink,
            ..self.clone()
        }
    }

    /// The meter in which invocations record their figures.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Runs one invocation. `status` gives the HTTP status of the answer; `None` if the answer has none. An invocation
    /// that times out or crashes emits no metrics. Lambda's own metrics show it.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn invocation<T, E: fmt::Display>(
        &self,
        request_id: &str,
        status: impl Fn(&T) -> Option<i64>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = tracing::info_span!("invocation", request_id, function = &*self.function);
        let begun = Instant::now();
        async {
            let result = work.await;
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(ended) => tracing::info!(
                    outcome = "done",
                    status = status(ended),
                    duration_ms,
                    "an invocation ended"
                ),
                Err(error) => tracing::error!(
                    outcome = "failed",
                    %error,
                    duration_ms,
                    "an invocation ended"
                ),
            }
            self.flush(request_id);
            result
        }
        .instrument(span)
        .await
    }

    /// Emits the figures that were recorded since the last call.
    fn flush(&self, request_id: &str) {
        let readings = self.meter.take();
        let (stack, function) = (&self.stack, &self.function);
        for line in metrics::lines(&readings, stack, function, request_id, Utc::now()) {
            (self.sink.0)(&line);
        }
    }
}
