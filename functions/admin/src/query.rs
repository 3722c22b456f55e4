//! The query of a request has no parameter that its route does not read. Passed over, it would make the answer another
//! than the question: a typo must not list everybody.

use offramp_api::http::Request;
use offramp_app::{Error, Invalid, Result};

/// Refuses a query with names that the route does not read; `known` are those that it does.
///
/// # Errors
/// [`Error::Invalid`], which points at each of them.
pub(crate) fn check(request: &Request, known: &[&str]) -> Result<()> {
    let mut wrong: Vec<Invalid> = request
        .query_names()
        .filter(|name| !known.contains(name))
        .map(|name| Invalid {
            // A JSON pointer (RFC 6901), as for fields.
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
