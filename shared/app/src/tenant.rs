//! The environment of a use case: the ports, the clock, and the organisation that it works for.

use std::fmt;
use std::ops::Deref;

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::{DigestMinute, OrgId, Timer};

use crate::metrics::Meter;
use crate::ports::Timers;
use crate::{Clock, Result};

/// The adapters of a stack. A new port is one line here, one in [`Env`], and one where the adapters are built.
pub trait Ports: Send + Sync + 'static {
    /// The table. Each use case names the capabilities of the table that it needs.
    type Store: Send + Sync;
    /// The scheduler.
    type Timers: Timers;
    /// The card issuer. Only `terminate` has one; the other functions have `()`. Code that calls an issuer requires a
    /// `CardIssuer`.
    type Issuer: Send + Sync;
}

/// The adapters, with a clock and a meter.
#[derive(Clone)]
pub struct Env<P: Ports> {
    /// The table.
    pub store: P::Store,
    /// The scheduler.
    pub timers: P::Timers,
    /// The card issuer, in `terminate`.
    pub issuer: P::Issuer,
    /// The clock, which gives the present.
    pub clock: Clock,
    /// The meter, which records figures.
    pub meter: Meter,
}

impl<P: Ports> Env<P> {
    /// The environment for one organisation.
    #[must_use]
    pub fn of<'a>(&'a self, org: &'a OrgId) -> Tenant<'a, P> {
        Tenant { env: self, org }
    }
}

impl<P: Ports> fmt::Debug for Env<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

/// One organisation: the first parameter of a use case. It gives access to the fields of its [`Env`].
pub struct Tenant<'a, P: Ports> {
    env: &'a Env<P>,
    /// The organisation.
    pub org: &'a OrgId,
}

impl<P: Ports> Tenant<'_, P> {
    /// Arms the timer of a next step, `after` the present minute, and returns it. The instant is that of the call, not of
    /// the beginning of a step that may have worked for a quarter of an hour. Calls within a minute arm one timer.
    ///
    /// # Errors
    /// A fault.
    pub async fn arm_next(
        &self,
        after: TimeDelta,
        timer: impl FnOnce(DateTime<Utc>) -> Timer + Send,
    ) -> Result<Timer> {
        let due = DigestMinute::of(self.clock.now()).start() + after;
        let timer = timer(due);
        self.timers.arm(&timer).await?;
        Ok(timer)
    }
}

impl<P: Ports> Clone for Tenant<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Ports> Copy for Tenant<'_, P> {}

impl<P: Ports> Deref for Tenant<'_, P> {
    type Target = Env<P>;

    fn deref(&self) -> &Env<P> {
        self.env
    }
}

impl<P: Ports> fmt::Debug for Tenant<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tenant").field(self.org).finish()
    }
}
