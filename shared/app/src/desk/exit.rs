//! Export, import and erasure of an organisation, and erasure of one person. Each consists of bounded steps, which an
//! operator of the stack requests one after the other. A step that died is requested again.

mod erase;
mod export;
mod import;

pub use erase::{At, ErasedPerson, Erasing, LiveCards, organisation as erase_organisation, person};
pub use export::{Exported, export};
pub use import::{Imported, Part, import};

use std::time::Duration;

/// A further stretch begins only if this much time is left.
const STEP_TIME: Duration = Duration::from_secs(6);
