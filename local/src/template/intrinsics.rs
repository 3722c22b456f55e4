//! CloudFormation's intrinsic functions: both spellings are brought to one, then resolved.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::Error;

/// What a resource is called once it stands: what `Ref` gives, and what `GetAtt` gives by attribute.
#[derive(Debug, Clone, Default)]
pub(super) struct Physical {
    pub(super) reference: String,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Everything a template's expressions may speak of.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Parameters and pseudo parameters, by name.
    pub(super) values: BTreeMap<String, String>,
    /// Resources, by logical id.
    pub(super) resources: BTreeMap<String, Physical>,
    /// Conditions, unresolved, by name.
    pub(super) conditions: BTreeMap<String, Value>,
    /// Mappings, by name.
    pub(super) mappings: Map<String, Value>,
}

/// YAML with short tags (`!Ref X`) as JSON with long names (`{"Ref": "X"}`).
pub(super) fn to_json(yaml: &Yaml) -> Result<Value, Error> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => json!(flag),
        Yaml::Number(number) => serde_json::to_value(number)
            .map_err(|error| Error::Template(format!("number {number}: {error}")))?,
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                object.insert(key_text(key)?, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = to_json(&tagged.value)?;
            long_form(tag.trim_start_matches('!'), value)
        }
    })
}

fn key_text(key: &Yaml) -> Result<String, Error> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(flag) => Ok(flag.to_string()),
        other => Err(Error::Template(format!("a key is not text: {other:?}"))),
    }
}

fn long_form(tag: &str, value: Value) -> Value {
    match (tag, &value) {
        ("Ref" | "Condition", _) => json!({ tag: value }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        _ => json!({ format!("Fn::{tag}"): value }),
    }
}

impl Scope {
    /// The value with every intrinsic function replaced by what it gives; `None` is `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>, Error> {
        Ok(Some(match value {
            Value::Object(object) => {
                if let Some((function, argument)) = intrinsic(object) {
                    return self.call(function, argument);
                }
                let mut resolved = Map::new();
                for (key, value) in object {
                    if let Some(value) = self.resolve(value)? {
                        resolved.insert(key.clone(), value);
                    }
                }
                Value::Object(resolved)
            }
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.resolve(item)?);
                }
                Value::Array(resolved)
            }
            plain => plain.clone(),
        }))
    }

    /// The value as the text that CloudFormation would hand to a service.
    pub(super) fn text(&self, value: &Value) -> Result<String, Error> {
        match self.resolve(value)? {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            other => Err(Error::Template(format!(
                "{value} is not text but {other:?}"
            ))),
        }
    }

    fn call(&self, function: &str, argument: &Value) -> Result<Option<Value>, Error> {
        let list = || {
            argument
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| Error::Template(format!("{function} takes a list, not {argument}")))
        };
        match function {
            "Ref" => {
                let name = argument.as_str().unwrap_or_default();
                if name == "AWS::NoValue" {
                    return Ok(None);
                }
                self.reference(name).map(|text| Some(json!(text)))
            }
            "Fn::GetAtt" => match list()? {
                [resource, attribute] => {
                    let (resource, attribute) = (self.text(resource)?, self.text(attribute)?);
                    self.attribute(&resource, &attribute)
                        .map(|text| Some(json!(text)))
                }
                _ => Err(Error::Template(format!("Fn::GetAtt of {argument}"))),
            },
            "Fn::Sub" => self.substitute(argument).map(|text| Some(json!(text))),
            "Fn::Join" => match list()? {
                [separator, items] => {
                    let items = self.resolve(items)?.unwrap_or_default();
                    let items = items.as_array().cloned().unwrap_or_default();
                    let items = items.iter().map(|item| self.text(item));
                    let separator = self.text(separator)?;
                    let joined = items.collect::<Result<Vec<_>, _>>()?.join(&separator);
                    Ok(Some(json!(joined)))
                }
                _ => Err(Error::Template(format!("Fn::Join of {argument}"))),
            },
            "Fn::FindInMap" => self.find_in_map(list()?).map(Some),
            "Fn::If" => match list()? {
                [Value::String(condition), then, otherwise] => {
                    self.resolve(if self.condition(condition)? {
                        then
                    } else {
                        otherwise
                    })
                }
                _ => Err(Error::Template(format!("Fn::If of {argument}"))),
            },
            _ => self.holds(function, argument).map(|flag| Some(json!(flag))),
        }
    }

    fn reference(&self, name: &str) -> Result<String, Error> {
        self.values
            .get(name)
            .or_else(|| self.resources.get(name).map(|found| &found.reference))
            .cloned()
            .ok_or_else(|| Error::Template(format!("Ref of the unknown {name}")))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String, Error> {
        self.resources
            .get(resource)
            .and_then(|found| found.attributes.get(attribute))
            .cloned()
            .ok_or_else(|| Error::Template(format!("GetAtt of the unknown {resource}.{attribute}")))
    }

    fn substitute(&self, argument: &Value) -> Result<String, Error> {
        let (pattern, own) = match argument {
            Value::String(pattern) => (pattern.as_str(), None),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(pattern), Value::Object(own)] => (pattern.as_str(), Some(own)),
                _ => return Err(Error::Template(format!("Fn::Sub of {argument}"))),
            },
            _ => return Err(Error::Template(format!("Fn::Sub of {argument}"))),
        };
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| Error::Template(format!("Fn::Sub without an end: {pattern}")))?;
            text.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                text.push_str(&self.text(value)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                text.push_str(&self.attribute(resource, attribute)?);
            } else {
                text.push_str(&self.reference(name)?);
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn find_in_map(&self, path: &[Value]) -> Result<Value, Error> {
        let keys = path.iter().map(|key| self.text(key));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let mut keys = keys.iter();
        let first = keys.next().and_then(|key| self.mappings.get(key));
        keys.try_fold(first, |found, key| Some(found?.get(key)))
            .flatten()
            .cloned()
            .ok_or_else(|| Error::Template(format!("Fn::FindInMap found nothing at {path:?}")))
    }

    pub(super) fn condition(&self, name: &str) -> Result<bool, Error> {
        let condition = self
            .conditions
            .get(name)
            .ok_or_else(|| Error::Template(format!("the unknown condition {name}")))?;
        self.flag(condition)
    }

    fn flag(&self, value: &Value) -> Result<bool, Error> {
        self.resolve(value)?
            .and_then(|value| value.as_bool())
            .ok_or_else(|| Error::Template(format!("{value} is not a condition")))
    }

    fn holds(&self, function: &str, argument: &Value) -> Result<bool, Error> {
        let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut flags = items.iter().map(|item| self.flag(item));
        match (function, items) {
            ("Condition", _) => self.condition(argument.as_str().unwrap_or_default()),
            ("Fn::Equals", [left, right]) => Ok(self.text(left)? == self.text(right)?),
            ("Fn::Not", [_]) => self.flag(&items[0]).map(|flag| !flag),
            ("Fn::And", _) => flags.try_fold(true, |all, flag| Ok(all && flag?)),
            ("Fn::Or", _) => flags.try_fold(false, |any, flag| Ok(any || flag?)),
            _ => Err(Error::Template(format!(
                "{function} is not among the functions that the local stack knows"
            ))),
        }
    }
}

/// The name and the argument of an intrinsic function, where the object is one.
fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = object.iter().next().filter(|_| object.len() == 1)?;
    let named = key == "Ref" || key == "Condition" && value.is_string() || key.starts_with("Fn::");
    named.then_some((key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.values.insert("Stage".into(), "prod".into());
        scope.resources.insert(
            "Table".into(),
            Physical {
                reference: "people".into(),
                attributes: [("Arn".to_owned(), "arn:people".to_owned())].into(),
            },
        );
        scope.conditions.insert(
            "IsProd".into(),
            json!({"Fn::Equals": [{"Ref": "Stage"}, "prod"]}),
        );
        scope
    }

    fn resolved(yaml: &str) -> Value {
        let yaml: Yaml = serde_yaml_ng::from_str(yaml).unwrap();
        scope().resolve(&to_json(&yaml).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn both_spellings_give_the_same() {
        let short =
            "{a: !Ref Table, b: !GetAtt Table.Arn, c: !Sub '${Table}-${Stage}-${Table.Arn}-${!x}'}";
        let long = "{a: {Ref: Table}, b: {'Fn::GetAtt': [Table, Arn]}, c: {'Fn::Sub': '${Table}-${Stage}-${Table.Arn}-${!x}'}}";
        assert_eq!(resolved(short), resolved(long));
        assert_eq!(
            resolved(short),
            json!({"a": "people", "b": "arn:people", "c": "people-prod-arn:people-${x}"})
        );
    }

    #[test]
    fn conditions_choose_and_no_value_leaves_out() {
        assert_eq!(
            resolved(
                "{a: !If [IsProd, 1, 2], b: !If [IsProd, !Ref AWS::NoValue, 2], c: !Join ['-', [x, !Ref Stage]]}"
            ),
            json!({"a": 1, "c": "x-prod"})
        );
        assert_eq!(
            resolved(
                "{a: !Sub ['${Mine}/${Stage}', {Mine: !Ref Table}], b: !Not [!Condition IsProd]}"
            ),
            json!({"a": "people/prod", "b": false})
        );
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        let error = scope().resolve(&json!({"Ref": "Nowhere"})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "template.yaml: Ref of the unknown Nowhere"
        );
        assert!(scope().resolve(&json!({"Fn::Cidr": []})).is_err());
    }
}
