//! The door of HR systems: authentication of a source, deliveries of events, snapshots, and the health of a source.

pub mod delivery;
pub mod door;
pub mod pulse;
pub mod rejections;
pub mod snapshots;
