//! Instants as people and machines read them.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use offramp_domain::Zone;

/// RFC 3339 in UTC with a `Z`.
#[must_use]
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Whether a name is an IANA time zone.
#[must_use]
pub fn is_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

/// The exact date in a time zone, as in «Tuesday 24 November 2026 at 10:15 (Europe/Berlin)». An
/// unknown zone, which settings never hold, is read as UTC.
#[must_use]
pub fn spoken(at: DateTime<Utc>, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let at = at.with_timezone(&zone);
    let name = match zone {
        // What everybody calls it.
        Tz::Etc__UTC => "UTC",
        zone => zone.name(),
    };
    format!("{} ({name})", at.format("%A %-d %B %Y at %H:%M"))
}

/// The days of an organisation.
#[derive(Debug, Clone, Copy)]
pub struct Days(Tz);

impl Days {
    /// The days of a time zone. An unknown one, which settings never hold, is read as UTC.
    #[must_use]
    pub fn of(zone: &str) -> Self {
        Self(zone.parse().unwrap_or(Tz::UTC))
    }

    /// The day that it is there.
    #[must_use]
    pub fn today(self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.0).date_naive()
    }
}

impl Zone for Days {
    /// Midnight, or where clocks jump over it the first instant after; of two midnights the first.
    /// Zones have skipped a whole day, and jump by whole quarters of an hour.
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        (0..=QUARTERS_OF_TWO_DAYS)
            .map(|quarter| midnight + TimeDelta::minutes(15 * quarter))
            .find_map(|local| self.0.from_local_datetime(&local).earliest())
            .map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
    }
}

const QUARTERS_OF_TWO_DAYS: i64 = 192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_when_the_clocks_of_its_zone_say_so() {
        for (zone, date, begins) in [
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"),
            ("Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00Z"),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z"),
            // Midnight does not exist: clocks go from 23:59:59 to 01:00:00.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"),
            // Midnight comes twice.
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
            // A day that a country skipped begins with the next one.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"),
        ] {
            let date: NaiveDate = date.parse().unwrap();
            assert_eq!(
                instant(Days::of(zone).start_of_day(date)),
                begins,
                "{zone} {date}"
            );
        }
    }

    #[test]
    fn a_date_is_spoken_in_the_zone_of_the_organisation() {
        let at: DateTime<Utc> = "2026-11-24T23:30:00Z".parse().unwrap();
        assert_eq!(
            spoken(at, "Europe/Berlin"),
            "Wednesday 25 November 2026 at 00:30 (Europe/Berlin)"
        );
        assert_eq!(
            spoken(at, "America/New_York"),
            "Tuesday 24 November 2026 at 18:30 (America/New_York)"
        );
        assert_eq!(instant(at), "2026-11-24T23:30:00Z");
        assert!(!is_zone("Mars/Olympus"));
    }
}
