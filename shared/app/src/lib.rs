//! The use cases of Offramp: load → decide → arm → commit, and the ports that they need.
//!
//! Nothing here decides about a person: [`offramp_domain::decide()`] does. Nothing here knows AWS
//! or HTTP: the adapters and the functions do.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod backoff;
pub mod breaker;
pub mod cards;
pub mod clock;
pub mod digest;
pub mod error;
pub mod execute;
pub mod exit;
pub mod explain;
pub mod feeds;
pub mod first_admin;
pub mod holds;
pub mod hr;
pub mod identity;
pub mod leave;
pub mod leavers;
pub mod mail;
pub mod metrics;
pub mod objectives;
pub mod policy;
pub mod ports;
pub mod pulse;
pub mod rejections;
pub mod reports;
pub mod rules;
pub mod runs;
pub mod settings;
pub mod signature;
pub mod snapshots;
pub mod sources;
pub mod sweep;
pub mod sync_rules;
pub mod telemetry;
pub mod terminate;
pub mod tidy;
pub mod users;
pub mod view;
pub mod watch;
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
