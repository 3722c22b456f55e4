//! A decision: the outcome for the answer, and the change to commit.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::address::FormerAddress;
use crate::breaker::Counted;
use crate::digest::{Notice, NoticeKey};
use crate::employee::{Field, ImplausibleDate, Warning};
use crate::history::Entry;
use crate::ids::{HoldId, Login};
use crate::timer::Timer;
use crate::user::User;

/// The effect of an event on a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The outcome for the answer.
    pub answered: Answered,
    /// The change to write; `None` if nothing changes.
    pub change: Option<Box<Change>>,
    /// The change by a machine that the breaker counts; `None` if the breaker need not be asked.
    pub counted: Option<Counted>,
}

/// The outcome of an event in one word, as HR clients read it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrOutcome))]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// A new user was created.
    Created,
    /// Fields changed.
    Updated,
    /// No value changed.
    Unchanged,
    /// The grace period begins.
    Scheduled,
    /// The user is deactivated.
    Deactivated,
    /// The user is active again.
    Reactivated,
    /// The user is restored from a deletion.
    Restored,
    /// The sync rule leaves the employee out.
    Excluded,
    /// The settings, a deletion by hand or a leave date prevent the change.
    Ignored,
    /// A newer statement is known.
    Stale,
    /// A safeguard stopped the change.
    Held,
    /// The record is invalid, or the employee belongs to another source.
    Rejected,
}

impl Outcome {
    /// Every word, in the order of the enum.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// True if the user leaves or returns by it.
    #[must_use]
    pub fn moves(self) -> bool {
        matches!(
            self,
            Self::Scheduled | Self::Deactivated | Self::Reactivated | Self::Restored
        )
    }

    /// The end of a sentence that says what the server did to a person.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled their deactivation",
            Self::Deactivated => "deactivated them",
            Self::Reactivated => "reactivated them",
            Self::Restored => "restored them",
            Self::Held => "held them",
            _ => "changed them",
        }
    }
}

/// The outcome of an event, with the end of the grace period and an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The outcome in one word.
    pub outcome: Outcome,
    /// When the grace period ends; `None` if the user is not in one.
    pub due_at: Option<DateTime<Utc>>,
    /// An explanation, safe to show to a client; `None` if the word is enough.
    pub reason: Option<String>,
    /// The fields of HR's event that could not be read, or are not believed.
    pub warnings: Vec<Warning>,
}

impl Answered {
    /// An outcome without an explanation.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            due_at: None,
            reason: None,
            warnings: Vec::new(),
        }
    }

    /// An outcome with an explanation.
    #[must_use]
    pub fn because(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::of(outcome)
        }
    }
}

/// The change of the set of admins with access. It is part of the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminsChange {
    /// The set stays as it is.
    #[default]
    None,
    /// The user joins the set.
    Join,
    /// The user leaves the set. The last admin never does.
    Leave,
}

/// The change of the logins that name admins and auditors. It is part of the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginChange {
    /// The login that counts no longer.
    pub freed: Option<Login>,
    /// The login that counts from now on. Nobody else may have it.
    pub bound: Option<Login>,
}

/// The change that one event makes. It is written as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The user after the change, with `rev` and `version` already incremented.
    pub user: User,
    /// The `rev` that the write is conditional on; `None` if no user with that id may exist yet.
    pub base_rev: Option<u64>,
    /// The history entry; `None` if the change is not visible to clients.
    pub entry: Option<Entry>,
    /// The timers to arm before the commit.
    pub arm: Vec<Timer>,
    /// The timers to disarm after the commit. This may fail without harm.
    pub disarm: Vec<Timer>,
    /// The notice to write.
    pub notice: Option<Notice>,
    /// The notice to write beside it, where the power of an admin or auditor changes.
    pub power: Option<Notice>,
    /// The stored notice to withdraw.
    pub withdraw: Option<NoticeKey>,
    /// The change of the set of admins with access.
    pub admins: AdminsChange,
    /// The change of the logins; `None` if they stay as they are.
    pub login: Option<LoginChange>,
    /// The address that HR takes from the user with this change; `None` if it takes none.
    pub former: Option<FormerAddress>,
    /// Cards, objectives or a notice are left to do: a deactivation or a deletion begins with this change.
    pub makes_work: bool,
    /// The user joins the hold that they are in after the change. The transaction that writes the user writes the hold
    /// too, which must be open, and gives the roll number.
    pub joins: bool,
}

impl Change {
    /// The hold that the user joins; `None` if they join none.
    #[must_use]
    pub fn joined(&self) -> Option<&HoldId> {
        let held = self.user.hold.as_ref().filter(|_| self.joins)?;
        Some(&held.hold)
    }

    /// True if anything but `rev` differs from the stored user.
    pub(super) fn moves(&self, stored: &User) -> bool {
        User {
            rev: stored.rev,
            ..self.user.clone()
        } != *stored
    }
}

/// Why an admin's request is refused. Each reason has a stable code in the API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No user has that id.
    #[error("no such user")]
    NotFound,
    /// An admin may not deactivate, delete, restore or demote themselves.
    #[error("nobody deactivates, deletes, restores or demotes themselves")]
    OnSelf,
    /// The organisation would have no admin with access.
    #[error("this is the last admin with access")]
    LastAdmin,
    /// A user with that id exists.
    #[error("there is already a user with this id; one who is deleted is restored")]
    Exists,
    /// The user is deleted.
    #[error("the user is deleted; restore them first")]
    Deleted,
    /// Tokens name people by address, so an admin needs one.
    #[error("an admin needs an e-mail address: tokens name people by it")]
    NoAddress,
    /// There is no address to confirm.
    #[error("the user has no e-mail address")]
    NoAddressYet,
    /// A member has no login.
    #[error("only an admin or an auditor has a login")]
    NoLogin,
    /// Tokens name people by address, and the login is none.
    #[error("is not an e-mail address: tokens name people by it")]
    LoginNoAddress,
    /// The login names another admin or auditor.
    #[error("this login is another's")]
    LoginTaken,
    /// HR has changed the address lately, so an appointment says which login it binds.
    #[error(
        "HR changed the address within the last 7 days; say which `login` the appointment binds"
    )]
    AddressChanged,
    /// No grace period runs.
    #[error("the user is not in a grace period")]
    NotScheduled,
    /// The end of a grace period cannot be moved there.
    #[error("must lie between {} and {}", said(*.earliest), said(*.latest))]
    EndOutOfRange {
        /// The end that was announced first, or the present where that has passed.
        earliest: DateTime<Utc>,
        /// 45 days after the ground began.
        latest: DateTime<Utc>,
    },
    /// Nobody can mean this leave date.
    #[error("{0}")]
    LeaveDate(ImplausibleDate),
    /// Only an active user receives cards.
    #[error("the user is not active")]
    NotActive,
    /// The card is cancelled, or its cancellation has begun.
    #[error("the card is cancelled")]
    CardCancelled,
}

fn said(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A decision that changes nothing.
pub(super) fn nothing(answered: Answered) -> Decision {
    Decision {
        answered,
        change: None,
        counted: None,
    }
}

/// The profile fields in which two users differ.
pub(super) fn differing(before: &User, after: &User) -> Vec<Field> {
    Field::ALL
        .iter()
        .copied()
        .filter(|field| before.get(*field) != after.get(*field))
        .collect()
}
