//! Holds and runs, as clients see them.

use chrono::{DateTime, Utc};
use offramp_domain::decide::Outcome;
use offramp_domain::{
    Actor, Cause, Counted, EmployeeId, Field, Figures, Hold, HoldId, HoldState, Policy, Role, Run,
    RunId, RunKind, SourceId, Status, Tripped, User,
};
use serde::Serialize;

use offramp_app::engine::holds::Became;
use offramp_app::when::instant;

/// A hold.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // the names are the contract's
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Hold))]
pub struct HoldView {
    pub hold_id: HoldId,
    /// `null` for an admin whom no source has named.
    pub source: Option<SourceId>,
    pub rule: Tripped,
    /// The figures by which the safeguard opened it.
    pub figures: Figures,
    pub state: HoldState,
    /// The run that opened it.
    pub run_id: Option<RunId>,
    pub opened_at: String,
    /// How many people it ever kept.
    pub people: u32,
    /// How many people are in it now.
    pub left: usize,
    pub answered_by: Option<Actor>,
    pub answered_at: Option<String>,
    /// An approval that waits for a second admin.
    pub first_approval: Option<FirstApprovalView>,
    pub version: u64,
}

/// An approval that waits for a second admin.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = FirstApproval))]
pub struct FirstApprovalView {
    pub by: Actor,
    pub at: String,
    /// How many people it would let go.
    pub people: u32,
}

impl HoldView {
    /// The view of a hold at an instant, with so many people in it now.
    #[must_use]
    pub fn of(hold: &Hold, left: usize, now: DateTime<Utc>) -> Self {
        Self {
            hold_id: hold.hold.clone(),
            source: hold.source.known().cloned(),
            rule: hold.rule,
            figures: hold.figures,
            state: hold.state,
            run_id: hold.run.clone(),
            opened_at: instant(hold.opened_at),
            people: hold.people,
            left,
            answered_by: hold.by.as_ref().map(|(by, _)| by.clone()),
            answered_at: hold.by.as_ref().map(|(_, at)| instant(*at)),
            first_approval: hold.waiting_approval(now).map(|first| FirstApprovalView {
                by: first.by.clone(),
                at: instant(first.at),
                people: first.people,
            }),
            version: hold.version,
        }
    }
}

/// A user in a hold.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Held))]
#[allow(missing_docs)]
pub struct HeldView {
    pub employee_id: EmployeeId,
    pub name: Option<String>,
    pub email: Option<String>,
    pub department: Option<String>,
    pub manager_id: Option<String>,
    pub role: Role,
    /// `leave`, `be_restored` or `be_created`.
    pub would: &'static str,
    pub cause: Option<Cause>,
    pub status: Status,
    pub active_cards: u32,
    /// The person here whom an unknown one looks like; `null` unless `would` is `be_created`.
    pub looks_like: Option<EmployeeId>,
}

impl HeldView {
    /// The view of a user in a hold.
    #[must_use]
    pub fn of(user: &User, policy: &Policy) -> Self {
        let look_alike = user.look_alike.as_ref();
        let (would, cause) = match user.hold.as_ref().map(|held| held.what) {
            Some(Counted::Departure(cause) | Counted::LastAdmin(cause)) => ("leave", Some(cause)),
            _ if look_alike.is_some() => ("be_created", None),
            Some(Counted::Return | Counted::LookAlike) | None => ("be_restored", None),
        };
        Self {
            employee_id: user.employee_id.clone(),
            name: get(user, Field::Name),
            email: get(user, Field::Email),
            department: get(user, Field::Department),
            manager_id: get(user, Field::ManagerId),
            role: user.role,
            would,
            cause,
            status: user.as_of(policy).status(),
            active_cards: user.active_cards,
            looks_like: look_alike.map(|look_alike| look_alike.of.clone()),
        }
    }
}

fn get(user: &User, field: Field) -> Option<String> {
    user.get(field).map(str::to_owned)
}

/// A hold with a page of its users.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct HoldDetail {
    #[serde(flatten)]
    pub hold: HoldView,
    /// The same figures now; `null` if the hold is closed.
    pub figures_now: Option<Figures>,
    pub users: Vec<HeldView>,
    pub next_cursor: Option<String>,
}

/// The result of an answer for one user.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Answered))]
#[allow(missing_docs)]
pub struct BecameView {
    pub employee_id: EmployeeId,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl BecameView {
    /// The view of a result.
    #[must_use]
    pub fn of(became: Became) -> Self {
        Self {
            employee_id: became.employee_id,
            outcome: became.outcome,
            due_at: became.due_at.map(instant),
            reason: became.reason,
        }
    }
}

/// The result of an answer to a hold.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HoldAnswer))]
#[allow(missing_docs)]
pub struct AnsweredView {
    #[serde(flatten)]
    pub hold: HoldView,
    /// The run of an approval, which can be undone; `null` for a rejection.
    #[serde(rename = "approval_run_id")]
    pub run: Option<RunId>,
    pub results: Vec<BecameView>,
    /// How many users the request had no time for. A timer finishes them.
    pub pending: usize,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Run))]
#[allow(missing_docs)]
pub struct RunView {
    pub run_id: RunId,
    #[serde(flatten)]
    pub kind: RunKind,
    /// `null` for the approval of a hold without a source.
    pub source: Option<SourceId>,
    pub at: String,
    pub by: Option<Actor>,
    pub people: u32,
    pub undone_by: Option<Actor>,
    pub undone_at: Option<String>,
}

impl RunView {
    /// The view of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            run_id: run.run.clone(),
            kind: run.kind.clone(),
            source: run.source.known().cloned(),
            at: instant(run.at),
            by: run.by.clone(),
            people: run.people,
            undone_by: run.undone.as_ref().map(|(by, _)| by.clone()),
            undone_at: run.undone.as_ref().map(|(_, at)| instant(*at)),
        }
    }
}

/// A user that a run affected, in the present state.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RunUser))]
#[allow(missing_docs)]
pub struct MovedView {
    pub employee_id: EmployeeId,
    pub name: Option<String>,
    pub email: Option<String>,
    pub department: Option<String>,
    pub manager_id: Option<String>,
    pub role: Role,
    pub status: Status,
    pub due_at: Option<String>,
    /// True if undoing the run gives the user access again.
    pub undoable: bool,
}

impl MovedView {
    /// The view of a user that a run affected.
    #[must_use]
    pub fn of(user: &User, run: &RunId, policy: &Policy) -> Self {
        let user = user.as_of(policy);
        let undoable = user.lifecycle().schedule().is_some() && user.grounds.is_of(run);
        Self {
            name: get(&user, Field::Name),
            email: get(&user, Field::Email),
            department: get(&user, Field::Department),
            manager_id: get(&user, Field::ManagerId),
            role: user.role,
            status: user.status(),
            due_at: user.due_at().map(instant),
            undoable,
            employee_id: user.employee_id,
        }
    }
}

/// A run with a page of its users.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct RunDetail {
    #[serde(flatten)]
    pub run: RunView,
    pub users: Vec<MovedView>,
    pub next_cursor: Option<String>,
}

/// The result of undoing a run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RunUndone))]
#[allow(missing_docs)]
pub struct UndoneView {
    #[serde(flatten)]
    pub run: RunView,
    pub affected: usize,
    /// True if not everybody was counted: `affected` is the least.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    pub users: Vec<EmployeeId>,
}
