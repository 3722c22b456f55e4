//! The present, and how long one may still work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::decide::DAY;
use tokio::time::Instant;

/// Tells the present, and how long a day of the grace period lasts. The real one on Lambda, a movable
/// one on a laptop.
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

    /// Another clock.
    pub fn from_fn(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self {
            now: Arc::new(now),
            day: DAY,
        }
    }

    /// The same clock, by which a day of the grace period lasts so long: for staging.
    #[must_use]
    pub fn with_day(self, day: TimeDelta) -> Self {
        Self { day, ..self }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    /// How long a day of the grace period lasts: 24 hours, unless it was said otherwise.
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

/// The moment by which an invocation must have ended. In real time, whatever the clock says.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So much time from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Whether at least this much time is left.
    #[must_use]
    pub fn leaves(&self, time: Duration) -> bool {
        self.0.saturating_duration_since(Instant::now()) >= time
    }
}
