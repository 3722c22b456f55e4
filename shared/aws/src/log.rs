//! Logs: one JSON object a line, as CloudWatch reads them. A fact is a field; ids only, never
//! names or addresses. `span` holds the request's id.

use tracing_subscriber::EnvFilter;

/// Starts logging. What is logged is set by `RUST_LOG`; `info` unless set.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}
