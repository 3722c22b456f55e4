//! The pulse of an HR source: when it delivers, and when it has been silent for too long.
//!
//! Each source has its own rhythm. One delivers every minute, another once a night, a third only when an employee
//! leaves. So silence is measured by the source's past gaps, unless an admin sets a number of hours.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::Health;

/// A delivery within this time after the last stored one is not stored.
pub const WRITTEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Deliveries within this time after the first of them count as one. The pages of a snapshot say nothing about the time
/// of the next delivery.
const ONE_WITHIN: TimeDelta = TimeDelta::hours(1);
/// How many gaps are kept. They cover two weeks of a source that delivers all day, in an item below 1 KB.
const GAPS: usize = 100;
/// From this number of gaps on there is a rhythm. Five deliveries make four gaps.
const RHYTHM_FROM: usize = 4;
/// A source may be quiet for this many times its median gap.
const TIMES: i32 = 3;
/// Without a setting of an admin, no source is silent sooner than this.
const LEAST: TimeDelta = TimeDelta::hours(24);

/// When a source has delivered. The pulse is an item of its own beside the breaker, so no departure waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pulse {
    /// The last stored delivery; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<DateTime<Utc>>,
    /// The delivery from which the next gap is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_from: Option<DateTime<Utc>>,
    /// The last gaps, in seconds, the newest last.
    #[serde(default)]
    pub gaps: Vec<u32>,
    /// The health that the admins were last told.
    #[serde(default)]
    pub told: Health,
    /// When `told` was set; `None` if it was never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<DateTime<Utc>>,
    /// Counts writes. Each write is conditional on it. 0 if nothing is stored yet.
    pub rev: u64,
}

/// The facts about a source, beside its pulse, that decide its health.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// True if Offramp accepts deliveries of the source.
    pub enabled: bool,
    /// Since when the source is enabled. Silence before that instant does not count.
    pub since: DateTime<Utc>,
    /// The hours after which the source is silent, as an admin set them; `None` if its own rhythm decides.
    pub silent_after_hours: Option<u32>,
    /// True if an open hold quarantines the source.
    pub quarantined: bool,
}

impl Pulse {
    /// The pulse after a delivery; `None` if the delivery is too soon after the last stored one.
    #[must_use]
    pub fn beating(&self, now: DateTime<Utc>) -> Option<Self> {
        if self.last_at.is_some_and(|last| now < last + WRITTEN_EVERY) {
            return None;
        }
        let mut after = Self {
            last_at: Some(now),
            rev: self.rev + 1,
            ..self.clone()
        };
        match self.gap_from {
            Some(from) if now < from + ONE_WITHIN => {}
            Some(from) => {
                let gap = u32::try_from((now - from).num_seconds()).unwrap_or(u32::MAX);
                after.gaps.push(gap);
                let old = after.gaps.len().saturating_sub(GAPS);
                after.gaps.drain(..old);
                after.gap_from = Some(now);
            }
            None => after.gap_from = Some(now),
        }
        Some(after)
    }

    /// How long the source may be quiet by its own rhythm. It is the largest of three: three times the median gap, the
    /// second longest gap plus a quarter, and 24 hours. The second longest gap covers weekends. `None` if there are too
    /// few gaps for a rhythm.
    #[must_use]
    pub fn patience(&self) -> Option<TimeDelta> {
        if self.gaps.len() < RHYTHM_FROM {
            return None;
        }
        let mut gaps = self.gaps.clone();
        gaps.sort_unstable();
        let gap = |at: usize| TimeDelta::seconds(gaps.get(at).copied().unwrap_or_default().into());
        let median = gap(gaps.len() / 2);
        let twice = gap(gaps.len() - 2);
        Some((median * TIMES).max(twice * 5 / 4).max(LEAST))
    }

    /// When the source falls silent if it delivers nothing more; `None` if it never does. A disabled source, or one
    /// that has never delivered, does not fall silent.
    #[must_use]
    pub fn silent_at(&self, listening: &Listening) -> Option<DateTime<Utc>> {
        let last = self.last_at.filter(|_| listening.enabled)?;
        let patience = match listening.silent_after_hours {
            Some(hours) => TimeDelta::hours(hours.into()),
            None => self.patience()?,
        };
        last.max(listening.since).checked_add_signed(patience)
    }

    /// The health of the source at the instant `now`.
    #[must_use]
    pub fn health(&self, listening: &Listening, now: DateTime<Utc>) -> Health {
        match self.silent_at(listening) {
            _ if listening.quarantined => Health::Quarantined,
            Some(at) if at < now => Health::Silent,
            _ => Health::Healthy,
        }
    }

    /// True if the source has delivered since the admins were told of its silence. Then the next sweep tells them.
    #[must_use]
    pub fn is_back(&self) -> bool {
        self.told == Health::Silent && self.last_at > self.told_at
    }

    /// The pulse after the admins are told the present health, and whether to mail it. `None` if they know it already.
    /// A hold sends notices of its own when it opens and when it closes, so these changes are not mailed here. Neither
    /// is a change of a source that an admin has disabled.
    #[must_use]
    pub fn telling(&self, listening: &Listening, now: DateTime<Utc>) -> Option<(Self, bool)> {
        let health = self.health(listening, now);
        if health == self.told && !self.is_back() {
            return None;
        }
        let mailed = match (self.told, health) {
            (_, Health::Quarantined) | (Health::Quarantined, Health::Healthy) => false,
            (told, health) => told != health && listening.enabled,
        };
        let after = Self {
            told: health,
            told_at: Some(now),
            rev: self.rev + 1,
            ..self.clone()
        };
        Some((after, mailed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    /// A pulse with deliveries at these minutes after the start.
    fn beats(minutes: impl IntoIterator<Item = i64>) -> Pulse {
        minutes.into_iter().fold(Pulse::default(), |pulse, minute| {
            let at = start() + TimeDelta::minutes(minute);
            pulse.beating(at).unwrap_or(pulse)
        })
    }

    fn listening() -> Listening {
        Listening {
            enabled: true,
            since: start(),
            silent_after_hours: None,
            quarantined: false,
        }
    }

    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn it_is_written_at_most_once_a_minute() {
        let pulse = beats([0]);
        let soon = start() + TimeDelta::seconds(59);
        assert_eq!(pulse.beating(soon), None);
        assert_eq!(pulse.beating(start() - TimeDelta::hours(1)), None);
        let after = pulse.beating(start() + TimeDelta::minutes(1)).unwrap();
        assert_eq!((after.rev, after.gaps.len()), (2, 0));
    }

    #[test]
    fn whoever_has_hardly_spoken_has_no_rhythm() {
        assert_eq!(Pulse::default().silent_at(&listening()), None);
        assert_eq!(beats((0..4).map(|n| n * DAY)).patience(), None);
        assert!(beats((0..5).map(|n| n * DAY)).patience().is_some());
        // An admin set the hours, so one delivery is enough.
        let set = Listening {
            silent_after_hours: Some(2),
            ..listening()
        };
        assert_eq!(Pulse::default().silent_at(&set), None);
        assert_eq!(
            beats([0]).silent_at(&set),
            Some(start() + TimeDelta::hours(2))
        );
    }

    #[test]
    fn it_is_three_times_the_usual_interval_and_never_under_a_day() {
        let hours = |pulse: Pulse| pulse.patience().unwrap().num_hours();
        assert_eq!(hours(beats((0..9).map(|n| n * DAY))), 72);
        assert_eq!(hours(beats((0..9).map(|n| n * 7 * DAY))), 21 * 24);
        assert_eq!(hours(beats((0..900).map(|n| n * 2))), 24);
        // One long gap among many changes nothing.
        let holiday = [0, 1, 2, 3, 4, 12, 13, 14].map(|day| day * DAY);
        assert_eq!(hours(beats(holiday)), 72);
    }

    #[test]
    fn the_pages_of_a_nightly_snapshot_are_one_delivery() {
        let pages = (0..6).flat_map(|night| (0..20).map(move |page| night * DAY + page));
        assert_eq!(beats(pages).patience().unwrap().num_hours(), 72);
    }

    #[test]
    fn weekends_are_no_outage() {
        // Every 15 minutes from 9 to 17 o'clock, Monday to Friday, for three weeks.
        let days = (0..21).filter(|day| day % 7 < 5);
        let minutes = days.flat_map(|day| (0..=32).map(move |quarter| day * DAY + quarter * 15));
        let pulse = beats(minutes);
        let friday = pulse.last_at.unwrap();
        let monday = friday + TimeDelta::hours(64);
        assert_eq!(pulse.health(&listening(), monday), Health::Healthy);
        let tuesday = friday + TimeDelta::hours(88);
        assert_eq!(pulse.health(&listening(), tuesday), Health::Silent);
    }

    #[test]
    fn what_was_not_taken_was_not_missed() {
        let pulse = beats((0..6).map(|n| n * DAY));
        let later = start() + TimeDelta::days(60);
        assert_eq!(pulse.health(&listening(), later), Health::Silent);
        let disabled = Listening {
            enabled: false,
            ..listening()
        };
        assert_eq!(pulse.health(&disabled, later), Health::Healthy);
        let enabled_again = Listening {
            since: later,
            ..listening()
        };
        let soon = later + TimeDelta::hours(1);
        assert_eq!(pulse.health(&enabled_again, soon), Health::Healthy);
        let held = Listening {
            quarantined: true,
            ..listening()
        };
        assert_eq!(pulse.health(&held, later), Health::Quarantined);
    }

    #[test]
    fn each_change_is_told_once_and_a_hold_tells_by_itself() {
        let pulse = beats((0..6).map(|n| n * DAY));
        let last = pulse.last_at.unwrap();
        let (quiet, late) = (listening(), last + TimeDelta::days(4));
        assert_eq!(pulse.telling(&quiet, last), None);
        let (silent, mailed) = pulse.telling(&quiet, late).unwrap();
        assert!(mailed && silent.told == Health::Silent && !silent.is_back());
        assert_eq!(silent.telling(&quiet, late + TimeDelta::days(1)), None);

        let back = silent.beating(late + TimeDelta::days(2)).unwrap();
        assert!(back.is_back());
        let soon = late + TimeDelta::days(2) + TimeDelta::minutes(5);
        let (well, mailed) = back.telling(&quiet, soon).unwrap();
        assert!(mailed && well.told == Health::Healthy && !well.is_back());

        let held = Listening {
            quarantined: true,
            ..quiet
        };
        let (held, mailed) = back.telling(&held, soon).unwrap();
        assert!(!mailed && held.told == Health::Quarantined);
        assert_eq!(held.telling(&quiet, soon).map(|told| told.1), Some(false));
        // The source fell silent while the hold was open, and nobody was told.
        let (_, mailed) = held.telling(&quiet, soon + TimeDelta::days(40)).unwrap();
        assert!(mailed);
        // The machine came too late to see the delivery in between: the source is silent as before.
        let (again, mailed) = back.telling(&quiet, soon + TimeDelta::days(40)).unwrap();
        assert!(!mailed && again.told == Health::Silent && !again.is_back());
        let disabled = Listening {
            enabled: false,
            ..quiet
        };
        assert!(silent.telling(&disabled, soon).is_some_and(|told| !told.1));
    }
}
