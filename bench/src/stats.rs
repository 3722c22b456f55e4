//! Of many measurements, the one in the middle and the one near the end.

use std::time::Duration;

/// Durations, in the order in which they were measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The median in milliseconds; NaN of nothing.
    pub(crate) fn p50(&self) -> f64 {
        self.percentile(50)
    }

    /// The 99th percentile in milliseconds: the largest, of fewer than a hundred.
    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(place).map_or(f64::NAN, |time| ms(*time))
    }
}

/// The one in the middle of numbers, the larger of two; NaN of none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A duration in milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_end_of_what_was_measured() {
        let mut times = Times::default();
        assert!(times.p50().is_nan());
        for time in (1..=200).rev() {
            times.push(Duration::from_millis(time));
        }
        assert_eq!((times.p50(), times.p99()), (101.0, 199.0));
        let mut one = Times::default();
        one.push(Duration::from_micros(1_500));
        assert_eq!((one.p50(), one.p99()), (1.5, 1.5));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[2.0, 1.0]), 2.0);
        assert!(median(&[]).is_nan());
    }
}
