//! The use cases of Offramp, and the ports that they need. A use case loads, decides, arms timers and commits.
//!
//! Nothing here decides about a person: [`offramp_domain::decide()`] does. Nothing here knows AWS or HTTP: the adapters
//! and the functions do.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod backoff;
pub mod clock;
pub mod desk;
pub mod engine;
pub mod error;
pub mod identity;
pub mod inbound;
pub mod metrics;
mod object;
pub mod outbound;
pub mod ports;
pub mod rules;
pub mod telemetry;
mod tenant;
pub mod upkeep;
pub mod when;

pub use clock::{Clock, Deadline};
pub use error::{Error, Fault, Invalid, Result, pointed};
pub use object::Object;
pub use tenant::{Env, Ports, Tenant};
