//! The door of admins and machines: the data that they read, and the changes that they make.

pub mod addresses;
pub mod cards;
mod confirmation;
pub mod exit;
pub mod explain;
pub mod feeds;
pub mod first_admin;
pub mod leavers;
pub mod machines;
pub mod objectives;
pub mod reports;
pub mod runs;
pub mod settings;
pub mod sources;
pub mod sync_rules;
pub mod users;
