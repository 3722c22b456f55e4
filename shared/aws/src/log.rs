//! Logs: one JSON object a line, as CloudWatch reads them. A fact is a field; ids only, never
//! names or addresses. `span` holds the request's id.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts logging. What is logged is set by `RUST_LOG`; `info` unless set.
pub fn init() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let filter = filter(std::env::var("RUST_LOG").ok().as_deref(), "info");
    // A second start, as in tests, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// What `asked` asks for: levels, and `target=level` for what begins with a module's path, with commas
/// between. What no directive is about is logged as `usual` says, and so is everything where `asked`
/// cannot be read. Fields and spans are not looked at: that would bring regular expressions into each
/// function, a third of a megabyte.
#[must_use]
pub fn filter(asked: Option<&str>, usual: &str) -> Targets {
    let usual: Targets = usual.parse().unwrap_or_default();
    let directives = asked.unwrap_or_default().split(',').map(str::trim);
    // An empty one would be a target that everything begins with.
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
