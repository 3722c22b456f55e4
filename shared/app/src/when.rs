//! Instants as people and machines read them.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

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
    format!("{} ({})", at.format("%A %-d %B %Y at %H:%M"), zone.name())
}

#[cfg(test)]
mod tests {
    use super::*;

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
