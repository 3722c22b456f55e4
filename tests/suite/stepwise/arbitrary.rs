//! Properties of arbitrary stories in a world where no time passes.

use std::cell::RefCell;
use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::{Image, Town};

/// Holds a property against so many stories, or as many as `PROPTEST_CASES` says, from a fixed seed unless
/// `PROPTEST_RNG_SEED` gives another. Each begins in a world that has just been founded, whose image `holds` gets too. A
/// failure prints its seed and the shortest story.
pub(crate) fn holds_for<T: Debug>(
    (cases, salt): (u32, u64),
    stories: impl Strategy<Value = T>,
    holds: impl AsyncFn(&mut Town, &Image, &T) -> Result<(), String>,
) {
    let default = Config::default();
    let seed = match default.rng_seed {
        RngSeed::Random => 2_026,
        RngSeed::Fixed(seed) => seed,
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None => cases,
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
    let town = RefCell::new(town);
    let done = TestRunner::new(config).run(&stories, |story| {
        let mut town = town.borrow_mut();
        town.back_to(&image);
        runtime
            .block_on(holds(&mut town, &image, &story))
            .map_err(TestCaseError::fail)
    });
    match done {
        Ok(()) => println!("{cases} stories"),
        Err(TestError::Fail(why, story)) => {
            panic!("PROPTEST_RNG_SEED={seed}, salt {salt}: {why}\nthe shortest: {story:#?}")
        }
        Err(error) => panic!("{error}"),
    }
}
