//! What belongs to an organisation itself: settings, sources, secrets.

use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, Notice, OrgId, Policy, RunId, SourceId};
use serde::{Deserialize, Serialize};

use super::{Committed, Receipt};
use crate::Fault;

/// A pending confirmation of a change of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Opaque to the client.
    pub token: String,
    /// The version that it was asked for.
    pub version: u64,
    /// Identifies the settings that would be.
    pub change: String,
    /// Until when.
    pub expires: DateTime<Utc>,
}

/// A change of the settings, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// Before.
    pub from: Policy,
    /// After.
    pub to: Policy,
    /// The run that was taken back, where that was all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_back: Option<TakenBack>,
}

/// A run that was taken back, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenBack {
    /// Which.
    pub run: RunId,
    /// How many people were in the grace period that it had begun.
    pub affected: u32,
}

/// Settings.
pub trait Policies: Send + Sync {
    /// The policy as it is; the default where nobody has set anything. A consistent read.
    fn policy(&self, org: &OrgId) -> impl Future<Output = Result<Policy, Fault>> + Send;
    /// Replaces the policy, conditional on its version, with the entry and the notices of the change.
    fn commit_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Keeps a confirmation until it expires.
    fn put_confirmation(
        &self,
        org: &OrgId,
        confirmation: &Confirmation,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Finds a confirmation, expired or not.
    fn confirmation(
        &self,
        org: &OrgId,
        token: &str,
    ) -> impl Future<Output = Result<Option<Confirmation>, Fault>> + Send;
}

/// What a source may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SourceState {
    /// Its records are kept; nobody is deactivated, restored or mailed about.
    Observing,
    /// It is acted on.
    Active,
    /// Nothing is taken from it.
    Disabled,
}

/// A webhook secret, sealed by KMS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Counts the secrets of the source.
    pub version: u64,
    /// Ciphertext, base64.
    pub sealed: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedSecret(version {})", self.version)
    }
}

/// An HR integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub source: SourceId,
    /// What it may do.
    pub state: SourceState,
    /// At most two that verify, the newest last.
    pub secrets: Vec<SealedSecret>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Since when it may do that; `None`: ever since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_at: Option<DateTime<Utc>>,
    /// Hours without a delivery after which it is silent; `None`: by its own rhythm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_after_hours: Option<u32>,
    /// The `ETag`.
    pub version: u64,
}

/// What an admin sets of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceSettings {
    /// What it may do.
    pub state: SourceState,
    /// Hours without a delivery after which it is silent; `None`: by its own rhythm.
    pub silent_after_hours: Option<u32>,
}

impl Source {
    /// What an admin has set of it.
    #[must_use]
    pub fn settings(&self) -> SourceSettings {
        SourceSettings {
            state: self.state,
            silent_after_hours: self.silent_after_hours,
        }
    }
}

/// What somebody did to a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedSourceChange))]
pub enum SourceChange {
    /// Made it.
    Created {
        /// As it was made.
        to: SourceSettings,
    },
    /// Set what it may do, or when it is silent.
    Changed {
        /// Before.
        from: SourceSettings,
        /// After.
        to: SourceSettings,
    },
    /// Gave it a new secret; which one is nobody's business.
    SecretRotated {
        /// Whether the others verify no more.
        revoked_previous: bool,
    },
}

/// A change of a source, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedSource))]
pub struct SourceEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// Which source.
    pub source: SourceId,
    /// The source's version after it.
    pub version: u64,
    /// What.
    #[serde(flatten)]
    pub change: SourceChange,
}

/// HR integrations.
pub trait Sources: Send + Sync {
    /// One source; a consistent read.
    fn source(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Option<Source>, Fault>> + Send;
    /// Every source of an organisation.
    fn sources(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Source>, Fault>> + Send;
    /// Writes a source with the entry of its change, conditional on the version before; 0 where there must
    /// be none.
    fn put_source(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        entry: &SourceEntry,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// What a sealed secret is bound to.
#[derive(Debug, Clone)]
pub struct SealContext<'a> {
    /// Organisation.
    pub org: &'a OrgId,
    /// Source.
    pub source: &'a SourceId,
    /// Version of the secret.
    pub version: u64,
}

/// The half of KMS that `admin` has.
pub trait Seals: Send + Sync {
    /// Encrypts a secret; base64.
    fn seal(
        &self,
        context: &SealContext<'_>,
        secret: &[u8],
    ) -> impl Future<Output = Result<String, Fault>> + Send;
}

/// The half of KMS that `hr-sync` has.
pub trait Unseals: Send + Sync {
    /// Decrypts a secret. Kept in memory by context and ciphertext.
    fn unseal(
        &self,
        context: &SealContext<'_>,
        sealed: &str,
    ) -> impl Future<Output = Result<Vec<u8>, Fault>> + Send;
}

/// Receipts of idempotent requests.
pub trait Receipts: Send + Sync {
    /// What a key answered; a consistent read.
    fn receipt(
        &self,
        org: &OrgId,
        key: &str,
    ) -> impl Future<Output = Result<Option<Receipt>, Fault>> + Send;
}
