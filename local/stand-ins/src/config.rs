use std::path::PathBuf;

use crate::clock::Clock;
use crate::kms::Keys;

/// Says whether a DynamoDB call, by its operation and its raw body, is one of the card issuer's.
pub type IssuerMatcher = fn(operation: &str, body: &[u8]) -> bool;

/// What the stand-ins need to start.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// The time they live in.
    pub clock: Clock,
    /// Where they keep what outlives a restart; `None` keeps all in memory.
    pub data_dir: Option<PathBuf>,
    /// The URL of the DynamoDB emulator behind the front, such as `http://127.0.0.1:8000`. Without one the front answers
    /// every call with `InternalServerError`.
    pub dynamodb_upstream: Option<String>,
    /// The table whose stream is followed and whose indexes may lag.
    pub table: String,
    /// The access key that the stand-ins ask DynamoDB's emulator with: some keep apart what different keys store.
    pub access_key: String,
    /// The region in ARNs.
    pub region: String,
    /// The account in ARNs: twelve digits.
    pub account: String,
    /// The keys that KMS has where `data_dir` has none: those of another cloud, whose ciphertexts this one is to open.
    pub keys: Keys,
    /// Picks the DynamoDB calls that count as service `issuer` for faults and in the log of calls.
    pub issuer_matcher: Option<IssuerMatcher>,
}

impl CloudConfig {
    /// In memory, without DynamoDB, in `eu-west-1` and account `123456789012`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            data_dir: None,
            dynamodb_upstream: None,
            table: String::new(),
            access_key: "local".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            keys: Keys::default(),
            issuer_matcher: None,
        }
    }
}

/// The URLs to override the SDKs' endpoints with, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// DynamoDB: the front, not the emulator behind it.
    pub dynamodb: String,
    /// EventBridge Scheduler.
    pub scheduler: String,
    /// SES v2.
    pub sesv2: String,
    /// KMS.
    pub kms: String,
}
