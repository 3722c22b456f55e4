//! The grounds against a user's access, as clients see them.

use chrono::{DateTime, Utc};
use offramp_domain::{GroundKind, GroundState, IgnoredBy, RunId, User, Whose};
use serde::Serialize;

use offramp_app::when::instant;

/// A reason against a user's access.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Ground))]
pub struct GroundView {
    /// The kind of the reason. A user has at most one of each kind.
    pub ground: GroundKind,
    /// Whether the ground counts.
    pub state: GroundState,
    /// When the ground began.
    pub since: String,
    /// When the ground ends the cards; null unless it is in force and that lies ahead.
    pub due_at: Option<String>,
    /// The run that the ground came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The author of the leave date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Whose>,
    /// Why the word was not acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<IgnoredBy>,
}

/// An admin has postponed the end of a user's cards.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Postponed))]
pub struct PostponedView {
    /// When the cards would have ended otherwise.
    pub first_due_at: Option<String>,
    /// Why, in the admin's words.
    pub reason: String,
}

impl PostponedView {
    /// The postponement of a user as of the policy.
    #[must_use]
    pub fn of(user: &User) -> Option<Self> {
        user.grounds.postponed().map(|postponed| Self {
            first_due_at: user.grounds.first_due().map(instant),
            reason: postponed.reason.to_string(),
        })
    }
}

impl GroundView {
    /// The grounds of a user as of the policy, the decisive one first.
    #[must_use]
    pub fn all(user: &User, now: DateTime<Utc>) -> Vec<Self> {
        let over = user.grounds.ended().is_some();
        user.grounds
            .in_order()
            .map(|(kind, ground)| Self {
                ground: kind,
                state: ground.state,
                since: instant(ground.since),
                due_at: ground.due_at.filter(|due| !over && *due > now).map(instant),
                run_id: ground.run.clone(),
                by: ground.date.map(|date| date.by),
                why: ground.why,
            })
            .collect()
    }
}
