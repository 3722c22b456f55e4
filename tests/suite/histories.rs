//! Arbitrary histories of words, policies, lists, snapshots and timers through the production adapters, with processes
//! that end between any two calls of AWS. A message whose invocation was cut off comes again, as HR, an admin, a queue or
//! Lambda sends it again; some come twice, late, or in another order than HR wrote them.
//!
//! Each history is told twice: as it is, and with its cuts. Both must end alike, and with nothing broken; so the oracle
//! needs no model. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` are how many and which; a failure prints its seed and its
//! shortest history.

mod play;
mod steps;

use crate::stepwise::arbitrary::holds_for;
use play::tell;
use steps::stories;

/// Histories of each of the two tests. `PROPTEST_CASES=1500` tells 3,000 in all.
const CASES: u32 = 200;

fn told_from(salt: u64) {
    holds_for((CASES, salt), stories(), async |town, image, story| {
        let wrong = tell(town, image, story).await;
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(wrong.join("\n")),
        }
    });
}

#[test]
fn end_alike_with_cuts_and_without() {
    told_from(0);
}

#[test]
fn end_alike_with_other_cuts_and_without() {
    told_from(1);
}
