//! What a decision is: the outcome that is answered, and the change that is committed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::breaker::Counted;
use crate::digest::{Notice, NoticeKey};
use crate::employee::Field;
use crate::history::Entry;
use crate::timer::Timer;
use crate::user::User;

/// What an event comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to answer.
    pub outcome: Outcome,
    /// What to write; `None` where nothing changes.
    pub change: Option<Box<Change>>,
    /// What a machine is about to do that the breaker is asked about first.
    pub counted: Option<Counted>,
}

/// The word for what happened, as HR clients read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrOutcome))]
pub enum Word {
    /// Somebody new.
    Created,
    /// Fields changed.
    Updated,
    /// Nothing changed.
    Unchanged,
    /// In the grace period now.
    Scheduled,
    /// Deactivated now.
    Deactivated,
    /// Active again.
    Reactivated,
    /// Back from a deletion.
    Restored,
    /// The rule keeps the employee out of the sync.
    Excluded,
    /// The sync is off, or the account was deleted by hand and stays so.
    Ignored,
    /// Older than what is known.
    Stale,
    /// A safeguard stopped it.
    Held,
    /// This record is invalid, or belongs to another source.
    Rejected,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Scheduled,
        Self::Deactivated,
        Self::Reactivated,
        Self::Restored,
        Self::Excluded,
        Self::Ignored,
        Self::Stale,
        Self::Held,
        Self::Rejected,
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Scheduled => "scheduled",
            Self::Deactivated => "deactivated",
            Self::Reactivated => "reactivated",
            Self::Restored => "restored",
            Self::Excluded => "excluded",
            Self::Ignored => "ignored",
            Self::Stale => "stale",
            Self::Held => "held",
            Self::Rejected => "rejected",
        }
    }

    /// As the end of a sentence: what was done to the person.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled their deactivation",
            Self::Deactivated => "deactivated them",
            Self::Restored => "restored them",
            Self::Held => "held them",
            _ => "changed them",
        }
    }
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub word: Word,
    /// When the grace period ends.
    pub due_at: Option<DateTime<Utc>>,
    /// More, in a sentence that is safe to show.
    pub reason: Option<String>,
}

impl Outcome {
    /// A word alone.
    #[must_use]
    pub fn of(word: Word) -> Self {
        Self {
            word,
            due_at: None,
            reason: None,
        }
    }

    /// A word with a reason.
    #[must_use]
    pub fn because(word: Word, reason: impl Into<String>) -> Self {
        Self {
            word,
            due_at: None,
            reason: Some(reason.into()),
        }
    }
}

/// Who joins or leaves the admins with access, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdminsChange {
    /// Nobody.
    #[default]
    None,
    /// The user joins them.
    Join,
    /// The user leaves them; never the last.
    Leave,
}

/// What one event changes: all of it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The user after it; `rev` and `version` are already counted up.
    pub user: User,
    /// The `rev` that the write is conditional on; `None` where there must be nobody yet.
    pub base_rev: Option<u64>,
    /// The history entry; `None` where only an instant is written.
    pub entry: Option<Entry>,
    /// Timers to arm before the commit.
    pub arm: Vec<Timer>,
    /// Timers that may be deleted after the commit.
    pub disarm: Vec<Timer>,
    /// What the admins will be told.
    pub notice: Option<Notice>,
    /// What they will not be told any more.
    pub withdraw: Option<NoticeKey>,
    /// Who joins or leaves the admins.
    pub admins: AdminsChange,
    /// Cards, objectives or a notice are left to do: a deactivation or a deletion begins with this change.
    pub makes_work: bool,
}

impl Change {
    /// Whether anything is different but the count of writes.
    pub(super) fn moves(&self, stored: &User) -> bool {
        User {
            rev: stored.rev,
            ..self.user.clone()
        } != *stored
    }
}

/// Why an admin's wish is refused; each is a stable code at the edge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has that id.
    #[error("no such user")]
    NotFound,
    /// Nobody deactivates, deletes, restores or demotes themselves.
    #[error("nobody deactivates, deletes, restores or demotes themselves")]
    OnSelf,
    /// The organisation would have no admin with access.
    #[error("this is the last admin with access")]
    LastAdmin,
    /// There is already a user with that id.
    #[error("there is already a user with this id")]
    Exists,
    /// The user was deleted.
    #[error("the user is deleted; restore them first")]
    Deleted,
    /// Cards go to active users only.
    #[error("the user is not active")]
    NotActive,
    /// The card is cancelled, or being cancelled.
    #[error("the card is cancelled")]
    CardCancelled,
}

/// Nothing changes.
pub(super) fn nothing(outcome: Outcome) -> Decision {
    Decision {
        outcome,
        change: None,
        counted: None,
    }
}

/// The shown fields that differ between two users.
pub(super) fn differing(before: &User, after: &User) -> Vec<Field> {
    Field::ALL
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .collect()
}
