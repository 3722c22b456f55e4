//! The door to the outside: the mails to admins, managers and users.

pub mod digest;
pub mod mail;
