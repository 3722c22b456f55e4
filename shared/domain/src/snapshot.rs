//! A snapshot: every employee of a source at one instant.

mod admins;
mod said;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::breaker::{Breaker, Figures, Tripped};
use crate::decide::Outcome;
use crate::employee::{Field, PendingMark, PersonHash, Watermark};
use crate::ids::{HoldId, RunId, SnapshotId, SourceId};

pub use admins::{AdminMove, Fate};
pub use said::{Group, Said};
pub use tally::{Part, Tally, Words};

/// The most pages in a snapshot.
pub const MAX_PAGES: u32 = 400;
/// A snapshot that is not completed within this time is abandoned.
pub const OPEN_FOR: TimeDelta = TimeDelta::hours(24);
/// How long the pages and the report of a snapshot are kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(7);

/// How long an event waits at most for a snapshot of a later instant that is being applied ([`PendingMark`]). Most
/// snapshots take minutes.
pub const EVENTS_WAIT: TimeDelta = TimeDelta::hours(1);
/// A snapshot leaves its mark only if events will wait for at least this long. No transaction takes longer.
const STILL_WAIT: TimeDelta = TimeDelta::minutes(1);
/// How often a snapshot is compared again because it took longer than events wait.
const COMPARED_AGAIN: u8 = 2;

/// The problem of a snapshot that was rejected because the state of its source has changed.
pub const SOURCE_CHANGED: &str = "source_changed";

/// The state of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// The snapshot accepts pages.
    Open,
    /// The snapshot is being compared and applied.
    Applying,
    /// The whole snapshot is applied.
    Applied,
    /// The snapshot is applied, except for people that a hold stopped.
    Held,
    /// The snapshot contradicts itself, or a later one was applied or is being applied: nothing of it is applied. Or the
    /// state of its source has changed since it was opened: what was applied before stays, and nothing more is applied.
    Rejected,
    /// A newer snapshot took its place.
    Superseded,
    /// The snapshot was abandoned. Nothing of it is applied.
    Failed,
}

/// How far the work on a snapshot has come. A roster has a fixed number of partitions. Each partition is compared, and
/// then applied, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doing", rename_all = "snake_case")]
pub enum Step {
    /// The partitions are decided in memory, one after the other. Nothing is written to users.
    Compare {
        /// The next partition.
        part: u8,
    },
    /// The breaker is asked about all people at once.
    Ask,
    /// The decisions are applied, one partition after the other.
    Apply {
        /// The next partition.
        part: u8,
    },
    /// No step is left.
    Done,
}

impl Step {
    /// How many steps are done, and how many there are, on a roster of `parts` partitions.
    #[must_use]
    pub fn progress(self, parts: u8) -> (u32, u32) {
        let parts = u32::from(parts);
        let done = match self {
            Self::Compare { part } => part.into(),
            Self::Ask => parts,
            Self::Apply { part } => parts + 1 + u32::from(part),
            Self::Done => 2 * parts + 1,
        };
        (done, 2 * parts + 1)
    }
}

/// A snapshot without its pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The id of the snapshot.
    pub snapshot: SnapshotId,
    /// The source that sent it.
    pub source: SourceId,
    /// The stored state. [`Snapshot::state_in`] gives the present one.
    pub state: SnapshotState,
    /// The instant that the snapshot describes.
    pub occurred_at: DateTime<Utc>,
    /// How many employees the sender expects; `None` if the sender did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// When the snapshot was opened.
    pub opened_at: DateTime<Utc>,
    /// How many pages the sender announced on completion. 0 before.
    #[serde(default)]
    pub pages: u32,
    /// True if the snapshot is only reported and not applied.
    #[serde(default)]
    pub dry_run: bool,
    /// True if the source was in observation at the time of completion.
    #[serde(default)]
    pub observing: bool,
    /// Since when the source had its state at the time of opening; `None` if an older version opened the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_since: Option<DateTime<Utc>>,
    /// The run of the departures that the snapshot causes.
    pub run: RunId,
    /// The next step of the work.
    pub step: Step,
    /// How many employees were counted so far.
    #[serde(default)]
    pub employees: u64,
    /// The fields that every record so far has carried; `None` before the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<BTreeSet<Field>>,
    /// How many people the breaker is asked about.
    #[serde(default)]
    pub counted: u32,
    /// The partitions with differences so far, each with its number of lists of people that the breaker is asked about.
    /// `None` if an older version compared the partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<BTreeMap<u8, u32>>,
    /// The number of people by outcome. In a dry run it is the outcome that they would have.
    #[serde(default)]
    pub summary: BTreeMap<Outcome, u64>,
    /// The same if the source were active. It is filled only for a source in observation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<Outcome, u64>,
    /// The people who differ, with what they come to. An older version did not count them apart.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub tally: Tally,
    /// The holds in which applying the snapshot has left people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub holds: BTreeSet<HoldId>,
    /// The people whose records were rejected so far, at most one more than
    /// [`MOST_REJECTED`](crate::employee::MOST_REJECTED).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rejected: BTreeSet<PersonHash>,
    /// How often the snapshot was compared again from the beginning, after it had been applied.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again: u8,
    /// The safeguard that the snapshot itself has tripped; `None` if its size is plausible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<(Tripped, Figures)>,
    /// The breaker's answer.
    #[serde(default)]
    pub said: Said,
    /// The breaker's verdict on a dry run, or on a source in observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<(String, Option<Tripped>, Option<Figures>)>,
    /// Why nothing, or nothing more, of the snapshot was applied; `None` unless it was rejected or abandoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When the next run takes the snapshot up again; `None` if no work is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    /// Counts writes. Each write is conditional on it.
    pub rev: u64,
}

impl Snapshot {
    /// A new snapshot that accepts pages.
    #[must_use]
    pub fn open(
        snapshot: SnapshotId,
        source: SourceId,
        run: RunId,
        occurred_at: DateTime<Utc>,
        expected: Option<u64>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            snapshot,
            source,
            state: SnapshotState::Open,
            occurred_at,
            expected,
            opened_at: now,
            pages: 0,
            dry_run: false,
            observing: false,
            source_since: None,
            run,
            step: Step::Compare { part: 0 },
            employees: 0,
            fields: None,
            counted: 0,
            differs: None,
            summary: BTreeMap::new(),
            would: BTreeMap::new(),
            tally: Tally::default(),
            holds: BTreeSet::new(),
            rejected: BTreeSet::new(),
            again: 0,
            tripped: None,
            said: Said::default(),
            verdict: None,
            problem: None,
            due: None,
            rev: 1,
        }
    }

    /// The state at the instant `now`, given the line of the source. Another snapshot may have taken its place, which
    /// writes nothing to this one.
    #[must_use]
    pub fn state_in(&self, line: &SnapshotQueue, now: DateTime<Utc>) -> SnapshotState {
        let is = |one: &Option<SnapshotId>| one.as_ref() == Some(&self.snapshot);
        match self.state {
            SnapshotState::Open if !is(&line.open) => SnapshotState::Superseded,
            SnapshotState::Open if now >= self.opened_at + OPEN_FOR => SnapshotState::Failed,
            SnapshotState::Applying if !is(&line.applying) => SnapshotState::Superseded,
            state => state,
        }
    }

    /// The snapshot after it was rejected. No work is left.
    #[must_use]
    pub fn rejecting(self, problem: impl Into<String>) -> Self {
        Self {
            state: SnapshotState::Rejected,
            problem: Some(problem.into()),
            due: None,
            ..self
        }
    }

    /// The safeguard that the size of the snapshot trips; `None` if its size is plausible. `last` is the number of
    /// employees in the last applied snapshot.
    #[must_use]
    pub fn trips(&self, empty_page: bool, last: Option<u64>) -> Option<(Tripped, Figures)> {
        let expected = self.expected.max(last);
        let figures = Figures {
            employees: Some(self.employees),
            expected,
            ..Figures::default()
        };
        let short = |of: u64| self.employees.saturating_mul(2) < of;
        if self.employees == 0 {
            Some((Tripped::EmptySnapshot, figures))
        } else if empty_page {
            Some((Tripped::EmptyPage, figures))
        } else if self.expected.is_some_and(short) || last.is_some_and(short) {
            Some((Tripped::ShortSnapshot, figures))
        } else {
            None
        }
    }

    /// The next step, on a roster of `parts` partitions.
    #[must_use]
    pub fn next_step(&self, below: u8, parts: u8) -> Step {
        match self.step {
            Step::Compare { .. } if below < parts => Step::Compare { part: below },
            Step::Compare { .. } if self.counted > 0 => Step::Ask,
            Step::Compare { .. } | Step::Ask => self.apply_from(0, parts),
            Step::Apply { .. } => self.apply_from(below, parts),
            Step::Done => Step::Done,
        }
    }

    fn apply_from(&self, part: u8, parts: u8) -> Step {
        let next = match &self.differs {
            Some(differs) => differs.range(part..).map(|(part, _)| *part).next(),
            None => (part < parts).then_some(part),
        };
        match next {
            Some(part) if !self.dry_run => Step::Apply { part },
            _ => Step::Done,
        }
    }

    /// The snapshot before its first comparison. Comparing again is safe, because it changes no user.
    #[must_use]
    pub fn uncompared(self) -> Self {
        Self {
            step: Step::Compare { part: 0 },
            employees: 0,
            fields: None,
            counted: 0,
            differs: Some(BTreeMap::new()),
            summary: BTreeMap::new(),
            would: BTreeMap::new(),
            tally: Tally::default(),
            rejected: BTreeSet::new(),
            ..self
        }
    }

    /// The applied snapshot before it is compared once more. The people who are as it says are equal then. What it came
    /// to is counted already; what is found now is not counted. `None` if it was compared often enough.
    #[must_use]
    pub fn comparing_again(self) -> Option<Self> {
        let again = self.again.checked_add(1)?;
        let (summary, would) = (self.summary.clone(), self.would.clone());
        (again <= COMPARED_AGAIN).then(|| Self {
            summary,
            would,
            again,
            ..self.uncompared()
        })
    }

    /// Replaces what these partitions were planned to come to by what was done. Who was unchanged is counted once.
    pub fn applied(&mut self, parts: &[u8], done: &Words) {
        let people = |tally: &Tally| tally.words().values().sum();
        let planned: u64 = people(&self.tally);
        self.recount(|tally| tally.done(parts, done));
        let more = people(&self.tally).saturating_sub(planned);
        let unchanged = self.summary.get_mut(&Outcome::Unchanged);
        if let Some(unchanged) = unchanged.filter(|_| self.again == 0) {
            *unchanged = unchanged.saturating_sub(more);
        }
    }

    /// Changes what the people who differ come to, and the figures with it. What is found when the snapshot is compared
    /// again is not counted.
    pub fn recount(&mut self, change: impl FnOnce(&mut Tally)) {
        let before = self.tally.words();
        change(&mut self.tally);
        let after = self.tally.words();
        if self.again > 0 {
            return;
        }
        let figures = match self.observing {
            true => &mut self.would,
            false => &mut self.summary,
        };
        for (word, count) in after {
            *figures.entry(word).or_default() += count;
        }
        for (word, count) in before {
            let figure = figures.entry(word).or_default();
            *figure = figure.saturating_sub(count);
        }
        figures.retain(|_, count| *count > 0);
    }

    /// The mark that this snapshot will leave; `None` for a dry run. From `now` on, events of before it wait.
    #[must_use]
    pub fn pending(&self, now: DateTime<Utc>) -> Option<PendingMark> {
        (!self.dry_run).then(|| PendingMark {
            snapshot: self.snapshot.clone(),
            at: self.occurred_at,
            until: now + EVENTS_WAIT,
        })
    }

    /// The mark of the source after this snapshot. `None` if an event of before it may have been taken since it was
    /// last compared: events did not wait for it all the time.
    ///
    /// The mark is as it was if the snapshot rejected more people than [`MOST_REJECTED`](crate::employee::MOST_REJECTED).
    #[must_use]
    pub fn mark(&self, breaker: &Breaker, now: DateTime<Utc>) -> Option<Watermark> {
        let pending = breaker.pending.as_ref();
        pending.filter(|one| one.snapshot == self.snapshot && now + STILL_WAIT < one.until)?;
        let fields = self.fields.iter().flatten().copied();
        let mark = &breaker.mark;
        let after = mark.after_all_but(&self.rejected, self.occurred_at, fields);
        Some(after.unwrap_or_else(|| mark.clone()))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// The line of a source: the snapshot that accepts pages, and the snapshot that is being applied. There is at most one
/// of each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SnapshotQueue {
    /// The snapshot that accepts pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<SnapshotId>,
    /// The snapshot that is being applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applying: Option<SnapshotId>,
    /// The instant of the snapshot that is being applied. `None` if there is none, if it is a dry run, or if an older
    /// version wrote the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applying_at: Option<DateTime<Utc>>,
    /// Counts writes. Each write is conditional on it. 0 if nothing is stored yet.
    #[serde(default)]
    pub rev: u64,
}
