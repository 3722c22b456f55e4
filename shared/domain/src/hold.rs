//! Holds, which safeguards open, and runs, which record the effect of one delivery, snapshot or approval.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::actor::Actor;
use crate::breaker::{Counted, Figures, Tripped};
use crate::ids::{EmployeeId, HoldId, RunId, SnapshotId, SourceId};

/// The state of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HoldState {
    /// The hold has people that no answer has covered.
    Open,
    /// An admin approved it: the people in it may go.
    Approved,
    /// An admin rejected it: the people in it stay.
    Rejected,
    /// It emptied without an answer, because HR took its statements back.
    Cleared,
}

impl HoldState {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A change that a safeguard stopped. Whether a person is in the hold is stored with their user ([`Held`]). The
/// transaction that puts somebody into a hold writes three things: the user with a roll number, the hold, which must be
/// open and whose version is that number, and the part of the roll that lists the person under it. So a number that an
/// admin has read covers exactly the people whom they could read, and nobody is in a hold that was closed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The id of the hold.
    pub hold: HoldId,
    /// The source whose people are held; [`SourceId::none`] for an admin of no source.
    pub source: SourceId,
    /// The safeguard that opened the hold.
    pub rule: Tripped,
    /// The figures that the safeguard compared with its limits.
    pub figures: Figures,
    /// The state of the hold.
    pub state: HoldState,
    /// The run that tripped the breaker; `None` if there was no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// When the hold was opened.
    pub opened_at: DateTime<Utc>,
    /// When the admins were last mailed about the hold.
    pub told_at: DateTime<Utc>,
    /// True if the address in the setting `escalation` was mailed about the hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// How many people are on its roll, including people that have left the hold.
    pub people: u32,
    /// Counts joins and answers; 0 while nobody has joined. It is the `ETag`. The people of one transaction have the
    /// version at which they joined as their roll number.
    pub version: u64,
    /// The people who joined up to this roll number have been answered.
    #[serde(default)]
    pub answered: u64,
    /// The actor who gave the last answer, and the time of it; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<(Actor, DateTime<Utc>)>,
    /// The last answer, even if it covered only a part. It becomes the state of the hold when the hold is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<HoldState>,
    /// Each answer for everybody who had joined by then, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<HoldAnswer>,
    /// The answers that are not carried out yet for everybody they are for. While there are any, the hold is due work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<Unfinished>,
    /// How many people one admin alone has let go of it.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub alone: u32,
    /// An approval that waits for a second admin; `None` if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_approval: Option<FirstApproval>,
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_nobody(people: &u32) -> bool {
    *people == 0
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_first(rev: &u64) -> bool {
    *rev == 0
}

/// How long an approval waits for a second admin.
const WAITS: TimeDelta = TimeDelta::days(1);

/// An admin's approval that needs a second admin, because more people would leave than one admin may let go alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstApproval {
    /// The admin.
    pub by: Actor,
    /// When they approved.
    pub at: DateTime<Utc>,
    /// The version that they had read.
    pub until: u64,
    /// The people whom they named; `None` for everybody up to `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<EmployeeId>>,
    /// How many people it would let go.
    pub people: u32,
}

impl FirstApproval {
    /// True if this is the approval of two, with that of another admin, `next`.
    fn is_completed_by(&self, next: &Self) -> bool {
        let covered = match (&self.only, &next.only) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(first), Some(second)) => second.is_subset(first),
        };
        !self.by.is_same_admin(&next.by)
            && next.at < self.at + WAITS
            && next.until <= self.until
            && covered
    }
}

/// Whether an approval is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eyes {
    /// It is: one admin may let so many go, or a second one has approved. The value is the first of two.
    Enough(Option<Actor>),
    /// A second admin is needed.
    SecondAdmin,
}

/// An answer that is not carried out yet for everybody it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The run of an approval, whose roll lists the people; `None` for a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The answer covers the roll numbers up to this one.
    pub until: u64,
}

/// An answer for everybody who had joined by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAnswer {
    /// The answer covers the roll numbers up to this one that had not been answered.
    pub until: u64,
    /// The answer, approved or rejected.
    pub answer: HoldState,
    /// The actor who answered.
    pub by: Actor,
}

impl Hold {
    /// Whether an approval by which people leave is enough, and the hold with it. `above` is the most people whom one admin
    /// may let go of a hold alone, by the present settings. The settings at the opening of the hold count too: so no
    /// admin loosens them first and then approves alone. Approvals of parts add up. An approval by somebody who is none of
    /// `admins` any more is none.
    #[must_use]
    pub fn approved_by(
        &self,
        next: FirstApproval,
        above: Option<u32>,
        admins: &BTreeSet<EmployeeId>,
    ) -> (Eyes, Self) {
        let mut after = self.clone();
        let alone = self.alone.saturating_add(next.people);
        let above = above.into_iter().chain(self.figures.limits.four_eyes_above);
        let above = above.min();
        let first = self.first_approval.as_ref();
        let first = first.filter(|first| first.by.is_among(admins));
        if let Some(first) = first.filter(|first| first.is_completed_by(&next)) {
            after.first_approval = None;
            return (Eyes::Enough(Some(first.by.clone())), after);
        }
        if above.is_none_or(|above| alone <= above) {
            after.alone = alone;
            return (Eyes::Enough(None), after);
        }
        // Who sends theirs again waits no longer for it.
        let again = first.is_some_and(|first| {
            FirstApproval {
                at: first.at,
                ..next.clone()
            } == *first
        });
        if !again || self.waiting_approval(next.at).is_none() {
            after.first_approval = Some(next);
        }
        (Eyes::SecondAdmin, after)
    }

    /// The approval that waits for a second admin; `None` if none does, or none any more.
    #[must_use]
    pub fn waiting_approval(&self, now: DateTime<Utc>) -> Option<&FirstApproval> {
        let first = self.first_approval.as_ref()?;
        (self.state == HoldState::Open && now < first.at + WAITS).then_some(first)
    }

    /// The hold after so many people have joined it together. Their roll number is its version.
    #[must_use]
    pub fn joined_by(&self, people: u32) -> Self {
        Self {
            version: self.version + 1,
            people: self.people.saturating_add(people),
            ..self.clone()
        }
    }

    /// Finds the answer `answer` up to roll number `until`, and the number after which its people joined; `None` if no
    /// such answer was given.
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

/// The membership of a user in a hold: the hold, the roll number, and the change that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The hold that the user is in.
    pub hold: HoldId,
    /// The roll number: the hold's version when the user joined.
    pub seq: u64,
    /// The change that was stopped.
    #[serde(flatten)]
    pub what: Counted,
}

/// The kind of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunKind {
    /// The events of one request.
    Delivery,
    /// A snapshot that was applied.
    Snapshot {
        /// The id of the snapshot.
        snapshot: SnapshotId,
    },
    /// An admin approved a hold.
    Approval {
        /// The hold that was approved.
        hold: HoldId,
    },
}

/// One delivery, snapshot or approval that ended somebody's access. Its roll lists the people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The id of the run. Ids sort by time.
    pub run: RunId,
    /// The kind of the run.
    #[serde(flatten)]
    pub kind: RunKind,
    /// The source whose people the run affected.
    pub source: SourceId,
    /// When the run was decided.
    pub at: DateTime<Utc>,
    /// The admin who approved the hold; `None` for a delivery or snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// How many people it moved. While it is at work, how many it is to move.
    pub people: u32,
    /// How many people on its roll it did not move: something came between the question to the breaker and them. The parts
    /// of the roll with the number [`NOT_MOVED`] list them.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub not_moved: u32,
    /// Counts changes of what is stored; 0 at first.
    #[serde(default, skip_serializing_if = "is_first")]
    pub rev: u64,
    /// The actor who undid the run, and the time of it; `None` if it was not undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<(Actor, DateTime<Utc>)>,
}

/// A part of the roll of a hold or a run: the people with one roll number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// The roll number: the version of the hold at which these people joined; 1 in the roll of a run, or [`NOT_MOVED`].
    pub seq: u64,
    /// When they joined.
    pub at: DateTime<Utc>,
    /// The people who joined.
    pub people: Vec<EmployeeId>,
}

/// The roll number in the roll of a run for people whom the run did not move after all. Other parts of the roll list them
/// as well.
pub const NOT_MOVED: u64 = 0;

/// How long a roll is kept: long enough to answer later questions about a run, but not for ever, because a roll
/// contains employee ids.
pub const ROLL_KEPT: TimeDelta = TimeDelta::days(400);

/// The most people in one part of a roll. With ids of at most 128 characters of 4 bytes, a part takes at most 256,000
/// bytes of an item's 400 KB.
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
            escalated: false,
            people: 5,
            version: 7,
            answered: 5,
            by: None,
            last: None,
            answers: vec![answered(2, approved), answered(5, rejected)],
            unfinished: Vec::new(),
            alone: 0,
            first_approval: None,
        };
        let from = |until, answer| hold.answer(until, answer).map(|(from, _)| from);
        assert_eq!(from(2, approved), Some(0));
        assert_eq!(from(5, rejected), Some(2));
        // Nobody gave these answers.
        assert_eq!(from(5, approved), None);
        assert_eq!(from(4, rejected), None);
    }
}
