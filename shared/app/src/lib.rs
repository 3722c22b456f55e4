//! The use cases of Offramp: load → decide → arm → commit, and the ports that they need.
//!
//! Nothing here decides about a person: [`offramp_domain::decide()`] does. Nothing here knows AWS
//! or HTTP: the adapters and the functions do.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod backoff;
pub mod clock;
pub mod desk;
pub mod engine;
pub mod error;
pub mod identity;
pub mod inbound;
pub mod metrics;
pub mod outbound;
pub mod ports;
pub mod rules;
pub mod telemetry;
pub mod upkeep;
pub mod when;

pub use clock::{Clock, Deadline};
pub use error::{Error, Fault, Invalid, Result};

/// What every use case works with: the store, the timers, and the present.
#[derive(Debug, Clone)]
pub struct Env<S, T> {
    /// The table, through the ports that the use case names.
    pub store: S,
    /// The scheduler.
    pub timers: T,
    /// The present.
    pub clock: Clock,
    /// What is counted.
    pub meter: metrics::Meter,
}
