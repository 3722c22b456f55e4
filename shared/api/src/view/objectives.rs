//! Objectives and feeds, as clients see them.

use std::collections::BTreeMap;

use offramp_domain::{EmployeeId, Field, Objective, ObjectiveId, ObjectiveStatus, User};
use serde::Serialize;

use offramp_app::desk::feeds::Celebrating;
use offramp_app::ports::Page;

/// An objective.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // the names are the contract's
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Objective))]
pub struct ObjectiveView {
    pub objective_id: ObjectiveId,
    pub title: String,
    pub status: ObjectiveStatus,
    pub owner: EmployeeId,
}

impl ObjectiveView {
    /// The view of an objective.
    #[must_use]
    pub fn of(objective: &Objective) -> Self {
        Self {
            objective_id: objective.objective_id.clone(),
            title: objective.title.clone(),
            status: objective.status,
            owner: objective.owner.clone(),
        }
    }
}

/// A page of an employee's objectives.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Objectives))]
pub struct ObjectivesView {
    pub objectives: Vec<ObjectiveView>,
    pub next_cursor: Option<String>,
}

impl ObjectivesView {
    /// The view of a page.
    #[must_use]
    pub fn of(page: &Page<Objective>) -> Self {
        Self {
            objectives: page.items.iter().map(ObjectiveView::of).collect(),
            next_cursor: page.next.clone(),
        }
    }
}

/// An objective on the dashboard.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DashboardObjective))]
pub struct BoardRow {
    #[serde(flatten)]
    pub objective: ObjectiveView,
    pub owner_name: Option<String>,
}

/// A page of the dashboard.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Dashboard))]
pub struct BoardView {
    pub objectives: Vec<BoardRow>,
    pub next_cursor: Option<String>,
}

impl BoardView {
    /// The view of a page. `owners` gives the names.
    #[must_use]
    pub fn of(page: &Page<Objective>, owners: &BTreeMap<EmployeeId, User>) -> Self {
        let row = |objective: &Objective| BoardRow {
            owner_name: owners.get(&objective.owner).and_then(name),
            objective: ObjectiveView::of(objective),
        };
        Self {
            objectives: page.items.iter().map(row).collect(),
            next_cursor: page.next.clone(),
        }
    }
}

/// The birthdays and work anniversaries of a day.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Celebrating))]
pub struct CelebratingView {
    pub on: String,
    pub birthdays: Vec<Celebrated>,
    pub anniversaries: Vec<Anniversary>,
    pub next_cursor: Option<String>,
}

/// An employee with a birthday or an anniversary.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Celebrated {
    pub employee_id: EmployeeId,
    pub name: Option<String>,
    pub team: Option<String>,
}

/// An employee who started to work here this many years ago.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Anniversary {
    #[serde(flatten)]
    pub who: Celebrated,
    pub years: u16,
}

impl CelebratingView {
    /// The view of a feed.
    #[must_use]
    pub fn of(feed: &Celebrating) -> Self {
        let who = |user: &User| Celebrated {
            employee_id: user.employee_id.clone(),
            name: name(user),
            team: user.get(Field::Team).map(str::to_owned),
        };
        Self {
            on: feed.on.to_string(),
            birthdays: feed.birthdays.iter().map(who).collect(),
            anniversaries: feed
                .anniversaries
                .iter()
                .map(|(user, years)| Anniversary {
                    who: who(user),
                    years: *years,
                })
                .collect(),
            next_cursor: None,
        }
    }
}

fn name(user: &User) -> Option<String> {
    user.get(Field::Name).map(str::to_owned)
}
