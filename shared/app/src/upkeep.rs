//! Upkeep: the sweep, which finishes overdue work, and the watch over sources and holds.

pub mod sweep;
mod turns;
pub mod watch;
