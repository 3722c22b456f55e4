//! The parameters that each route reads. One that it does not know would be passed over, and the answer be another than
//! the question: a typo must not list everybody.

use offramp_api::http::Request;
use offramp_app::{Error, Invalid, Result};

/// The names that a route reads from the query; the path after the organisation.
pub(crate) fn known(method: &str, path: &str) -> &'static [&'static str] {
    match (method, path) {
        ("GET", "/users") => &["status", "q", "limit", "cursor"],
        ("GET", "/access") => &["email"],
        ("GET", "/audit") => &["since", "limit", "cursor"],
        ("GET", "/feeds/celebrating") => &["on", "limit", "cursor"],
        ("POST", "/leavers") => &["when"],
        ("GET", "/holds/{id}" | "/runs/{run}") => &["cursor"],
        (
            "GET",
            "/users/{id}/history"
            | "/users/{id}/cards"
            | "/users/{id}/objectives"
            | "/dashboard/objectives"
            | "/holds"
            | "/runs"
            | "/sources"
            | "/sources/{source}/rejections"
            | "/reports/drift",
        ) => &["limit", "cursor"],
        _ => &[],
    }
}

/// Refuses a query with names that the route does not read.
///
/// # Errors
/// [`Error::Invalid`], which points at each of them.
pub(crate) fn check(request: &Request, method: &str, path: &str) -> Result<()> {
    let known = known(method, path);
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
