//! The body of `POST …/events` in one pass, where every event has the shape that it should have. Whatever
//! else a body is, the reader above says.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{MAX_EVENTS, WireEmployee, taken, text};
use offramp_app::ports::{Parsed, Request};

/// Reads the events of a request; `None` is no answer.
pub(super) fn parse(body: &[u8]) -> Option<Request> {
    // Once for all of it, not for each string.
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

/// Checked as it is read, so that what is borrowed is not gathered first.
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

/// Read from an object: a struct is read from an array too.
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
