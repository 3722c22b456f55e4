use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// The time that all stand-ins share. Clones are the same clock.
///
/// Only [`crate::Cloud::advance`] and [`crate::Cloud::set_now`] move it, so that nothing that falls due is jumped over.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    base: Base,
    /// Where the clock stands while an advance fires what falls due on the way.
    held: Option<DateTime<Utc>>,
}

/// What of a clock outlives a restart.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Base {
    /// Microseconds ahead of wall time.
    OffsetUs(i64),
    FrozenAt(DateTime<Utc>),
}

impl Clock {
    /// Wall time, plus whatever it is later moved ahead by.
    #[must_use]
    pub fn running() -> Self {
        Self::new(Base::OffsetUs(0))
    }

    /// A clock that stands at `at` until it is moved: for tests.
    #[must_use]
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self::new(Base::FrozenAt(at))
    }

    /// The present, in UTC.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let state = lock(&self.0);
        state.held.unwrap_or_else(|| state.base.now())
    }

    fn new(base: Base) -> Self {
        Self(Arc::new(Mutex::new(State { base, held: None })))
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(lock(&self.0).base, Base::OffsetUs(_))
    }

    pub(crate) fn base(&self) -> Base {
        let state = lock(&self.0);
        match (state.held, state.base) {
            // A stop in the middle of an advance must not lose the way already gone.
            (Some(held), base) => base.moved_to(held),
            (None, base) => base,
        }
    }

    /// Takes up where an earlier process stopped; never goes back for it.
    pub(crate) fn restore(&self, saved: Base) {
        let mut state = lock(&self.0);
        let resumed = match (state.base, saved) {
            (Base::OffsetUs(_), Base::OffsetUs(_)) | (Base::FrozenAt(_), Base::FrozenAt(_)) => {
                saved
            }
            (base, saved) => base.moved_to(saved.now()),
        };
        if resumed.now() > state.base.now() {
            state.base = resumed;
        }
    }

    /// Makes the clock stand at `at` until it is released.
    pub(crate) fn hold(&self, at: DateTime<Utc>) {
        lock(&self.0).held = Some(at);
    }

    /// Lets the clock go on from `at`: a frozen one stands there.
    pub(crate) fn release(&self, at: DateTime<Utc>) {
        let mut state = lock(&self.0);
        state.held = None;
        state.base = state.base.moved_to(at);
    }
}

impl Base {
    fn now(self) -> DateTime<Utc> {
        match self {
            Self::OffsetUs(us) => {
                let wall = Utc::now();
                wall.checked_add_signed(TimeDelta::microseconds(us))
                    .unwrap_or(wall)
            }
            Self::FrozenAt(at) => at,
        }
    }

    fn moved_to(self, at: DateTime<Utc>) -> Self {
        match self {
            // Rounded up, so that the clock never stands before where it has been.
            Self::OffsetUs(_) => {
                Self::OffsetUs((at - Utc::now()).num_microseconds().unwrap_or_default() + 1)
            }
            Self::FrozenAt(_) => Self::FrozenAt(at),
        }
    }
}
