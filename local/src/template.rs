//! `template.yaml` as the local stack follows it.
//!
//! Routes, authorizers, environments, retries, the table and the queues are read from the very file that is deployed,
//! so the laptop cannot drift from AWS: a route that is missing there is missing here.

mod api;
mod intrinsics;
mod names;
mod resources;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_stand_ins::StreamMapping;
use serde_json::{Map, Value};

use crate::Error;
pub use api::{Authorizer, Route};
use intrinsics::{Scope, to_json};
pub use names::Names;
pub use resources::{Function, Key, Queue, Table};

/// The template of this workspace, as it stood when the crate was built.
const WORKSPACE: &str = include_str!("../../template.yaml");

/// A parsed SAM template, not yet resolved.
#[derive(Debug)]
pub struct Template {
    root: Map<String, Value>,
}

/// What the template makes, with every reference resolved.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The functions, by logical id.
    pub functions: Vec<Function>,
    /// The API's authorizers, by id.
    pub authorizers: BTreeMap<String, Authorizer>,
    /// The one table.
    pub table: Table,
    /// The event source mappings on its stream.
    pub streams: Vec<StreamMapping>,
    /// The queues: dead letters of deliveries and of functions.
    pub queues: Vec<Queue>,
    /// The KMS keys.
    pub keys: Vec<Key>,
    /// The names of the schedule groups.
    pub schedule_groups: Vec<String>,
    /// The parameters and pseudo parameters that all this was resolved with.
    pub parameters: BTreeMap<String, String>,
}

impl Template {
    /// The template of this workspace.
    pub fn workspace() -> Result<Self, Error> {
        Self::parse(WORKSPACE)
    }

    /// A template from its text.
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        match to_json(&serde_yaml_ng::from_str(yaml)?)? {
            Value::Object(root) => Ok(Self { root }),
            _ => Err(Error::Template("it is no mapping".into())),
        }
    }

    /// The logical ids of all resources of one type, in the order of the file.
    pub fn logical_ids(&self, kind: &str) -> Vec<&str> {
        self.resources()
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    /// The names of the template's parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.section("Parameters").map(|(name, _)| name.as_str())
    }

    /// Everything that the template makes, called as `names` says.
    pub fn resolve(&self, names: &Names) -> Result<Deployment, Error> {
        let scope = self.scope(names)?;
        let authorizers = api::authorizers(self, &scope)?;
        let mut deployment = Deployment {
            functions: Vec::new(),
            table: resources::table(self, &scope)?,
            streams: streams::mappings(self, &scope)?,
            authorizers,
            queues: Vec::new(),
            keys: resources::keys(self, &scope)?,
            schedule_groups: Vec::new(),
            parameters: scope.values.clone(),
        };
        for (id, resource) in self.resources() {
            let physical = scope.resources.get(id).cloned().unwrap_or_default();
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    let function = resources::function(self, &scope, id, resource, physical)?;
                    deployment.functions.push(function);
                }
                Some("AWS::SQS::Queue") => deployment.queues.push(Queue {
                    logical_id: id.clone(),
                    name: physical
                        .attributes
                        .get("QueueName")
                        .cloned()
                        .unwrap_or_default(),
                    arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
                }),
                Some("AWS::Scheduler::ScheduleGroup") => {
                    deployment.schedule_groups.push(physical.reference);
                }
                _ => {}
            }
        }
        let Deployment {
            functions,
            authorizers,
            ..
        } = &mut deployment;
        api::routes(self, &scope, authorizers, functions)?;
        Ok(deployment)
    }

    /// The defaults of the parameters, overlaid by what `names` says, and the physical names of the resources.
    fn scope(&self, names: &Names) -> Result<Scope, Error> {
        let mut scope = Scope {
            values: names.pseudo_parameters(),
            ..Scope::default()
        };
        for (name, parameter) in self.section("Parameters") {
            let value = names.parameters.get(name).cloned().map(Ok);
            let default = || match &parameter["Default"] {
                Value::Null => Err(Error::Template(format!(
                    "parameter {name} has no default and the local stack has no value for it"
                ))),
                Value::String(text) => Ok(text.clone()),
                plain => Ok(plain.to_string()),
            };
            scope
                .values
                .insert(name.clone(), value.unwrap_or_else(default)?);
        }
        let conditions = self.section("Conditions");
        scope.conditions = conditions
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(Value::Object(mappings)) = self.root.get("Mappings") {
            scope.mappings = mappings.clone();
        }
        for (id, resource) in self.resources() {
            let physical = names.physical(&scope, id, resource)?;
            scope.resources.insert(id.clone(), physical);
        }
        Ok(scope)
    }

    fn resources(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.section("Resources")
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.root
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }

    /// `Globals.<section>.<key>`, or null.
    fn global(&self, section: &str, key: &str) -> &Value {
        const NULL: Value = Value::Null;
        self.root
            .get("Globals")
            .map_or(&NULL, |globals| &globals[section][key])
    }
}

/// `rate(5 minutes)` as a duration.
fn rate(expression: &str) -> Result<Duration, Error> {
    let wrong = || Error::Template(format!("schedule {expression} is no rate(…)"));
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(wrong)?;
    let (count, unit) = inner.split_once(' ').ok_or_else(wrong)?;
    let count: u64 = count.parse().map_err(|_| wrong())?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(count * seconds))
}

#[cfg(test)]
mod tests;
