//! Everything that was measured of the functions.

use crate::functions::Functions;
use crate::peers::Row;
use crate::reading::Speeds;

/// What the tables tell and the targets hold.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// What it was measured on, in a sentence.
    pub(crate) machine: String,
    pub(crate) functions: Functions,
    pub(crate) peers: Vec<Row>,
    pub(crate) reading: Speeds,
}
