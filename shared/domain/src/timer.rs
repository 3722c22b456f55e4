//! Timers, and what they carry. A timer acts only for the state that it was armed for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::DigestMinute;
use crate::hex::hex;
use crate::ids::{EmployeeId, Epoch, Generation, HoldId, OrgId, RunId, SnapshotId, SourceId};

/// One-shot, with a due second. Its JSON is the input that Scheduler hands to the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Timer {
    /// The end of a grace period.
    Deactivate {
        /// Organisation.
        org: OrgId,
        /// Whose.
        employee_id: EmployeeId,
        /// The source of the user when this was armed, `None` without one: it says which breaker is read with the user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<SourceId>,
        /// The generation it was armed for.
        generation: Generation,
        /// When.
        due: DateTime<Utc>,
    },
    /// Finishes a deactivation or deletion whose cards are still alive.
    Finish {
        /// Organisation.
        org: OrgId,
        /// Whose.
        employee_id: EmployeeId,
        /// The generation it was armed for.
        generation: Generation,
        /// When.
        due: DateTime<Utc>,
        /// The sweep has armed it, and arms the next: Lambda does not try it again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        swept: bool,
    },
    /// The beginning of a leave date.
    Leave {
        /// Organisation.
        org: OrgId,
        /// Whose.
        employee_id: EmployeeId,
        /// As that of [`Timer::Deactivate`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<SourceId>,
        /// The leave plan it was armed for; lifecycle changes do not count it.
        plan: u64,
        /// When.
        due: DateTime<Utc>,
    },
    /// Mails what was noticed in a minute.
    Digest {
        /// Organisation.
        org: OrgId,
        /// The minute of the notices.
        minute: DigestMinute,
    },
    /// Does what is left of an answer to a hold.
    Answer {
        /// Organisation.
        org: OrgId,
        /// The hold.
        hold: HoldId,
        /// The run of an approval; `None` is a rejection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The version of the hold that was answered.
        until: u64,
        /// When.
        due: DateTime<Utc>,
    },
    /// Applies a snapshot, as far as a step comes.
    Snapshot {
        /// Organisation.
        org: OrgId,
        /// Source.
        source: SourceId,
        /// Snapshot.
        snapshot: SnapshotId,
        /// When.
        due: DateTime<Utc>,
    },
    /// Rewrites the users whose schedules an epoch has ended.
    Tidy {
        /// Organisation.
        org: OrgId,
        /// The epoch that ended them.
        epoch: Epoch,
        /// When.
        due: DateTime<Utc>,
    },
}

impl Timer {
    /// When it fires, to the second.
    #[must_use]
    pub fn due(&self) -> DateTime<Utc> {
        match self {
            Self::Deactivate { due, .. }
            | Self::Finish { due, .. }
            | Self::Leave { due, .. }
            | Self::Answer { due, .. }
            | Self::Snapshot { due, .. }
            | Self::Tidy { due, .. } => *due,
            Self::Digest { minute, .. } => minute.fires_at(),
        }
    }

    /// Its organisation.
    #[must_use]
    pub fn org(&self) -> &OrgId {
        match self {
            Self::Deactivate { org, .. }
            | Self::Finish { org, .. }
            | Self::Leave { org, .. }
            | Self::Digest { org, .. }
            | Self::Answer { org, .. }
            | Self::Snapshot { org, .. }
            | Self::Tidy { org, .. } => org,
        }
    }

    /// Its kind, as in its JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deactivate { .. } => "deactivate",
            Self::Finish { .. } => "finish",
            Self::Leave { .. } => "leave",
            Self::Digest { .. } => "digest",
            Self::Answer { .. } => "answer",
            Self::Snapshot { .. } => "snapshot",
            Self::Tidy { .. } => "tidy",
        }
    }

    /// Its name: 64 characters at most of `[0-9a-zA-Z-_.]`, the same for the same timer. Hashed,
    /// since an employee id is longer and freer than a schedule's name may be.
    #[must_use]
    pub fn name(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        part(self.org().as_str());
        match self {
            Self::Deactivate {
                employee_id,
                generation,
                ..
            }
            | Self::Finish {
                employee_id,
                generation,
                ..
            } => {
                part(employee_id.as_str());
                part(&generation.to_string());
            }
            Self::Leave {
                employee_id, plan, ..
            } => {
                part(employee_id.as_str());
                part(&plan.to_string());
            }
            Self::Digest { .. } => {}
            Self::Answer {
                hold, run, until, ..
            } => {
                part(hold.as_str());
                part(run.as_ref().map_or("", RunId::as_str));
                part(&until.to_string());
            }
            Self::Snapshot {
                source, snapshot, ..
            } => {
                part(source.as_str());
                part(snapshot.as_str());
            }
            Self::Tidy { epoch, .. } => part(&epoch.to_string()),
        }
        let hash = hex(&hash.finalize()[..16]);
        format!("{}-{hash}-{}", self.kind(), self.due().timestamp())
    }
}
