//! Refuses query parameters that a route does not read. If they were ignored, a misspelled filter would list everybody.

use offramp_api::http::Request;
use offramp_app::{Error, Invalid, Result};

/// Refuses a query with unknown names. `known` are the names that the route reads.
///
/// # Errors
/// [`Error::Invalid`], which points at each unknown name.
pub(crate) fn check(request: &Request, known: &[&str]) -> Result<()> {
    let mut wrong: Vec<Invalid> = request
        .query_names()
        .filter(|name| !known.contains(name))
        .map(|name| Invalid {
            // A JSON pointer (RFC 6901), as for the fields of a body.
            pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            detail: match known {
                [] => "is unknown: this route has no parameters".to_owned(),
                known => format!("is unknown: this route has {}", known.join(", ")),
            },
        })
        .collect();
    wrong.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    wrong.dedup();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(wrong))
    }
}
