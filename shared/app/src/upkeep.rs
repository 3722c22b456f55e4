//! What nobody asked for: the sweep, which finishes whatever is overdue, and the watch over sources and holds.

pub mod sweep;
pub mod watch;
