//! Metrics. Each metric has a fixed name and whole numbers as values, so none can contain personal data.
//!
//! To add a metric, add a line to [`Metric`] and call [`Meter::record`] where the event happens. The dashboard of
//! `template.yaml` must show the metric; a test checks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time in seconds.
    Seconds,
}

/// How several values of one invocation combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The values are added.
    Sum,
    /// The last value counts, since it is the present level.
    Level,
    /// Each value is kept, for percentiles.
    Each,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $unit:ident;)*) => {
        /// The metrics, by their names in CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in CloudWatch.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How several values of one invocation combine.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// The unit of the values.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// How many users entered the grace period.
    DeactivationsScheduled: Sum, Count;
    /// How many grace periods were undone: by HR, by an admin, or by turning the sync off.
    DeactivationsCancelled: Sum, Count;
    /// How many users were deactivated: at the end of a grace period, at once, or by hand.
    DeactivationsDone: Sum, Count;
    /// The time from the due second of a deactivation or leave date to its commit.
    DeactivationLag: Each, Seconds;
    /// How many cards the issuer cancelled, as recorded by Offramp.
    CardsCancelled: Sum, Count;
    /// How many messages SES accepted.
    MailsSent: Sum, Count;
    /// How many messages SES refused for good.
    MailsRefused: Sum, Count;
    /// How many holds the breaker opened.
    HoldsOpened: Sum, Count;
    /// How many holds wait for an admin, over all organisations.
    HoldsOpen: Level, Count;
    /// How often the last admin of an organisation had a leave date: when it lay a week ahead, and when it had come and was
    /// held.
    LastAdminLeaves: Sum, Count;
    /// How many records of HR were refused because they are invalid or belong to another source.
    RecordsRejected: Sum, Count;
    /// How many webhooks failed because of their signature or its instant.
    SignaturesFailed: Sum, Count;
    /// How many pieces of overdue work a sweep found.
    OverdueWork: Sum, Count;
    /// How many of these failed again. The next sweep takes them up.
    OverdueWorkFailed: Sum, Count;
    /// How many of these were deactivations or leave dates: people who kept cards longer than announced.
    OverdueDeactivations: Sum, Count;
}

/// The figures of one invocation so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Readings>>);

/// The values of each metric: one value, except for metrics of [`Kind::Each`].
pub type Readings = BTreeMap<Metric, Vec<u64>>;

impl Meter {
    /// Records a value. A zero is recorded too, because it shows that the code looked.
    pub fn record(&self, metric: Metric, value: impl Into<u64>) {
        let value = value.into();
        let mut readings = self.readings();
        let values = readings.entry(metric).or_default();
        match (metric.kind(), values.last_mut()) {
            (Kind::Sum, Some(sum)) => *sum = sum.saturating_add(value),
            (Kind::Level, Some(level)) => *level = value,
            _ => values.push(value),
        }
    }

    /// Takes the figures that were recorded since the last call.
    #[must_use]
    pub fn take(&self) -> Readings {
        std::mem::take(&mut *self.readings())
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        // The figures are complete at every moment, so they are good even if a thread has panicked while it held the
        // lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_added_replaced_or_kept_as_their_kind_says() {
        let meter = Meter::default();
        for value in [3_u32, 0, 4] {
            meter.record(Metric::CardsCancelled, value);
            meter.record(Metric::HoldsOpen, value);
            meter.record(Metric::DeactivationLag, value);
        }
        let readings = meter.clone().take();
        assert_eq!(readings[&Metric::CardsCancelled], [7]);
        assert_eq!(readings[&Metric::HoldsOpen], [4]);
        assert_eq!(readings[&Metric::DeactivationLag], [3, 0, 4]);
        assert!(meter.take().is_empty());
    }
}
