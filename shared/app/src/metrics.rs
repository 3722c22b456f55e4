//! What is counted. Figures only: a metric has a name that is fixed here and whole numbers for values, so
//! there is nothing of a person that one could hold.
//!
//! To add one, give it a line in [`Metric`] and call [`Meter::record`] where it happens; the dashboard of
//! `template.yaml` must show it, which a test asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Pieces.
    Count,
    /// Seconds.
    Seconds,
}

/// What becomes of several values of one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They are added up.
    Sum,
    /// The last one counts: how many there are now.
    Level,
    /// Each is kept, for percentiles.
    Each,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $unit:ident;)*) => {
        /// Everything that is counted, by the name that it has in CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What several values of it come to.
            #[must_use]
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// What it is counted in.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }
        }
    };
}

metrics! {
    /// Somebody entered the grace period.
    DeactivationsScheduled: Sum, Count;
    /// A grace period was taken back: by HR, by an admin, or with the sync.
    DeactivationsCancelled: Sum, Count;
    /// Somebody was deactivated: at the end of a grace period, at once, or by hand.
    DeactivationsDone: Sum, Count;
    /// From the second that a deactivation or leave date was due to its commit.
    DeactivationLag: Each, Seconds;
    /// The issuer cancelled a card, and it is written down.
    CardsCancelled: Sum, Count;
    /// SES accepted a message.
    MailsSent: Sum, Count;
    /// SES refused a message for good.
    MailsRefused: Sum, Count;
    /// The breaker stopped something and asks an admin.
    HoldsOpened: Sum, Count;
    /// Holds that wait for an admin, of all organisations.
    HoldsOpen: Level, Count;
    /// A record of HR's was refused: it is invalid, or another source's.
    RecordsRejected: Sum, Count;
    /// A webhook's signature, or its instant, did not verify.
    SignaturesFailed: Sum, Count;
    /// Pieces of work that a sweep found overdue.
    OverdueWork: Sum, Count;
    /// Those of them that failed again; the next sweep takes them up.
    OverdueWorkFailed: Sum, Count;
    /// Deactivations and leave dates among them: people who kept cards longer than announced.
    OverdueDeactivations: Sum, Count;
}

/// What one invocation has recorded so far. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Readings>>);

/// Metrics with their values: one value, but for those of [`Kind::Each`].
pub type Readings = BTreeMap<Metric, Vec<u64>>;

impl Meter {
    /// Records a value. A zero is recorded too: it says that somebody looked.
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

    /// What was recorded since the last time.
    #[must_use]
    pub fn take(&self) -> Readings {
        std::mem::take(&mut *self.readings())
    }

    fn readings(&self) -> MutexGuard<'_, Readings> {
        // Figures are whole at every moment, whoever has died while they held them.
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
