//! Keys of the limit on invitations. They begin as those of messages do, which is all that `notify` may write.

use offramp_app::ports::DigestId;
use offramp_domain::OrgId;

use super::{Key, key};

/// The partition of the counted invitations, and of what digests were granted. No digest has this id.
#[must_use]
pub fn invitations(org: &OrgId) -> String {
    format!("O#{org}#D#invites")
}

/// The key of the counted invitations of an organisation.
#[must_use]
pub fn invited(org: &OrgId) -> Key {
    key(invitations(org), INVITED)
}

/// The sort key of the counted invitations.
pub const INVITED: &str = "COUNT";

/// The key of the invitations that a digest was granted.
#[must_use]
pub fn grant(org: &OrgId, digest: &DigestId) -> Key {
    key(invitations(org), format!("{GRANT}{}", digest.as_str()))
}

/// The beginning of the sort key of every grant.
pub const GRANT: &str = "G#";
