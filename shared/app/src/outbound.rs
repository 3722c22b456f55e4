//! The door to the outside: what admins are told.

pub mod digest;
pub mod mail;
