//! The rolling window of a breaker: the people who have left recently.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PLACES;
use crate::ids::EmployeeId;
use crate::settings::Safeguards;

/// The people who left within the window. A place is a hash of the employee id and the second at which the place was
/// taken. The window is stored as one text with 18 hexadecimal digits a place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window(Vec<Place>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The first 40 bits of a hash of the employee id. Among 10,000 people the chance that two share a value is about 1
    /// in 20,000. Then one of the two is not counted.
    who: u64,
    /// When the place was taken, in seconds since the Unix epoch.
    at: u32,
}

/// How many bits of the hash are kept.
const WHO_BITS: u32 = 40;

impl Window {
    /// True if no place is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many places are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if the employee has a place.
    #[must_use]
    pub fn has(&self, id: &EmployeeId) -> bool {
        let who = who(id);
        self.0.iter().any(|place| place.who == who)
    }

    /// How many of `people` have no place.
    pub(super) fn without(&self, people: &BTreeSet<EmployeeId>) -> usize {
        let taken: BTreeSet<u64> = self.0.iter().map(|place| place.who).collect();
        people.iter().filter(|id| !taken.contains(&who(id))).count()
    }

    /// How many places were taken at or before an instant.
    pub(super) fn until(&self, at: DateTime<Utc>) -> usize {
        let at = seconds(at);
        self.0.iter().filter(|place| place.at <= at).count()
    }

    /// The window without the places that are older than `window_hours`.
    pub(super) fn as_of(&self, now: DateTime<Utc>, safeguards: Safeguards) -> Self {
        let from = seconds(now - TimeDelta::hours(safeguards.window_hours.into()));
        Self(
            self.0
                .iter()
                .filter(|place| place.at > from)
                .copied()
                .collect(),
        )
    }

    pub(super) fn take(&mut self, id: &EmployeeId, now: DateTime<Utc>) {
        if !self.has(id) && self.0.len() < PLACES {
            self.0.push(Place {
                who: who(id),
                at: seconds(now),
            });
        }
    }
}

/// How long a rejection is remembered for a person: longer than any grace period lasts, whatever days count and however
/// far an admin postpones it.
const REMEMBERED: TimeDelta = TimeDelta::days(90);

/// Places as a memory of rejections: the instant of a place is that of the rejection.
impl Window {
    /// When the person was spared; `None` if they were not.
    pub(super) fn at_of(&self, id: &EmployeeId) -> Option<DateTime<Utc>> {
        let who = who(id);
        let place = self.0.iter().find(|place| place.who == who)?;
        DateTime::from_timestamp(place.at.into(), 0)
    }

    /// Takes the people of `others` in, spared at `at`, but for those in `newer`, who were spared again. What is too old
    /// is forgotten, and beyond `most` places the oldest.
    pub(super) fn remembering(
        &self,
        others: &Self,
        at: DateTime<Utc>,
        newer: &Self,
        now: DateTime<Utc>,
    ) -> Self {
        let most = PLACES.saturating_sub(newer.len());
        let seen: BTreeSet<u64> = newer.0.iter().map(|place| place.who).collect();
        let from = seconds(now - REMEMBERED);
        let at = seconds(at);
        let others = others.0.iter().map(|place| Place { at, ..*place });
        let mut places: BTreeMap<u64, Place> = BTreeMap::new();
        for place in self.0.iter().copied().chain(others) {
            if place.at > from && !seen.contains(&place.who) {
                places.insert(place.who, place);
            }
        }
        let mut places: Vec<Place> = places.into_values().collect();
        places.sort_by_key(|place| Reverse(place.at));
        places.truncate(most);
        Self(places)
    }
}

fn who(id: &EmployeeId) -> u64 {
    let hash = Sha256::digest(id.as_str().as_bytes());
    hash.iter()
        .take(8)
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
        >> (64 - WHO_BITS)
}

fn seconds(at: DateTime<Utc>) -> u32 {
    u32::try_from(at.timestamp()).unwrap_or_default()
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window
            .0
            .iter()
            .map(|place| format!("{:010x}{:08x}", place.who, place.at))
            .collect()
    }
}

/// A stored window has an unknown form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a window of places")]
pub struct NoWindow;

impl TryFrom<String> for Window {
    type Error = NoWindow;

    fn try_from(text: String) -> Result<Self, NoWindow> {
        if !text.is_ascii() || !text.len().is_multiple_of(18) {
            return Err(NoWindow);
        }
        text.as_bytes()
            .chunks_exact(18)
            .map(|place| {
                let text = std::str::from_utf8(place).map_err(|_| NoWindow)?;
                let (who, at) = text.split_at(10);
                Ok(Place {
                    who: u64::from_str_radix(who, 16).map_err(|_| NoWindow)?,
                    at: u32::from_str_radix(at, 16).map_err(|_| NoWindow)?,
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
