//! Returns: the people whose account a machine gives back. The breaker counts them apart from departures.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Breaker, Figures, Limits, PLACES, Tripped, Verdict, Window};
use crate::ids::{EmployeeId, HoldId};
use crate::settings::Safeguards;

/// The returns to one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Returns {
    /// The people who have returned recently.
    #[serde(default, skip_serializing_if = "Window::is_empty")]
    pub window: Window,
    /// The open hold of the rule `max_returns`; `None` if there is none. Later returns join it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// The people who joined that hold up to this roll number have been answered.
    #[serde(default)]
    pub answered: u64,
}

impl Returns {
    /// True if nobody has returned recently and no hold is open.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Breaker {
    /// Compares returns with the safeguards. The limit is `max_returns`, or `max_percent` of the active people if that
    /// is more: a whole department may come back, a whole history may not.
    #[must_use]
    pub fn weigh_returns(
        &self,
        people: &BTreeSet<EmployeeId>,
        safeguards: Safeguards,
        now: DateTime<Utc>,
    ) -> Verdict {
        if let Some(hold) = &self.returns.hold {
            return Verdict::Joins(hold.clone());
        }
        let window = self.returns.window.as_of(now, safeguards);
        let would = window.len() + window.without(people);
        let figures = Figures {
            limits: Limits {
                max_returns: Some(safeguards.max_returns),
                ..safeguards.into()
            },
            ..self.figures(people.len(), &window, safeguards)
        };
        let share = figures.active.map_or(0, |active| {
            u64::from(active) * u64::from(safeguards.max_percent) / 100
        });
        let most = u64::from(safeguards.max_returns).max(share);
        let most = usize::try_from(most).unwrap_or(PLACES).min(PLACES);
        if would > most && window.without(people) > 0 {
            return Verdict::Trips(Tripped::MaxReturns, figures);
        }
        Verdict::Admitted
    }

    /// The breaker after people have returned.
    #[must_use]
    pub fn admitting_returns(
        &self,
        people: &BTreeSet<EmployeeId>,
        safeguards: Safeguards,
        now: DateTime<Utc>,
    ) -> Self {
        let mut window = self.returns.window.as_of(now, safeguards);
        for id in people {
            window.take(id, now);
        }
        Self {
            returns: Returns {
                window,
                ..self.returns.clone()
            },
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after a hold of returns was opened.
    #[must_use]
    pub fn tripping_returns(&self, hold: HoldId) -> Self {
        Self {
            returns: Returns {
                hold: Some(hold),
                answered: 0,
                ..self.returns.clone()
            },
            rev: self.rev + 1,
            ..self.clone()
        }
    }

    /// The breaker after a hold has ended. `None` if the hold is not one that the breaker keeps open.
    #[must_use]
    pub fn closing(&self, hold: &HoldId, rejected: bool, now: DateTime<Utc>) -> Option<Self> {
        if self.hold.as_ref() == Some(hold) {
            return Some(self.answering(rejected, now));
        }
        (self.returns.hold.as_ref() == Some(hold)).then(|| Self {
            returns: Returns::default(),
            rev: self.rev + 1,
            ..self.clone()
        })
    }

    /// The breaker after an admin answered for the people of a hold up to roll number `answered`. `None` if the hold is
    /// not one that the breaker keeps open.
    #[must_use]
    pub fn closing_until(&self, hold: &HoldId, answered: u64) -> Option<Self> {
        if self.hold.as_ref() == Some(hold) {
            return Some(self.answering_until(answered));
        }
        (self.returns.hold.as_ref() == Some(hold)).then(|| Self {
            returns: Returns {
                answered,
                ..self.returns.clone()
            },
            rev: self.rev + 1,
            ..self.clone()
        })
    }

    /// True if this hold is open for the people with this roll number.
    #[must_use]
    pub fn is_open_for(&self, hold: &HoldId, seq: u64) -> bool {
        let of = |open: &Option<HoldId>, answered| open.as_ref() == Some(hold) && seq > answered;
        of(&self.hold, self.answered) || of(&self.returns.hold, self.returns.answered)
    }
}
