//! Opaque cursors. A cursor is valid for one organisation and one query.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offramp_app::{Error, Result};
use offramp_domain::OrgId;
use ring::digest::{SHA256, digest};

/// Bytes of the hash that binds a cursor to its query.
const MARK: usize = 12;

fn mark(org: &OrgId, query: &[&str]) -> Vec<u8> {
    let text = format!("{org}\u{1f}{}", query.join("\u{1f}"));
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .take(MARK)
        .copied()
        .collect()
}

/// A position is shorter than this: DynamoDB's limit for a sort key, in bytes.
const LONGEST: usize = 1024;

/// The cursor of a position.
pub(crate) fn write(org: &OrgId, query: &[&str], position: &str) -> String {
    let mut bytes = mark(org, query);
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a cursor.
///
/// # Errors
/// [`Error::Invalid`] if the cursor is not of this organisation and query.
pub(crate) fn read(org: &OrgId, query: &[&str], cursor: &str) -> Result<String> {
    let invalid = || Error::invalid("/cursor", "is not a cursor of this query");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    match bytes.split_at_checked(MARK) {
        Some((head, position)) if head == mark(org, query) && position.len() < LONGEST => {
            String::from_utf8(position.to_vec()).map_err(|_| invalid())
        }
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_one_organisation_and_one_query() {
        let (a, b) = (OrgId::new("a").unwrap(), OrgId::new("b").unwrap());
        let cursor = write(&a, &["users", "active"], "lena\u{1f}E-7");
        assert_eq!(
            read(&a, &["users", "active"], &cursor).unwrap(),
            "lena\u{1f}E-7"
        );
        for (org, query) in [(&b, ["users", "active"]), (&a, ["users", "deleted"])] {
            assert!(read(org, &query, &cursor).is_err());
        }
        assert!(read(&a, &["users", "active"], "x").is_err());
    }
}
