//! What a safeguard stopped, and what one run did.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::breaker::{Counted, Figures, Tripped};
use crate::ids::{EmployeeId, HoldId, RunId, SnapshotId, SourceId};

/// What has become of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Nobody has answered for all of it.
    Open,
    /// An admin let them go.
    Approved,
    /// An admin kept them.
    Rejected,
    /// HR took it back: nobody is left in it, and nobody had answered.
    Cleared,
}

impl HoldState {
    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Cleared => "cleared",
        }
    }
}

/// What a safeguard stopped. Who is in it is on its roll; whether somebody still is, their user says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub hold: HoldId,
    /// Whose people.
    pub source: SourceId,
    /// The safeguard.
    pub rule: Tripped,
    /// What it was held against.
    pub figures: Figures,
    /// What has become of it.
    pub state: HoldState,
    /// The run that tripped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// When the admins were last mailed of it.
    pub told_at: DateTime<Utc>,
    /// People on its roll, those who are back included.
    pub people: u32,
    /// Counts what joined it, and answers: the `ETag`. Whoever is on its roll has the number with which they joined.
    pub version: u64,
    /// Those who joined with this number or a smaller one have been answered.
    #[serde(default)]
    pub answered: u64,
    /// Who gave the last answer, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<(Actor, DateTime<Utc>)>,
    /// What that answer was, be it for a part: what becomes of the hold when nobody is left in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<HoldState>,
    /// Each answer for everybody who had joined by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<HoldAnswer>,
}

/// An answer for everybody who had joined by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAnswer {
    /// Those who joined with this number or a smaller one, and had not been answered.
    pub until: u64,
    /// What.
    pub answer: HoldState,
    /// Who.
    pub by: Actor,
}

impl Hold {
    /// An answer up to `until`, and after which number those joined whom it was for; `None` where there
    /// was no such answer.
    #[must_use]
    pub fn answer(&self, until: u64, answer: HoldState) -> Option<(u64, &HoldAnswer)> {
        let mut from = 0;
        for one in &self.answers {
            if (one.until, one.answer) == (until, answer) {
                return Some((from, one));
            }
            from = one.until;
        }
        None
    }
}

/// A user's membership in a hold: which hold, under which roll number, and what was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The hold.
    pub hold: HoldId,
    /// The hold's version when they joined.
    pub seq: u64,
    /// What was stopped.
    #[serde(flatten)]
    pub what: Counted,
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunKind {
    /// Events that came in one request.
    Delivery,
    /// A snapshot.
    Snapshot {
        /// Which.
        snapshot: SnapshotId,
    },
    /// An admin let held people go.
    Approval {
        /// From which hold.
        hold: HoldId,
    },
}

/// One delivery, snapshot or approval that ended somebody's access. Who they are is on its roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; of two, the later one sorts after the earlier.
    pub run: RunId,
    /// What it was.
    #[serde(flatten)]
    pub kind: RunKind,
    /// Whose people.
    pub source: SourceId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who answered, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// People on its roll.
    pub people: u32,
    /// Who took it back, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<(Actor, DateTime<Utc>)>,
}

/// Part of a roll: people of a hold or a run, by the number with which they joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// The number.
    pub seq: u64,
    /// When they joined.
    pub at: DateTime<Utc>,
    /// Who.
    pub people: Vec<EmployeeId>,
}

/// How long a roll is kept: longer than anybody asks who was in a run, and no longer than that, since
/// it is of employee ids.
pub const ROLL_KEPT: TimeDelta = TimeDelta::days(400);

/// People in one part of a roll: at most 128 characters of 4 bytes each stay below an item's 400 KB.
pub const ROLL_PEOPLE: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_knows_for_whom_each_answer_was() {
        let answered = |until, answer| HoldAnswer {
            until,
            answer,
            by: Actor::SyncTurnedOff,
        };
        let (approved, rejected) = (HoldState::Approved, HoldState::Rejected);
        let hold = Hold {
            hold: HoldId::new("hold_1").unwrap(),
            source: SourceId::new("hris").unwrap(),
            rule: Tripped::MaxUsers,
            figures: Figures::default(),
            state: HoldState::Open,
            run: None,
            opened_at: DateTime::UNIX_EPOCH,
            told_at: DateTime::UNIX_EPOCH,
            people: 5,
            version: 7,
            answered: 5,
            by: None,
            last: None,
            answers: vec![answered(2, approved), answered(5, rejected)],
        };
        let from = |until, answer| hold.answer(until, answer).map(|(from, _)| from);
        assert_eq!(from(2, approved), Some(0));
        assert_eq!(from(5, rejected), Some(2));
        // Asked for and never given.
        assert_eq!(from(5, approved), None);
        assert_eq!(from(4, rejected), None);
    }
}
