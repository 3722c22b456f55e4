//! The errors of a use case.

use std::fmt;

use offramp_domain::{EmployeeId, Refusal, User};
use serde_path_to_error::{Path, Segment};

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// A service did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
#[error("{service} {operation}: {message}")]
pub struct Fault {
    /// The service, such as `dynamodb`.
    pub service: &'static str,
    /// The operation, such as `GetItem`.
    pub operation: &'static str,
    /// The message, for the log and never for a client.
    pub message: String,
    /// True if the same call may succeed later.
    pub retryable: bool,
}

impl Fault {
    /// The fault for stored data that cannot be read. A retry does not help.
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

/// An invalid part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The JSON pointer of the part (RFC 6901).
    pub pointer: String,
    /// What is wrong, safe to show to a client.
    pub detail: String,
}

impl Invalid {
    /// The part that a deserializer could not read. The text is the deserializer's, without line and column, which may
    /// refer to a part of the body.
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

/// A path as a JSON pointer (RFC 6901): each part follows a slash. The pointer
/// ends where the path is unknown. The whole document is the empty text.
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
        pointer.push_str(&pointed(&name));
    }
    pointer
}

/// A name as a part of a JSON pointer (RFC 6901).
#[must_use]
pub fn pointed(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Why a use case did not do what it was asked to do. Each variant is one answer of the API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The rules refuse the request.
    #[error(transparent)]
    Refused(Refusal),
    /// The request breaks its contract.
    #[error("the request is invalid")]
    Invalid(Vec<Invalid>),
    /// The body is not JSON. The text says where.
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The request has more than the route accepts.
    #[error("{0}")]
    TooLarge(&'static str),
    /// The signature does not verify, or the source is unknown. Both have the same answer, so that sources cannot be
    /// enumerated.
    #[error(
        "the signature does not verify: none of the first 16 parts of webhook-signature is v1, and the base64 of \
         HMAC-SHA256 over webhook-id, a dot, webhook-timestamp, a dot and the bytes of the body, with a live secret of \
         this source"
    )]
    BadSignature,
    /// The signed instant is too far from the server's clock.
    #[error("webhook-timestamp is more than 300 seconds from our clock")]
    TimestampOutOfTolerance,
    /// The token does not allow the request.
    #[error("the token does not allow this")]
    Forbidden,
    /// The requested thing does not exist.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A thing with that id exists. The text says which kind of thing.
    #[error("there is already {0}")]
    Exists(&'static str),
    /// The id of somebody new looks like that of somebody who is known.
    #[error("it looks like {0}; with `look_alike` true it is somebody else all the same")]
    LookAlike(EmployeeId),
    /// Machines have the subject of no admin or auditor, whom a machine's rights would shut out.
    #[error("the subject is an admin's or an auditor's")]
    SubjectOfAdmin,
    /// There are as many as there may be. The text says how many of what.
    #[error("there are {0} already, and no more may be")]
    TooMany(&'static str),
    /// The request needs `If-Match`, because it changes something that the caller must have read.
    #[error("If-Match is required: send the version that you have read")]
    MatchRequired,
    /// `If-Match` has another version than the stored one.
    #[error("the version is another")]
    VersionMismatch,
    /// Only an active source takes the people of another.
    #[error("the source that would take the people is not active")]
    SourceNotActive,
    /// A hand-over that is going on would cross this one.
    #[error("a hand-over of one of these sources is still going on")]
    HandingOver,
    /// The snapshot accepts no more pages: it was completed, abandoned or superseded.
    #[error("the snapshot is not open")]
    SnapshotNotOpen,
    /// The hold was answered, or it emptied.
    #[error("the hold is not open any more")]
    HoldClosed,
    /// More people would leave than one admin may let go alone. The approval is kept for a day and waits for another's.
    #[error("a second admin must approve the same within a day")]
    SecondAdmin,
    /// The change affects people or loosens protection, so an admin must confirm it.
    #[error("{why}")]
    ConfirmationRequired {
        /// Which setting needs the confirmation, what it would do, and how to proceed.
        why: String,
        /// How many people the change affects, of those who were counted.
        affected: usize,
        /// True if not everybody was counted.
        at_least: bool,
        /// The first 100 of them.
        users: Vec<User>,
        /// The token to send with the same change.
        confirmation: String,
    },
    /// The confirmation is unknown or expired, or belongs to another change or version.
    #[error("the confirmation is not for this change, or expired")]
    BadConfirmation,
    /// The key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    /// An erasure is not possible now. The text says why.
    #[error("this cannot be erased now: {0}")]
    NotErasable(&'static str),
    /// Too many other writers changed the same item, so this request was given up.
    #[error("too many concurrent changes; try again")]
    Busy,
    /// The request was not finished in time. The rest is done later.
    #[error("not finished in time: {0}")]
    Unfinished(&'static str),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoAddress => Self::invalid("/role", refusal.to_string()),
            Refusal::NoLogin | Refusal::LoginNoAddress => {
                Self::invalid("/login", refusal.to_string())
            }
            Refusal::LeaveDate(why) => Self::invalid("/leave_date", why.to_string()),
            Refusal::EndOutOfRange { .. } => Self::invalid("/due_at", refusal.to_string()),
            refusal => Self::Refused(refusal),
        }
    }
}

impl Error {
    /// An error with one invalid part.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Invalid {
            pointer: pointer.into(),
            detail: detail.into(),
        }])
    }

    /// True if the same request may succeed later.
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
