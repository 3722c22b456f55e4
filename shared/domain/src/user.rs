//! A user: what HR states, what an admin did, and the grounds against their access.

mod compact;
mod stored;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::NoticeKey;
use crate::employee::{Field, HrRecord, HrWord};
use crate::grounds::{GroundKind, GroundState, Grounds};
use crate::hold::Held;
use crate::ids::{Email, EmployeeId, Generation, Login};
use crate::lifecycle::{
    Access, AtEnd, Cause, Leave, Lifecycle, Origin, Pending, Reopening, Role, Status, Whose,
};
use crate::settings::{Policy, Settings};

pub use compact::CompactUser;

/// A user of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The employee id.
    pub employee_id: EmployeeId,
    /// The HR source, or the admin, that created the user.
    pub origin: Origin,
    /// The profile that clients see: the HR record as far as the sync rule includes the employee, and an admin's
    /// entries.
    pub profile: BTreeMap<Field, String>,
    /// HR's statements, whether or not the sync rule includes the employee. `None` if HR made no statement.
    pub hr: Option<HrRecord>,
    /// True from a hand-over to another source until that source has spoken: what it says first is the base of what it says
    /// later, and differs from the record of the source before without being a change.
    pub awaits_base: bool,
    /// The role of the user in Offramp.
    pub role: Role,
    /// The login that the user was last appointed with; `None` if there was no appointment, or if it is from before logins.
    /// [`User::login`] says if it counts.
    pub bound: Option<Login>,
    /// When HR last changed the e-mail address; `None` if it never has. The first address is no change.
    pub address_changed: Option<DateTime<Utc>>,
    /// The folded address that an admin has confirmed as this person's, although somebody had it whom an admin put out; `None`
    /// if there is none. It counts for this address alone.
    pub confirmed_address: Option<String>,
    /// The reasons against the access of the user. The state of the lifecycle follows from them.
    pub grounds: Grounds,
    /// How often the state of the lifecycle has changed. A timer acts only for the generation that it was armed for.
    pub generation: Generation,
    /// The pending work of a deactivation or deletion.
    pub pending: Pending,
    /// The pending work after the end of a deactivation: objectives to open again.
    pub reopening: Option<Reopening>,
    /// The leave date and its plan.
    pub leave: Leave,
    /// True if a machine did not end the access of this user because the user was the last admin.
    pub held: bool,
    /// The hold in which a safeguard stopped a machine from changing this user; `None` if there is none.
    pub hold: Option<Held>,
    /// Set while an admin has not let the employee in, who looks like somebody who is here. Clients see no such user.
    pub look_alike: Option<LookAlike>,
    /// The notice to withdraw if the schedule ends before the notice is mailed.
    pub notice: Option<NoticeKey>,
    /// How many cards are not cancelled.
    pub active_cards: u32,
    /// Counts visible changes. It is the `ETag` and the number of the last history entry.
    pub version: u64,
    /// Counts every write. Each commit is conditional on it.
    pub rev: u64,
}

/// An unknown employee who arrived as inactive, and looks like somebody who is here: probably HR has called that person
/// inactive, under another spelling of their id. They are stored so that a hold can keep them, and so that HR's word is not
/// news again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookAlike {
    /// The person whom they look like.
    pub of: EmployeeId,
    /// True if an admin has rejected them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

impl User {
    /// A new user, before the first commit.
    #[must_use]
    pub fn new(employee_id: EmployeeId, origin: Origin, grounds: Grounds) -> Self {
        Self {
            employee_id,
            origin,
            profile: BTreeMap::new(),
            hr: None,
            awaits_base: false,
            role: Role::Member,
            bound: None,
            address_changed: None,
            confirmed_address: None,
            grounds,
            generation: Generation(1),
            pending: Pending::default(),
            reopening: None,
            leave: Leave::default(),
            held: false,
            hold: None,
            look_alike: None,
            notice: None,
            active_cards: 0,
            version: 0,
            rev: 0,
        }
    }

    /// The user as of the policy, which may have ended grounds of the stored user ([`Grounds::as_of`]).
    #[must_use]
    pub fn as_of(&self, policy: &Policy) -> Self {
        let mut user = self.clone();
        user.grounds = self.grounds.as_of(policy);
        if user.status() != self.status() {
            user.generation = self.generation.next();
        }
        user
    }

    /// The state of the lifecycle, derived from the grounds.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.grounds.lifecycle()
    }

    /// The status that follows from the stored grounds. Call [`User::as_of`] first if a policy is at hand.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lifecycle().status()
    }

    /// Granted if no ground in force ends access yet. [`User::access_at`] reads the clock as well.
    #[must_use]
    pub fn access(&self) -> Access {
        self.grounds.access()
    }

    /// Access at an instant. A leave date that counts ends access when its day begins, even if its timer has not fired
    /// yet. Only an admin keeps access until a decision has begun the date: the clock does not know whether another admin
    /// is left, and two admins may have the same date.
    #[must_use]
    pub fn access_at(&self, now: DateTime<Utc>) -> Access {
        match self.leave.plan {
            Some(plan) if plan.at <= now && !self.is_acting_admin() => Access::Revoked,
            _ => self.access(),
        }
    }

    /// True if the user has access at an instant, and no ground against it is in force. Only active users are admins, and
    /// only they receive cards; a leaver may have access and be neither.
    #[must_use]
    pub fn is_active_at(&self, now: DateTime<Utc>) -> bool {
        self.status() == Status::Active && self.access_at(now) == Access::Granted
    }

    /// The leave date that clients see, and its author. An admin's date takes precedence over HR's.
    #[must_use]
    pub fn leave_date(&self) -> Option<(NaiveDate, Whose)> {
        match self.leave.by_hand {
            Some(date) => Some((date, Whose::Admin)),
            None => Some((self.get(Field::LeaveDate)?.parse().ok()?, Whose::Hr)),
        }
    }

    /// The leave date as its author says it: HR the first day without access, an admin what the settings say.
    #[must_use]
    pub fn leave_date_as_said(&self, settings: &Settings) -> Option<(NaiveDate, Whose)> {
        let (date, whose) = self.leave_date()?;
        let said = match whose {
            Whose::Admin => settings.leave_date_is.said(date),
            Whose::Hr => date,
        };
        Some((said, whose))
    }

    /// True if the user is an admin, and no ground against their access is in force.
    #[must_use]
    pub fn is_acting_admin(&self) -> bool {
        self.role == Role::Admin && self.status() == Status::Active
    }

    /// When an admin last deleted the user or put them out, if that stands; `None` if it does not.
    #[must_use]
    pub fn put_out_at(&self) -> Option<DateTime<Utc>> {
        let by_hand = [GroundKind::Admin, GroundKind::Deleted];
        let grounds = by_hand.iter().filter_map(|kind| self.grounds.get(*kind));
        let in_force = grounds.filter(|ground| ground.counts());
        in_force.map(|ground| ground.since).max()
    }

    /// True if HR called the user inactive in its first word, and nothing has changed since.
    #[must_use]
    pub fn never_was_here(&self) -> bool {
        self.generation == Generation(1) && self.grounds.ended().is_some()
    }

    /// Why the user is scheduled, deactivated or deleted; `None` if the user is active.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self.lifecycle() {
            Lifecycle::Scheduled(schedule) => Some(schedule.cause),
            Lifecycle::Deactivated(deactivation) => Some(deactivation.cause),
            Lifecycle::Deleted { .. } => Some(Cause::Admin),
            Lifecycle::Active => None,
        }
    }

    /// What happens at the end that stands against the user, or that their planned leave date brings.
    #[must_use]
    pub fn at_end(&self) -> AtEnd {
        let ground = |kind| {
            let found = self.grounds.get(kind);
            found.filter(|ground| ground.counts() || ground.state == GroundState::Held)
        };
        let listed = ground(GroundKind::Admin).is_some_and(|ground| ground.then == AtEnd::Delete);
        let dated = self.leave.then == AtEnd::Delete
            && self.leave.by_hand.is_some_and(|date| {
                let planned = self.leave.plan.is_some_and(|plan| plan.date == date);
                planned || ground(GroundKind::LeaveDate).is_some_and(|one| one.is_about(date))
            });
        match (listed || dated) && self.status() != Status::Deleted {
            true => AtEnd::Delete,
            false => AtEnd::Deactivate,
        }
    }

    /// When the grace period ends. If a hold keeps the grace period, this instant may have passed.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        self.lifecycle().schedule().map(|schedule| schedule.due_at)
    }

    /// When the sweep has to look at this user: the earliest of the end of the grace period, the time for pending work,
    /// the leave date, and its next reminder. The sweep's index is sorted by it.
    #[must_use]
    pub fn work_due(&self) -> Option<DateTime<Utc>> {
        let pending = if self.pending.is_done() {
            None
        } else {
            self.pending.due
        };
        let reopening = self.reopening.map(|reopening| reopening.due);
        let lifecycle = self.lifecycle();
        let scheduled = lifecycle.schedule().map(|schedule| schedule.fires_at());
        let leave = self.leave.plan.map(|plan| plan.at);
        [scheduled, pending, reopening, leave, self.leave.remind_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// The value of a profile field, as clients see it.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.profile.get(&field).map(String::as_str)
    }

    /// The login of an admin or auditor. It ends with the role, and with a deletion. `None` also for an admin who has none
    /// yet, since the appointment is from before logins.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        let counts = self.role.signs_in() && self.status() != Status::Deleted;
        self.bound.as_ref().filter(|_| counts)
    }

    /// True if the person is an admin or auditor whose login no appointment has bound yet. Tokens then name them by the
    /// address, so HR may not change it.
    #[must_use]
    pub fn is_unbound(&self) -> bool {
        self.role.signs_in() && self.bound.is_none()
    }

    /// Where the person is mailed: at the login where that is an address, else at the address in the profile.
    #[must_use]
    pub fn mailed_at(&self) -> Option<Email> {
        let login = self
            .login()
            .and_then(|login| Email::new(login.as_str()).ok());
        login.or_else(|| self.email())
    }

    /// The e-mail address in the profile.
    #[must_use]
    pub fn email(&self) -> Option<Email> {
        Email::new(self.get(Field::Email)?).ok()
    }

    /// HR's last statement; `None` if HR made no statement.
    #[must_use]
    pub fn hr_word(&self) -> Option<HrWord> {
        self.hr.as_ref().map(HrRecord::says)
    }
}
