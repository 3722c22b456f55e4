//! The limit on invitations: how many people one organisation invites within the rolling window.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::EmployeeId;
use crate::settings::Safeguards;

/// The number of parts that a window is counted in. A part counts until its last invitation leaves the window, so an
/// invitation counts for at most one part of the window longer.
const PARTS: i32 = 48;

/// The invitations of an organisation within the window, as they are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Invited(Vec<Part>);

/// The invitations of one part of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// When the first of them was granted.
    from: DateTime<Utc>,
    /// When the last of them was granted.
    until: DateTime<Utc>,
    /// How many people were invited.
    people: u32,
}

/// Whom of a digest the limit lets be invited: everybody up to one employee id. So a later run of the digest invites the same
/// people, also when some of them have left since.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    /// The last employee id; `None` if nobody is invited.
    pub last: Option<EmployeeId>,
}

impl Grant {
    /// True if the person is invited.
    #[must_use]
    pub fn includes(&self, id: &EmployeeId) -> bool {
        self.last.as_ref().is_some_and(|last| id <= last)
    }
}

impl Invited {
    /// How many invitations count at `now`.
    #[must_use]
    pub fn within(&self, safeguards: Safeguards, now: DateTime<Utc>) -> u32 {
        let parts = self.0.iter().filter(|part| counts(part, safeguards, now));
        parts.fold(0, |sum, part| sum.saturating_add(part.people))
    }

    /// Grants as many of the `wanted` invitations as the limit leaves, those of the first employee ids, and counts them.
    #[must_use]
    pub fn grant(
        &mut self,
        wanted: &BTreeSet<EmployeeId>,
        safeguards: Safeguards,
        now: DateTime<Utc>,
    ) -> Grant {
        self.0.retain(|part| counts(part, safeguards, now));
        let left = safeguards
            .max_invitations
            .saturating_sub(self.within(safeguards, now));
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let people = wanted.len().min(left);
        if people > 0 {
            self.add(u32::try_from(people).unwrap_or(u32::MAX), safeguards, now);
        }
        let last = people
            .checked_sub(1)
            .and_then(|last| wanted.iter().nth(last));
        Grant {
            last: last.cloned(),
        }
    }

    fn add(&mut self, people: u32, safeguards: Safeguards, now: DateTime<Utc>) {
        let long = window(safeguards) / PARTS;
        match self.0.last_mut().filter(|part| now - part.from < long) {
            Some(part) => {
                part.until = part.until.max(now);
                part.people = part.people.saturating_add(people);
            }
            None => self.0.push(Part {
                from: now,
                until: now,
                people,
            }),
        }
    }
}

fn window(safeguards: Safeguards) -> TimeDelta {
    TimeDelta::hours(safeguards.window_hours.into())
}

fn counts(part: &Part, safeguards: Safeguards, now: DateTime<Utc>) -> bool {
    part.until > now - window(safeguards)
}
