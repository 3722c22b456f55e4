//! Lists of leavers. Every row gets an answer of its own, so a bad row does not stop the others; the rows of one person get
//! one answer. A list that is sent twice has no effect the second time.

mod find;
pub mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::{AdminsChange, Answered, Outcome};
use offramp_domain::settings::LeaveDateIs;
use offramp_domain::{
    AtEnd, Departure, EmployeeId, Event, GroundKind, Refusal, Role, Status, User,
};
use serde::Serialize;

use crate::desk::leavers::find::{Found, find, has_address, is_somebody, unknown};
use crate::desk::leavers::list::{LeaverList, Row, When, Who};
use crate::engine::execute::{Armed, ExecuteOptions, decide_on, execute};
use crate::identity::Caller;
use crate::ports::{Directory, Loaded, Policies, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How many people are worked on at once.
const AT_ONCE: usize = 16;
/// If less time than this is left, the request ends, and the client sends the list again.
const TIME_FOR_ROWS: Duration = Duration::from_secs(3);

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeaverOutcome))]
pub enum Became {
    /// The grace period begins.
    Scheduled,
    /// The user is deactivated.
    Deactivated,
    /// A leave date is set. It lies ahead, or the settings ignore it.
    Planned,
    /// The user has left, or is leaving, already.
    AlreadyLeft,
    /// No user has that id or address.
    NotFound,
    /// Several users have that address.
    Ambiguous,
    /// The row is invalid, it contradicts another row of the same person, or the change is not allowed. Nothing is done.
    Invalid,
}

/// The answer to one row.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeaverResult))]
pub struct RowAnswer {
    /// The line in the file, or the position in the JSON, from 1.
    pub row: usize,
    /// The user; `None` if the row does not identify one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<EmployeeId>,
    /// The outcome of the row.
    pub outcome: Became,
    /// An explanation of the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a list is taken.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The treatment of leavers without a date.
    pub when: When,
    /// What happens to the leavers at the end.
    pub then: AtEnd,
    /// True if each row is only decided: nothing is written, and nobody is mailed.
    pub dry_run: bool,
    /// The deadline of the request.
    pub deadline: Deadline,
}

/// What became of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeaverResults))]
pub struct Taken {
    /// The answer to each row, in the order of the list.
    pub results: Vec<RowAnswer>,
    /// The columns of a CSV that mean nothing here, as the file calls them; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_columns: Vec<String>,
    /// What the file seems to say that was read in another sense; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Applies a list of leavers.
///
/// # Errors
/// A fault, or [`Error::Unfinished`] if time runs out. The client then sends the same list again.
pub async fn take<P: Ports>(
    tenant: &Tenant<'_, P>,
    list: LeaverList,
    caller: &Caller,
    how: Options,
) -> Result<Taken>
where
    P::Store: Users + Directory + Policies,
{
    let note = match list.last_days {
        None => None,
        Some(column) => {
            let settings = tenant.store.policy(tenant.org).await?.settings;
            (settings.leave_date_is == LeaveDateIs::FirstDayOut).then(|| {
                format!(
                    "by the setting leave_date_is the dates of \"{column}\" are first days without access; set it to last_day_in if they are last days of work"
                )
            })
        }
    };
    Ok(Taken {
        results: rows(tenant, list.rows, caller, how).await?,
        ignored_columns: list.ignored_columns,
        note,
    })
}

async fn rows<P: Ports>(
    tenant: &Tenant<'_, P>,
    rows: Vec<Row>,
    caller: &Caller,
    how: Options,
) -> Result<Vec<RowAnswer>>
where
    P::Store: Users + Directory,
{
    let armed = Armed::default();
    let work = Work {
        tenant: *tenant,
        how,
        caller,
        armed: &armed,
        gone: Mutex::default(),
    };
    let found = find(tenant, &rows).await?;
    let mut answers = Vec::with_capacity(rows.len());
    let mut people: BTreeMap<EmployeeId, Vec<Row>> = BTreeMap::new();
    for (row, found) in rows.into_iter().zip(found) {
        match found {
            Found::One(id) => people.entry(id).or_default().push(row),
            Found::No(outcome, reason) => {
                answers.push(RowAnswer {
                    row: row.row,
                    employee_id: None,
                    outcome,
                    reason,
                });
            }
        }
    }
    // In the order of the list: it says which of the admins who leave is the last.
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_by_key(|(_, rows)| rows.first().map(|row| row.row));
    for chunk in people.chunks(USERS_PER_READ) {
        let ids: Vec<EmployeeId> = chunk.iter().map(|(id, _)| id.clone()).collect();
        let loaded = tenant.store.load(tenant.org, &ids).await?;
        let is_admin = |id: &EmployeeId| {
            let user = loaded.users.get(id);
            user.is_some_and(|user| user.role == Role::Admin)
        };
        let (in_turn, others): (Vec<_>, Vec<_>) = chunk.iter().partition(|(id, _)| is_admin(id));
        let done: Vec<Vec<RowAnswer>> = stream::iter(others)
            .map(|(id, rows)| {
                let loaded = loaded.only(id);
                let work = &work;
                Box::pin(async move { work.person(id, rows, loaded).await })
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        answers.extend(done.into_iter().flatten());
        // Each admin is decided on what the rows before have left.
        for (id, rows) in in_turn {
            let loaded = match how.dry_run {
                true => loaded.only(id),
                false => {
                    tenant
                        .store
                        .load(tenant.org, std::slice::from_ref(id))
                        .await?
                }
            };
            answers.extend(work.person(id, rows, loaded).await?);
        }
    }
    answers.sort_by_key(|answer| answer.row);
    Ok(answers)
}

struct Work<'a, P: Ports> {
    tenant: Tenant<'a, P>,
    how: Options,
    caller: &'a Caller,
    armed: &'a Armed,
    /// The admins who would have lost access by earlier rows of a dry run.
    gone: Mutex<BTreeSet<EmployeeId>>,
}

impl<P: Ports> Work<'_, P>
where
    P::Store: Users + Directory,
{
    /// The answers to all rows of a person. What they say is done once, or not at all where they contradict.
    async fn person(
        &self,
        id: &EmployeeId,
        rows: &[Row],
        loaded: Loaded,
    ) -> Result<Vec<RowAnswer>> {
        if !self.how.deadline.leaves(TIME_FOR_ROWS) {
            return Err(Error::Unfinished("more leavers than there was time for"));
        }
        let user = loaded.users.get(id).filter(|user| is_somebody(user));
        let (named, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| match &row.who {
            Ok(Who::Both(_, email)) => user.is_none_or(|user| has_address(user, &email.folded())),
            _ => true,
        });
        let mut answers = Vec::with_capacity(rows.len());
        for row in others {
            answers.push(RowAnswer {
                row: row.row,
                employee_id: None,
                outcome: Became::Invalid,
                reason: Some("the employee_id and the email do not name one person".to_owned()),
            });
        }
        if user.is_none() {
            for row in named {
                let (outcome, reason) = unknown(&self.tenant, row).await?;
                answers.push(RowAnswer {
                    row: row.row,
                    employee_id: None,
                    outcome,
                    reason,
                });
            }
            return Ok(answers);
        }
        let Some(first) = named.first() else {
            return Ok(answers);
        };
        let contradicts = |row: &&Row| row.leave_date != first.leave_date;
        let (outcome, reason) = match (&first.leave_date, named.iter().find(|row| contradicts(row)))
        {
            (Ok(date), None) => self.outcome(id, *date, loaded).await?,
            (Err(wrong), None) => (Became::Invalid, Some(wrong.clone())),
            (_, Some(_)) => (
                Became::Invalid,
                Some("the list says something else of the same person in another row".to_owned()),
            ),
        };
        for row in named {
            let unreadable = row.leave_date.as_ref().err();
            answers.push(RowAnswer {
                row: row.row,
                employee_id: unreadable.is_none().then(|| id.clone()),
                outcome,
                reason: unreadable.or(reason.as_ref()).cloned(),
            });
        }
        Ok(answers)
    }

    /// What becomes of a person who leaves on the date, or now.
    async fn outcome(
        &self,
        id: &EmployeeId,
        date: Option<NaiveDate>,
        loaded: Loaded,
    ) -> Result<(Became, Option<String>)> {
        let event = Event::Leave {
            by: self.caller.actor(),
            how: match (date, self.how.when) {
                (Some(date), _) => Departure::On(date),
                (None, When::Grace) => Departure::Grace,
                (None, When::Now) => Departure::Now,
            },
            then: self.how.then,
        };
        let done = match self.how.dry_run {
            true => self.rehearse(id, &event, loaded),
            false => self.done(id, &event, loaded).await,
        };
        match done {
            Ok(became) => Ok(became),
            Err(Error::Refused(Refusal::NotFound)) => Ok((Became::NotFound, None)),
            Err(Error::Refused(refusal)) => Ok((Became::Invalid, Some(refusal.to_string()))),
            Err(Error::Invalid(wrong)) => {
                let wrong = wrong.first();
                let reason = wrong
                    .map(|one| format!("{} {}", one.pointer.trim_start_matches('/'), one.detail));
                Ok((Became::Invalid, reason))
            }
            Err(error) => Err(error),
        }
    }

    async fn done(
        &self,
        id: &EmployeeId,
        event: &Event,
        loaded: Loaded,
    ) -> Result<(Became, Option<String>)> {
        let how = ExecuteOptions {
            loaded: Some(loaded),
            ..ExecuteOptions::default()
        };
        let executed = execute(&self.tenant, id, event, self.armed, how).await?;
        let user = executed.user.as_ref();
        Ok(self.became(&executed.decision.answered, user))
    }

    /// The answer that [`Work::done`] would give.
    fn rehearse(
        &self,
        id: &EmployeeId,
        event: &Event,
        mut loaded: Loaded,
    ) -> Result<(Became, Option<String>)> {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let admins: BTreeSet<EmployeeId> = loaded.admins.difference(&gone).cloned().collect();
        loaded.admins = Arc::new(admins);
        let (org, clock) = (self.tenant.org, &self.tenant.clock);
        let before = loaded.users.get(id);
        let decision = decide_on(&loaded, before, event, org, clock)?;
        let change = decision.change.as_ref();
        if change.is_some_and(|change| change.admins == AdminsChange::Leave) {
            gone.insert(id.clone());
        }
        let user = change.map(|change| &change.user).or(before);
        Ok(self.became(&decision.answered, user))
    }

    /// The outcome of a row, by what was decided and the user after it.
    fn became(&self, answered: &Answered, user: Option<&User>) -> (Became, Option<String>) {
        let Some(user) = user else {
            return (Became::NotFound, None);
        };
        match (answered.outcome, user.status()) {
            (Outcome::Scheduled, _) => (Became::Scheduled, None),
            (Outcome::Deactivated, _) => (Became::Deactivated, None),
            (_, Status::Deleted) => (Became::AlreadyLeft, None),
            (_, Status::DeactivationScheduled | Status::Deactivated) => {
                let undone = self.how.then == AtEnd::Delete && user.at_end() != AtEnd::Delete;
                let reason = "they are not deleted by this list, since they leave without it";
                (Became::AlreadyLeft, undone.then(|| reason.to_owned()))
            }
            (Outcome::Held, _) => (Became::Invalid, answered.reason.clone()),
            (_, Status::Active) => (Became::Planned, planned(user).map(str::to_owned)),
        }
    }
}

/// Why a planned date does not act; `None` if it does.
fn planned(user: &User) -> Option<&'static str> {
    if user.leave.plan.is_some() {
        return None;
    }
    Some(match user.grounds.get(GroundKind::LeaveDate) {
        Some(_) => "the date has come, and they were restored since; another date acts",
        None => "leave dates do not count by the settings",
    })
}
