//! The search of the model, with the rules as they are and as they once were.

use stateright::{Checker, Model};

use super::{FORGOTTEN, RULES, Rules, UNSEEN};

/// Searches all states. Beside the faults that were found, it returns how many states there are.
fn search(rules: Rules) -> (Vec<&'static str>, usize) {
    let checker = rules.checker().threads(2).spawn_bfs().join();
    let states = checker.unique_state_count();
    let found = [UNSEEN, FORGOTTEN]
        .into_iter()
        .filter(|property| checker.discovery(property).is_some());
    let found: Vec<&str> = found.collect();
    for property in [
        "an admin lets everybody go",
        "a hold is closed and another opened",
    ] {
        assert!(checker.discovery(property).is_some(), "{property}: never");
    }
    (found, states)
}

#[test]
fn whatever_dies_nobody_goes_unseen_and_nobody_is_forgotten() {
    let (found, states) = search(RULES);
    assert_eq!(found, Vec::<&str>::new());
    assert!(states > 10_000, "{states} states are no search");
}

#[test]
fn each_rule_as_it_once_was_leads_to_the_fault_that_it_led_to() {
    // A number from before lets people go whom nobody had read.
    let mut numbered_before = RULES;
    numbered_before.numbered_when_written = false;
    // A roll that is written apart leaves people in a hold that no answer reaches.
    let mut roll_apart = numbered_before;
    roll_apart.roll_with_the_people = false;
    // An answer that only its timer knows of is forgotten with it.
    let mut timer_alone = RULES;
    timer_alone.answer_is_work = false;
    // People who join without looking are forgotten in a closed hold.
    let mut joins_blindly = RULES;
    joins_blindly.joins_only_what_is_open = false;
    for (old, fault) in [
        (numbered_before, UNSEEN),
        (roll_apart, FORGOTTEN),
        (timer_alone, FORGOTTEN),
        (joins_blindly, FORGOTTEN),
    ] {
        let (found, _) = search(old);
        assert!(found.contains(&fault), "{old:?}: {found:?}");
    }
}
