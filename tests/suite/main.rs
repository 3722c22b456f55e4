//! What the system promises, told from outside; and what its sources promise.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod architecture;
mod feeds;
mod grace;
mod leave_dates;
mod leavers;
mod mutations;
mod objectives;
mod reports;
mod samples;
mod sync_rules;
mod telling;
