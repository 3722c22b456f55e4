//! A snapshot: everybody whom a source knows, as of one instant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::breaker::{Figures, Tripped};
use crate::decide::{Gate, Word};
use crate::employee::Field;
use crate::ids::{HoldId, RunId, SnapshotId, SourceId};

/// Pages of a snapshot at most.
pub const MAX_PAGES: u32 = 400;
/// A snapshot that is not completed within this time is abandoned.
pub const OPEN_FOR: TimeDelta = TimeDelta::hours(24);
/// How long its pages and its report are kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(7);

/// What has become of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// It takes pages.
    Open,
    /// It is compared and applied.
    Applying,
    /// All of it is applied.
    Applied,
    /// All of it is applied but those whom a hold keeps.
    Held,
    /// It contradicts itself, or a later one was applied: nothing of it is.
    Rejected,
    /// A newer one took its place.
    Superseded,
    /// It was abandoned: nothing of it is applied.
    Failed,
}

/// How far the work on a snapshot has come. A roster has `of` partitions, each of which is compared,
/// and then applied, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "doing", rename_all = "snake_case")]
pub enum Step {
    /// Everything is decided in memory, one partition after the other.
    Compare {
        /// The next one.
        part: u8,
    },
    /// The breaker is asked.
    Ask,
    /// What was decided is done.
    Apply {
        /// The next one.
        part: u8,
    },
    /// Nothing is left to do.
    Done,
}

impl Step {
    /// Steps done, of how many.
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

/// What the breaker has said to a snapshot; the same for all of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Said {
    /// The hold that keeps those whom it calls inactive, or whom it would bring back, and the missing
    /// where they are no matter of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<(HoldId, u64)>,
    /// The hold that keeps the missing, where the settings ask first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<(HoldId, u64)>,
}

impl Said {
    /// What it comes to for somebody. `apart`: the missing are a matter of their own.
    #[must_use]
    pub fn gate(&self, run: &RunId, apart: bool) -> Gate {
        match if apart { &self.missing } else { &self.hold } {
            Some((hold, seq)) => Gate::Held {
                hold: hold.clone(),
                seq: *seq,
            },
            None => Gate::Open {
                run: Some(run.clone()),
            },
        }
    }
}

/// A snapshot, without its pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub snapshot: SnapshotId,
    /// Whose.
    pub source: SourceId,
    /// What has become of it.
    pub state: SnapshotState,
    /// The instant that it speaks of.
    pub occurred_at: DateTime<Utc>,
    /// Employees that whoever opened it expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Pages, as whoever completed it has said.
    #[serde(default)]
    pub pages: u32,
    /// Nothing is to be done: what would be is reported.
    #[serde(default)]
    pub dry_run: bool,
    /// The source was only observed when it was completed.
    #[serde(default)]
    pub observing: bool,
    /// What it does, where it ends somebody's access, is this run.
    pub run: RunId,
    /// How far the work has come.
    pub step: Step,
    /// Employees that were counted so far.
    #[serde(default)]
    pub employees: u64,
    /// Fields that every record so far has carried; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<BTreeSet<Field>>,
    /// People whom the breaker is asked about.
    #[serde(default)]
    pub counted: u32,
    /// What it comes to: of a dry run what would be, of another what was done.
    #[serde(default)]
    pub summary: BTreeMap<Word, u64>,
    /// What it would come to if its source were active, where that is only observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub would: BTreeMap<Word, u64>,
    /// What the snapshot itself has tripped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<(Tripped, Figures)>,
    /// What the breaker has said.
    #[serde(default)]
    pub said: Said,
    /// The breaker's verdict on a dry run, or on what an observed source would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<(String, Option<Tripped>, Option<Figures>)>,
    /// Why nothing of it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When a machine takes it up again, while there is work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DateTime<Utc>>,
    /// Counts writes: what the next one is conditional on.
    pub rev: u64,
}

impl Snapshot {
    /// A new one.
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
            run,
            step: Step::Compare { part: 0 },
            employees: 0,
            fields: None,
            counted: 0,
            summary: BTreeMap::new(),
            would: BTreeMap::new(),
            tripped: None,
            said: Said::default(),
            verdict: None,
            problem: None,
            due: None,
            rev: 1,
        }
    }

    /// Its state, as of the line of its source and of now: another may have taken its place, and
    /// nothing is written for that.
    #[must_use]
    pub fn state_in(&self, line: &Line, now: DateTime<Utc>) -> SnapshotState {
        let is = |one: &Option<SnapshotId>| one.as_ref() == Some(&self.snapshot);
        match self.state {
            SnapshotState::Open if !is(&line.open) => SnapshotState::Superseded,
            SnapshotState::Open if now >= self.opened_at + OPEN_FOR => SnapshotState::Failed,
            SnapshotState::Applying if !is(&line.applying) => SnapshotState::Superseded,
            state => state,
        }
    }

    /// Whether it is much smaller than it should be: the safeguards of the snapshot itself.
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

    /// The next step after this one, on a roster of so many partitions.
    #[must_use]
    pub fn next_step(&self, parts: u8) -> Step {
        match self.step {
            Step::Compare { part } if part + 1 < parts => Step::Compare { part: part + 1 },
            Step::Compare { .. } => Step::Ask,
            Step::Ask if self.dry_run => Step::Done,
            Step::Ask => Step::Apply { part: 0 },
            Step::Apply { part } if part + 1 < parts => Step::Apply { part: part + 1 },
            Step::Apply { .. } | Step::Done => Step::Done,
        }
    }
}

/// Whose turn it is among the snapshots of a source: one at most takes pages, one at most is applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// The one that takes pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<SnapshotId>,
    /// The one that is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applying: Option<SnapshotId>,
    /// Counts writes: what the next one is conditional on. 0 where there is none yet.
    #[serde(default)]
    pub rev: u64,
}
