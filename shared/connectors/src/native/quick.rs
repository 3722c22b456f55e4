//! Reads the body of `POST …/events` in one pass, if every event has the right shape. `super::parse` reads all other
//! bodies.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{MAX_EVENTS, WireEmployee, taken, text};
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
        Ok(Self(taken(
            event.id.as_deref(),
            &event.occurred_at,
            employee,
        )))
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    employee: Object<WireEmployee<'a>>,
}

/// A value that must be a JSON object. Serde would also read a struct from an array.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfObject(PhantomData))
    }
}

struct OfObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests;
