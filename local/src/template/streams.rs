//! Event source mappings on the table's stream. Whatever the stand-in does not honour is refused.

use std::time::Duration;

use aws_stand_ins::{Pattern, StreamMapping};
use serde_json::{Map, Value};

use super::Template;
use super::intrinsics::Scope;
use crate::Error;

pub(super) fn mappings(template: &Template, scope: &Scope) -> Result<Vec<StreamMapping>, Error> {
    let mut found = Vec::new();
    for (id, resource) in template.resources() {
        if resource["Type"] != "AWS::Lambda::EventSourceMapping" {
            continue;
        }
        if let Some(condition) = resource["Condition"].as_str()
            && !scope.condition(condition)?
        {
            continue;
        }
        let properties = scope.resolve(&resource["Properties"])?;
        let Some(Value::Object(properties)) = properties else {
            return Err(Error::Template(format!("{id} has no properties")));
        };
        let mapping = mapping(template, scope, id, properties);
        let mapping = mapping.map_err(|reason| Error::Template(format!("{id}: {reason}")))?;
        found.extend(mapping);
    }
    Ok(found)
}

/// The properties of one, each taken out as it is understood: none may be left.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
fn mapping(
    template: &Template,
    scope: &Scope,
    id: &str,
    mut properties: Map<String, Value>,
) -> Result<Option<StreamMapping>, String> {
    let function = text(&mut properties, "FunctionName")?.ok_or("no FunctionName")?;
    let stream = text(&mut properties, "EventSourceArn")?.ok_or("no EventSourceArn")?;
    if !streams(template, scope).contains(&stream) {
        return Err(format!("{stream} is not the stream of the table"));
    }
    let mut mapping = StreamMapping::new(id, function, stream);
    mapping.from_the_oldest = match text(&mut properties, "StartingPosition")?.as_deref() {
        Some("TRIM_HORIZON") => true,
        Some("LATEST") => false,
        other => return Err(format!("StartingPosition {other:?}")),
    };
    let mut number = |name: &str, most: u64| number(&mut properties, name, most);
    if let Some(size) = number("BatchSize", 10_000)? {
        mapping.batch_size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    }
    if let Some(seconds) = number("MaximumBatchingWindowInSeconds", 300)? {
        mapping.window = Duration::from_secs(seconds);
    }
    if let Some(factor) = number("ParallelizationFactor", 10)? {
        mapping.parallel = usize::try_from(factor).unwrap_or(1).max(1);
    }
    mapping.max_retries = number("MaximumRetryAttempts", 10_000)?
        .map(|tries| u32::try_from(tries).unwrap_or(u32::MAX));
    mapping.max_record_age = number("MaximumRecordAgeInSeconds", 604_800)?.map(Duration::from_secs);
    mapping.bisect = flag(&mut properties, "BisectBatchOnFunctionError")?.unwrap_or(false);
    let enabled = flag(&mut properties, "Enabled")?.unwrap_or(true);
    mapping.reports_failures = match properties.remove("FunctionResponseTypes") {
        None => false,
        Some(Value::Array(types)) if types == ["ReportBatchItemFailures"] => true,
        Some(other) => return Err(format!("FunctionResponseTypes {other}")),
    };
    if let Some(destination) = properties.remove("DestinationConfig") {
        mapping.on_failure = Some(on_failure(&destination)?);
    }
    if let Some(criteria) = properties.remove("FilterCriteria") {
        mapping.patterns = patterns(&criteria)?;
    }
    match properties.keys().next() {
        Some(name) => Err(format!("{name} is not honoured by the local stack")),
        None => Ok(enabled.then_some(mapping)),
    }
}

/// The ARNs of the tables' streams.
fn streams(template: &Template, scope: &Scope) -> Vec<String> {
    let tables = template.logical_ids("AWS::DynamoDB::Table");
    let streams = tables.into_iter().filter_map(|id| scope.resources.get(id));
    streams
        .filter_map(|table| table.attributes.get("StreamArn").cloned())
        .collect()
}

fn on_failure(destination: &Value) -> Result<String, String> {
    let arn = destination["OnFailure"]["Destination"].as_str();
    match arn {
        Some(arn) if arn.contains(":sqs:") => Ok(arn.to_owned()),
        _ => Err(format!(
            "DestinationConfig {destination}: a queue is honoured only"
        )),
    }
}

fn patterns(criteria: &Value) -> Result<Vec<Pattern>, String> {
    let filters = criteria["Filters"].as_array().ok_or("no Filters")?;
    // Five at most, unless AWS is asked for more.
    if filters.is_empty() || filters.len() > 5 {
        return Err(format!("{} filters", filters.len()));
    }
    let pattern = |filter: &Value| {
        let text = filter["Pattern"].as_str().ok_or("a filter without text")?;
        Pattern::parse(text)
    };
    filters.iter().map(pattern).collect()
}

fn text(properties: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match properties.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{name} is no text but {other}")),
    }
}

fn flag(properties: &mut Map<String, Value>, name: &str) -> Result<Option<bool>, String> {
    match properties.remove(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(other) => Err(format!("{name} is neither true nor false but {other}")),
    }
}

/// A count up to AWS's own limit; -1 is no limit.
fn number(
    properties: &mut Map<String, Value>,
    name: &str,
    most: u64,
) -> Result<Option<u64>, String> {
    match properties.remove(name) {
        None => Ok(None),
        Some(value) if value == -1 => Ok(None),
        Some(value) => match value.as_u64().filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{name} is {value}")),
        },
    }
}
