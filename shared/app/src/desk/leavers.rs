//! Lists of leavers. Every row gets an answer of its own, so a bad row does not stop the others. A list that is sent
//! twice has no effect the second time.

pub mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use offramp_domain::decide::{AdminsChange, Answered, Outcome};
use offramp_domain::{EmployeeId, Event, GroundKind, Lifecycle, Refusal, Role, Status, User};
use serde::Serialize;

use crate::desk::leavers::list::{Row, When, Who};
use crate::engine::execute::{Armed, ExecuteOptions, decide_on, execute};
use crate::identity::Caller;
use crate::ports::{Directory, Loaded, USERS_PER_READ, Users};
use crate::{Deadline, Error, Ports, Result, Tenant};

/// How many people are worked on at once.
const AT_ONCE: usize = 8;
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
    /// The row is invalid, or the change is not allowed.
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
    /// True if each row is only decided: nothing is written, and nobody is mailed.
    pub dry_run: bool,
    /// The deadline of the request.
    pub deadline: Deadline,
}

/// Applies a list of leavers.
///
/// # Errors
/// A fault, or [`Error::Unfinished`] if time runs out. The client then sends the same list again.
pub async fn take<P: Ports>(
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
    let found: Vec<(Row, Found)> = stream::iter(rows)
        .map(|row| {
            let work = &work;
            Box::pin(async move {
                let found = work.find(&row).await?;
                Ok::<_, Error>((row, found))
            })
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut answers = Vec::with_capacity(found.len());
    let mut people: BTreeMap<EmployeeId, Vec<Row>> = BTreeMap::new();
    for (row, found) in found {
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

enum Found {
    One(EmployeeId),
    No(Became, Option<String>),
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
    async fn find(&self, row: &Row) -> Result<Found> {
        let email = match &row.who {
            Err(reason) => return Ok(Found::No(Became::Invalid, Some(reason.clone()))),
            Ok(Who::Id(id)) => return Ok(Found::One(id.clone())),
            Ok(Who::Email(email)) => email.folded(),
        };
        let ids = self
            .tenant
            .store
            .with_email(self.tenant.org, &email)
            .await?;
        let loaded = self
            .tenant
            .store
            .load(self.tenant.org, &ids[..ids.len().min(USERS_PER_READ)])
            .await?;
        // A deleted account does not make an address ambiguous.
        let mut owners: Vec<_> = loaded
            .users
            .values()
            .filter(|user| user.email().is_some_and(|own| own.folded() == email))
            .collect();
        if owners.len() > 1 {
            owners.retain(|user| !matches!(user.lifecycle(), Lifecycle::Deleted { .. }));
        }
        Ok(match owners.as_slice() {
            [] => Found::No(Became::NotFound, None),
            [one] => Found::One(one.employee_id.clone()),
            several => Found::No(
                Became::Ambiguous,
                Some(format!("{} people have this address", several.len())),
            ),
        })
    }

    async fn person(
        &self,
        id: &EmployeeId,
        rows: &[Row],
        loaded: Loaded,
    ) -> Result<Vec<RowAnswer>> {
        let mut answers = Vec::with_capacity(rows.len());
        let mut at_hand = Some(loaded.clone());
        let mut rehearsed = loaded;
        for row in rows {
            if !self.how.deadline.leaves(TIME_FOR_ROWS) {
                return Err(Error::Unfinished("more leavers than there was time for"));
            }
            let done = match self.how.dry_run {
                true => self.rehearse(id, row, &mut rehearsed),
                false => self.row(id, row, at_hand.take()).await,
            };
            let (outcome, reason) = match done {
                Ok(became) => became,
                Err(Error::Refused(Refusal::NotFound)) => (Became::NotFound, None),
                Err(Error::Refused(Refusal::Deleted)) => (Became::AlreadyLeft, None),
                Err(Error::Refused(refusal)) => (Became::Invalid, Some(refusal.to_string())),
                Err(error) => return Err(error),
            };
            let employee_id = (outcome != Became::NotFound).then(|| id.clone());
            answers.push(RowAnswer {
                row: row.row,
                employee_id,
                outcome,
                reason,
            });
        }
        Ok(answers)
    }

    async fn row(
        &self,
        id: &EmployeeId,
        row: &Row,
        loaded: Option<Loaded>,
    ) -> Result<(Became, Option<String>)> {
        let event = self.event(row);
        let how = ExecuteOptions {
            loaded,
            ..ExecuteOptions::default()
        };
        let executed = execute(&self.tenant, id, &event, self.armed, how).await?;
        Ok(became(&executed.decision.answered, executed.user.as_ref()))
    }

    /// The answer that [`Work::row`] would give. `loaded` becomes as the row would leave it, for the next row of the
    /// same person.
    fn rehearse(
        &self,
        id: &EmployeeId,
        row: &Row,
        loaded: &mut Loaded,
    ) -> Result<(Became, Option<String>)> {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let admins: BTreeSet<EmployeeId> = loaded.admins.difference(&gone).cloned().collect();
        loaded.admins = Arc::new(admins);
        let (user, event) = (loaded.users.get(id), self.event(row));
        let (org, clock) = (self.tenant.org, &self.tenant.clock);
        let decision = decide_on(loaded, user, &event, org, clock)?;
        let user = decision.change.map(|change| {
            if change.admins == AdminsChange::Leave {
                gone.insert(id.clone());
            }
            change.user
        });
        if let Some(user) = user {
            loaded.users.insert(id.clone(), user);
        }
        Ok(became(&decision.answered, loaded.users.get(id)))
    }

    fn event(&self, row: &Row) -> Event {
        let by = self.caller.actor();
        match (row.leave_date, self.how.when) {
            (Some(date), _) => Event::SetLeaveDate {
                by,
                date: Some(date),
            },
            (None, When::Grace) => Event::Leave { by },
            (None, When::Now) => Event::DeactivateNow { by },
        }
    }
}

/// The outcome of a row, by what was decided and the user after it.
fn became(answered: &Answered, user: Option<&User>) -> (Became, Option<String>) {
    let Some(user) = user else {
        return (Became::NotFound, None);
    };
    match (answered.outcome, user.status()) {
        (Outcome::Scheduled, _) => (Became::Scheduled, None),
        (Outcome::Deactivated, _) => (Became::Deactivated, None),
        (_, Status::DeactivationScheduled | Status::Deactivated | Status::Deleted) => {
            (Became::AlreadyLeft, None)
        }
        (Outcome::Held, _) => (Became::Invalid, answered.reason.clone()),
        (_, Status::Active) if user.leave.plan.is_some() => (Became::Planned, None),
        (_, Status::Active) if user.grounds.get(GroundKind::LeaveDate).is_some() => (
            Became::Planned,
            Some("the date has come, and they were restored since; another date acts".to_owned()),
        ),
        (_, Status::Active) => (
            Became::Planned,
            Some("leave dates do not count by the settings".to_owned()),
        ),
    }
}
