//! Timers and their payloads. A timer acts only on the state that it was armed for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantNames};

use crate::digest::DigestMinute;
use crate::hex::hex;
use crate::ids::{EmployeeId, Epoch, Generation, HoldId, OrgId, RunId, SnapshotId, SourceId};

/// A one-shot timer. Its JSON is the input that EventBridge Scheduler passes to the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Timer {
    /// Ends a grace period.
    Deactivate {
        /// The organisation.
        org: OrgId,
        /// The user to deactivate.
        employee_id: EmployeeId,
        /// The source of the user when the timer was armed; `None` without one. Its breaker is read together with the
        /// user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<SourceId>,
        /// The generation that the timer was armed for.
        generation: Generation,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
    /// Finishes a deactivation or deletion, or opens objectives again after its end.
    Finish {
        /// The organisation.
        org: OrgId,
        /// The user with pending work.
        employee_id: EmployeeId,
        /// The generation that the timer was armed for.
        generation: Generation,
        /// When it fires, to the second.
        due: DateTime<Utc>,
        /// True if the sweep has armed the timer. The next sweep arms the next one, so Lambda does not try this one
        /// again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        swept: bool,
    },
    /// Begins the first day without access.
    Leave {
        /// The organisation.
        org: OrgId,
        /// The user who leaves.
        employee_id: EmployeeId,
        /// The source of the user, as for [`Timer::Deactivate`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<SourceId>,
        /// The number of the leave plan that the timer was armed for. Changes of the lifecycle do not alter it.
        plan: u64,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
    /// Reminds the admins and the manager of a leave date that lies ahead.
    Remind {
        /// The organisation.
        org: OrgId,
        /// The user who leaves.
        employee_id: EmployeeId,
        /// The number of the leave plan, as for [`Timer::Leave`].
        plan: u64,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
    /// Mails the notices of one minute.
    Digest {
        /// The organisation.
        org: OrgId,
        /// The minute of the notices. The timer fires two minutes after its start.
        minute: DigestMinute,
    },
    /// Finishes an answer to a hold that the request had no time for.
    Answer {
        /// The organisation.
        org: OrgId,
        /// The answered hold.
        hold: HoldId,
        /// The run of the approval; `None` for a rejection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The version of the hold that was answered.
        until: u64,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
    /// Continues the steps of a snapshot.
    Snapshot {
        /// The organisation.
        org: OrgId,
        /// The source of the snapshot.
        source: SourceId,
        /// The snapshot to apply.
        snapshot: SnapshotId,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
    /// Rewrites the users that a change of the policy affects: an epoch, an undone run, the sync rule, or leave dates.
    Tidy {
        /// The organisation.
        org: OrgId,
        /// The epoch at the time of arming.
        epoch: Epoch,
        /// When it fires, to the second.
        due: DateTime<Utc>,
    },
}

impl Timer {
    /// Every kind, in the order of the enum.
    pub const KINDS: &'static [&'static str] = Self::VARIANTS;

    /// When the timer fires, to the second.
    #[must_use]
    pub fn due(&self) -> DateTime<Utc> {
        match self {
            Self::Deactivate { due, .. }
            | Self::Finish { due, .. }
            | Self::Leave { due, .. }
            | Self::Remind { due, .. }
            | Self::Answer { due, .. }
            | Self::Snapshot { due, .. }
            | Self::Tidy { due, .. } => *due,
            Self::Digest { minute, .. } => minute.fires_at(),
        }
    }

    /// The organisation of the timer.
    #[must_use]
    pub fn org(&self) -> &OrgId {
        match self {
            Self::Deactivate { org, .. }
            | Self::Finish { org, .. }
            | Self::Leave { org, .. }
            | Self::Remind { org, .. }
            | Self::Digest { org, .. }
            | Self::Answer { org, .. }
            | Self::Snapshot { org, .. }
            | Self::Tidy { org, .. } => org,
        }
    }

    /// The kind, as in the JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The name of the schedule: at most 64 characters of `[0-9a-zA-Z-_.]`, the same for equal timers. It contains a
    /// hash, because an employee id may be longer than a schedule's name, and may contain other characters.
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
            }
            | Self::Remind {
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
