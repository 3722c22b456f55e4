//! Reads the body of `POST …/events` in one pass, if every event has the right shape. `super::parse` reads all other
//! bodies.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::values::{Value, sent};
use super::{MAX_EVENTS, WireEmployee, taken};
use offramp_app::Object;
use offramp_app::ports::{Parsed, Request};

/// The events of a request; `None` if the body has another shape.
pub(super) fn parse(body: &[u8]) -> Option<Request> {
    // The encoding is checked once for the whole body, not for each string.
    let body = std::str::from_utf8(body).ok()?;
    let Object(body): Object<Body> = serde_json::from_str(body).ok()?;
    if body.events.len() > MAX_EVENTS {
        return None;
    }
    Some(Request {
        events: body.events.into_iter().map(|Taken(event)| event).collect(),
        dry_run: body.dry_run,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    events: Vec<Taken>,
    #[serde(default)]
    dry_run: bool,
}

/// An event that is checked while it is read, so that the borrowed values need not be collected first.
struct Taken(Parsed);

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Object(event) = Object::<Event<'_>>::deserialize(from)?;
        let Object(employee) = &event.employee;
        Ok(Self(taken(event.id.as_ref(), &event.occurred_at, employee)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow, default, deserialize_with = "sent")]
    id: Option<Value<'a>>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    employee: Object<WireEmployee<'a>>,
}

#[cfg(test)]
mod tests;
