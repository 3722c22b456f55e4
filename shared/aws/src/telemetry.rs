//! What surrounds an invocation: the span whose request id every event of the log carries, one event at
//! its end, and the metrics that it has recorded.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use offramp_app::metrics::Meter;
use tracing::Instrument;

use crate::metrics;

/// Where lines of metrics go.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&str) + Send + Sync>);

impl Sink {
    /// To standard output, where Lambda takes them to CloudWatch Logs.
    #[must_use]
    pub fn stdout() -> Self {
        Self::from_fn(|line| {
            // A log that cannot be written is no reason to fail.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    /// To whoever wants them.
    pub fn from_fn(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// The telemetry of one function. Clones share the meter.
#[derive(Debug, Clone)]
pub struct Telemetry {
    meter: Meter,
    sink: Sink,
    stack: Arc<str>,
    function: Arc<str>,
}

impl Telemetry {
    /// For a function of a stack; its metrics go nowhere until a sink is given.
    #[must_use]
    pub fn new(stack: &str, function: &str) -> Self {
        Self {
            meter: Meter::default(),
            sink: Sink::from_fn(|_| ()),
            stack: stack.into(),
            function: function.into(),
        }
    }

    /// The same, with its metrics told there.
    #[must_use]
    pub fn to(&self, sink: Sink) -> Self {
        Self {
            sink,
            ..self.clone()
        }
    }

    /// What an invocation records its figures in.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Runs one invocation. `status` reads the HTTP status off what it has answered, where it has one. An invocation that
    /// times out or dies tells no metrics; Lambda's own show it.
    ///
    /// # Errors
    /// Those of `work`.
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

    /// Tells what was recorded since the last time.
    fn flush(&self, request_id: &str) {
        let readings = self.meter.take();
        let (stack, function) = (&self.stack, &self.function);
        for line in metrics::lines(&readings, stack, function, request_id, Utc::now()) {
            (self.sink.0)(&line);
        }
    }
}
