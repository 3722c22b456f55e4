//! Users, cards and settings, as clients see them.

mod delivery;
mod grounds;
mod holds;
mod objectives;
mod snapshots;
mod sources;

use chrono::{DateTime, Utc};
use offramp_domain::{
    Access, AtEnd, Card, CardId, CardKind, CardStatus, Cause, EmployeeId, Entry, Field, HrWord,
    Lifecycle, Login, Policy, Role, Schedule, Status, User, Whose,
};
use serde::Serialize;
use serde_json::Value;

use offramp_app::desk::settings::whole;
use offramp_app::ports::Page;
use offramp_app::when::{instant, spoken};

pub use delivery::*;
pub use grounds::{GroundView, PostponedView};
pub use holds::*;
pub use objectives::*;
pub use snapshots::*;
pub use sources::*;

/// The policy and the instant for a view.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The policy, which may have ended schedules.
    pub policy: &'a Policy,
    /// The present.
    pub now: DateTime<Utc>,
}

/// A user.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)] // the names are the contract's
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = User))]
pub struct UserView {
    pub employee_id: EmployeeId,
    pub name: Option<String>,
    pub email: Option<String>,
    pub team: Option<String>,
    pub department: Option<String>,
    pub cost_centre: Option<String>,
    pub manager_id: Option<String>,
    pub start_date: Option<String>,
    pub birthday: Option<String>,
    pub role: Role,
    /// How tokens name an admin or auditor. HR does not write it. `null` for a member.
    pub login: Option<Login>,
    pub status: Status,
    pub badge: Option<&'static str>,
    pub banner: Option<String>,
    pub access: Access,
    pub due_at: Option<String>,
    /// An admin's postponement of the end of the cards; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postponed: Option<PostponedView>,
    /// Every reason against the access of the user, the decisive one first.
    pub grounds: Vec<GroundView>,
    pub active_cards: u32,
    pub leave_date: Option<String>,
    pub leave_date_by: Option<Whose>,
    /// `delete` if a list of leavers asked that the user be deleted at the end that stands or is planned; else absent.
    #[serde(default, skip_serializing_if = "AtEnd::is_deactivate")]
    pub then: AtEnd,
    pub version: u64,
}

impl UserView {
    /// The view of a user as of the policy. Dates in sentences are in the organisation's time zone.
    #[must_use]
    pub fn of(user: &User, seen: Seen<'_>) -> Self {
        let policy = seen.policy;
        let user = user.as_of(policy);
        let leave = user.leave_date_as_said(&policy.settings);
        let get = |field| user.get(field).map(str::to_owned);
        let lifecycle = user.lifecycle();
        let schedule = lifecycle.schedule();
        Self {
            name: get(Field::Name),
            email: get(Field::Email),
            team: get(Field::Team),
            department: get(Field::Department),
            cost_centre: get(Field::CostCentre),
            manager_id: get(Field::ManagerId),
            start_date: get(Field::StartDate),
            birthday: get(Field::Birthday),
            leave_date: leave.map(|(date, _)| date.to_string()),
            leave_date_by: leave.map(|(_, whose)| whose),
            then: user.at_end(),
            role: user.role,
            login: user.login().cloned(),
            status: user.status(),
            badge: schedule.map(|_| "Deactivation scheduled"),
            banner: schedule.map(|schedule| banner(schedule, &user, seen)),
            access: user.access_at(seen.now),
            due_at: user.due_at().map(instant),
            postponed: PostponedView::of(&user),
            grounds: GroundView::all(&user, seen.now),
            active_cards: user.active_cards,
            version: user.version,
            employee_id: user.employee_id,
        }
    }
}

fn banner(schedule: &Schedule, user: &User, seen: Seen<'_>) -> String {
    let date = spoken(schedule.due_at, &seen.policy.settings.time_zone);
    let kept = user.access_at(seen.now) == Access::Granted;
    if schedule.waits_until.is_some() {
        let (access, keeps) = match kept {
            true => ("", " access as it is and"),
            false => ("Access is revoked. ", ""),
        };
        return format!(
            "{access}The grace period ended on {date}; a hold of the HR source keeps{keeps} the cards alive until an admin answers it."
        );
    }
    let cards = match user.active_cards {
        0 => String::new(),
        1 => " and 1 card terminated".to_owned(),
        n => format!(" and {n} cards terminated"),
    };
    match kept {
        true => format!("Access ends on {date}: then this user will be deactivated{cards}."),
        false => format!("Access is revoked. On {date} this user will be deactivated{cards}."),
    }
}

/// A user with cards, HR record and pending work.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserDetail {
    #[serde(flatten)]
    pub user: UserView,
    pub cause: Option<Cause>,
    pub cards: Vec<CardView>,
    pub hr: Option<HrView>,
    pub pending: PendingView,
}

/// The HR record of a user.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HrRecord))]
pub struct HrView {
    pub source: Option<String>,
    pub status: HrWord,
    pub occurred_at: String,
    pub fingerprint: String,
    pub record: std::collections::BTreeMap<&'static str, Option<String>>,
}

/// The pending work of a deactivation or deletion.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Pending))]
pub struct PendingView {
    pub cards: bool,
    pub objectives: bool,
    pub notice: bool,
}

impl UserDetail {
    /// The view of a user with all of `cards`.
    #[must_use]
    pub fn of(user: &User, cards: &[Card], seen: Seen<'_>) -> Self {
        let policy = seen.policy;
        let settled = user.as_of(policy);
        Self {
            cause: settled.cause(),
            cards: cards.iter().map(CardView::of).collect(),
            hr: user.hr.as_ref().map(|record| HrView {
                source: match &user.origin {
                    offramp_domain::Origin::Source(source) => Some(source.to_string()),
                    offramp_domain::Origin::Manual => None,
                },
                status: record.says(),
                occurred_at: instant(record.latest()),
                fingerprint: record.fingerprint().as_str().to_owned(),
                record: record
                    .sent()
                    .map(|(field, value)| (field.as_str(), value.map(str::to_owned)))
                    .collect(),
            }),
            pending: PendingView {
                cards: settled.pending.cards,
                objectives: settled.pending.objectives,
                notice: settled.pending.notice,
            },
            user: UserView::of(user, seen),
        }
    }
}

/// A card.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Card))]
pub struct CardView {
    pub card_id: CardId,
    pub label: String,
    pub kind: CardKind,
    pub last4: String,
    pub external_id: Option<String>,
    pub status: CardStatus,
    pub owner: EmployeeId,
}

impl CardView {
    /// The view of a card.
    #[must_use]
    pub fn of(card: &Card) -> Self {
        Self {
            card_id: card.card_id.clone(),
            label: card.label.clone(),
            kind: card.kind,
            last4: card.last4.clone(),
            external_id: card.external_id.clone(),
            status: card.status,
            owner: card.owner.clone(),
        }
    }
}

/// Whether a user may log in, and the reason.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessAnswer))]
pub struct AccessView {
    pub access: Access,
    pub reason: String,
}

impl AccessView {
    /// The view of a user's access. Access of an unknown user is revoked.
    #[must_use]
    pub fn of(user: Option<&User>, seen: Seen<'_>) -> Self {
        let Some(user) = user.map(|user| user.as_of(seen.policy)) else {
            return Self {
                access: Access::Revoked,
                reason: "unknown".to_owned(),
            };
        };
        let access = user.access_at(seen.now);
        let reason = match user.lifecycle() {
            Lifecycle::Active if access == Access::Revoked => "leave_date",
            Lifecycle::Active => "active",
            Lifecycle::Scheduled(_) => "deactivation_scheduled",
            Lifecycle::Deactivated(_) => "deactivated",
            Lifecycle::Deleted { .. } => "deleted",
        };
        Self {
            access,
            reason: reason.to_owned(),
        }
    }

    /// The view of the access by an address about which an admin has to decide first.
    #[must_use]
    pub fn disputed() -> Self {
        Self {
            access: Access::Revoked,
            reason: "address_of_deleted".to_owned(),
        }
    }
}

/// The settings with their version.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = VersionedSettings))]
pub struct SettingsView {
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = offramp_domain::Settings))]
    pub settings: Value,
    pub version: u64,
}

impl SettingsView {
    /// The view of a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            settings: whole(&policy.settings),
            version: policy.version,
        }
    }
}

/// A page of users.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Users))]
pub struct UsersView {
    pub users: Vec<UserView>,
    pub next_cursor: Option<String>,
}

impl UsersView {
    /// The view of a page.
    #[must_use]
    pub fn of(page: &Page<User>, seen: Seen<'_>) -> Self {
        Self {
            users: page
                .items
                .iter()
                .map(|user| UserView::of(user, seen))
                .collect(),
            next_cursor: page.next.clone(),
        }
    }
}

/// A page of a user's history.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = History))]
pub struct HistoryView {
    pub entries: Vec<Entry>,
    pub next_cursor: Option<String>,
}
