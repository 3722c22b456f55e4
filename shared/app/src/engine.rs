//! The engine: load, decide, arm, commit. `inbound`, `desk`, `outbound` and `upkeep` use it.

pub mod breaker;
pub mod closing;
pub mod commit;
pub mod execute;
pub mod foreseen;
pub mod hand_over;
pub mod holds;
pub mod leave;
pub mod logins;
pub mod many;
pub mod policy;
pub mod terminate;
pub mod tidy;
