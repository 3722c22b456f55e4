//! The breaker between a broken HR connection and everyone leaving.
//!
//! One for each source. Whoever a machine is about to deactivate, or to bring back from a deletion,
//! takes a *place* in its rolling window first; a run that would take more places than the
//! safeguards allow takes none, and is *held* until a person answers. A person has one place, however
//! often a delivery comes: so a retry never trips it. While a hold is open nothing of the source
//! departs: who comes later joins the hold, and who has a place waits at the end of their grace
//! period, without access and with their cards alive.

mod window;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::employee::Mark;
use crate::ids::{EmployeeId, HoldId};
use crate::lifecycle::Cause;
use crate::settings::Safeguards;

pub use window::{NoWindow, Window};

/// A share counts only from so many active people on: of five, one is twenty per cent.
pub const SHARE_FROM: u32 = 20;
/// Places that a window holds, whatever the safeguards say: it is one item, of 400 KB at most, with those
/// whom a rejection has spared, who may be as many.
pub const PLACES: usize = 10_000;

/// What a machine is about to do that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "counted", content = "cause", rename_all = "snake_case")]
pub enum Counted {
    /// Somebody active loses access.
    Departure(Cause),
    /// The same, of the last admin with access: always held, by themselves.
    LastAdmin(Cause),
    /// Somebody whom an admin deleted comes back.
    Restore,
}

/// Which safeguard stopped a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tripped {
    /// More people than `max_users` within the window.
    MaxUsers,
    /// More than `max_percent` of the source's active people within the window.
    MaxPercent,
    /// The last admin with access. Holds that person alone.
    LastAdmin,
    /// A snapshot of nobody.
    EmptySnapshot,
    /// A page without anybody among pages with somebody.
    EmptyPage,
    /// Less than half of what was expected, or of the last snapshot.
    ShortSnapshot,
    /// The settings ask before missing people are deactivated.
    OnMissing,
}

impl Tripped {
    /// Whether it says that the connection may be broken, so that the source is quarantined. That the
    /// last admin leaves, or that the settings ask first, says nothing of the others, and must not keep
    /// them in.
    #[must_use]
    pub fn quarantines(self) -> bool {
        !matches!(self, Self::LastAdmin | Self::OnMissing)
    }

    /// Its name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxUsers => "max_users",
            Self::MaxPercent => "max_percent",
            Self::LastAdmin => "last_admin",
            Self::EmptySnapshot => "empty_snapshot",
            Self::EmptyPage => "empty_page",
            Self::ShortSnapshot => "short_snapshot",
            Self::OnMissing => "on_missing",
        }
    }
}

/// What a safeguard was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Figures {
    /// People whom the run would touch.
    pub people: u32,
    /// Those who have a place in the window already.
    pub in_window: u32,
    /// The source's active people when the window began; `None` where nobody has counted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// The limits at that moment.
    #[serde(flatten)]
    pub limits: Limits,
    /// Employees in the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u64>,
    /// Employees that it was expected to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// The limits of the safeguards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// People.
    pub max_users: u32,
    /// Per cent.
    pub max_percent: u8,
    /// Hours.
    pub window_hours: u16,
}

impl From<Safeguards> for Limits {
    fn from(safeguards: Safeguards) -> Self {
        Self {
            max_users: safeguards.max_users,
            max_percent: safeguards.max_percent,
            window_hours: safeguards.window_hours,
        }
    }
}

/// What the breaker says to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They take their places and go.
    Admitted,
    /// A hold is open: they join it.
    Joins(HoldId),
    /// A hold is opened.
    Trips(Tripped, Figures),
}

impl Verdict {
    /// Its name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Joins(_) => "joins",
            Self::Trips(..) => "held",
        }
    }
}

/// How many active people a source had, and when they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// People.
    pub active: u32,
    /// When.
    pub at: DateTime<Utc>,
}

/// Those who had a place when a hold was rejected: from then on they have a whole grace period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spared {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub window: Window,
}

/// The breaker of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// Who takes a place.
    #[serde(default, skip_serializing_if = "Window::is_empty")]
    pub window: Window,
    /// What a percentage is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The hold that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// Those of it who joined with this number or a smaller one have been answered.
    #[serde(default)]
    pub answered: u64,
    /// When the sweep looks at the source again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<DateTime<Utc>>,
    /// Whom a rejection spared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<Spared>,
    /// What the last applied snapshot said of everybody.
    #[serde(default, skip_serializing_if = "Mark::is_none")]
    pub mark: Mark,
    /// Employees in the last applied snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u64>,
    /// Counts writes: what the next one is conditional on. 0 where there is none yet.
    pub rev: u64,
}

impl Breaker {
    /// Holds a run against the safeguards. `tripped` is what the snapshot itself has tripped; in a
    /// snapshot that trips, all are held, however few.
    #[must_use]
    pub fn weigh(
        &self,
        people: &BTreeSet<EmployeeId>,
        safeguards: Safeguards,
        tripped: Option<Tripped>,
        now: DateTime<Utc>,
    ) -> Verdict {
        if let Some(hold) = &self.hold {
            return Verdict::Joins(hold.clone());
        }
        let window = self.window.as_of(now, safeguards);
        let fresh = window.without(people);
        let figures = self.figures(people.len(), &window, safeguards);
        if let Some(tripped) = tripped {
            return Verdict::Trips(tripped, figures);
        }
        if fresh == 0 {
            return Verdict::Admitted;
        }
        let would = window.len() + fresh;
        let most = usize::try_from(safeguards.max_users)
            .unwrap_or(PLACES)
            .min(PLACES);
        if would > most {
            return Verdict::Trips(Tripped::MaxUsers, figures);
        }
        match figures.active {
            Some(active) if active >= SHARE_FROM => {
                let share = u64::try_from(would).unwrap_or(u64::MAX).saturating_mul(100);
                if share > u64::from(safeguards.max_percent) * u64::from(active) {
                    return Verdict::Trips(Tripped::MaxPercent, figures);
                }
                Verdict::Admitted
            }
            _ => Verdict::Admitted,
        }
    }

    /// The figures of a hold: the base as it was when the window began, since those who have left
    /// within it were active then.
    fn figures(&self, people: usize, window: &Window, safeguards: Safeguards) -> Figures {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Figures {
            people: count(people),
            in_window: count(window.len()),
            active: self
                .base
                .map(|base| base.active.saturating_add(count(window.until(base.at)))),
            limits: safeguards.into(),
            ..Figures::default()
        }
    }

    /// The breaker after people have taken their places.
    #[must_use]
    pub fn admitting(
        &self,
        people: &BTreeSet<EmployeeId>,
        safeguards: Safeguards,
        now: DateTime<Utc>,
    ) -> Self {
        let mut window = self.window.as_of(now, safeguards);
        for id in people {
            window.take(id, now);
        }
        Self {
            window,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after it has tripped. The window stays as it is until the hold has ended.
    #[must_use]
    pub fn tripping(&self, hold: HoldId, safeguards: Safeguards, now: DateTime<Utc>) -> Self {
        Self {
            window: self.window.as_of(now, safeguards),
            hold: Some(hold),
            answered: 0,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after a person has answered for those who joined the hold with this number or a
    /// smaller one. The others are still held, and so whoever has a place goes on waiting.
    #[must_use]
    pub fn answering_until(&self, answered: u64) -> Self {
        Self {
            answered,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after a hold has ended: the window is empty. `rejected`: those who were in it have a
    /// whole grace period from now.
    #[must_use]
    pub fn answering(&self, rejected: bool, now: DateTime<Utc>) -> Self {
        let spared = if rejected && !self.window.is_empty() {
            Some(Spared {
                at: now,
                window: self.window.clone(),
            })
        } else {
            self.spared.clone()
        };
        Self {
            window: Window::default(),
            hold: None,
            answered: 0,
            spared,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// Until when somebody's grace period goes on because of this breaker; `None` where it has no say.
    /// `now` at least, while a hold is open and they have a place in its window.
    #[must_use]
    pub fn keeps(
        &self,
        id: &EmployeeId,
        scheduled: DateTime<Utc>,
        grace: TimeDelta,
    ) -> Option<Keeps> {
        if self.hold.is_some() && self.window.has(id) {
            return Some(Keeps::UntilAnswered);
        }
        let spared = self.spared.as_ref()?;
        (scheduled <= spared.at && spared.window.has(id)).then(|| Keeps::Until(spared.at + grace))
    }
}

/// How long a breaker keeps somebody's cards alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Until the open hold is answered.
    UntilAnswered,
    /// Until an instant.
    Until(DateTime<Utc>),
}
