//! How an organisation leaves, comes back, and goes; and how one person goes. Each is bounded steps
//! that whoever operates the stack asks for one after the other. A step that died is asked for again.

mod erase;
mod export;
mod import;

pub use erase::{At, ErasedPerson, Erasing, LiveCards, organisation as erase_organisation, person};
pub use export::{Exported, export};
pub use import::{Imported, Part, import};

use std::time::Duration;

/// Another stretch is begun only while this much time is left.
const STEP_TIME: Duration = Duration::from_secs(6);
