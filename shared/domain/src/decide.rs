//! Every rule of the lifecycle, as one pure function.

mod by_hand;
mod change;
mod held;
mod hr;
mod leave;
mod machine;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::breaker::{Breaker, Counted};
use crate::digest::{Notice, NoticeKey};
use crate::employee::{Field, HrRecord};
use crate::event::Event;
use crate::history::Entry;
use crate::ids::{EmployeeId, HoldId, OrgId, RunId};
use crate::settings::Policy;
use crate::timer::Timer;
use crate::user::User;

/// A timer is armed at least this far ahead, so that none is ever created in the past: what
/// Scheduler does with a one-time date in the past is not documented, and it fires to the minute.
pub const FINISH_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How far ahead of our clock an event may be; beyond, it would make every later event stale.
pub const AHEAD_OF_CLOCK: TimeDelta = TimeDelta::minutes(10);

/// A day of the grace period.
pub const DAY: TimeDelta = TimeDelta::days(1);

/// How early a timer may fire: the clocks of two machines differ.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

/// Whether the sync may touch an employee.
pub trait SyncRule: Sync {
    /// Decides on the merged record.
    ///
    /// # Errors
    /// The rule cannot be evaluated on this employee; the text is safe to show.
    fn includes(&self, employee_id: &EmployeeId, record: &HrRecord) -> Result<bool, String>;
}

/// The rule of an organisation that has none: everybody is in the sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl SyncRule for Everybody {
    fn includes(&self, _: &EmployeeId, _: &HrRecord) -> Result<bool, String> {
        Ok(true)
    }
}

/// When days begin in an organisation.
pub trait Zone: Sync {
    /// The first instant of a day; where midnight does not exist, the first that does.
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc>;
}

/// Days begin at midnight UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct Greenwich;

impl Zone for Greenwich {
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        date.and_time(chrono::NaiveTime::MIN).and_utc()
    }
}

/// What a decision needs to know beside the user and the event.
pub struct Context<'a> {
    /// Whose user it is.
    pub org: &'a OrgId,
    /// Settings and epoch, read consistently with the user.
    pub policy: &'a Policy,
    /// Whom the sync may touch.
    pub rule: &'a dyn SyncRule,
    /// When days begin.
    pub zone: &'a dyn Zone,
    /// The admins who have access.
    pub admins: &'a BTreeSet<EmployeeId>,
    /// The breaker of the user's source, where one was read.
    pub breaker: Option<&'a Breaker>,
    /// What the breaker has said of this person.
    pub gate: &'a Gate,
    /// How long a day of the grace period lasts: [`DAY`], unless a staging stack says otherwise. Days of
    /// the calendar, such as a leave date's, are not touched by it.
    pub day: TimeDelta,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What the breaker has said of a person: read it off a [`Decision::counted`], ask, and decide again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// They may go, or nobody has asked.
    Open {
        /// The run that a schedule belongs to.
        run: Option<RunId>,
    },
    /// They are held.
    Held {
        /// The hold that they have joined.
        hold: HoldId,
        /// The hold's version with which they joined.
        seq: u64,
    },
}

impl Gate {
    /// Nobody has asked.
    pub const OPEN: Self = Self::Open { run: None };
}

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
}

impl Change {
    /// Whether anything is different but the count of writes.
    fn moves(&self, stored: &User) -> bool {
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

/// Decides what an event comes to for a user (`None`: nobody is known by that id).
///
/// # Errors
/// [`Refusal`] for what an admin asked and may not have; HR's events and timers are never refused,
/// their outcome says what became of them.
pub fn decide(user: Option<&User>, event: &Event, ctx: &Context<'_>) -> Result<Decision, Refusal> {
    let settled = user.map(|user| user.settled(ctx.policy));
    if let Event::Hr { source, event } = event {
        return Ok(hr::decide(user, settled, source, event, ctx));
    }
    if let Event::Missing {
        source,
        snapshot,
        at,
    } = event
    {
        return Ok(hr::missing(user, settled, source, (snapshot, *at), ctx));
    }
    if let Event::Add {
        by,
        employee_id,
        profile,
        role,
    } = event
    {
        return by_hand::add(user, by, employee_id, profile, *role, ctx);
    }
    let (Some(stored), Some(settled)) = (user, settled) else {
        return Err(Refusal::NotFound);
    };
    match event {
        Event::Hr { .. } | Event::Missing { .. } | Event::Add { .. } => Err(Refusal::NotFound),
        Event::Approve { by, hold, until } => {
            Ok(held::approve(stored, settled, (hold, *until), by, ctx))
        }
        Event::Keep { by, hold, until } => Ok(held::keep(stored, settled, (hold, *until), by, ctx)),
        Event::DeactivateNow { by } => by_hand::deactivate_now(stored, settled, by, ctx),
        Event::Delete { by } => by_hand::delete(stored, settled, by, ctx),
        Event::Restore { by } => by_hand::restore(stored, settled, by, ctx),
        Event::SetRole { by, role } => by_hand::set_role(stored, settled, by, *role, ctx),
        Event::SetLeaveDate { by, date } => leave::set(stored, settled, by, *date, ctx),
        Event::Leave { by } => by_hand::leave(stored, settled, by, ctx),
        Event::LeaveDue { plan, due } => Ok(leave::due(stored, settled, *plan, *due, ctx)),
        Event::ObjectivesClosed {
            generation,
            count,
            all,
            by,
        } => Ok(machine::objectives_closed(
            stored,
            settled,
            *generation,
            (*count, *all),
            by,
            ctx,
        )),
        Event::ObjectivesReopened {
            generation,
            count,
            lost,
            all,
            by,
        } => {
            let what = (*count, *lost, *all);
            Ok(machine::objectives_reopened(
                stored,
                settled,
                *generation,
                what,
                by,
                ctx,
            ))
        }
        Event::Due { generation, due } => Ok(machine::due(stored, settled, *generation, *due, ctx)),
        Event::CardsCancelled { cards, by } => {
            Ok(machine::cards_cancelled(stored, settled, cards, by, ctx))
        }
        Event::Finished { generation, by } => {
            Ok(machine::finished(stored, settled, *generation, by, ctx))
        }
        Event::Tidy => Ok(machine::tidy(stored, settled, ctx)),
        Event::CardsCounted {
            by,
            what,
            difference,
        } => machine::cards_counted(stored, settled, by, what, *difference, ctx),
    }
}

/// Nothing changes.
fn nothing(outcome: Outcome) -> Decision {
    Decision {
        outcome,
        change: None,
        counted: None,
    }
}

/// The shown fields that differ between two users.
fn differing(before: &User, after: &User) -> Vec<Field> {
    Field::ALL
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .collect()
}
