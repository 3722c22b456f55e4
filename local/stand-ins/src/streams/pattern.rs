use serde_json::{Map, Value};

/// A filter of an event source mapping: equality and `exists`, on leaves, under the key `dynamodb`. That is what this
/// project's patterns are made of; every other operator is refused, and none is guessed.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html>
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// All of them hold.
    leaves: Vec<Leaf>,
}

/// What is asked of one path.
#[derive(Clone, Debug, PartialEq)]
struct Leaf {
    path: Vec<String>,
    /// One of them holds.
    any: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Equals(Value),
    Exists(bool),
}

impl Pattern {
    /// Reads a pattern from its JSON text.
    ///
    /// # Errors
    /// Why it cannot be honoured here.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pattern: Value =
            serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        let Value::Object(root) = &pattern else {
            return Err("a pattern is an object".to_owned());
        };
        if let Some(other) = root.keys().find(|key| *key != "dynamodb") {
            return Err(format!(
                "{other}: a DynamoDB stream is filtered on `dynamodb` only"
            ));
        }
        let mut leaves = Vec::new();
        collect(root, &mut Vec::new(), &mut leaves)?;
        if leaves.is_empty() {
            return Err("an empty pattern".to_owned());
        }
        Ok(Self { leaves })
    }

    /// Whether a record of the stream is one that the function gets.
    #[must_use]
    pub fn matches(&self, record: &Value) -> bool {
        self.leaves.iter().all(|leaf| {
            let found = leaf
                .path
                .iter()
                .try_fold(record, |value, key| value.get(key));
            leaf.any.iter().any(|rule| rule.holds(found))
        })
    }
}

impl Rule {
    /// `exists` is about leaves: an object at the path does not count, as at AWS.
    fn holds(&self, found: Option<&Value>) -> bool {
        let values = match found {
            None | Some(Value::Object(_)) => &[],
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        match self {
            Self::Exists(wanted) => values.is_empty() != *wanted,
            Self::Equals(wanted) => values.contains(wanted),
        }
    }
}

fn collect(
    object: &Map<String, Value>,
    path: &mut Vec<String>,
    leaves: &mut Vec<Leaf>,
) -> Result<(), String> {
    for (key, value) in object {
        path.push(key.clone());
        match value {
            Value::Object(inner) => collect(inner, path, leaves)?,
            Value::Array(rules) if !rules.is_empty() => {
                let any = rules.iter().map(|value| rule(value, path));
                leaves.push(Leaf {
                    path: path.clone(),
                    any: any.collect::<Result<_, _>>()?,
                });
            }
            _ => return Err(format!("{}: neither an object nor rules", path.join("."))),
        }
        path.pop();
    }
    Ok(())
}

fn rule(value: &Value, path: &[String]) -> Result<Rule, String> {
    let Value::Object(operator) = value else {
        // Numbers are compared as texts there; DynamoDB's JSON has none, its numbers are texts.
        return match value {
            Value::String(_) | Value::Bool(_) | Value::Null => Ok(Rule::Equals(value.clone())),
            other => Err(format!("{}: {other} is no text", path.join("."))),
        };
    };
    match operator.iter().next() {
        Some((name, Value::Bool(exists))) if name == "exists" && operator.len() == 1 => {
            Ok(Rule::Exists(*exists))
        }
        _ => Err(format!(
            "{}: {value}: only equality and `exists` are honoured here",
            path.join(".")
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pattern(value: &Value) -> Result<Pattern, String> {
        Pattern::parse(&value.to_string())
    }

    #[test]
    fn what_a_new_image_has_and_an_old_one_lacks() {
        let todo = pattern(&json!({ "dynamodb": {
            "NewImage": { "todo": { "N": [{ "exists": true }] } },
            "OldImage": { "todo": { "N": [{ "exists": false }] } },
        }}))
        .unwrap();
        let image = |todo: Option<&str>| match todo {
            Some(number) => json!({ "pk": { "S": "p" }, "todo": { "N": number } }),
            None => json!({ "pk": { "S": "p" } }),
        };
        let record = |old: Option<Value>, new: Option<Value>| {
            let mut record = json!({ "dynamodb": { "Keys": { "pk": { "S": "p" } } } });
            if let Some(old) = old {
                record["dynamodb"]["OldImage"] = old;
            }
            if let Some(new) = new {
                record["dynamodb"]["NewImage"] = new;
            }
            record
        };
        assert!(todo.matches(&record(Some(image(None)), Some(image(Some("3"))))));
        assert!(todo.matches(&record(None, Some(image(Some("1"))))));
        assert!(!todo.matches(&record(Some(image(Some("2"))), Some(image(Some("3"))))));
        assert!(!todo.matches(&record(Some(image(Some("2"))), Some(image(None)))));
        assert!(!todo.matches(&record(Some(image(Some("2"))), None)));
        assert!(!todo.matches(&record(None, Some(image(None)))));
    }

    #[test]
    fn equality_is_of_one_of_the_values() {
        let kinds = pattern(&json!({ "dynamodb": { "Keys": { "sk": { "S": ["U", "C"] } } } }));
        let kinds = kinds.unwrap();
        let of = |sk: &str| json!({ "dynamodb": { "Keys": { "sk": { "S": sk } } } });
        assert!(kinds.matches(&of("U")) && kinds.matches(&of("C")));
        assert!(!kinds.matches(&of("E")) && !kinds.matches(&json!({})));
        let flag = pattern(&json!({ "dynamodb": { "NewImage": { "on": { "BOOL": [true] } } } }));
        let flag = flag.unwrap();
        assert!(flag.matches(&json!({ "dynamodb": { "NewImage": { "on": { "BOOL": true } } } })));
        assert!(!flag.matches(&json!({ "dynamodb": { "NewImage": { "on": { "S": "true" } } } })));
    }

    /// `{"exists": true}` on an attribute, not on its type, never matches at AWS: an attribute is an object.
    #[test]
    fn exists_is_about_leaves() {
        let record = json!({ "dynamodb": { "NewImage": { "todo": { "N": "1" } } } });
        let exists = |exists: bool| {
            let leaf = json!({ "dynamodb": { "NewImage": { "todo": [{ "exists": exists }] } } });
            pattern(&leaf).unwrap()
        };
        assert!(!exists(true).matches(&record));
        assert!(exists(false).matches(&record));
    }

    #[test]
    fn whatever_else_aws_knows_is_refused() {
        let todo =
            |rules: Value| pattern(&json!({ "dynamodb": { "NewImage": { "n": { "N": rules } } } }));
        for rules in [
            json!([{ "numeric": [">", 1] }]),
            json!([{ "prefix": "1" }]),
            json!([{ "anything-but": ["1"] }]),
            json!([{ "exists": true, "prefix": "1" }]),
            json!([{ "exists": "yes" }]),
            json!([1]),
            json!([]),
            json!("1"),
        ] {
            assert!(todo(rules.clone()).is_err(), "{rules}");
        }
        assert!(pattern(&json!({ "eventName": ["INSERT"] })).is_err());
        assert!(pattern(&json!({ "dynamodb": {} })).is_err());
        assert!(pattern(&json!([])).is_err());
        assert!(Pattern::parse("{").is_err());
    }
}
