//! The engine: load, decide, arm, commit. The three doors and upkeep stand on it, and on nothing of each other.

pub mod breaker;
pub mod closing;
pub mod commit;
pub mod execute;
pub mod holds;
pub mod leave;
pub mod many;
pub mod policy;
pub mod terminate;
pub mod tidy;
