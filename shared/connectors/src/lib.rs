//! The dialects of HR sources, one module each: how a request is proven, and how it is read.
//!
//! A connector is pure. It turns bytes and instants into the types of [`offramp_app::ports`]. `offramp_app::inbound`
//! acts on them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod native;
pub mod signed;

pub use native::Native;
