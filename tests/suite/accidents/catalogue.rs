//! The catalogue, by what goes wrong.

mod clocks;
mod ids;
mod lists;
mod people;
mod words;

use super::company::Step;
use super::{Accident, Promise, Size};

/// HR's list as it should be.
const RIGHT: Step = Step::List(|_| {});
/// From an accident in the evening to the next morning.
const NIGHT: Step = Step::Hours(16);

/// All of them.
pub(super) fn catalogue() -> impl Iterator<Item = &'static Accident> {
    [lists::ALL, ids::ALL, words::ALL, clocks::ALL, people::ALL]
        .into_iter()
        .flatten()
}
