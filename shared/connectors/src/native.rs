//! Offramp's own dialect: reads the body of `POST …/events` without building a tree of values.

mod envelope;
mod quick;
pub mod snapshot;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{EmployeeId, EventId, Field, HrEvent, HrStatus};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use offramp_app::ports::{
    About, Connector, Headers, MAX_BODY, MAX_EVENTS, Malformed, Parsed, Record, Request, Said,
};
use offramp_app::{Error, Invalid, Result};

use crate::signed::standard;

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

    fn read(&self, body: &[u8]) -> Result<Request> {
        parse(body)
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
    #[serde(borrow, default, deserialize_with = "text")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schema(value_type = WireEmployee))]
    employee: &'a RawValue,
}

/// An employee. A field that is null is cleared; a field that is absent stays as it is. Unknown fields are ignored.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Employee))]
pub(crate) struct WireEmployee<'a> {
    #[serde(borrow)]
    employee_id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    name: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    email: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    team: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    department: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    cost_centre: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    manager_id: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    start_date: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    birthday: Sent<'a>,
    #[serde(borrow, default, deserialize_with = "sent")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    leave_date: Sent<'a>,
}

/// A field that is absent (`None`), cleared (`Some(None)`) or set.
type Sent<'a> = Option<Option<Cow<'a, str>>>;

fn sent<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> std::result::Result<Sent<'a>, D::Error> {
    text(from).map(Some)
}

/// A string or null. Serde borrows a `Cow` that is a field, but not a `Cow` in an `Option`.
fn text<'de: 'a, 'a, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'a>>::deserialize(from)?.map(|text| text.0))
}

fn one(raw: &RawValue) -> Parsed {
    let read = object::<WireEvent<'_>>(raw, "event").and_then(|event| {
        let employee = object::<WireEmployee<'_>>(event.employee, "employee")?;
        Ok((event, employee))
    });
    match read {
        Ok((event, employee)) => taken(event.id.as_deref(), &event.occurred_at, &employee),
        Err(reason) => Err(Malformed {
            employee_id: whom(raw),
            about: labelled(raw),
            reason,
        }),
    }
}

/// The event of a record that was read, if its values are valid.
fn taken(id: Option<&str>, occurred_at: &str, employee: &WireEmployee<'_>) -> Parsed {
    checked(id, occurred_at, employee).map_err(|reason| Malformed {
        employee_id: Some(employee.employee_id.clone().into_owned()),
        about: about(id, Some(occurred_at)),
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
    let id = match &read {
        Ok(employee) => employee.employee_id.clone().into_owned(),
        Err(reason) => match serde_json::from_str::<Named>(raw.get()) {
            Ok(named) => named.employee_id,
            Err(_) => return Err(reason.clone()),
        },
    };
    let employee_id = EmployeeId::new(id).map_err(|error| error.to_string())?;
    let says = read.and_then(|employee| {
        let status = status(&employee.status)?;
        let fields = fields(&employee)?;
        Ok(Said { status, fields })
    });
    Ok(Record { employee_id, says })
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
    id: Option<&str>,
    occurred_at: &str,
    employee: &WireEmployee<'_>,
) -> std::result::Result<HrEvent, String> {
    let employee_id = EmployeeId::new(&*employee.employee_id).map_err(|error| error.to_string())?;
    let id = match id {
        Some(id) => Some(EventId::new(id).map_err(|error| error.to_string())?),
        None => None,
    };
    let occurred_at =
        instant(occurred_at).map_err(|_| "occurred_at is not an RFC 3339 instant".to_owned())?;
    let status = status(&employee.status)?;
    let fields = fields(employee)?;
    Ok(HrEvent {
        id,
        occurred_at,
        employee_id,
        status,
        fields,
    })
}

fn instant(text: &str) -> chrono::ParseResult<DateTime<Utc>> {
    Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc))
}

fn status(text: &str) -> std::result::Result<HrStatus, String> {
    match text {
        "active" => Ok(HrStatus::Active),
        "inactive" => Ok(HrStatus::Inactive),
        _ => Err("status must be active or inactive".to_owned()),
    }
}

/// The fields that the employee carries, in canonical form.
fn fields(
    employee: &WireEmployee<'_>,
) -> std::result::Result<BTreeMap<Field, Option<String>>, String> {
    let mut fields = BTreeMap::new();
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
        match value {
            Some(Some(value)) => {
                let value = field.canonical(value).map_err(|error| error.to_string())?;
                fields.insert(field, Some(value));
            }
            Some(None) => {
                fields.insert(field, None);
            }
            None => {}
        }
    }
    Ok(fields)
}

/// The part of a record that names its employee.
#[derive(Deserialize)]
struct Named {
    employee_id: String,
}

/// The facts that are kept of an event if it is rejected.
fn about(id: Option<&str>, occurred_at: Option<&str>) -> About {
    About {
        event_id: id.and_then(|id| EventId::new(id).ok()),
        occurred_at: occurred_at.and_then(|at| instant(at).ok()),
    }
}

/// The facts that are kept of a malformed event, as far as they can be read.
fn labelled(raw: &RawValue) -> About {
    #[derive(Deserialize)]
    struct Labelled<'a> {
        #[serde(borrow, default)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        occurred_at: Option<Cow<'a, str>>,
    }
    match serde_json::from_str::<Labelled<'_>>(raw.get()) {
        Ok(label) => about(label.id.as_deref(), label.occurred_at.as_deref()),
        Err(_) => About::default(),
    }
}

/// The employee id of a malformed event, if it can be read.
fn whom(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Whom {
        employee: Named,
    }
    serde_json::from_str::<Whom>(raw.get())
        .ok()
        .map(|whom| whom.employee.employee_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_no_object() {
        for body in ["[[],false]", "[]", "null", "5"] {
            assert!(matches!(parse(body.as_bytes()), Err(Error::Invalid(_))));
        }
        let at = "2026-03-01T10:00:00Z";
        for (event, reason) in [
            (
                format!(r#"[null,"{at}",["E-1","active"]]"#),
                "event must be an object",
            ),
            (
                format!(r#"{{"occurred_at":"{at}","employee":["E-1","active"]}}"#),
                "employee must be an object",
            ),
            (
                format!(
                    r#"{{"occurred_at":"{at}","employee":{{"employee_id":"E-1","status":"active","name":5}}}}"#
                ),
                "name: invalid type: integer `5`, expected a string",
            ),
        ] {
            let parsed = parse(format!(r#"{{"events":[{event}]}}"#).as_bytes()).unwrap();
            assert_eq!(parsed.events[0].as_ref().unwrap_err().reason, reason);
        }
    }
}
