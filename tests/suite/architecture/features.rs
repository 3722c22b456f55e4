//! Features that one crate of the build could turn on for all.

use std::collections::BTreeSet;

use super::refuse;
use super::workspace::{built, resolved};

/// Time zones come from the tables in the binary. Cargo builds a crate once, with the features that any crate asks for
/// (<https://doc.rust-lang.org/cargo/reference/features.html#feature-unification>), so one dependency with default
/// features would make `jiff` prefer the machine's tables.
#[test]
fn time_zones_are_those_of_the_binary_for_every_crate() {
    let jiff = resolved("jiff");
    assert_eq!(jiff.len(), 1, "one version: {jiff:?}");
    let features: BTreeSet<&String> = jiff.iter().flatten().collect();
    assert!(
        features.iter().any(|one| *one == "tzdb-bundle-always"),
        "{features:?}"
    );
    let reads_the_machine = [
        "default",
        "tz-system",
        "tzdb-zoneinfo",
        "tzdb-concatenated",
        "tzdb-bundle-platform",
    ];
    let wrong: Vec<String> = features
        .into_iter()
        .filter(|one| reads_the_machine.contains(&one.as_str()))
        .map(|one| format!("jiff has the feature {one}"))
        .collect();
    refuse(
        &wrong,
        "find who asks for it with `cargo tree -e features -i jiff`, and take it without default features",
    );
}

/// `cargo test --workspace`, `cargo run` and a build of the functions build a crate from elsewhere once. With one
/// feature more for the tests, Cargo builds it again for `cargo run`, and so everything that stands on it: an SDK of
/// AWS takes minutes.
#[test]
fn what_is_run_is_built_as_for_the_tests() {
    let tests = built(true);
    let wrong: Vec<String> = built(false).difference(&tests).cloned().collect();
    refuse(
        &wrong,
        "a dev-dependency asks for more features of it: make that a normal dependency of `tests`, whose features count \
         for every build of the whole workspace",
    );
}
