//! Pauses: between the attempts of a conditional write that lost to another write, and between looks at another
//! function's work.

use std::time::Duration;

use crate::{Error, Result};

/// How often a decision is made again because another write came first.
const TRIES: u32 = 20;
/// The longest first pause. Each further pause may be twice as long as the one before, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);
/// The longest pause. All 20 pauses take at most 7 seconds, and half of that on average. That is well within the 29
/// seconds of a function that a caller waits for.
const LONGEST: Duration = Duration::from_millis(500);

/// One try, with the pause after it.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    longest: Duration,
}

impl Pause {
    /// Waits a random part of the longest pause, so that the other writers can finish. Without the random part all
    /// losers would try again at the same moment, and all but one would lose again. ([Full
    /// jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).)
    pub async fn wait(self) {
        tokio::time::sleep(self.longest.mul_f64(fastrand::f64())).await;
    }
}

/// The pauses after the attempts of one decision.
pub fn pauses() -> impl Iterator<Item = Pause> + Send {
    (0..TRIES).map(|n| Pause {
        longest: FIRST.saturating_mul(2_u32.saturating_pow(n)).min(LONGEST),
    })
}

/// Repeats an attempt until it succeeds. An attempt returns `None` if another write made it void. (This takes no
/// `AsyncFnMut`, because the compiler does not see that a future that has awaited one is `Send`.)
///
/// # Errors
/// The error of an attempt, which ends the repetition; [`Error::Busy`] if other writers came first at every attempt.
pub async fn until_won<T, F>(mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    for pause in pauses() {
        if let Some(won) = attempt().await? {
            return Ok(won);
        }
        pause.wait().await;
    }
    Err(Error::Busy)
}

/// The first pause between two looks. Each pause is twice as long as the one before, up to [`LOOK_EVERY`]. The stream
/// hands work over within a fraction of a second.
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(40);
/// The longest pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The pauses before looks at another function's work, for at most `most` in all. Nobody competes for a look, so each
/// pause has its full length.
pub fn looks(most: Duration) -> impl Iterator<Item = Look> + Send {
    let mut after = Duration::ZERO;
    (0..)
        .map(|n| {
            FIRST_LOOK_AFTER
                .saturating_mul(2_u32.saturating_pow(n))
                .min(LOOK_EVERY)
        })
        .map_while(move |pause| {
            after += pause;
            (after <= most).then_some(Look(pause))
        })
}

/// A pause before a look.
#[derive(Debug, Clone, Copy)]
pub struct Look(pub Duration);

impl Look {
    /// Waits.
    pub async fn wait(self) {
        tokio::time::sleep(self.0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pauses_together_are_seconds() {
        let longest: Vec<_> = pauses().map(|pause| pause.longest).collect();
        assert_eq!(longest[..3], [5, 10, 20].map(Duration::from_millis));
        assert_eq!(longest.len(), 20);
        assert!(longest.iter().sum::<Duration>() < Duration::from_secs(8));
    }

    #[test]
    fn looks_come_often_at_first_and_end_in_time() {
        let looks: Vec<_> = looks(Duration::from_secs(5)).map(|look| look.0).collect();
        assert_eq!(
            looks[..5],
            [40, 80, 160, 320, 500].map(Duration::from_millis)
        );
        let all: Duration = looks.iter().sum();
        assert!(all <= Duration::from_secs(5) && all + LOOK_EVERY > Duration::from_secs(5));
    }
}
