//! The query of a request, read from `rawQueryString`.
//!
//! Payload format 2.0 has no list of values for a name: in `queryStringParameters` «duplicate query strings are combined
//! with commas», so `email=a,b` there is the same as `email=a&email=b`. `rawQueryString` is the query as the client sent
//! it, percent-encoded and without the question mark.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html#http-api-develop-integrations-lambda.proxy-format>,
//! <https://github.com/zappa/Zappa/pull/1473>

use std::borrow::Cow;
use std::collections::BTreeMap;

use offramp_app::{Error, Invalid, Result, pointed};
use percent_encoding::percent_decode_str;

/// The parameters of a query, each with its values in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    parameters: BTreeMap<String, Values>,
}

/// The values of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values {
    first: String,
    times: usize,
    /// True if a name or value of it is not UTF-8 once it is decoded.
    garbled: bool,
}

impl Query {
    /// Reads the query as an HTML form writes it: `+` is a space.
    #[must_use]
    pub fn read(raw: &str) -> Self {
        let mut parameters: BTreeMap<String, Values> = BTreeMap::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let ((name, named), (value, valued)) = (decoded(name), decoded(value));
            let values = parameters.entry(name).or_default();
            if values.times == 0 {
                values.first = value;
            }
            values.times += 1;
            values.garbled |= !(named && valued);
        }
        Self { parameters }
    }

    /// The value of a name. After [`Query::check`] there is one at most.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(|values| &*values.first)
    }

    /// Refuses a name that the route does not read, a name that comes twice, and a value that is not UTF-8. If they were
    /// ignored, a misspelled filter would list everybody, and the second of two filters would be lost.
    ///
    /// # Errors
    /// [`Error::Invalid`], which points at each such name.
    pub fn check(&self, known: &[&str]) -> Result<()> {
        let wrong: Vec<Invalid> = self
            .parameters
            .iter()
            .filter_map(|(name, values)| {
                let detail = if !known.contains(&&**name) {
                    match known {
                        [] => "is unknown: this route has no parameters".to_owned(),
                        known => format!("is unknown: this route has {}", known.join(", ")),
                    }
                } else if values.times > 1 {
                    "must be there once".to_owned()
                } else if values.garbled {
                    "is not UTF-8".to_owned()
                } else {
                    return None;
                };
                // A JSON pointer (RFC 6901), as for the fields of a body.
                let pointer = format!("/{}", pointed(name));
                Some(Invalid { pointer, detail })
            })
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(wrong))
        }
    }
}

/// The text, and whether it is UTF-8.
fn decoded(text: &str) -> (String, bool) {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => (text.into_owned(), true),
        Err(_) => {
            let lossy: Cow<'_, str> = percent_decode_str(&spaced).decode_utf8_lossy();
            (lossy.into_owned(), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(raw: &str) -> Vec<(String, String)> {
        match Query::read(raw).check(&["q", "limit"]) {
            Err(Error::Invalid(wrong)) => {
                let parts = wrong.into_iter();
                parts.map(|part| (part.pointer, part.detail)).collect()
            }
            other => {
                assert!(other.is_ok());
                Vec::new()
            }
        }
    }

    #[test]
    fn a_comma_is_a_part_of_the_value() {
        let query = Query::read("q=Doe%2C+Ja,x&limit=2&&empty");
        assert_eq!(query.get("q"), Some("Doe, Ja,x"));
        assert_eq!(query.get("limit"), Some("2"));
        assert_eq!(query.get("empty"), Some(""));
        assert_eq!(query.get("other"), None);
        assert_eq!(Query::read(""), Query::default());
    }

    #[test]
    fn a_name_twice_is_refused_however_it_is_written() {
        let twice = vec![("/q".to_owned(), "must be there once".to_owned())];
        for raw in ["q=a&q=b", "q=a&q=a", "q&q", "q=a&%71=b", "q=&limit=1&q="] {
            assert_eq!(wrong(raw), twice, "{raw}");
        }
        assert_eq!(wrong("q=a&limit=1"), []);
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        assert_eq!(
            wrong("q=%ff"),
            [("/q".to_owned(), "is not UTF-8".to_owned())]
        );
        // Neither is a percent sign the beginning of anything, nor does a decoded ampersand part anything.
        assert_eq!(wrong("q=100%"), []);
        assert_eq!(Query::read("q=a%26limit=3").get("q"), Some("a&limit=3"));
    }

    #[test]
    fn an_unknown_name_is_pointed_at_once() {
        let wrong = wrong("a/b=1&a/b=2&q=1");
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0, "/a~1b");
    }
}
