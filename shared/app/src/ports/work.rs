//! Overdue work, and what the sweep remembers of it.

use std::collections::BTreeMap;
use std::future::Future;

use chrono::{DateTime, Utc};
use offramp_domain::{DigestMinute, EmployeeId, HoldId, OrgId, SnapshotId, SourceId, hex};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// How many bytes of a hash name a piece of work among those of its organisation.
const NAME_BYTES: usize = 8;

/// A piece of overdue or unfinished work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// A user who is due, whose deactivation is not finished, or whose card is being cancelled.
    User {
        /// The organisation.
        org: OrgId,
        /// The id of the user.
        employee_id: EmployeeId,
    },
    /// An open hold.
    Hold {
        /// The organisation.
        org: OrgId,
        /// The id of the hold.
        hold: HoldId,
    },
    /// A snapshot with steps left.
    Snapshot {
        /// The organisation.
        org: OrgId,
        /// The source of the snapshot.
        source: SourceId,
        /// The id of the snapshot.
        snapshot: SnapshotId,
    },
    /// A source that the sweep looks at.
    Source {
        /// The organisation.
        org: OrgId,
        /// The id of the source.
        source: SourceId,
    },
    /// A notice that is not mailed yet.
    Notice {
        /// The organisation.
        org: OrgId,
        /// The minute of the notice.
        minute: DigestMinute,
    },
}

impl Work {
    /// The organisation of the work.
    #[must_use]
    pub fn org(&self) -> &OrgId {
        match self {
            Self::User { org, .. }
            | Self::Hold { org, .. }
            | Self::Snapshot { org, .. }
            | Self::Source { org, .. }
            | Self::Notice { org, .. } => org,
        }
    }

    /// The name under which an attempt is remembered: a hash, which says nothing of a person. All notices of an
    /// organisation have one name, because one digest mails them.
    fn name(&self) -> String {
        let of = match self {
            Self::User { employee_id, .. } => format!("user#{employee_id}"),
            Self::Hold { hold, .. } => format!("hold#{hold}"),
            Self::Snapshot {
                source, snapshot, ..
            } => format!("snapshot#{source}#{snapshot}"),
            Self::Source { source, .. } => format!("source#{source}"),
            Self::Notice { .. } => "notices".to_owned(),
        };
        let hash = digest(&SHA256, of.as_bytes());
        hex(hash.as_ref().get(..NAME_BYTES).unwrap_or_default())
    }
}

/// A piece of work, and since when it is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The instant from which the work is due, to the second.
    pub at: DateTime<Utc>,
    /// The piece of work.
    pub work: Work,
}

/// What the sweep remembers of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// The last attempts at work that they did not end.
    #[serde(default)]
    tried: BTreeMap<String, Attempt>,
    /// The version of the tables of time zones with which leave dates are planned; `None` before the first sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<String>,
    /// True once the logins of the admins from before logins are bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
}

/// An attempt of the sweep at a piece of work that did not end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When the attempt was made.
    pub at: DateTime<Utc>,
    /// How many attempts in a row did not end the work.
    pub tries: u32,
}

impl Attempts {
    /// The most pieces of work of an organisation that are remembered, in about 120 KB. A sweep attempts about a
    /// thousand pieces.
    pub const MOST: usize = 2_000;

    /// The last attempt at a piece of work, if it did not end it.
    #[must_use]
    pub fn at(&self, work: &Work) -> Option<Attempt> {
        self.tried.get(&work.name()).copied()
    }

    /// Remembers an attempt that did not end the work. Of too many pieces, the one that was attempted first is
    /// forgotten.
    pub fn remember(&mut self, work: &Work, at: DateTime<Utc>) {
        let name = work.name();
        let tries = self.tried.get(&name).map_or(0, |attempt| attempt.tries);
        let tries = tries.saturating_add(1);
        self.tried.insert(name, Attempt { at, tries });
        if self.tried.len() > Self::MOST {
            let oldest = self.tried.iter().min_by_key(|(_, attempt)| attempt.at);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.tried.remove(&name);
            }
        }
    }

    /// Forgets a piece of work that has ended.
    pub fn forget(&mut self, work: &Work) {
        self.tried.remove(&work.name());
    }

    /// Forgets all attempts before an instant.
    pub fn forget_before(&mut self, instant: DateTime<Utc>) {
        self.tried.retain(|_, attempt| attempt.at >= instant);
    }
}

/// The index of overdue work, and what the sweep remembers of it.
pub trait Overdue: Send + Sync {
    /// The work that was due before an instant, oldest first within each shard. It has at most `limit` pieces of each
    /// shard.
    fn overdue(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Due>, Fault>> + Send;
    /// What the sweep remembers of an organisation.
    fn attempts(&self, org: &OrgId) -> impl Future<Output = Result<Attempts, Fault>> + Send;
    /// Replaces what the sweep remembers of an organisation.
    fn put_attempts(
        &self,
        org: &OrgId,
        attempts: &Attempts,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
