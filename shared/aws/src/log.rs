//! Logs: one JSON object a line, as CloudWatch reads them. Each fact is a field. Logs contain ids, never names or
//! addresses. The object `span` has the request id.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts logging. `RUST_LOG` sets the levels; without it the level is `info`.
pub fn init() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let filter = filter(std::env::var("RUST_LOG").ok().as_deref(), "info");
    // A second call, as in tests, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// Parses directives that are separated by commas: a level, or `target=level` for modules whose path begins with
/// `target`. The levels of `usual` apply to modules without a directive, and to all modules if `asked` cannot be
/// parsed. Filters on fields and spans are not supported: they would add regular expressions to each function, a third
/// of a megabyte.
#[must_use]
pub fn filter(asked: Option<&str>, usual: &str) -> Targets {
    let usual: Targets = usual.parse().unwrap_or_default();
    let directives = asked.unwrap_or_default().split(',').map(str::trim);
    // An empty directive would match every module.
    let directives: Vec<&str> = directives.filter(|one| !one.is_empty()).collect();
    let asked = directives.join(",").parse::<Targets>();
    let Some(asked) = asked.ok().filter(|_| !directives.is_empty()) else {
        return usual;
    };
    match (asked.default_level(), usual.default_level()) {
        (None, Some(level)) => asked.with_default(level),
        _ => asked,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn directives_are_honoured() {
        let quiet = filter(Some("warn"), "info");
        assert!(quiet.would_enable("offramp_app", &Level::WARN));
        assert!(!quiet.would_enable("offramp_app", &Level::INFO));
        let one = filter(Some("warn,offramp_app::engine::breaker=debug"), "info");
        assert!(one.would_enable("offramp_app::engine::breaker::roll", &Level::DEBUG));
        assert!(!one.would_enable("offramp_app::inbound::delivery", &Level::INFO));
        assert!(!filter(Some("off"), "info").would_enable("offramp_app", &Level::ERROR));
    }

    #[test]
    fn what_no_directive_is_about_is_logged_as_usual() {
        let one = filter(Some("aws_smithy_runtime=debug"), "info");
        assert!(one.would_enable("aws_smithy_runtime::client", &Level::DEBUG));
        assert!(one.would_enable("offramp_app", &Level::INFO));
        assert!(!one.would_enable("offramp_app", &Level::DEBUG));
    }

    #[test]
    fn nonsense_logs_as_usual() {
        for asked in [
            None,
            Some(""),
            Some(" , "),
            Some("loud,"),
            Some("a=b=c"),
            Some("offramp_app=loud"),
        ] {
            let usual = filter(asked, "info");
            assert!(usual.would_enable("offramp_app", &Level::INFO), "{asked:?}");
            assert!(
                !usual.would_enable("offramp_app", &Level::DEBUG),
                "{asked:?}"
            );
        }
    }
}
