//! The grace period: which of its days count, and whether access is kept in it.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::Settings;
use crate::employee::is_date;

/// The most holidays that the settings hold.
pub const MOST_HOLIDAYS: usize = 200;

/// The most days that pass until `delay_days` of them count. A holiday makes a grace period longer by a day at most,
/// and at least one day of each week counts.
const MOST_DAYS: i32 = 7 * (MOST_HOLIDAYS as i32 + 4);

/// How the days of a grace period are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum DelayCounts {
    /// Every day counts.
    #[default]
    Days,
    /// Days of the weekend and holidays do not count.
    WorkingDays,
}

/// Whether people whom HR calls inactive, or misses, have access during their grace period. A leave date and an admin end
/// it at once all the same, and nobody is an admin any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AccessDuringGrace {
    /// Access ends when the grace period begins.
    #[default]
    Revoked,
    /// Access ends with the deactivation.
    Kept,
}

impl AccessDuringGrace {
    #[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    pub(super) fn is_revoked(&self) -> bool {
        *self == Self::Revoked
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)] // the names say it
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<chrono::Weekday> for Weekday {
    fn from(day: chrono::Weekday) -> Self {
        match day {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

/// The weekend unless the settings say another one.
pub(super) fn weekend() -> BTreeSet<Weekday> {
    BTreeSet::from([Weekday::Saturday, Weekday::Sunday])
}

pub(super) fn is_weekend(days: &BTreeSet<Weekday>) -> bool {
    *days == weekend()
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
pub(super) fn is_days(counts: &DelayCounts) -> bool {
    *counts == DelayCounts::Days
}

/// Reads dates of the form `YYYY-MM-DD`. `chrono` alone would also read `2026-1-1` and ` 2026-01-01`.
pub(super) fn dates<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<NaiveDate>, D::Error> {
    let dates: BTreeSet<Strict> = BTreeSet::deserialize(from)?;
    Ok(dates.into_iter().map(|Strict(date)| date).collect())
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Strict(NaiveDate);

impl TryFrom<String> for Strict {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let date = is_date(&text).then(|| text.parse().ok()).flatten();
        date.map(Self).ok_or("is not a date of the form YYYY-MM-DD")
    }
}

impl Settings {
    /// True if a grace period counts the day.
    #[must_use]
    pub fn counts_day(&self, date: NaiveDate) -> bool {
        match self.delay_counts {
            DelayCounts::Days => true,
            DelayCounts::WorkingDays => {
                !self.weekend.contains(&date.weekday().into()) && !self.holidays.contains(&date)
            }
        }
    }

    /// How many days of 24 hours pass from `begin` until `days` of them have counted. `day_of` gives the date of an
    /// instant in the organisation's time zone.
    ///
    /// The instants 24, 48, 72 … hours after the beginning are looked at one by one. Each that lies on a day that counts
    /// is counted, and the grace period ends with the last. So it never ends on a day off, and where every day counts,
    /// `days` of them pass.
    #[must_use]
    pub fn days_until(
        &self,
        days: u8,
        begin: DateTime<Utc>,
        day_of: impl Fn(DateTime<Utc>) -> NaiveDate,
    ) -> i32 {
        if self.delay_counts == DelayCounts::Days {
            return days.into();
        }
        let counts = |passed: &i32| self.counts_day(day_of(begin + TimeDelta::days(1) * *passed));
        let mut counted = (1..=MOST_DAYS).filter(counts);
        let last = usize::from(days).saturating_sub(1);
        counted.nth(last).unwrap_or(MOST_DAYS)
    }

    /// What is wrong with the days that do not count: the JSON pointer and the rule of each setting.
    pub(super) fn check_days(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all_week = (self.weekend.len() == 7)
            .then_some(("/weekend", "must leave a day of the week that counts"));
        let many = (self.holidays.len() > MOST_HOLIDAYS)
            .then_some(("/holidays", "must be at most 200 dates"));
        all_week.into_iter().chain(many)
    }
}
