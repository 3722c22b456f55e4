use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// What can go wrong in the stand-ins themselves. None is worth a retry: each says that the set-up or the request is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No loopback port could be opened.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// A file of the data directory could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of the data directory was written by something else, or was cut off.
    #[error("{path} does not hold what the stand-ins write")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the JSON ends to make sense.
        source: serde_json::Error,
    },
    /// The clock was asked to go back.
    #[error("the clock stands at {now} and does not go back to {asked}")]
    Backwards {
        /// Where the clock stands.
        now: DateTime<Utc>,
        /// Where it was asked to go.
        asked: DateTime<Utc>,
    },
    /// The clock was asked to go further than dates reach.
    #[error("the clock cannot be moved that far")]
    TooFar,
    /// The HTTP client towards DynamoDB could not be built.
    #[error("cannot build the HTTP client towards DynamoDB")]
    Client(#[source] reqwest::Error),
    /// The operating system gave no randomness for a key.
    #[error("no randomness for a key")]
    Randomness,
    /// A task of the stand-ins ended before its answer, as happens while they shut down.
    #[error("the stand-ins are shutting down")]
    Stopped,
}
