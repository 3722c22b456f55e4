//! The envelope of a delivery: an event beside its employee. HR may add fields to an employee, and to nothing else.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::is_object;
use offramp_app::{Error, Invalid, Result, pointed};

/// The fields of an event.
const KNOWN: [&str; 3] = ["id", "occurred_at", "employee"];
/// The most unknown fields that an answer names.
const NAMED: usize = 100;

/// Refuses a request in which an event has an unknown field. An event that is no object is not looked at: it rejects
/// itself.
///
/// # Errors
/// [`Error::Invalid`], which points at the fields.
pub(super) fn check(events: &[&RawValue]) -> Result<()> {
    let mut wrong = Vec::new();
    for (position, event) in events.iter().enumerate() {
        if !is_object(event) {
            continue;
        }
        // It is JSON, so the names can be read.
        let Ok(Unknown(names)) = serde_json::from_str(event.get()) else {
            continue;
        };
        wrong.extend(names.iter().map(|name| Invalid {
            pointer: format!("/events/{position}/{}", pointed(name)),
            detail: format!("is unknown: an event has {}", KNOWN.join(", ")),
        }));
        if wrong.len() >= NAMED {
            break;
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.truncate(NAMED);
    Err(Error::Invalid(wrong))
}

/// The names of an object's fields that an event does not have.
struct Unknown<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Unknown<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Unknown<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'de, str>, IgnoredAny>()? {
            if !KNOWN.contains(&&*name) && names.len() < NAMED {
                names.push(name);
            }
        }
        Ok(Unknown(names))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn pointers(body: &str) -> Vec<String> {
        match parse(body.as_bytes()) {
            Err(Error::Invalid(wrong)) => wrong.into_iter().map(|one| one.pointer).collect(),
            other => {
                assert!(other.is_ok(), "{body}: {other:?}");
                Vec::new()
            }
        }
    }

    #[test]
    fn an_unknown_field_beside_the_employee_refuses_the_request() {
        let event = |more: &str| {
            format!(
                r#"{{"occurred_at":"2026-03-01T10:00:00Z","employee":{{"employee_id":"E-1","status":"active","dryRun":1}}{more}}}"#
            )
        };
        let whole = |events: &[String]| format!(r#"{{"events":[{}]}}"#, events.join(","));
        assert_eq!(pointers(&whole(&[event("")])), [""; 0]);
        assert_eq!(
            pointers(&whole(&[event(""), event(r#","dry_run":true,"a/b":null"#)])),
            ["/events/1/dry_run", "/events/1/a~1b"]
        );
        // Also where the event would reject itself for something else.
        assert_eq!(
            pointers(r#"{"events":[{"dryRun":true},7,[]]}"#),
            ["/events/0/dryRun"]
        );
        let many: Vec<_> = (0..300).map(|n| event(&format!(r#","x{n}":1"#))).collect();
        assert_eq!(pointers(&whole(&many)).len(), NAMED);
    }

    #[test]
    fn an_unknown_field_at_the_top_refuses_the_request() {
        for name in ["dryRun", "Dry_Run", "dry-run", "version", "snapshot_id"] {
            let body = format!(r#"{{"{name}":true,"events":[]}}"#);
            assert_eq!(pointers(&body), [format!("/{name}")], "{body}");
        }
        assert_eq!(pointers(r#"{"dry_run":true,"events":[]}"#), [""; 0]);
    }
}
