//! The clock, and the deadline of an invocation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::DAY;
use tokio::time::Instant;

/// A clock gives the present, and the length of a day of the grace period. On Lambda it is the machine's clock; the
/// local stack has a clock that can be moved.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    day: TimeDelta,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(Utc::now)
    }

    /// A clock that gives the result of `now`.
    pub fn from_fn(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self {
            now: Arc::new(now),
            day: DAY,
        }
    }

    /// The same clock with another length of a day of the grace period. A staging stack shortens it.
    #[must_use]
    pub fn with_day(self, day: TimeDelta) -> Self {
        Self { day, ..self }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    /// The length of a day of the grace period: 24 hours unless [`Clock::with_day`] has set another.
    #[must_use]
    pub fn day(&self) -> TimeDelta {
        self.day
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The moment by which an invocation must have ended. It is measured in real time, whatever the clock says.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline that lies `time` ahead.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The same deadline, or the moment that lies `time` ahead if it is earlier.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self(self.0.min(Instant::now() + time))
    }

    /// The time that is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// True if at least `time` is left.
    #[must_use]
    pub fn leaves(&self, time: Duration) -> bool {
        self.left() >= time
    }
}
