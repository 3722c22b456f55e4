//! The ways in which senders prove who they are.

pub mod standard;
