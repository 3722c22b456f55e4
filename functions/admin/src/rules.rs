//! The routes of the sync rule, leave dates and lists of leavers.

use std::collections::{BTreeMap, BTreeSet};

use offramp_api::http::Reply;
use offramp_app::desk::leavers::list;
use offramp_app::desk::leavers::{Options, take};
use offramp_app::desk::sync_rules;
use offramp_app::ports::{Policies, USERS_PER_READ, Users};
use offramp_app::{Error, Result};
use offramp_domain::decide::SyncRule;
use offramp_domain::{Arrival, EmployeeId, Event, Field, HrEvent, HrRecord, HrStatus, User};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Call;

/// Employees in one trial of a rule.
const MAX_TRIED: usize = 1_000;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SyncRule))]
pub(crate) struct RulesView {
    active: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reactivated: Option<Vec<EmployeeId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Where the rule may say something else here than in other implementations of CEL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    notes: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = NewSyncRule))]
pub(crate) struct NewRules {
    active: String,
    confirmation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct Trial {
    active: String,
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>, max_items = 1000))]
    employees: Vec<Map<String, Value>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = TrialResult))]
pub(crate) struct Tried {
    employee_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = TrialResults))]
pub(crate) struct TrialView {
    results: Vec<Tried>,
    /// Where the rule may say something else here than in other implementations of CEL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    notes: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub(crate) struct NewLeaveDate {
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<chrono::NaiveDate>))]
    leave_date: Option<String>,
}

impl Call<'_> {
    pub(crate) async fn rules(&self) -> Result<Reply> {
        let rules = self.env.store.policy(&self.org).await?.rules;
        let view = RulesView {
            notes: notes(&rules.active),
            active: rules.active,
            version: rules.version,
            reactivated: None,
            note: None,
        };
        Ok(Reply::json(200, &view)?.with_version(rules.version))
    }

    pub(crate) async fn put_rules(&self) -> Result<Reply> {
        let new: NewRules = self.request.json()?;
        let if_match = self.request.if_match()?;
        let put = sync_rules::put(
            &self.tenant(),
            new.active,
            new.confirmation,
            if_match,
            &self.caller,
            self.deadline,
        )
        .await?;
        let note = match put.reactivated.len() {
            0 => None,
            n => Some(format!(
                "{n} scheduled for deactivation and left out by this rule: active again"
            )),
        };
        let rules = put.policy.rules;
        let view = RulesView {
            notes: notes(&rules.active),
            active: rules.active,
            version: rules.version,
            reactivated: Some(put.reactivated),
            note,
        };
        Ok(Reply::json(200, &view)?.with_version(rules.version))
    }

    /// Tries a rule on the given employees. For an employee with only an id, the rule is tried on the stored HR record.
    pub(crate) async fn test_rules(&self) -> Result<Reply> {
        let trial: Trial = self.request.json()?;
        let rule = sync_rules::compile(&trial.active)?;
        if trial.employees.len() > MAX_TRIED {
            return Err(Error::invalid("/employees", "must be at most 1000"));
        }
        let read: Vec<_> = trial.employees.iter().map(as_event).collect();
        let only_named = |event: &&HrEvent| event.fields.is_empty();
        let named: BTreeSet<EmployeeId> = read
            .iter()
            .flatten()
            .filter(only_named)
            .map(|event| event.employee_id.clone())
            .collect();
        let stored = self.read(&named).await?;
        let tried =
            |(employee, event): (&Map<String, Value>, &std::result::Result<HrEvent, String>)| {
                let tried = event.as_ref().map_err(Clone::clone).and_then(|event| {
                    let id = &event.employee_id;
                    let user = stored.get(id).filter(|_| event.fields.is_empty());
                    match user.and_then(|user| user.hr.as_ref()) {
                        Some(record) => rule.includes(id, record),
                        None => rule.includes(id, &HrRecord::first(event)),
                    }
                });
                let id = employee.get("employee_id").and_then(Value::as_str);
                Tried {
                    employee_id: id.map(str::to_owned),
                    active: tried.as_ref().ok().copied(),
                    error: tried.err(),
                }
            };
        let results = trial.employees.iter().zip(&read).map(tried).collect();
        let notes = rule.notes();
        Reply::json(200, &TrialView { results, notes })
    }

    /// The stored users of these ids.
    async fn read(&self, ids: &BTreeSet<EmployeeId>) -> Result<BTreeMap<EmployeeId, User>> {
        let ids: Vec<EmployeeId> = ids.iter().cloned().collect();
        let mut users = BTreeMap::new();
        for some in ids.chunks(USERS_PER_READ) {
            users.extend(self.env.store.load(&self.org, some).await?.users);
        }
        Ok(users)
    }

    pub(crate) async fn set_leave_date(&self) -> Result<Reply> {
        let body: Map<String, Value> = self.request.json()?;
        if !body.contains_key("leave_date") {
            return Err(Error::invalid(
                "/leave_date",
                "is required; null removes the date",
            ));
        }
        let NewLeaveDate { leave_date } = self.request.json()?;
        let date = leave_date.as_deref().map(list::date).transpose();
        let date = date.map_err(|error| Error::invalid("/leave_date", error.rule))?;
        self.end_and_show(&Event::SetLeaveDate {
            by: self.caller.actor(),
            date,
        })
        .await
    }

    pub(crate) async fn leavers(&self) -> Result<Reply> {
        let body = self.request.body()?;
        let query = self.request.query();
        let list = match self.request.header("content-type").is_some_and(is_csv) {
            true => list::from_csv(&body)?,
            false => list::from_json(&body)?,
        };
        let when = query.get("when").map(|when| when.parse()).transpose()?;
        let then = query.get("then").map(list::at_end).transpose()?;
        let how = Options {
            when: list.when.or(when).unwrap_or_default(),
            then: list.then.or(then).unwrap_or_default(),
            dry_run: self.dry_run(None)? || list.dry_run,
            deadline: self.deadline,
        };
        let taken = take(&self.tenant(), list, &self.caller, how).await?;
        Reply::json(200, &taken)
    }
}

/// The notes on a stored rule. A rule that an earlier release has stored may not compile any more, and has none.
fn notes(rule: &str) -> Vec<&'static str> {
    sync_rules::compile(rule).map_or_else(|_| Vec::new(), |rule| rule.notes())
}

/// True for the media types that tables of text are sent as.
fn is_csv(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    ["text/csv", "application/csv", "text/tab-separated-values"]
        .iter()
        .any(|csv| kind.eq_ignore_ascii_case(csv))
}

/// An employee of a trial, as an event of HR.
fn as_event(employee: &Map<String, Value>) -> std::result::Result<HrEvent, String> {
    let mut event: Option<EmployeeId> = None;
    let mut fields = BTreeMap::new();
    for (name, value) in employee {
        let text = match value {
            Value::Null => None,
            Value::String(text) => Some(text.as_str()),
            _ => return Err(format!("{name} must be a string or null")),
        };
        match (name.as_str(), text) {
            ("employee_id", Some(id)) => {
                event = Some(EmployeeId::new(id).map_err(|error| error.to_string())?);
            }
            ("status", _) => {}
            (name, text) => {
                let field = Field::ALL
                    .iter()
                    .copied()
                    .find(|field| field.as_str() == name)
                    .ok_or_else(|| format!("{name} is no field of an employee"))?;
                let value = match text {
                    Some(text) => field.canonical(text).map_err(|error| error.to_string())?,
                    None => None,
                };
                fields.insert(field, value);
            }
        }
    }
    Ok(HrEvent {
        id: None,
        occurred_at: chrono::DateTime::UNIX_EPOCH,
        employee_id: event.ok_or("employee_id is required")?,
        status: HrStatus::Active,
        fields,
        unread: Vec::new(),
        arrival: Arrival::default(),
    })
}
