//! Notices, and the digests that they are mailed in.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::breaker::Tripped;
use crate::hold::HoldState;
use crate::ids::{EmployeeId, Generation, HoldId, RunId, SourceId, Subject};
use crate::lifecycle::Cause;

/// A whole minute. What is noticed in minute k is mailed at the start of minute k + 2, so that
/// commits, which end within a function's 30 s, are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DigestMinute(DateTime<Utc>);

impl DigestMinute {
    /// The minute that `at` is in.
    #[must_use]
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at))
    }

    /// Its first instant.
    #[must_use]
    pub fn start(self) -> DateTime<Utc> {
        self.0
    }

    /// When its digest is mailed.
    #[must_use]
    pub fn fires_at(self) -> DateTime<Utc> {
        self.0 + TimeDelta::minutes(2)
    }
}

/// What a notice tells the admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeKind {
    /// Somebody will be deactivated.
    Scheduled {
        /// Why.
        cause: Cause,
        /// When.
        due_at: DateTime<Utc>,
        /// Cards that are alive and will be terminated.
        active_cards: u32,
    },
    /// Somebody was deactivated or deleted, and their cards are terminated.
    Terminated {
        /// Why.
        cause: Cause,
        /// How many cards.
        cards: u32,
    },
    /// HR brought somebody back whom an admin had deleted.
    Restored {
        /// Whether they are invited.
        #[serde(default)]
        invited: bool,
    },
    /// Somebody came back, or is new, and is invited. Not told to the admins.
    Invited {
        /// Whether they had lost their account; what was stored before this was known says no.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        back: bool,
    },
    /// An admin turned the deactivation sync off.
    SyncTurnedOff {
        /// Who.
        by: Subject,
        /// How many scheduled people became active again.
        reverted: u32,
    },
    /// A safeguard stopped people of a source.
    HoldOpened {
        /// The hold.
        hold: HoldId,
        /// Whose people.
        source: SourceId,
        /// The safeguard.
        rule: Tripped,
        /// How many.
        people: u32,
    },
    /// Nobody has answered a hold for a day.
    HoldWaits {
        /// The hold.
        hold: HoldId,
        /// Whose people.
        source: SourceId,
        /// Since when it is open.
        since: DateTime<Utc>,
    },
    /// A hold, or a part of it, was answered; or nobody was left in it.
    HoldAnswered {
        /// The hold.
        hold: HoldId,
        /// Whose people.
        source: SourceId,
        /// What was answered; or how the hold ended, where nobody was left in it.
        answer: HoldState,
        /// Who answered; `None` where nobody was left in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
        /// How many people it was for.
        people: u32,
        /// Whether others are held on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
        /// Whether it had quarantined the source, and does not any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        freed: bool,
    },
    /// An admin took a run back.
    RunUndone {
        /// The run.
        run: RunId,
        /// Whose people.
        source: SourceId,
        /// When it was.
        ran_at: DateTime<Utc>,
        /// Who took it back.
        by: Actor,
        /// How many scheduled people became active again.
        reverted: u32,
    },
    /// A source is well again, or has gone silent.
    SourceHealth {
        /// Which.
        source: SourceId,
        /// How it is now.
        health: Health,
    },
    /// An admin raised a safeguard.
    SafeguardsLoosened {
        /// Who.
        by: Subject,
    },
}

/// How an HR source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SourceHealth))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It speaks, and nothing is held.
    #[default]
    Healthy,
    /// A hold of its people is open.
    Quarantined,
    /// It has not spoken for longer than usual.
    Silent,
}

impl NoticeKind {
    /// Whether the person it is about is mailed: an invitation, the only mail that a user ever gets.
    #[must_use]
    pub fn invites(&self) -> bool {
        matches!(
            self,
            Self::Restored { invited: true } | Self::Invited { .. }
        )
    }

    /// Whether somebody came back who had lost their account.
    #[must_use]
    pub fn is_return(&self) -> bool {
        matches!(self, Self::Restored { .. } | Self::Invited { back: true })
    }

    /// Who did it, where that is told by name.
    #[must_use]
    pub fn by(&self) -> Option<&Actor> {
        match self {
            Self::HoldAnswered { by, .. } => by.as_ref(),
            Self::RunUndone { by, .. } => Some(by),
            _ => None,
        }
    }

    /// The kind, as in its JSON; part of the notice's key.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "scheduled",
            Self::Terminated { .. } => "terminated",
            Self::Restored { .. } => "restored",
            Self::Invited { .. } => "invited",
            Self::SyncTurnedOff { .. } => "sync_turned_off",
            Self::SafeguardsLoosened { .. } => "safeguards_loosened",
            Self::HoldOpened { .. } => "hold_opened",
            Self::HoldWaits { .. } => "hold_waits",
            Self::HoldAnswered { .. } => "hold_answered",
            Self::RunUndone { .. } => "run_undone",
            Self::SourceHealth { .. } => "source_health",
        }
    }

    /// What tells it from others of its kind in the same minute that are about nobody either.
    fn part_of_key(&self) -> String {
        let kind = self.as_str();
        match self {
            Self::HoldOpened { hold, .. }
            | Self::HoldWaits { hold, .. }
            | Self::HoldAnswered { hold, .. } => format!("{kind}.{hold}"),
            Self::RunUndone { run, .. } => format!("{kind}.{run}"),
            Self::SourceHealth { source, .. } => format!("{kind}.{source}"),
            _ => kind.to_owned(),
        }
    }
}

/// Where a notice is. One change makes at most one notice, so user and generation name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NoticeKey {
    /// The minute it belongs to.
    pub minute: DigestMinute,
    /// Its kind.
    pub kind: String,
    /// Whom it is about; `None` for the organisation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The user's generation, or the version of the settings.
    pub generation: Generation,
}

/// Something that admins will be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub kind: NoticeKind,
    /// Whom it is about; `None` for the organisation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The name of that person at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The user's generation, or the version of the settings.
    pub generation: Generation,
}

impl Notice {
    /// Where it is.
    #[must_use]
    pub fn key(&self) -> NoticeKey {
        NoticeKey {
            minute: DigestMinute::of(self.at),
            kind: self.kind.part_of_key(),
            employee_id: self.employee_id.clone(),
            generation: self.generation,
        }
    }
}
