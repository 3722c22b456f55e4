//! The breaker: it stops a broken HR connection from ending everybody's access.
//!
//! Each source has one breaker. Before a machine deactivates a user, or restores a deleted one, the user takes a
//! *place* in the breaker's rolling window. A run that would take more places than the safeguards allow takes none: it
//! is *held* until an admin answers. A person has one place, however often a delivery arrives, so a retry never trips
//! the breaker. While a hold is open, no user of the source departs. A later leaver joins the hold. A user who already
//! has a place waits at the end of the grace period, without access and with live cards.

mod returns;
mod window;

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::employee::{PendingMark, Watermark};
use crate::ids::{EmployeeId, HoldId, SnapshotId};
use crate::lifecycle::Cause;
use crate::settings::Safeguards;

pub use returns::Returns;
pub use window::{NoWindow, Window};

/// `max_percent` applies from this number of active people on. In a smaller source one person is a large share: of
/// five, 20 per cent.
pub const SHARE_FROM: u32 = 20;
/// The most places in a window, whatever the safeguards say. The breaker is one DynamoDB item of at most 400 KB. A
/// place takes 18 bytes, and the item holds up to two windows: the present one, and those of rejections together.
pub const PLACES: usize = 10_000;

/// A change by a machine that the breaker counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "counted", content = "cause", rename_all = "snake_case")]
pub enum Counted {
    /// An active user loses access.
    Departure(Cause),
    /// The last admin would lose access. This is always held, as a hold of that one person.
    LastAdmin(Cause),
    /// A user who had lost their account returns: from a deactivation or from a deletion.
    #[serde(rename = "restore")]
    Return,
    /// An employee would be created who looks like somebody who is here. This is always held.
    LookAlike,
}

impl Counted {
    /// The change as that of somebody who is not the last admin; `None` if nobody leaves by it.
    #[must_use]
    pub fn departure(self) -> Option<Self> {
        match self {
            Self::Departure(cause) | Self::LastAdmin(cause) => Some(Self::Departure(cause)),
            Self::Return | Self::LookAlike => None,
        }
    }

    /// True if an admin is asked about it, whatever the limits are.
    #[must_use]
    pub fn is_always_held(self) -> bool {
        matches!(self, Self::LastAdmin(_) | Self::LookAlike)
    }
}

/// The safeguard that stopped a run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Tripped {
    /// The window would hold more than `max_users` people.
    MaxUsers,
    /// The window would hold more than `max_percent` of the source's active people.
    MaxPercent,
    /// The run would end the access of the last admin. Only that person is held.
    LastAdmin,
    /// The snapshot has no employees.
    EmptySnapshot,
    /// A page of the snapshot is empty, although other pages are not.
    EmptyPage,
    /// The snapshot has less than half of the expected employees, or of those in the last snapshot.
    ShortSnapshot,
    /// The setting `on_missing` is `hold`: an admin decides about missing people.
    OnMissing,
    /// More people would return within the window than `max_returns`, and than `max_percent` of the active people.
    MaxReturns,
    /// An unknown employee arrives as inactive, and looks like somebody who is here.
    LookAlike,
}

impl Tripped {
    /// True if the safeguard suggests a broken connection, so that the source is quarantined. The rules `last_admin`,
    /// `on_missing`, `max_returns` and `look_alike` keep nobody but the people in their holds.
    #[must_use]
    pub fn quarantines(self) -> bool {
        !matches!(
            self,
            Self::LastAdmin | Self::OnMissing | Self::MaxReturns | Self::LookAlike
        )
    }

    /// True if somebody would leave by what it stopped.
    #[must_use]
    pub fn stops_departures(self) -> bool {
        !matches!(self, Self::MaxReturns | Self::LookAlike)
    }

    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The figures that a safeguard compared with its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Figures {
    /// How many people the run would affect.
    pub people: u32,
    /// How many places of the window were taken.
    pub in_window: u32,
    /// The source's active people when the window began; `None` if nobody has counted them yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// The limits at the time of the comparison.
    #[serde(flatten)]
    pub limits: Limits,
    /// How many employees the snapshot has; `None` outside a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u64>,
    /// How many employees the snapshot should have: the expected number, or that of the last snapshot if it is larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// The limits of the safeguards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Limits {
    /// The most people within the window.
    pub max_users: u32,
    /// The largest share of the source's active people within the window, in per cent.
    pub max_percent: u8,
    /// The length of the window, in hours.
    pub window_hours: u16,
    /// The most people who may return within the window; `None` unless they were compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_returns: Option<u32>,
    /// The most people whom one admin may let go of the hold alone; `None` if the settings named no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub four_eyes_above: Option<u32>,
}

impl From<Safeguards> for Limits {
    fn from(safeguards: Safeguards) -> Self {
        Self {
            max_users: safeguards.max_users,
            max_percent: safeguards.max_percent,
            window_hours: safeguards.window_hours,
            max_returns: None,
            four_eyes_above: safeguards.four_eyes_above,
        }
    }
}

/// The answer of the breaker to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The people of the run take their places and may go.
    Admitted,
    /// A hold is open, and the people of the run join it.
    Joins(HoldId),
    /// The run trips the breaker, which opens a hold.
    Trips(Tripped, Figures),
}

impl Verdict {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Joins(_) => "joins",
            Self::Trips(..) => "held",
        }
    }
}

/// A count of a source's active people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// How many active people the source had.
    pub active: u32,
    /// When they were counted.
    pub at: DateTime<Utc>,
}

/// The window at the time of a rejection. Each person in it has a whole grace period from that instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spared {
    /// When the hold was rejected.
    pub at: DateTime<Utc>,
    /// The people who had a place at that instant.
    pub window: Window,
}

/// The breaker of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// The people who have taken a place.
    #[serde(default, skip_serializing_if = "Window::is_empty")]
    pub window: Window,
    /// The count that a percentage refers to; `None` if nobody has counted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The open hold that quarantines the source; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// The people who joined the open hold up to this roll number have been answered.
    #[serde(default)]
    pub answered: u64,
    /// When the sweep looks at the source again; `None` if it has no reason to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<DateTime<Utc>>,
    /// The window of the last rejection that spared anybody; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<Spared>,
    /// The people whom earlier rejections spared, each with the instant of theirs: whoever was spared keeps the promised
    /// date whatever comes later. Nobody is in it whom the last rejection spared again.
    #[serde(default, skip_serializing_if = "Window::is_empty")]
    pub spared_before: Window,
    /// The people who have returned, and the open hold of those who may not yet.
    #[serde(default, skip_serializing_if = "Returns::is_none")]
    pub returns: Returns,
    /// What the last applied snapshot stated about every employee of the source.
    #[serde(default, skip_serializing_if = "Watermark::is_none")]
    pub mark: Watermark,
    /// The mark that the snapshot which is being applied will leave; `None` if there is none. Events of before it wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingMark>,
    /// How many employees the last applied snapshot had; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u64>,
    /// Counts writes. Each write is conditional on it. 0 if nothing is stored yet.
    pub rev: u64,
}

impl Breaker {
    /// Compares a run with the safeguards. `tripped` is the safeguard that the snapshot itself has tripped, if any.
    /// Such a snapshot is held as a whole, however few people it affects.
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

    /// The figures of a hold. `active` is the count at the beginning of the window: people who left within the window
    /// before the count are added to it.
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

    /// The figures of a hold of this rule now, with so many people in it.
    #[must_use]
    pub fn present(
        &self,
        rule: Tripped,
        people: usize,
        safeguards: Safeguards,
        now: DateTime<Utc>,
    ) -> Figures {
        let returns = rule == Tripped::MaxReturns;
        let window = match returns {
            true => &self.returns.window,
            false => &self.window,
        };
        let mut figures = self.figures(people, &window.as_of(now, safeguards), safeguards);
        figures.limits.max_returns = returns.then_some(safeguards.max_returns);
        figures
    }

    /// The breaker after the people of a run have taken their places.
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

    /// The breaker after a hold was opened. No place is taken while the hold is open.
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

    /// The breaker after an admin answered for the people up to roll number `answered`. Later members are still held,
    /// so a user with a place goes on waiting.
    #[must_use]
    pub fn answering_until(&self, answered: u64) -> Self {
        Self {
            answered,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after a hold has ended. The window is empty. If the hold was `rejected`, each person in the window
    /// has a whole grace period from `now`.
    #[must_use]
    pub fn answering(&self, rejected: bool, now: DateTime<Utc>) -> Self {
        let (mut spared, mut spared_before) = (self.spared.clone(), self.spared_before.clone());
        if rejected && !self.window.is_empty() {
            if let Some(last) = &spared {
                spared_before = spared_before.remembering(&last.window, last.at, &self.window, now);
            }
            spared = Some(Spared {
                at: now,
                window: self.window.clone(),
            });
        }
        Self {
            window: Window::default(),
            hold: None,
            answered: 0,
            spared,
            spared_before,
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker as it counts for one person: with the mark that counts for them.
    #[must_use]
    pub fn of(&self, id: &EmployeeId) -> Cow<'_, Self> {
        let mark = self.mark.of(id);
        if std::ptr::eq(mark, &self.mark) {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            mark: mark.clone(),
            ..self.clone()
        })
    }

    /// The breaker after the pending mark has changed; `None` if it is the same.
    #[must_use]
    pub fn pending_after(&self, pending: Option<PendingMark>) -> Option<Self> {
        (self.pending != pending).then(|| Self {
            pending,
            rev: self.rev + 1,
            ..self.clone()
        })
    }

    /// The breaker after a snapshot has ended without a mark; `None` if it has nothing pending.
    #[must_use]
    pub fn released(&self, by: &SnapshotId) -> Option<Self> {
        let own = self.pending.as_ref()?.snapshot == *by;
        own.then(|| self.pending_after(None)).flatten()
    }

    /// How long this breaker keeps the cards of a user alive who was scheduled at `scheduled`; `None` if it does not.
    #[must_use]
    pub fn keeps(&self, id: &EmployeeId, scheduled: DateTime<Utc>) -> Option<Keeps> {
        if self.hold.is_some() && self.window.has(id) {
            return Some(Keeps::UntilAnswered);
        }
        let last = self.spared.as_ref();
        let last = last
            .filter(|spared| spared.window.has(id))
            .map(|one| one.at);
        let at = last.or_else(|| self.spared_before.at_of(id))?;
        (scheduled <= at).then_some(Keeps::AGracePeriodFrom(at))
    }
}

/// How long a breaker keeps a user's cards alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Until an admin answers the open hold.
    UntilAnswered,
    /// For a whole grace period from the rejection at this instant on.
    AGracePeriodFrom(DateTime<Utc>),
}
