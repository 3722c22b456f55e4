//! The values of a record. HR systems write numbers where a text is due, and objects where a name is. So a value is read
//! whatever it is, and what cannot be understood costs its own field only.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Null.
    Null,
    /// A text, or a number in digits.
    Text(Cow<'a, str>),
    /// True, false, a list or an object.
    Other,
}

impl<'a> Value<'a> {
    /// The text; `None` for null.
    ///
    /// # Errors
    /// What is wrong with the value, behind the name of its field.
    pub(super) fn text(&self) -> Result<Option<&str>, &'static str> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Other => Err("is neither a text nor a number"),
        }
    }

    /// The text of a field that every record has; empty for null.
    ///
    /// # Errors
    /// The value is no text. The message names the field and is safe to show.
    pub(super) fn required(&self, field: &str) -> Result<&str, String> {
        self.text()
            .map(Option::unwrap_or_default)
            .map_err(|wrong| format!("{field} {wrong}"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

/// The value of a field that is there, be it null.
pub(super) fn sent<'de: 'a, 'a, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Value<'a>>, D::Error> {
    Value::deserialize(from).map(Some)
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(number.to_string())))
    }

    /// A spreadsheet has no whole numbers: 1022.0 is the id 1022.
    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value<'de>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}
