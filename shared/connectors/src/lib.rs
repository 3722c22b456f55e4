//! The dialects of HR sources, one module each: how a request is proven, and what it says.
//!
//! A connector is pure: bytes and instants in, [`offramp_app::ports`]' types out. What is done with them is
//! `offramp_app::inbound`'s matter.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod native;
pub mod signed;

pub use native::Native;
