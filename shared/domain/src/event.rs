//! The events that can happen to a user.

use chrono::{DateTime, NaiveDate, Utc};

use crate::actor::{Actor, SubjectKind};
use crate::breaker::Counted;
use crate::employee::{Field, HrEvent};
use crate::ids::{
    CardId, EmployeeId, Generation, GivenReason, HoldId, Login, SnapshotId, SourceId,
};
use crate::lifecycle::{AtEnd, Role};

/// An event that can happen to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An HR source makes a statement.
    Hr {
        /// The source that made the statement.
        source: SourceId,
        /// The statement.
        event: HrEvent,
    },
    /// A user that the source knows is missing from its snapshot.
    Missing {
        /// The source that sent the snapshot.
        source: SourceId,
        /// The snapshot that lacks the user.
        snapshot: SnapshotId,
        /// The instant that the snapshot describes.
        at: DateTime<Utc>,
    },
    /// An admin approves the hold that stopped this user's event.
    Approve {
        /// The admin who answered.
        by: Actor,
        /// The hold that is answered.
        hold: HoldId,
        /// The version of the hold that the admin read. A user who joined at a later version stays held.
        until: u64,
    },
    /// An admin rejects the hold that stopped this user's event.
    Keep {
        /// The admin who answered.
        by: Actor,
        /// The hold that is answered.
        hold: HoldId,
        /// The version of the hold that the admin read.
        until: u64,
    },
    /// An admin adds a user by hand.
    Add {
        /// The admin who adds the user.
        by: Actor,
        /// The id of the new user.
        employee_id: EmployeeId,
        /// The profile fields, in canonical form ([`Field::canonical`]).
        profile: std::collections::BTreeMap<Field, String>,
        /// The role of the new user.
        role: Role,
        /// The login of an admin or auditor; `None` to bind what tokens name the person by.
        login: Option<Login>,
        /// How tokens name people. An admin whom no token can name could not act, and would yet count as the last one.
        signs_in_by: SubjectKind,
    },
    /// An admin deactivates a user at once, without a grace period.
    DeactivateNow {
        /// The acting admin.
        by: Actor,
    },
    /// An admin deletes a user.
    Delete {
        /// The acting admin.
        by: Actor,
    },
    /// An admin restores a deleted, deactivated or scheduled user.
    Restore {
        /// The acting admin.
        by: Actor,
    },
    /// An admin changes the role of a user.
    SetRole {
        /// The acting admin.
        by: Actor,
        /// The new role.
        role: Role,
        /// The login, as in [`Event::Add`]. `None` keeps the one that counts, or takes the last that the person had.
        login: Option<Login>,
        /// How tokens name people, as in [`Event::Add`].
        signs_in_by: SubjectKind,
    },
    /// An admin changes the login of another admin, or of an auditor.
    SetLogin {
        /// The acting admin.
        by: Actor,
        /// The new login.
        login: Login,
        /// How tokens name people, as in [`Event::Add`].
        signs_in_by: SubjectKind,
    },
    /// An admin confirms that the present address of a user is theirs, although somebody had it whom an admin put out.
    ConfirmAddress {
        /// The acting admin.
        by: Actor,
    },
    /// An admin has a user invited by mail, whatever the settings and the limit on invitations say.
    Invite {
        /// The acting admin.
        by: Actor,
    },
    /// The login of somebody who was appointed before there were logins is bound: what tokens name the person by now.
    BindLogin {
        /// Who binds it.
        by: Actor,
        /// How tokens name people, as in [`Event::Add`].
        signs_in_by: SubjectKind,
    },
    /// An admin sets, moves or removes a leave date.
    SetLeaveDate {
        /// The acting admin.
        by: Actor,
        /// The date, which the settings say the meaning of; `None` removes it.
        date: Option<NaiveDate>,
    },
    /// An admin moves the end of the grace period of one user. Access stays as it is.
    Postpone {
        /// The acting admin.
        by: Actor,
        /// The new end of the grace period.
        due_at: DateTime<Utc>,
        /// Why, in the admin's words.
        reason: GivenReason,
    },
    /// An admin gives the people of a source to another source.
    HandOver {
        /// The admin who decided it.
        by: Actor,
        /// The source that has the user. A user whom it does not have stays as they are.
        from: SourceId,
        /// The source that has the user from now on.
        to: SourceId,
    },
    /// A list of leavers, which an admin handed in, names the user.
    Leave {
        /// The acting admin.
        by: Actor,
        /// When the user leaves.
        how: Departure,
        /// What happens at the end.
        then: AtEnd,
    },
    /// The day of a leave date begins.
    LeaveDue {
        /// The number of the leave plan that the timer was armed for.
        plan: u64,
        /// When the timer was due, to the second.
        due: DateTime<Utc>,
    },
    /// A reminder of a leave date is due.
    RemindDue {
        /// The number of the leave plan that the timer was armed for.
        plan: u64,
        /// When the timer was due, to the second.
        due: DateTime<Utc>,
    },
    /// Objectives of a deactivated or deleted user were closed.
    ObjectivesClosed {
        /// The generation of the deactivation.
        generation: Generation,
        /// How many objectives this step closed.
        count: u32,
        /// True if no open objective is left.
        all: bool,
        /// The person or machine that closed them.
        by: Actor,
    },
    /// Objectives that a deactivation had closed were opened again.
    ObjectivesReopened {
        /// The generation of the deactivation that had closed them.
        generation: Generation,
        /// How many objectives this step opened.
        count: u32,
        /// How many objectives could not be opened, since an admin had deleted them.
        lost: u32,
        /// True if no closed objective is left to open.
        all: bool,
        /// The person or machine that opened them.
        by: Actor,
    },
    /// The grace period ends.
    Due {
        /// The generation that the timer was armed for.
        generation: Generation,
        /// When the timer was due, to the second.
        due: DateTime<Utc>,
    },
    /// Cards of a deactivated user are about to be cancelled for the first time. What a machine ended is taken back if the
    /// policy or the breaker has ended or kept it since. This is the last look before the point of no return.
    Reconsider {
        /// The generation of the deactivation.
        generation: Generation,
    },
    /// Cards of a deactivated or deleted user were cancelled at the issuer.
    CardsCancelled {
        /// The cancelled cards.
        cards: Vec<CardId>,
        /// The person or machine that had them cancelled.
        by: Actor,
    },
    /// Every card of a deactivated or deleted user is cancelled.
    Finished {
        /// The generation of the deactivation.
        generation: Generation,
        /// The person or machine that finished the work.
        by: Actor,
    },
    /// The stored user is brought in line with the policy, which has changed since the user was written.
    Tidy,
    /// A card was added to the user, taken from the user, frozen or thawed.
    CardsCounted {
        /// The acting admin or machine.
        by: Actor,
        /// The happening for the history.
        what: crate::history::Happening,
        /// The change in the number of cards that are not cancelled.
        difference: i32,
    },
}

/// When a user leaves whom a list of leavers names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Now: the grace period begins, whatever behaviour the settings say.
    Grace,
    /// Now, without a grace period.
    Now,
    /// On a leave date, which the settings say the meaning of.
    On(NaiveDate),
}

impl Event {
    /// The HR source that caused the event; `None` for an event of an admin, a timer or the machine itself.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        match self {
            Self::Hr { source, .. } | Self::Missing { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The employee whom an HR source speaks of; `None` for any other event.
    #[must_use]
    pub fn employee(&self) -> Option<&EmployeeId> {
        match self {
            Self::Hr { event, .. } => Some(&event.employee_id),
            _ => None,
        }
    }

    /// True if a machine causes the event, so that the breaker of the user's source is asked. An admin's actions, and
    /// actions that an admin has confirmed, are exempt.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        matches!(
            self,
            Self::Hr { .. } | Self::Missing { .. } | Self::Due { .. } | Self::LeaveDue { .. }
        )
    }

    /// True if the breaker must have been asked before this change is written. It is asked about every change that a
    /// machine causes. The last admin is held also where a policy begins a leave date that has passed.
    #[must_use]
    pub fn asks_about(&self, counted: Counted) -> bool {
        let of_policy = matches!(self, Self::Tidy) && matches!(counted, Counted::LastAdmin(_));
        self.is_automatic() || of_policy
    }

    /// True if the decision depends on the breaker of the user's source, although the event has no source.
    #[must_use]
    pub fn needs_breaker_of_user(&self) -> bool {
        matches!(
            self,
            Self::Due { .. } | Self::LeaveDue { .. } | Self::Reconsider { .. }
        )
    }
}
