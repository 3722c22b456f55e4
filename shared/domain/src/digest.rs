//! Notices, and the digests in which they are mailed.

use chrono::{DateTime, DurationRound, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::actor::Actor;
use crate::breaker::Tripped;
use crate::hold::HoldState;
use crate::ids::{EmployeeId, Generation, HoldId, RunId, SourceId, Subject};
use crate::lifecycle::Cause;
use crate::power::{PersonPower, Power};

/// A whole minute. The notices of minute k are mailed at the start of minute k + 2. A function's commit ends within 30
/// seconds, so by then all notices of minute k are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DigestMinute(DateTime<Utc>);

impl DigestMinute {
    /// The minute that `at` is in.
    #[must_use]
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at))
    }

    /// The first instant of the minute.
    #[must_use]
    pub fn start(self) -> DateTime<Utc> {
        self.0
    }

    /// When the digest of this minute is mailed.
    #[must_use]
    pub fn fires_at(self) -> DateTime<Utc> {
        self.0 + TimeDelta::minutes(2)
    }
}

/// The content of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NoticeKind {
    /// A user will be deactivated.
    Scheduled {
        /// Why the user is scheduled.
        cause: Cause,
        /// When the grace period ends.
        due_at: DateTime<Utc>,
        /// How many cards will be cancelled at that time.
        active_cards: u32,
    },
    /// A user was deactivated or deleted, and their cards are cancelled.
    Terminated {
        /// Why the user was deactivated.
        cause: Cause,
        /// How many cards were cancelled.
        cards: u32,
    },
    /// A user will leave on a date that lies ahead.
    LeavesSoon {
        /// The first day without access.
        date: NaiveDate,
        /// How many cards the user has that are not cancelled.
        active_cards: u32,
        /// True if only the admins are told, because the user is an admin: the settings want no reminder at this instant.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        admins_only: bool,
    },
    /// HR's statement restored a user that an admin had deleted.
    Restored {
        /// True if the user is invited by mail.
        #[serde(default)]
        invited: bool,
    },
    /// A returning or new user is invited by mail. The admins are told only if the limit on invitations stops it.
    Invited {
        /// True if the user had lost their account. Notices that were stored before this field existed say false.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        back: bool,
        /// True if an admin asked for it. Then the limit on invitations does not count it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_hand: bool,
    },
    /// An admin turned the deactivation sync off.
    SyncTurnedOff {
        /// The admin, by the subject claim of the token.
        by: Subject,
        /// How many scheduled users became active again.
        reverted: u32,
        /// True if not everybody was counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// A safeguard opened a hold.
    HoldOpened {
        /// The id of the hold.
        hold: HoldId,
        /// The source whose people are held.
        source: SourceId,
        /// The safeguard that opened it.
        rule: Tripped,
        /// How many people are held.
        people: u32,
    },
    /// A hold still has no answer, a day after its last mail or when it is escalated.
    HoldWaits {
        /// The id of the hold.
        hold: HoldId,
        /// The source whose people are held.
        source: SourceId,
        /// When the hold was opened.
        since: DateTime<Utc>,
        /// True if the address in the setting `escalation` is mailed, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        escalated: bool,
    },
    /// A hold was answered, in whole or in part, or it emptied.
    HoldAnswered {
        /// The id of the hold.
        hold: HoldId,
        /// The source whose people were held.
        source: SourceId,
        /// The answer, or the final state of a hold that emptied.
        answer: HoldState,
        /// The actor who answered; `None` if the hold emptied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
        /// How many people the answer covered.
        people: u32,
        /// True if other people are still held.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        open: bool,
        /// True if the hold had quarantined the source and no longer does.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        freed: bool,
    },
    /// An admin undid a run.
    RunUndone {
        /// The id of the run.
        run: RunId,
        /// The source whose people the run had affected.
        source: SourceId,
        /// When the run was decided.
        ran_at: DateTime<Utc>,
        /// The admin who undid the run.
        by: Actor,
        /// How many scheduled users became active again.
        reverted: u32,
        /// True if not everybody was counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// The health of a source changed.
    SourceHealth {
        /// The id of the source.
        source: SourceId,
        /// The present health.
        health: Health,
    },
    /// A change of the settings, other than turning the sync off, gave access back to people.
    GivenBack {
        /// The admin, by the subject claim of the token.
        by: Subject,
        /// How many people are active again.
        reverted: u32,
        /// True if not everybody was counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// An admin loosened a safeguard.
    SafeguardsLoosened {
        /// The admin, by the subject claim of the token.
        by: Subject,
    },
    /// A source's record about somebody was rejected, and HR does not call them active; or the source speaks of people of
    /// another one. The notice is about the person, or about `others`.
    Refused {
        /// The source.
        source: SourceId,
        /// Why the record was rejected; empty if there are several reasons.
        reason: String,
        /// How many people beside those who are told of one by one.
        #[serde(default, skip_serializing_if = "is_zero")]
        others: u32,
    },
    /// The power of somebody or something changed. The key has the number of the write, so two changes within a minute
    /// are both told.
    Power {
        /// The actor who changed it.
        by: Actor,
        /// The change.
        what: Power,
    },
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The health of an HR source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SourceHealth))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The source is not silent, and no hold quarantines it.
    #[default]
    Healthy,
    /// An open hold quarantines the source.
    Quarantined,
    /// The source has not delivered for longer than usual.
    Silent,
}

impl NoticeKind {
    /// The invitation of a new user, or of one who had lost their account and is `back`.
    #[must_use]
    pub fn invited(back: bool) -> Self {
        Self::Invited {
            back,
            by_hand: false,
        }
    }

    /// True if the user is mailed. An invitation is the only mail to a user who is neither admin nor manager.
    #[must_use]
    pub fn invites(&self) -> bool {
        matches!(
            self,
            Self::Restored { invited: true } | Self::Invited { .. }
        )
    }

    /// True if the limit on invitations does not count the invitation.
    #[must_use]
    pub fn invites_by_hand(&self) -> bool {
        matches!(self, Self::Invited { by_hand: true, .. })
    }

    /// True if the user had lost their account and returns.
    #[must_use]
    pub fn is_return(&self) -> bool {
        matches!(
            self,
            Self::Restored { .. } | Self::Invited { back: true, .. }
        )
    }

    /// The actor who caused the notice, if the mail names them.
    #[must_use]
    pub fn by(&self) -> Option<&Actor> {
        match self {
            Self::HoldAnswered { by, .. } => by.as_ref(),
            Self::RunUndone { by, .. } | Self::Power { by, .. } => Some(by),
            _ => None,
        }
    }

    /// The kind, as in the JSON. It is part of the notice's key.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.into()
    }

    /// The part of a notice's key that distinguishes the notices of one minute and organisation that are not about a
    /// user.
    #[must_use]
    pub fn topic(&self) -> NoticeTopic {
        let kind = self.as_str();
        NoticeTopic(match self {
            Self::HoldOpened { hold, .. }
            | Self::HoldWaits { hold, .. }
            | Self::HoldAnswered { hold, .. } => format!("{kind}.{hold}"),
            Self::RunUndone { run, .. } => format!("{kind}.{run}"),
            Self::SourceHealth { source, .. } | Self::Refused { source, .. } => {
                format!("{kind}.{source}")
            }
            Self::Power { what, .. } => match what {
                Power::Person(_) => kind.to_owned(),
                Power::Source { source, .. } => format!("{kind}.source.{source}"),
                Power::Machine { .. } => format!("{kind}.machine"),
                Power::SyncRule => format!("{kind}.rule"),
                Power::Escalation { .. } => format!("{kind}.escalation"),
            },
            _ => kind.to_owned(),
        })
    }
}

/// The kind of a notice, with the id of the hold, run or source if the notice is about one. Only [`NoticeKind::topic`]
/// makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeTopic(String);

impl NoticeTopic {
    /// True if the notice is of a kind that the first release cannot read. Its key is one that such a release does not look
    /// for.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        let kind = self.0.split('.').next();
        matches!(kind, Some("power" | "refused" | "given_back"))
    }

    /// True if the notice is about power, of which the people whom it is about are told, too.
    #[must_use]
    pub fn is_power(&self) -> bool {
        self.0.split('.').next() == Some("power")
    }
}

impl std::fmt::Display for NoticeTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a notice. One change makes at most one notice, and one of power, so user and generation identify it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NoticeKey {
    /// The minute of the notice.
    pub minute: DigestMinute,
    /// What the notice is about.
    pub kind: NoticeTopic,
    /// The user that the notice is about; `None` if it is about the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The user's generation; of power, the user's `rev`. If the notice is about no user, the version of the settings, the
    /// hold, the source or the machines, or the `rev` of the pulse.
    pub generation: Generation,
}

/// A notice, which is mailed in a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When the change was decided.
    pub at: DateTime<Utc>,
    /// The content.
    #[serde(flatten)]
    pub kind: NoticeKind,
    /// The user that the notice is about; `None` if it is about the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The user's name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As in [`NoticeKey`].
    pub generation: Generation,
}

impl Notice {
    /// A notice of power that is about no user. `version` is the version of what changed.
    #[must_use]
    pub fn of_power(at: DateTime<Utc>, by: &Actor, what: Power, version: u64) -> Self {
        Self {
            at,
            kind: NoticeKind::Power {
                by: by.clone(),
                what,
            },
            employee_id: None,
            name: None,
            generation: Generation(version),
        }
    }

    /// The change of a person's power; `None` if the notice is about something else.
    #[must_use]
    pub fn person_power(&self) -> Option<&PersonPower> {
        match &self.kind {
            NoticeKind::Power {
                what: Power::Person(what),
                ..
            } => Some(what),
            _ => None,
        }
    }

    /// The key of this notice.
    #[must_use]
    pub fn key(&self) -> NoticeKey {
        NoticeKey {
            minute: DigestMinute::of(self.at),
            kind: self.kind.topic(),
            employee_id: self.employee_id.clone(),
            generation: self.generation,
        }
    }
}
