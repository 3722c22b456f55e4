//! A user: what HR says, what an admin did, and where in the lifecycle that leaves them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::NoticeKey;
use crate::employee::{Field, HrRecord, HrWord};
use crate::hold::Held;
use crate::ids::{Email, EmployeeId, Generation};
use crate::lifecycle::{
    Access, Cause, Leave, Lifecycle, Origin, Pending, Reopening, Role, Status, Whose,
};
use crate::settings::Policy;

/// A user of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The employee id.
    pub employee_id: EmployeeId,
    /// Who brought the user here.
    pub origin: Origin,
    /// What is shown: the HR record as far as the sync may write, and what an admin entered.
    #[serde(default)]
    pub profile: BTreeMap<Field, String>,
    /// What HR says, whether or not the sync may act on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hr: Option<HrRecord>,
    /// What the user may do here.
    pub role: Role,
    /// Where in the lifecycle.
    pub lifecycle: Lifecycle,
    /// How often the lifecycle has changed.
    pub generation: Generation,
    /// What a deactivation or deletion still has to do.
    #[serde(default, skip_serializing_if = "Pending::is_done")]
    pub pending: Pending,
    /// What the end of a deactivation has left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopening: Option<Reopening>,
    /// When somebody leaves.
    #[serde(default, skip_serializing_if = "Leave::is_none")]
    pub leave: Leave,
    /// The machine stopped before this person: they were the last admin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// A safeguard stopped the machine before this person, until somebody answers that hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Held>,
    /// The notice that is withdrawn if the schedule ends before it is mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeKey>,
    /// Cards that are not cancelled.
    #[serde(default)]
    pub active_cards: u32,
    /// Counts visible changes: the `ETag`, and the number of the last history entry.
    pub version: u64,
    /// Counts every write: what a commit is conditional on.
    pub rev: u64,
}

impl User {
    /// Somebody new, before the first commit.
    #[must_use]
    pub fn new(employee_id: EmployeeId, origin: Origin, lifecycle: Lifecycle) -> Self {
        Self {
            employee_id,
            origin,
            profile: BTreeMap::new(),
            hr: None,
            role: Role::Member,
            lifecycle,
            generation: Generation(1),
            pending: Pending::default(),
            reopening: None,
            leave: Leave::default(),
            held: false,
            hold: None,
            notice: None,
            active_cards: 0,
            version: 0,
            rev: 0,
        }
    }

    /// The user as of the policy: whose schedule it has ended ([`Policy::ends`]) *is* active.
    #[must_use]
    pub fn settled(&self, policy: &Policy) -> Self {
        let mut user = self.clone();
        if let Lifecycle::Scheduled(schedule) = &self.lifecycle
            && policy.ends(schedule)
        {
            user.lifecycle = Lifecycle::Active;
            user.generation = self.generation.next();
        }
        user
    }

    /// The status as it is stored; [`User::settled`] first, where a policy is at hand.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.lifecycle {
            Lifecycle::Active => Status::Active,
            Lifecycle::Scheduled(_) => Status::DeactivationScheduled,
            Lifecycle::Deactivated(_) => Status::Deactivated,
            Lifecycle::Deleted { .. } => Status::Deleted,
        }
    }

    /// Whether the user may log in: exactly when active.
    #[must_use]
    pub fn access(&self) -> Access {
        match self.lifecycle {
            Lifecycle::Active => Access::Granted,
            _ => Access::Revoked,
        }
    }

    /// Whether the user may log in at an instant: a leave date that counts ends access when its day
    /// begins, whether or not a timer has been so quick.
    #[must_use]
    pub fn access_at(&self, now: DateTime<Utc>) -> Access {
        match self.leave.plan {
            Some(plan) if plan.at <= now => Access::Revoked,
            _ => self.access(),
        }
    }

    /// The leave date that is shown, and whose it is.
    #[must_use]
    pub fn leave_date(&self) -> Option<(NaiveDate, Whose)> {
        match self.leave.by_hand {
            Some(date) => Some((date, Whose::Admin)),
            None => Some((self.get(Field::LeaveDate)?.parse().ok()?, Whose::Hr)),
        }
    }

    /// Whether the user is an admin with access.
    #[must_use]
    pub fn is_acting_admin(&self) -> bool {
        self.role == Role::Admin && self.access() == Access::Granted
    }

    /// Why the user is scheduled or deactivated.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match &self.lifecycle {
            Lifecycle::Scheduled(schedule) => Some(schedule.cause),
            Lifecycle::Deactivated(deactivation) => Some(deactivation.cause),
            Lifecycle::Deleted { .. } => Some(Cause::Admin),
            Lifecycle::Active => None,
        }
    }

    /// When the grace period ends, or ended where a hold keeps it.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        match &self.lifecycle {
            Lifecycle::Scheduled(schedule) => Some(schedule.due_at),
            _ => None,
        }
    }

    /// When a machine has to look at this user again: the end of the grace period, or of the time
    /// that a deactivation was given to finish. What the sweep's index is sorted by.
    #[must_use]
    pub fn work_due(&self) -> Option<DateTime<Utc>> {
        let pending = if self.pending.is_done() {
            None
        } else {
            self.pending.due
        };
        let reopening = self.reopening.map(|reopening| reopening.due);
        // In the grace period access has ended already.
        let leave = match self.lifecycle {
            Lifecycle::Scheduled(_) => None,
            _ => self.leave.plan.map(|plan| plan.at),
        };
        let scheduled = match &self.lifecycle {
            Lifecycle::Scheduled(schedule) => Some(schedule.fires_at()),
            _ => None,
        };
        [scheduled, pending, reopening, leave]
            .into_iter()
            .flatten()
            .min()
    }

    /// A shown field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.profile.get(&field).map(String::as_str)
    }

    /// The shown e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<Email> {
        Email::new(self.get(Field::Email)?).ok()
    }

    /// What HR last said.
    #[must_use]
    pub fn hr_word(&self) -> Option<HrWord> {
        self.hr.as_ref().map(HrRecord::says)
    }
}
