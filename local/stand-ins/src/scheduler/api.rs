use std::collections::HashMap;

use hyper::Method;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::check;
use super::model::{Definition, Group, Schedule};
use crate::shared::Shared;
use crate::sync::{epoch_seconds, lock};
use crate::timers::Timers;
use crate::wire::{Answer, Request};

const DEFAULT_GROUP: &str = "default";

/// A refusal: the status, Scheduler's error, and its message.
struct Refusal(u16, &'static str, String);

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct CreateGroup {
    client_token: Option<String>,
}

/// The operation that a method and a path name.
pub(crate) fn operation(request: &Request) -> Option<&'static str> {
    let path = request.target.split('?').next().unwrap_or_default();
    let mut segments = path.trim_start_matches('/').split('/');
    let named = match (segments.next()?, segments.next(), segments.next()) {
        ("schedules", None, None) => ("schedules", false),
        ("schedules", Some(_), None) => ("schedules", true),
        ("schedule-groups", Some(_), None) => ("groups", true),
        _ => return None,
    };
    match (named, &request.method) {
        (("schedules", false), &Method::GET) => Some("ListSchedules"),
        (("schedules", true), &Method::POST) => Some("CreateSchedule"),
        (("schedules", true), &Method::PUT) => Some("UpdateSchedule"),
        (("schedules", true), &Method::GET) => Some("GetSchedule"),
        (("schedules", true), &Method::DELETE) => Some("DeleteSchedule"),
        (("groups", true), &Method::POST) => Some("CreateScheduleGroup"),
        (("groups", true), &Method::GET) => Some("GetScheduleGroup"),
        _ => None,
    }
}

pub(crate) fn handle(shared: &Shared, operation: &str, request: &Request) -> Answer {
    let (name, query) = address(request);
    let done = match operation {
        "CreateSchedule" => create(shared, &name, request),
        "UpdateSchedule" => update(shared, &name, request),
        "GetSchedule" => get(shared, &name, &query),
        "DeleteSchedule" => delete(shared, &name, &query),
        "ListSchedules" => list(shared, &query),
        "CreateScheduleGroup" => create_group(shared, &name, request),
        "GetScheduleGroup" => get_group(shared, &name),
        _ => Err(Refusal(
            404,
            "UnknownOperationException",
            "The Scheduler stand-in does not do that".to_owned(),
        )),
    };
    match done {
        Ok(output) => Answer::json(200, "application/json", &output),
        Err(Refusal(status, code, message)) => {
            Answer::rest_error(status, code, &json!({"Message": message}))
        }
    }
}

fn create(shared: &Shared, name: &str, request: &Request) -> Result<Value, Refusal> {
    let (group, schedule) = read(shared, name, request)?;
    let mut timers = lock(&shared.timers);
    known_group(&timers, &group)?;
    let answer = json!({"ScheduleArn": arn(shared, &group, name)});
    if let Some(standing) = timers.schedules.get(&(group, name.to_owned())) {
        // The same token is the same request, sent again because its answer was lost.
        let token = &schedule.definition.client_token;
        return if token.is_some() && *token == standing.definition.client_token {
            Ok(answer)
        } else {
            Err(conflict(format!("Schedule {name} already exists.")))
        };
    }
    timers.put_schedule(schedule);
    drop(timers);
    shared.timers_changed();
    Ok(answer)
}

fn update(shared: &Shared, name: &str, request: &Request) -> Result<Value, Refusal> {
    let (group, mut schedule) = read(shared, name, request)?;
    let mut timers = lock(&shared.timers);
    known_group(&timers, &group)?;
    let standing = timers
        .schedules
        .get(&(group.clone(), name.to_owned()))
        .ok_or_else(|| no_schedule(name))?;
    schedule.created = standing.created;
    timers.put_schedule(schedule);
    drop(timers);
    shared.timers_changed();
    Ok(json!({"ScheduleArn": arn(shared, &group, name)}))
}

fn get(shared: &Shared, name: &str, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let group = group_of(query.get("groupName").map(String::as_str))?;
    check::name(name, "name").map_err(invalid)?;
    let timers = lock(&shared.timers);
    known_group(&timers, &group)?;
    let schedule = timers
        .schedules
        .get(&(group, name.to_owned()))
        .ok_or_else(|| no_schedule(name))?;
    let mut output = serde_json::to_value(&schedule.definition).unwrap_or_default();
    if let Some(output) = output.as_object_mut() {
        output.remove("ClientToken");
        output.extend([
            ("Arn".to_owned(), json!(arn(shared, &schedule.group, name))),
            ("Name".to_owned(), json!(name)),
            ("GroupName".to_owned(), json!(schedule.group)),
            ("State".to_owned(), json!(schedule.state())),
            (
                "CreationDate".to_owned(),
                json!(epoch_seconds(schedule.created)),
            ),
            (
                "LastModificationDate".to_owned(),
                json!(epoch_seconds(schedule.modified)),
            ),
        ]);
        output
            .entry("ActionAfterCompletion")
            .or_insert_with(|| json!("NONE"));
        output
            .entry("ScheduleExpressionTimezone")
            .or_insert_with(|| json!("UTC"));
    }
    Ok(output)
}

fn delete(shared: &Shared, name: &str, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let group = group_of(query.get("groupName").map(String::as_str))?;
    check::name(name, "name").map_err(invalid)?;
    let mut timers = lock(&shared.timers);
    known_group(&timers, &group)?;
    timers
        .remove_schedule(&group, name)
        .ok_or_else(|| no_schedule(name))?;
    drop(timers);
    shared.timers_changed();
    Ok(json!({}))
}

fn list(shared: &Shared, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let most = match query.get("MaxResults") {
        None => 100,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| invalid("MaxResults must be between 1 and 100".to_owned()))?,
    };
    // A page begins behind the schedule that its token names.
    let after = match query.get("NextToken") {
        None => None,
        Some(token) => {
            let (group, name) = token
                .split_once('/')
                .ok_or_else(|| invalid("Invalid NextToken".to_owned()))?;
            Some((group.to_owned(), name.to_owned()))
        }
    };
    let wanted = |member: &str, value: &str| query.get(member).is_none_or(|wanted| wanted == value);
    let prefix = query.get("NamePrefix").map_or("", String::as_str);
    let timers = lock(&shared.timers);
    if let Some(group) = query.get("ScheduleGroup") {
        known_group(&timers, group)?;
    }
    let mut found = timers
        .schedules
        .iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
        .map(|(_, schedule)| schedule)
        .filter(|schedule| {
            wanted("ScheduleGroup", &schedule.group) && wanted("State", schedule.state())
        })
        .filter(|schedule| schedule.name.starts_with(prefix));
    let page: Vec<&Schedule> = found.by_ref().take(most).collect();
    let mut output = json!({"Schedules": page.iter().map(|schedule| summary(shared, schedule)).collect::<Vec<_>>()});
    if let (Some(last), true, Some(output)) =
        (page.last(), found.next().is_some(), output.as_object_mut())
    {
        output.insert(
            "NextToken".to_owned(),
            json!(format!("{}/{}", last.group, last.name)),
        );
    }
    Ok(output)
}

fn create_group(shared: &Shared, name: &str, request: &Request) -> Result<Value, Refusal> {
    check::name(name, "name").map_err(invalid)?;
    let input: CreateGroup = parse(request)?;
    if input
        .client_token
        .as_deref()
        .is_some_and(|token| !check::is_token(token))
    {
        return Err(invalid("Invalid ClientToken".to_owned()));
    }
    let answer = json!({"ScheduleGroupArn": group_arn(shared, name)});
    let mut timers = lock(&shared.timers);
    if name == DEFAULT_GROUP || timers.groups.contains_key(name) {
        let standing = timers
            .groups
            .get(name)
            .and_then(|group| group.client_token.as_ref());
        return if standing.is_some() && standing == input.client_token.as_ref() {
            Ok(answer)
        } else {
            Err(conflict(format!("Schedule group {name} already exists.")))
        };
    }
    timers.groups.insert(
        name.to_owned(),
        Group::new(input.client_token, shared.clock.now()),
    );
    drop(timers);
    shared.timers_changed();
    Ok(answer)
}

fn get_group(shared: &Shared, name: &str) -> Result<Value, Refusal> {
    check::name(name, "name").map_err(invalid)?;
    let timers = lock(&shared.timers);
    known_group(&timers, name)?;
    let created = timers
        .groups
        .get(name)
        .map_or(0.0, |group| epoch_seconds(group.created));
    Ok(json!({
        "Arn": group_arn(shared, name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": created,
        "LastModificationDate": created,
    }))
}

/// The group and the checked schedule of a `CreateSchedule` or `UpdateSchedule`.
fn read(shared: &Shared, name: &str, request: &Request) -> Result<(String, Schedule), Refusal> {
    check::name(name, "name").map_err(invalid)?;
    let definition: Definition = parse(request)?;
    let group = group_of(definition.group_name.as_deref())?;
    let now = shared.clock.now();
    let checked = check::definition(&definition, now).map_err(invalid)?;
    let schedule = Schedule {
        name: name.to_owned(),
        group: group.clone(),
        version: Uuid::new_v4(),
        definition,
        next: Some(checked.first),
        checked,
        created: now,
        modified: now,
        armed: None,
    };
    Ok((group, schedule))
}

fn parse<'a, T: Deserialize<'a> + Default>(request: &'a Request) -> Result<T, Refusal> {
    if request.body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&request.body).map_err(|error| {
        Refusal(
            400,
            "SerializationException",
            format!("The request body is not understood: {error}"),
        )
    })
}

/// The name in the path, and the query.
fn address(request: &Request) -> (String, HashMap<String, String>) {
    let Ok(url) = Url::parse(&format!("http://scheduler{}", request.target)) else {
        return (String::new(), HashMap::new());
    };
    let name = url
        .path_segments()
        .and_then(|mut segments| segments.nth(1))
        .unwrap_or_default()
        .to_owned();
    (name, url.query_pairs().into_owned().collect())
}

fn group_of(given: Option<&str>) -> Result<String, Refusal> {
    check::name(given.unwrap_or(DEFAULT_GROUP), "groupName")
        .map(str::to_owned)
        .map_err(invalid)
}

fn known_group(timers: &Timers, group: &str) -> Result<(), Refusal> {
    if group == DEFAULT_GROUP || timers.groups.contains_key(group) {
        return Ok(());
    }
    Err(Refusal(
        404,
        "ResourceNotFoundException",
        format!("Schedule group {group} does not exist."),
    ))
}

fn summary(shared: &Shared, schedule: &Schedule) -> Value {
    json!({
        "Arn": arn(shared, &schedule.group, &schedule.name),
        "Name": schedule.name,
        "GroupName": schedule.group,
        "State": schedule.state(),
        "CreationDate": epoch_seconds(schedule.created),
        "LastModificationDate": epoch_seconds(schedule.modified),
        "Target": {"Arn": schedule.checked.target_arn},
    })
}

/// A schedule's ARN.
pub(super) fn arn(shared: &Shared, group: &str, name: &str) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule/{group}/{name}",
        shared.config.region, shared.config.account
    )
}

fn group_arn(shared: &Shared, name: &str) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule-group/{name}",
        shared.config.region, shared.config.account
    )
}

fn no_schedule(name: &str) -> Refusal {
    Refusal(
        404,
        "ResourceNotFoundException",
        format!("Schedule {name} does not exist."),
    )
}

fn conflict(message: String) -> Refusal {
    Refusal(409, "ConflictException", message)
}

fn invalid(message: String) -> Refusal {
    Refusal(400, "ValidationException", message)
}
