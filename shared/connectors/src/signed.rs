//! Signature schemes, by which a sender proves that it holds a secret.

pub mod standard;
