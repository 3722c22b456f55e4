//! The settings, sources and secrets of an organisation.

use std::collections::BTreeSet;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{Actor, EmployeeId, Notice, OrgId, Policy, RunId, SourceId, SourceSync};
use serde::{Deserialize, Serialize};

use super::{Committed, Receipt};
use crate::Fault;

/// A pending confirmation of a change of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The token that the client sends back. It is opaque to the client.
    pub token: String,
    /// The version of the settings to which the confirmation applies.
    pub version: u64,
    /// Identifies the settings after the change.
    pub change: String,
    /// When the confirmation expires.
    pub expires: DateTime<Utc>,
}

/// A change of the policy, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEntry {
    /// When the policy was changed.
    pub at: DateTime<Utc>,
    /// The admin who changed it.
    pub by: Actor,
    /// The policy before the change.
    pub from: Policy,
    /// The policy after the change.
    pub to: Policy,
    /// The undone run; `None` if the change is of the settings or the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_back: Option<TakenBack>,
}

/// An undone run, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenBack {
    /// The id of the run.
    pub run: RunId,
    /// How many users were in the grace period that the run had begun.
    pub affected: u32,
    /// True if not everybody was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// Reads and writes the policy.
pub trait Policies: Send + Sync {
    /// The policy, read consistently. It is the default if nobody has set anything.
    fn policy(&self, org: &OrgId) -> impl Future<Output = Result<Policy, Fault>> + Send;
    /// Replaces the policy, conditional on the previous version, together with the entry and the notices of the change.
    fn commit_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Replaces the entry and the notices of a change that is committed, once its people are counted.
    fn recount_policy(
        &self,
        org: &OrgId,
        entry: &PolicyEntry,
        notices: &[Notice],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Stores a confirmation until it expires.
    fn put_confirmation(
        &self,
        org: &OrgId,
        confirmation: &Confirmation,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// A stored confirmation, expired or not.
    fn confirmation(
        &self,
        org: &OrgId,
        token: &str,
    ) -> impl Future<Output = Result<Option<Confirmation>, Fault>> + Send;
}

/// The state of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SourceState {
    /// The source's records are stored, but nobody is deactivated or restored, and nobody is mailed.
    Observing,
    /// The source's records take effect.
    Active,
    /// Nothing is accepted from the source.
    Disabled,
}

/// A webhook secret, sealed by KMS.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The number of the secret among the source's secrets.
    pub version: u64,
    /// The ciphertext, in Base64.
    pub sealed: String,
    /// When the secret was created.
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedSecret(version {})", self.version)
    }
}

/// An HR source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The id of the source.
    pub source: SourceId,
    /// The state of the source.
    pub state: SourceState,
    /// The secrets that verify, at most two, the newest last.
    pub secrets: Vec<SealedSecret>,
    /// When the source was created.
    pub created_at: DateTime<Utc>,
    /// When the present state was set; `None` if it was never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_at: Option<DateTime<Utc>>,
    /// The hours without a delivery after which the source is silent; `None` if its own rhythm decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_after_hours: Option<u32>,
    /// The hand-over that is going on; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handing_over: Option<HandingOver>,
    /// Counts changes. It is the `ETag`.
    pub version: u64,
}

/// People of a source who are being given to another source, until all of them are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandingOver {
    /// The source that has them from then on.
    pub to: SourceId,
    /// The admin who decided it.
    pub by: Actor,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whom of them, without those who are given; `None` if it is everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_ids: Option<BTreeSet<EmployeeId>>,
    /// Since when nobody is found any more; `None` if somebody was found last. The roster is eventually consistent, so that is
    /// believed only if it is found again later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<DateTime<Utc>>,
}

/// The properties of a source that an admin sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceSettings {
    /// The state of the source.
    pub state: SourceState,
    /// The hours without a delivery after which the source is silent; `None` if its own rhythm decides.
    pub silent_after_hours: Option<u32>,
    /// The grace period of the source, where it is another than the organisation's.
    #[serde(default, skip_serializing_if = "SourceSync::is_none")]
    pub deactivation_sync: SourceSync,
}

impl Source {
    /// Since when the source has its present state.
    #[must_use]
    pub fn state_since(&self) -> DateTime<Utc> {
        self.state_at.unwrap_or(self.created_at)
    }

    /// The properties that an admin sets. The grace period of the source is in the policy, so that each decision reads
    /// it consistently.
    #[must_use]
    pub fn settings(&self, policy: &Policy) -> SourceSettings {
        SourceSettings {
            state: self.state,
            silent_after_hours: self.silent_after_hours,
            deactivation_sync: policy.own_sync(&self.source),
        }
    }
}

/// A change of a source by an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedSourceChange))]
pub enum SourceChange {
    /// The source was created.
    Created {
        /// The settings of the new source.
        to: SourceSettings,
    },
    /// The state, the hours of silence or the grace period were changed.
    Changed {
        /// The settings before the change.
        from: SourceSettings,
        /// The settings after the change.
        to: SourceSettings,
    },
    /// People of the source were given to another source. The history of each of them names it, too.
    HandedOver {
        /// The source that has them from then on. The JSON name is not `to`, which has settings in other changes.
        #[serde(rename = "handed_to")]
        to: SourceId,
        /// How many there were.
        people: u32,
        /// True if an admin named them, and the others stay.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        part: bool,
    },
    /// A new secret was created. The entry does not contain it.
    SecretRotated {
        /// True if the earlier secrets no longer verify.
        revoked_previous: bool,
    },
}

/// A change of a source, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedSource))]
pub struct SourceEntry {
    /// When the source was changed.
    pub at: DateTime<Utc>,
    /// The admin who changed it.
    pub by: Actor,
    /// The id of the source.
    pub source: SourceId,
    /// The version of the source after the change.
    pub version: u64,
    /// The change.
    #[serde(flatten)]
    pub change: SourceChange,
}

/// The most sources of an organisation: each is read by every sweep, which all organisations share.
pub const MOST_SOURCES: usize = 50;

/// What is told of a change of a source.
#[derive(Debug, Clone, Copy)]
pub struct SourceTold<'a> {
    /// The entry for the audit.
    pub entry: &'a SourceEntry,
    /// The notice to the admins.
    pub notice: &'a Notice,
}

/// Reads and writes HR sources.
pub trait Sources: Send + Sync {
    /// A source, read consistently.
    fn source(
        &self,
        org: &OrgId,
        source: &SourceId,
    ) -> impl Future<Output = Result<Option<Source>, Fault>> + Send;
    /// Every source of an organisation.
    fn sources(&self, org: &OrgId) -> impl Future<Output = Result<Vec<Source>, Fault>> + Send;
    /// Writes a new source with its entry. The condition is that the source does not exist, and that the organisation has
    /// fewer than [`MOST_SOURCES`], also if several are added at once. `known` is how many were read: they are counted
    /// from there if an earlier version has added them. The rest is as in [`Self::put_source`].
    fn add_source(
        &self,
        org: &OrgId,
        source: &Source,
        known: usize,
        told: SourceTold<'_>,
        policy: Option<&Policy>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes a source with what is told of its change, conditional on the version `before`. `policy` is the policy after
    /// the change, conditional on the version before it; `None` if it stays.
    fn put_source(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        told: SourceTold<'_>,
        policy: Option<&Policy>,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes a source that begins to hand its people over, with what is told of it, as [`Self::put_source`] does. It is also
    /// conditional on the version of the source `to` that was read.
    fn begin_hand_over(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
        told: SourceTold<'_>,
        to: &Source,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
    /// Writes how far a hand-over has come, conditional on the version `before`.
    fn go_on_handing_over(
        &self,
        org: &OrgId,
        source: &Source,
        before: u64,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}

/// The context that a sealed secret is bound to.
#[derive(Debug, Clone)]
pub struct SealContext<'a> {
    /// The organisation.
    pub org: &'a OrgId,
    /// The source.
    pub source: &'a SourceId,
    /// The number of the secret.
    pub version: u64,
}

/// Seals secrets. This is the half of KMS that `admin` may use.
pub trait Seals: Send + Sync {
    /// Encrypts a secret. The result is in Base64.
    fn seal(
        &self,
        context: &SealContext<'_>,
        secret: &[u8],
    ) -> impl Future<Output = Result<String, Fault>> + Send;
}

/// Opens sealed secrets. This is the half of KMS that `hr-sync` may use.
pub trait Unseals: Send + Sync {
    /// Decrypts a secret. The adapter keeps it in memory by context and ciphertext.
    fn unseal(
        &self,
        context: &SealContext<'_>,
        sealed: &str,
    ) -> impl Future<Output = Result<Vec<u8>, Fault>> + Send;
}

/// Reads the receipts of idempotent requests.
pub trait Receipts: Send + Sync {
    /// The receipt under a key, read consistently.
    fn receipt(
        &self,
        org: &OrgId,
        key: &str,
    ) -> impl Future<Output = Result<Option<Receipt>, Fault>> + Send;
}
