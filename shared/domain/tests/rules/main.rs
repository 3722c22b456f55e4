//! The rules of the domain: the lifecycle table and the decisions below it, the merge, a model that
//! arbitrary stories are held against, and the JSON that is stored and sent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod decisions;
mod golden;
mod lifecycle;
mod merge;
mod model;
mod settings;
mod stage;
mod steps;
mod stories;
mod work;
mod world;
