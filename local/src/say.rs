//! Lines for people, at a terminal or in a test.

use std::io::Write;

/// Writes a line. A reader that has gone away is no reason to fail.
pub(crate) fn say(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
