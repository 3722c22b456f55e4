#!/usr/bin/env bash
# Guess:   a rule with arithmetic, "user.level + 1 <= 3", works on any whole number of a JSON record.
# So:      with cel 0.15.0 (crate) and a serde_json value it works on 0 or more only as "user.level + 1u", and below 0
#          only as "user.level + 1": the number is an unsigned one or a signed one by its sign, and CEL adds no two
#          kinds. It does compare them, so "user.level <= 3" works on all.
# Matters: a rule that was tried on one employee raises an error for the next. Where an error counts as "does not
#          apply", the policy silently covers nobody.
# Needs:   cargo.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "numbers"
version = "0.1.0"
edition = "2021"

[dependencies]
cel = { version = "=0.15.0", features = ["json"] }
serde_json = "=1.0.154"
TOML
cat >src/main.rs <<'RUST'
use cel::{Context, Program, Value};

fn verdict(rule: &str, level: i64) -> Option<bool> {
    let mut context = Context::default();
    context.add_variable("user", serde_json::json!({ "level": level })).expect("a variable");
    match Program::compile(rule).expect("a rule").execute(&context) {
        Ok(Value::Bool(verdict)) => Some(verdict),
        Ok(other) => panic!("{rule}: {other:?}"),
        Err(error) => {
            println!("{rule}, level {level}: {error}");
            None
        }
    }
}

fn main() {
    let signed = "user.level + 1 <= 3";
    let unsigned = "user.level + 1u <= 3u";
    let compared = "user.level <= 3";
    assert_eq!([-1, 0, 1].map(|level| verdict(signed, level)), [Some(true), None, None]);
    assert_eq!([-1, 0, 1].map(|level| verdict(unsigned, level)), [None, Some(true), Some(true)]);
    assert_eq!([-1, 0, 1].map(|level| verdict(compared, level)), [Some(true); 3]);
}
RUST
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$work/target}" cargo run --quiet
echo "cel 0.15.0: as stated"
