//! The organisation that a local stack comes with, by name.

/// The organisation.
pub const ORG: &str = "acme";
/// Its HR source.
pub const SOURCE: &str = "hris";
/// The address of its first admin, who is the subject of the admin token.
pub const ADMIN_EMAIL: &str = "ada.okafor@acme.example";
/// The admins: the first appoints the second.
pub const ADMINS: [&str; 2] = ["E-1001", "E-1002"];

/// The machine that the seed registers: its name, and the subject of its token.
pub const MACHINE: &str = "login-page";
