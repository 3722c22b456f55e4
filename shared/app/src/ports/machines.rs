//! The machines that an organisation has registered.

use std::collections::BTreeSet;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::ids::InvalidId;
use offramp_domain::{Actor, EmployeeId, Notice, OrgId, Subject};
use serde::{Deserialize, Serialize};

use super::{Committed, Loaded};
use crate::Fault;

/// A right of a machine: a group of routes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = MachineRight))]
pub enum Right {
    /// Whether somebody may log in.
    Access,
    /// People, without their HR record and their birthday.
    People,
    /// Cards.
    Cards,
    /// Events, for a client that asks for them.
    Events,
}

/// The name of a machine: 1 to 63 of `a-z`, `0-9` and `-`, not starting with `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
pub struct MachineName(String);

impl MachineName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidId`] as for the name of an organisation, whose rule it is.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        OrgId::new(text).map(|id| Self(id.to_string()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MachineName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = "a machine's name must be 1 to 63 of a-z, 0-9 and '-', not starting with '-'";
        Self::new(text).map_err(|_| wrong.to_owned())
    }
}

impl From<MachineName> for String {
    fn from(name: MachineName) -> Self {
        name.0
    }
}

/// A machine: what its token says, and what it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Machine {
    /// The name, which admins give.
    pub name: MachineName,
    /// The `sub` of its tokens, compared exactly.
    pub subject: Subject,
    /// What it may do.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Right>))]
    pub may: BTreeSet<Right>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// The machines of an organisation, by name. They are one item, which a condition on the version protects.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machines {
    /// Counts changes.
    pub version: u64,
    /// The machines.
    pub machines: Vec<Machine>,
}

impl Machines {
    /// The most machines of an organisation. With the longest subjects they are read with six more units.
    pub const MOST: usize = 100;

    /// The machine whose tokens have this subject.
    #[must_use]
    pub fn of(&self, subject: &str) -> Option<&Machine> {
        let mut all = self.machines.iter();
        all.find(|machine| machine.subject.as_str() == subject)
    }
}

/// What an admin did to the machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedMachineChange))]
pub enum MachineChange {
    /// A machine was registered.
    Registered {
        /// The machine.
        machine: Machine,
    },
    /// A machine was removed. Its tokens are nobody's from then on.
    Removed {
        /// The machine.
        machine: Machine,
    },
}

/// A change of the machines, for the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AuditedMachine))]
pub struct MachineEntry {
    /// When the machines were changed.
    pub at: DateTime<Utc>,
    /// The admin who changed them.
    pub by: Actor,
    /// The version of the machines after the change.
    pub version: u64,
    /// The change.
    #[serde(flatten)]
    pub change: MachineChange,
}

/// Reads and writes machines, and reads what says who a caller is.
pub trait Registry: Send + Sync {
    /// The machines, read consistently.
    fn machines(&self, org: &OrgId) -> impl Future<Output = Result<Machines, Fault>> + Send;
    /// The machines, and what [`super::Users::load`] reads, in one consistent batch read.
    fn load_caller(
        &self,
        org: &OrgId,
        ids: &[EmployeeId],
    ) -> impl Future<Output = Result<(Loaded, Machines), Fault>> + Send;
    /// Replaces the machines, conditional on the version before, with the entry of the change.
    fn put_machines(
        &self,
        org: &OrgId,
        machines: &Machines,
        entry: &MachineEntry,
        notice: &Notice,
    ) -> impl Future<Output = Result<Committed, Fault>> + Send;
}
