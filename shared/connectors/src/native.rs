//! Offramp's own dialect: reads the body of `POST …/events` without building a tree of values.

mod envelope;
mod quick;
pub mod snapshot;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{Arrival, EmployeeId, EventId, Field, HrEvent, HrStatus, Warning};
use serde::Deserialize;
use serde_json::value::RawValue;

use offramp_app::ports::{
    About, Connector, Headers, MAX_BODY, MAX_EVENTS, Malformed, Parsed, Record, Request, Said,
};
use offramp_app::{Error, Invalid, Result};

use crate::signed::standard;
use values::{Value, sent};

/// Offramp's own dialect: events that are signed as Standard Webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl Connector for Native {
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Vec<u8>],
        now: DateTime<Utc>,
    ) -> Result<()> {
        standard::verify(standard::Signed::of(headers), body, secrets, now)
    }

    fn read(&self, headers: &dyn Headers, body: &[u8]) -> Result<Request> {
        let mut request = parse(body)?;
        let delivery = headers.header("webhook-id").unwrap_or_default();
        for (place, event) in request.events.iter_mut().enumerate() {
            if let Ok(event) = event {
                event.arrival = Arrival::new(delivery, place);
            }
        }
        Ok(request)
    }
}

/// Reads the events of a request. A malformed event is an element of the request, not an error.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::MalformedJson`], or [`Error::Invalid`] if the body as a whole is not what the route
/// accepts.
pub fn parse(body: &[u8]) -> Result<Request> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLarge("the body is larger than 4 MiB"));
    }
    quick::parse(body).map_or_else(|| carefully(body), Ok)
}

/// Reads a body of any kind, and reports what is wrong with it.
fn carefully(body: &[u8]) -> Result<Request> {
    let malformed = |error: serde_json::Error| Error::MalformedJson(error.to_string());
    let whole: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
    if !is_object(whole) {
        return Err(Error::invalid("", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_str(whole.get());
    let body: Body<'_> = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::Invalid(vec![Invalid::read(&error)]))?;
    if body.events.len() > MAX_EVENTS {
        return Err(Error::TooLarge("there are more than 5,000 events"));
    }
    envelope::check(&body.events)?;
    Ok(Request {
        events: body.events.into_iter().map(one).collect(),
        dry_run: body.dry_run,
    })
}

/// The body of a delivery. An unknown field is refused, here and in an event beside its employee: a misspelled `dry_run`
/// must not be done in earnest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Delivery))]
pub struct Body<'a> {
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<WireEvent>))]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    dry_run: bool,
}

/// A statement of HR about one employee, as of an instant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrEvent))]
pub(super) struct WireEvent<'a> {
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    id: Option<Value<'a>>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = WireEmployee))]
    employee: &'a RawValue,
}

/// An employee. A field that is null, or a text that shows nothing, is cleared; a field that is absent or cannot be read
/// stays as it is. A number is read as its text. Unknown fields are ignored.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Employee))]
pub(crate) struct WireEmployee<'a> {
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    employee_id: Value<'a>,
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    status: Value<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    name: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    email: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    team: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    department: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    cost_centre: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    manager_id: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    start_date: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    birthday: Option<Value<'a>>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    leave_date: Option<Value<'a>>,
}

fn one(raw: &RawValue) -> Parsed {
    let read = object::<WireEvent<'_>>(raw, "event").and_then(|event| {
        let employee = object::<WireEmployee<'_>>(event.employee, "employee")?;
        Ok((event, employee))
    });
    match read {
        Ok((event, employee)) => taken(event.id.as_ref(), &event.occurred_at, &employee),
        Err(reason) => Err(Malformed {
            reason,
            ..labelled(raw)
        }),
    }
}

/// The event of a record that was read, if its id, status and instant are valid.
fn taken(id: Option<&Value<'_>>, occurred_at: &str, employee: &WireEmployee<'_>) -> Parsed {
    checked(id, occurred_at, employee).map_err(|reason| Malformed {
        employee_id: employee
            .employee_id
            .text()
            .ok()
            .flatten()
            .map(str::to_owned),
        about: about(id, Some(occurred_at), Some(&employee.status)),
        reason,
    })
}

/// Reads an object, or names the field that is wrong. Serde would also read a struct from an array, field by field.
/// That is refused, because no sender means it.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue, what: &str) -> std::result::Result<T, String> {
    if !is_object(raw) {
        return Err(format!("{what} must be an object"));
    }
    // Tracking the path takes time, and is of no use if the object is valid.
    if let Ok(read) = serde_json::from_str(raw.get()) {
        return Ok(read);
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let said = said(error.inner());
        if path == "." {
            format!("{what}: {said}")
        } else {
            format!("{path}: {said}")
        }
    })
}

/// Reads an employee of a snapshot. A record that cannot be read is kept with the reason, as long as its employee id
/// can be read.
///
/// # Errors
/// The employee id cannot be read. The text is safe to show to a client.
pub(crate) fn record(raw: &RawValue) -> std::result::Result<Record, String> {
    let read = object::<WireEmployee<'_>>(raw, "employee");
    let employee_id = match &read {
        Ok(employee) => identified(&employee.employee_id),
        Err(reason) => match serde_json::from_str::<Named<'_>>(raw.get()) {
            Ok(named) => identified(&named.employee_id),
            Err(_) => Err(reason.clone()),
        },
    }?;
    let gone = read
        .as_ref()
        .map_or(true, |employee| may_be_gone(&employee.status));
    let says = read.and_then(|employee| {
        let status = status(&employee.status)?;
        let (fields, unread) = fields(&employee);
        Ok(Said {
            status,
            fields,
            unread,
        })
    });
    Ok(Record {
        employee_id,
        gone: gone && says.is_err(),
        says,
    })
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// The message without the position, which would be a position in the record and not in the request.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(&*text, |(said, _)| said)
        .to_owned()
}

fn checked(
    id: Option<&Value<'_>>,
    occurred_at: &str,
    employee: &WireEmployee<'_>,
) -> std::result::Result<HrEvent, String> {
    let employee_id = identified(&employee.employee_id)?;
    let occurred_at =
        instant(occurred_at).map_err(|_| "occurred_at is not an RFC 3339 instant".to_owned())?;
    let status = status(&employee.status)?;
    let (fields, mut unread) = fields(employee);
    let id = event_id(id).unwrap_or_else(|warning| {
        unread.push(warning);
        None
    });
    Ok(HrEvent {
        id,
        occurred_at,
        employee_id,
        status,
        fields,
        unread,
        arrival: Arrival::default(),
    })
}

fn identified(id: &Value<'_>) -> std::result::Result<EmployeeId, String> {
    EmployeeId::sent(id.required("employee_id")?).map_err(|error| error.to_string())
}

/// The event's id; `None` if it has none.
fn event_id(id: Option<&Value<'_>>) -> std::result::Result<Option<EventId>, Warning> {
    let wrong = |reason: Cow<'static, str>| Warning {
        field: "id".into(),
        reason,
    };
    match id.map_or(Ok(None), Value::text) {
        Ok(None) => Ok(None),
        Ok(Some(text)) if text.trim().is_empty() => Ok(None),
        Ok(Some(text)) => EventId::new(text)
            .map(Some)
            .map_err(|error| wrong(error.rule().into())),
        Err(reason) => Err(wrong(reason.into())),
    }
}

fn instant(text: &str) -> chrono::ParseResult<DateTime<Utc>> {
    Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc))
}

/// The employment status, in the words of HR systems, in any case and with any separator. Somebody on leave is here.
fn status(value: &Value<'_>) -> std::result::Result<HrStatus, String> {
    let word = value.required("status")?;
    let word = word.trim().to_lowercase().replace(['-', ' '], "_");
    match &*word {
        "active" | "on_leave" | "leave" => Ok(HrStatus::Active),
        "inactive" | "terminated" | "left" => Ok(HrStatus::Inactive),
        _ => Err(
            "status is none of active, on_leave, leave, inactive, terminated and left".to_owned(),
        ),
    }
}

/// True unless HR calls the employee active: then nobody waits for an end of their access.
fn may_be_gone(value: &Value<'_>) -> bool {
    !matches!(status(value), Ok(HrStatus::Active))
}

/// The fields that the employee carries, in canonical form, and those that cannot be read.
fn fields(employee: &WireEmployee<'_>) -> (BTreeMap<Field, Option<String>>, Vec<Warning>) {
    let (mut fields, mut unread) = (BTreeMap::new(), Vec::new());
    for (field, value) in [
        (Field::Name, &employee.name),
        (Field::Email, &employee.email),
        (Field::Team, &employee.team),
        (Field::Department, &employee.department),
        (Field::CostCentre, &employee.cost_centre),
        (Field::ManagerId, &employee.manager_id),
        (Field::StartDate, &employee.start_date),
        (Field::Birthday, &employee.birthday),
        (Field::LeaveDate, &employee.leave_date),
    ] {
        let Some(value) = value else { continue };
        let read = match value.text() {
            Ok(Some(text)) => field.canonical(text).map_err(Warning::from),
            Ok(None) => Ok(None),
            Err(reason) => Err(Warning {
                field: field.as_str().into(),
                reason: reason.into(),
            }),
        };
        match read {
            Ok(value) => {
                fields.insert(field, value);
            }
            Err(warning) => unread.push(warning),
        }
    }
    (fields, unread)
}

/// The part of a record that names its employee.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    employee_id: Value<'a>,
}

/// The facts that count of an event if it is rejected.
fn about(id: Option<&Value<'_>>, occurred_at: Option<&str>, status: Option<&Value<'_>>) -> About {
    About {
        event_id: event_id(id).ok().flatten(),
        occurred_at: occurred_at.and_then(|at| instant(at).ok()),
        gone: status.is_none_or(may_be_gone),
    }
}

/// What can be read of a malformed event.
fn labelled(raw: &RawValue) -> Malformed {
    #[derive(Deserialize, Default)]
    struct Labelled<'a> {
        #[serde(borrow, default)]
        id: Option<Value<'a>>,
        #[serde(borrow, default)]
        occurred_at: Option<Value<'a>>,
    }
    #[derive(Deserialize)]
    struct Whom<'a> {
        #[serde(borrow)]
        employee: Known<'a>,
    }
    #[derive(Deserialize)]
    struct Known<'a> {
        #[serde(borrow, default)]
        employee_id: Option<Value<'a>>,
        #[serde(borrow, default)]
        status: Option<Value<'a>>,
    }
    fn text<'v>(value: Option<&'v Value<'_>>) -> Option<&'v str> {
        value.and_then(|value| value.text().ok().flatten())
    }
    let label: Labelled<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let whom = serde_json::from_str::<Whom<'_>>(raw.get()).ok();
    let whom = whom.as_ref().map(|whom| &whom.employee);
    let id = whom.and_then(|whom| whom.employee_id.as_ref());
    let status = whom.and_then(|whom| whom.status.as_ref());
    Malformed {
        employee_id: text(id).map(str::to_owned),
        about: about(label.id.as_ref(), text(label.occurred_at.as_ref()), status),
        reason: String::new(),
    }
}

#[cfg(test)]
mod tests;
