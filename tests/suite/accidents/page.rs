//! `docs/SAFEGUARDS.md`, whose tables are what the accidents came to.

use std::path::Path;

use expect_test::expect_file;

use super::{Promise, Told};

const BEGIN: &str = "<!-- The accidents: written by tests/suite/accidents.rs -->\n";
const END: &str = "<!-- The end of the accidents -->\n";

/// The tables in the page are these.
#[track_caller]
pub(super) fn holds_what_they_came_to(told: &[Told]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SAFEGUARDS.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let tables = format!("{}\n{}", ended(told), let_in(told));
    expect_file![file].assert_eq(&format!("{before}{BEGIN}\n{tables}\n{END}{after}"));
}

/// Who was ended wrongly.
fn ended(told: &[Told]) -> String {
    let mut table = "\
| | what goes wrong | what HR sends | put right | without: minutes | cards | with: minutes | cards | what stops it, or why not |
|--:|---|---|---|--:|--:|--:|--:|---|
".to_owned();
    for (place, row) in told.iter().enumerate() {
        let Told {
            accident,
            without,
            with,
            rules,
        } = row;
        let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
        let mut why = rules.join(", ");
        let (Promise::Nobody(said) | Promise::Some(said)) = accident.promise;
        if !why.is_empty() && !said.is_empty() {
            why += "; ";
        }
        why += said;
        table += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {why} |\n",
            place + 1,
            accident.name,
            accident.sends,
            accident.righted,
            grouped(without.out),
            without.cards,
            grouped(with.out),
            with.cards,
        );
    }
    let sum = |one: fn(&Told) -> i64| grouped(told.iter().map(one).sum());
    let cards = |one: fn(&Told) -> usize| told.iter().map(one).sum::<usize>();
    table += &format!(
        "| | **all** | | | **{}** | **{}** | **{}** | **{}** | |\n",
        sum(|row| row.without.out),
        cards(|row| row.without.cards),
        sum(|row| row.with.out),
        cards(|row| row.with.cards),
    );
    table
}

/// Who had access wrongly.
fn let_in(told: &[Told]) -> String {
    let mut table = "\
| | what goes wrong | without: minutes | with: minutes |
|--:|---|--:|--:|
"
    .to_owned();
    for (place, row) in told.iter().enumerate() {
        let (without, with) = (row.without.let_in, row.with.let_in);
        if without > 0 || with > 0 {
            let (without, with) = (grouped(without), grouped(with));
            table += &format!(
                "| {} | {} | {without} | {with} |\n",
                place + 1,
                row.accident.name
            );
        }
    }
    let sum = |one: fn(&Told) -> i64| grouped(told.iter().map(one).sum());
    let (without, with) = (sum(|row| row.without.let_in), sum(|row| row.with.let_in));
    table + &format!("| | **all** | **{without}** | **{with}** |\n")
}

/// A number as people read it: `12,345`.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
