//! Upkeep: the sweep, which finishes overdue work, and the watch over sources and holds.

pub mod sweep;
pub mod watch;
