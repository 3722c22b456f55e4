//! The resources that the local stack stands up itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::api::Route;
use super::intrinsics::{Physical, Scope};
use super::{Template, rate};
use crate::Error;

/// Lambda's own timeout where a template names none.
const DEFAULT_TIMEOUT: u64 = 3;
/// Lambda's own retries of a failed asynchronous invocation.
const DEFAULT_RETRIES: u64 = 2;
/// Lambda's own limit for the age of an asynchronous event: six hours.
const DEFAULT_EVENT_AGE: u64 = 21_600;

/// One `AWS::Serverless::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its id in the template: `HrSync`.
    pub logical_id: String,
    /// Its name in Lambda.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its aliases, all of the code that is deployed last (`$LATEST`).
    pub aliases: Vec<String>,
    /// The folder of its code, which is the name of its crate: `hr-sync`.
    pub crate_name: String,
    /// After this, Lambda ends an invocation.
    pub timeout: Duration,
    /// Its environment, the globals' included.
    pub environment: BTreeMap<String, String>,
    /// How often a failed asynchronous invocation is tried again.
    pub retries: u32,
    /// After this, an asynchronous event is tried no more.
    pub max_event_age: Duration,
    /// The ARN of the queue for events that failed for good.
    pub on_failure: Option<String>,
    /// Its routes in the HTTP API.
    pub routes: Vec<Route>,
    /// How often EventBridge invokes it, by the name of the rule, with the rule's input.
    pub schedules: Vec<(String, Duration, Option<Value>)>,
}

/// The DynamoDB table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The body of the `CreateTable` that makes it.
    pub create: Value,
    /// The attribute by which items expire.
    pub ttl_attribute: Option<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id in the template.
    pub logical_id: String,
    /// Its name in SQS.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A KMS key. It chooses its own id, so its maker tells [`super::Names::references`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id in the template.
    pub logical_id: String,
    /// Its alias, with `alias/`; made of its logical id where it has none.
    pub alias: String,
}

pub(super) fn keys(template: &Template, scope: &Scope) -> Result<Vec<Key>, Error> {
    let mut keys = Vec::new();
    for id in template.logical_ids("AWS::KMS::Key") {
        let names_it = |target: &Value| target["Ref"] == id || target["Fn::GetAtt"][0] == id;
        let alias = template.resources().find(|(_, resource)| {
            resource["Type"] == "AWS::KMS::Alias"
                && names_it(&resource["Properties"]["TargetKeyId"])
        });
        let alias = match alias {
            Some((_, alias)) => scope.text(&alias["Properties"]["AliasName"])?,
            None => format!("alias/{id}"),
        };
        keys.push(Key {
            logical_id: id.to_owned(),
            alias,
        });
    }
    Ok(keys)
}

pub(super) fn function(
    template: &Template,
    scope: &Scope,
    id: &str,
    resource: &Value,
    physical: Physical,
) -> Result<Function, Error> {
    let own = &resource["Properties"];
    let property = |key: &str| match &own[key] {
        Value::Null => scope.resolve(template.global("Function", key)),
        value => scope.resolve(value),
    };
    let number = |value: Option<&Value>, default| {
        let text = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        value
            .and_then(|value| value.as_u64().or_else(|| text(value)))
            .unwrap_or(default)
    };
    let code = scope.text(&own["CodeUri"])?;
    let code = code.trim_end_matches('/');
    let mut environment = variables(scope, template.global("Function", "Environment"))?;
    environment.extend(variables(scope, &own["Environment"])?);
    let invoke = property("EventInvokeConfig")?.unwrap_or_default();
    let retries = number(invoke.get("MaximumRetryAttempts"), DEFAULT_RETRIES);
    let mut function = Function {
        logical_id: id.to_owned(),
        arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
        aliases: aliases(template, scope, &physical.reference)?,
        name: physical.reference,
        crate_name: code.rsplit('/').next().unwrap_or(code).to_owned(),
        timeout: Duration::from_secs(number(property("Timeout")?.as_ref(), DEFAULT_TIMEOUT)),
        environment,
        retries: u32::try_from(retries).unwrap_or(u32::MAX),
        max_event_age: Duration::from_secs(number(
            invoke.get("MaximumEventAgeInSeconds"),
            DEFAULT_EVENT_AGE,
        )),
        on_failure: invoke["DestinationConfig"]["OnFailure"]["Destination"]
            .as_str()
            .map(str::to_owned),
        routes: Vec::new(),
        schedules: Vec::new(),
    };
    for (name, event) in own["Events"].as_object().into_iter().flatten() {
        let properties = &event["Properties"];
        match event["Type"].as_str() {
            Some("HttpApi" | "Api") => {
                return Err(Error::Template(format!(
                    "event {name} of {id} is a route: it belongs in functions/{}/src/routes.rs",
                    function.crate_name
                )));
            }
            Some("Schedule" | "ScheduleV2") => {
                let expression = match &properties["Schedule"] {
                    Value::Null => scope.text(&properties["ScheduleExpression"])?,
                    value => scope.text(value)?,
                };
                let input = scope.resolve(&properties["Input"])?;
                let input = input.as_ref().and_then(Value::as_str);
                let input = input.and_then(|text| serde_json::from_str(text).ok());
                function
                    .schedules
                    .push((format!("{id}{name}"), rate(&expression)?, input));
            }
            other => {
                return Err(Error::Template(format!(
                    "event {name} of {id} is of type {other:?}, which the local stack does not know"
                )));
            }
        }
    }
    Ok(function)
}

/// The aliases of a function. There is one code of each function here, which is the unpublished version at AWS.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-alias.html>
fn aliases(template: &Template, scope: &Scope, function: &str) -> Result<Vec<String>, Error> {
    let mut aliases = Vec::new();
    for id in template.logical_ids("AWS::Lambda::Alias") {
        let resource = template.resources().find(|(found, _)| *found == id);
        let properties = resource.map_or(&Value::Null, |(_, resource)| &resource["Properties"]);
        let version = scope.text(&properties["FunctionVersion"])?;
        if version != "$LATEST" || !properties["RoutingConfig"].is_null() {
            let reason = format!("alias {id} is of another version than $LATEST");
            return Err(Error::Template(reason));
        }
        if scope.text(&properties["FunctionName"])? == function {
            aliases.push(scope.text(&properties["Name"])?);
        }
    }
    Ok(aliases)
}

fn variables(scope: &Scope, environment: &Value) -> Result<BTreeMap<String, String>, Error> {
    let variables = environment["Variables"].as_object().into_iter().flatten();
    variables
        .map(|(name, value)| Ok((name.clone(), scope.text(value)?)))
        .collect()
}

pub(super) fn table(template: &Template, scope: &Scope) -> Result<Table, Error> {
    let tables = template.logical_ids("AWS::DynamoDB::Table");
    let [id] = tables.as_slice() else {
        return Err(Error::Template(format!(
            "one table is expected, not {}",
            tables.len()
        )));
    };
    let resource = template.resources().find(|(found, _)| found == id);
    let properties = resource.map_or(&Value::Null, |(_, resource)| &resource["Properties"]);
    let name = scope
        .resources
        .get(*id)
        .map(|physical| physical.reference.clone());
    let name = name.unwrap_or_default();
    let mut create = Map::from_iter([("TableName".to_owned(), json!(name))]);
    for key in [
        "BillingMode",
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "StreamSpecification",
    ] {
        if let Some(value) = scope
            .resolve(&properties[key])?
            .filter(|value| !value.is_null())
        {
            create.insert(key.to_owned(), value);
        }
    }
    // CloudFormation has no such flag: what names a view is on.
    if let Some(stream) = create.get_mut("StreamSpecification") {
        stream["StreamEnabled"] = json!(true);
    }
    let ttl = scope
        .resolve(&properties["TimeToLiveSpecification"])?
        .unwrap_or_default();
    Ok(Table {
        name,
        create: Value::Object(create),
        ttl_attribute: ttl["AttributeName"].as_str().map(str::to_owned),
    })
}
