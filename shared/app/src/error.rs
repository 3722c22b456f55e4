//! What can go wrong in a use case.

use std::fmt;

use offramp_domain::{Refusal, User};
use serde_path_to_error::{Path, Segment};

/// Short for a use case's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{service} {operation}: {message}")]
pub struct Fault {
    /// Which service.
    pub service: &'static str,
    /// Which call.
    pub operation: &'static str,
    /// For the log; never for a client.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl Fault {
    /// A stored thing that cannot be read; a retry does not help.
    #[must_use]
    pub fn corrupt(operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            service: "dynamodb",
            operation,
            message: message.into(),
            retryable: false,
        }
    }
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// JSON pointer to it.
    pub pointer: String,
    /// What is wrong, safe to show.
    pub detail: String,
}

impl Invalid {
    /// What a deserializer could not read, and where. The text is the deserializer's, without the line and column: those
    /// would be of a part of the body.
    #[must_use]
    pub fn read<E: fmt::Display>(error: &serde_path_to_error::Error<E>) -> Self {
        let said = error.inner().to_string();
        let detail = said
            .rsplit_once(" at line ")
            .map_or(&*said, |(said, _)| said);
        Self {
            pointer: pointer(error.path()),
            detail: detail.to_owned(),
        }
    }
}

/// A path as a JSON pointer (RFC 6901): each part after a slash, `~` as `~0` and a slash as `~1`. It ends where the path is
/// not known any further; the whole document is the empty text.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for part in path.iter() {
        let name = match part {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => break,
        };
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

/// Why a use case did not do what it was asked. Each variant is one answer at the edge.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request breaks its contract.
    #[error("the request is invalid")]
    Invalid(Vec<Invalid>),
    /// The body is not JSON; the text says where.
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// More than the route takes.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The signature does not fit, or there is nobody by that name: nothing to enumerate.
    #[error("the signature does not verify")]
    BadSignature,
    /// The signed instant is further from our clock than the tolerance.
    #[error("webhook-timestamp is more than 300 seconds from our clock")]
    TimestampOutOfTolerance,
    /// The token is not for this.
    #[error("the token does not allow this")]
    Forbidden,
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There is already one; the text says what.
    #[error("there is already {0}")]
    Exists(&'static str),
    /// The route changes what the caller must have read: it takes `If-Match`.
    #[error("If-Match is required: send the version that you have read")]
    MatchRequired,
    /// `If-Match` names another version.
    #[error("the version is another")]
    VersionMismatch,
    /// The snapshot takes no more pages: it was completed, abandoned, or superseded.
    #[error("the snapshot is not open")]
    SnapshotNotOpen,
    /// Somebody has answered the hold, or HR has taken it back.
    #[error("the hold is not open any more")]
    HoldClosed,
    /// The change touches people or loosens protection; an admin is asked to confirm.
    #[error("{why}")]
    ConfirmationRequired {
        /// Which setting asks, what it would do, and how to go on.
        why: String,
        /// How many people it touches.
        affected: usize,
        /// The first 100 of them.
        users: Vec<User>,
        /// What to send with the same change.
        confirmation: String,
    },
    /// The confirmation is unknown, expired, or of another change or version.
    #[error("the confirmation is not for this change, or expired")]
    BadConfirmation,
    /// The key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    /// Something stands in the way of an erasure; the text says what.
    #[error("this cannot be erased now: {0}")]
    NotErasable(&'static str),
    /// So many others write the same thing that we gave up for now.
    #[error("too many concurrent changes; try again")]
    Busy,
    /// Not everything could be done in the time there was; what is left is taken up again.
    #[error("not finished in time: {0}")]
    Unfinished(&'static str),
}

impl Error {
    /// One thing wrong, at a pointer.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid {
            pointer: pointer.into(),
            detail: detail.into(),
        }])
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fault(fault) => fault.retryable,
            Self::Busy | Self::Unfinished(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Body {
        ids: Vec<u8>,
        #[serde(default)]
        of: BTreeMap<String, Vec<BTreeMap<String, u8>>>,
    }

    #[test]
    fn what_is_wrong_is_pointed_at_as_rfc_6901_says() {
        for (body, pointer, detail) in [
            (
                r#"{"ids":[1,"x"]}"#,
                "/ids/1",
                "invalid type: string \"x\", expected u8",
            ),
            (
                r#"{"ids":[],"of":{"a/b~c.d":[{},{"e":-1}]}}"#,
                "/of/a~1b~0c.d/1/e",
                "invalid value: integer `-1`, expected u8",
            ),
            (
                r#"{"ids":7}"#,
                "/ids",
                "invalid type: integer `7`, expected a sequence",
            ),
            ("{}", "", "missing field `ids`"),
            (
                "[]",
                "",
                "invalid length 0, expected struct Body with 2 elements",
            ),
        ] {
            let mut json = serde_json::Deserializer::from_str(body);
            let error = serde_path_to_error::deserialize::<_, Body>(&mut json).unwrap_err();
            let wrong = Invalid::read(&error);
            assert_eq!(
                (&*wrong.pointer, &*wrong.detail),
                (pointer, detail),
                "{body}"
            );
        }
    }
}
