//! What the system promises, told from outside; and what its sources promise.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod architecture;
mod feeds;
mod grace;
mod objectives;
mod samples;
