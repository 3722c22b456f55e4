//! Members of a body that are there twice. Serde takes the last of two in a map, and the client may have meant the first.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use offramp_app::{Error, Result};

/// Checks that a body is a JSON object, and that no object in it has a member twice. Serde would also read a struct from an
/// array, field by field, which no client means.
///
/// # Errors
/// [`Error::MalformedJson`] or [`Error::Invalid`].
pub(super) fn object(body: &[u8]) -> Result<()> {
    let twice = serde_json::from_slice::<Once>(body)
        .map_err(|error| Error::MalformedJson(error.to_string()))?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("", "must be a JSON object"));
    }
    match twice {
        Once(Some(name)) => Err(Error::invalid("", format!("{name:?} is there twice"))),
        Once(None) => Ok(()),
    }
}

/// A name that an object has twice, at any depth; `None` if there is none.
struct Once(Option<String>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_unit<E>(self) -> std::result::Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Once, A::Error> {
        while let Some(Once(twice)) = list.next_element()? {
            if twice.is_some() {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Once(twice));
            }
        }
        Ok(Once(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = object.next_key::<String>()? {
            let Once(twice) = object.next_value()?;
            let twice = match names.insert(name.clone()) {
                true => twice,
                false => Some(name),
            };
            if twice.is_some() {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Once(twice));
            }
        }
        Ok(Once(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_found_wherever_it_is() {
        for (body, twice) in [
            (r#"{"a":1,"b":[{"a":null},{"a":"x"}],"c":{"a":{}}}"#, None),
            (r#"{"a":1,"b":2,"a":1}"#, Some("a")),
            (r#"{"a":{"b":1,"c":-1.5,"b":true}}"#, Some("b")),
            (r#"{"a":[1,[{"\u0061":1,"a":2}],3],"z":0}"#, Some("a")),
            ("[]", None),
            ("7", None),
        ] {
            let Once(found) = serde_json::from_str(body).unwrap();
            assert_eq!(found.as_deref(), twice, "{body}");
        }
        assert!(serde_json::from_str::<Once>(r#"{"a":1,"a":2"#).is_err());
    }
}
