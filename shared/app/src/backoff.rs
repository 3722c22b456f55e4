//! Pauses between the tries of a conditional write that somebody else won.

use std::time::Duration;

/// How often a decision is made anew because somebody else wrote first.
const TRIES: u32 = 20;
/// The first pause is at most this; each may be twice as long as the last, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);
/// The longest pause. All twenty come to seven seconds at most, and to half of it on the average:
/// well within the 29 that a function has that somebody waits for.
const LONGEST: Duration = Duration::from_millis(500);

/// One try, and the pause after it.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    longest: Duration,
}

impl Pause {
    /// Lets the others finish: for a random part of the longest pause, or all who have lost together
    /// would try again together, and all but one lose again. ([Full
    /// jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).)
    pub async fn wait(self) {
        tokio::time::sleep(self.longest.mul_f64(fastrand::f64())).await;
    }
}

/// As many tries as a decision gets.
pub fn pauses() -> impl Iterator<Item = Pause> + Send {
    (0..TRIES).map(|n| Pause {
        longest: FIRST.saturating_mul(2_u32.saturating_pow(n)).min(LONGEST),
    })
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
}
