//! The crate's one error type.

use std::path::PathBuf;

/// What can keep the local stack from starting, or a command of the CLI from succeeding.
///
/// None of these passes by itself: trying again helps only after the cause, which the message names, is gone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `template.yaml` says something that the local stack cannot follow.
    #[error("template.yaml: {0}")]
    Template(String),
    /// `template.yaml` is not YAML.
    #[error("template.yaml is not YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// No loopback port could be had.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for; 0 is any.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another stack keeps its data there.
    #[error("{0} is in use by another stack")]
    InUse(PathBuf),
    /// The embedded DynamoDB refused something.
    #[error("embedded DynamoDB: {0}")]
    Database(String),
    /// One of the AWS stand-ins refused something.
    #[error("AWS stand-in: {0}")]
    StandIn(String),
    /// A function could not be built from the environment that the template gives it.
    #[error("function {function}: {reason}")]
    Function {
        /// Its logical id in the template.
        function: String,
        /// Why.
        reason: String,
    },
    /// A signing key could not be made, read or used.
    #[error("signing key: {0}")]
    Key(String),
    /// A request got no answer.
    #[error("{what}: {source}")]
    Http {
        /// The request, as method and path.
        what: String,
        /// What the client said.
        source: reqwest::Error,
    },
    /// A request was answered, but not as it had to be.
    #[error("{what} answered {status}: {body}")]
    Answer {
        /// The request, as method and path.
        what: String,
        /// The status that came.
        status: u16,
        /// The body that came.
        body: String,
    },
    /// A document is not what it has to be.
    #[error("{what}: {reason}")]
    Document {
        /// The document: a file, or an answer.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command line makes no sense; the text says why, and what would.
    #[error("{0}")]
    Usage(String),
    /// A step of the demo did not happen.
    #[error("it did not happen: {0}")]
    Demo(String),
}

impl Error {
    /// A document error, from whatever says what is wrong.
    pub(crate) fn document(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Document {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// A file error, for the closure of a `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// As [`Self::file`], of a file that somebody named.
    pub(crate) fn reading(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                Self::document(path.display().to_string(), "there is no such file")
            }
            _ => Self::File { path, source },
        }
    }
}
