//! Arbitrary histories of words, policies, lists, snapshots and timers through the production adapters, with processes
//! that end between any two calls of AWS. A message whose invocation was cut off comes again, as HR, an admin, a queue or
//! Lambda sends it again; some come twice, late, or in another order than HR wrote them.
//!
//! Each history is told twice: as it is, and with its cuts. Both must end alike, and with nothing broken; so the oracle
//! needs no model. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` are how many and which; a failure prints its seed and its
//! shortest history.

mod play;
mod steps;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::stepwise::Town;
use play::tell;
use steps::{Story, stories};

/// Histories of each of the two tests. `PROPTEST_CASES=1500` tells 3,000 in all.
const CASES: u32 = 200;

/// Tells so many histories, or as many as `PROPTEST_CASES` says, from a fixed seed unless `PROPTEST_RNG_SEED` gives another.
fn told_from(salt: u64) {
    let default = Config::default();
    let seed = match default.rng_seed {
        RngSeed::Random => 2_026,
        RngSeed::Fixed(seed) => seed,
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None => CASES,
    };
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed.wrapping_add(salt)),
        // A failure is printed; there is no file of them to keep.
        failure_persistence: None,
        max_shrink_iters: 400,
        ..default
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let town = runtime.block_on(Town::founded());
    let image = town.image();
    let town = std::cell::RefCell::new(town);
    let done = TestRunner::new(config).run(&stories(), |story: Story| {
        let mut town = town.borrow_mut();
        let wrong = runtime.block_on(tell(&mut town, &image, &story));
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(TestCaseError::fail(wrong.join("\n"))),
        }
    });
    match done {
        Ok(()) => println!("{cases} histories, each with cuts and without"),
        Err(TestError::Fail(why, story)) => {
            panic!("PROPTEST_RNG_SEED={seed}, salt {salt}: {why}\nthe shortest history: {story:#?}")
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn end_alike_with_cuts_and_without() {
    told_from(0);
}

#[test]
fn end_alike_with_other_cuts_and_without() {
    told_from(1);
}
