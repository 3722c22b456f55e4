//! Answers about one user.

use offramp_api::view::UserView;
use offramp_domain::{GroundKind, User};
use serde::Serialize;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ChangedUser))]
pub(crate) struct RestoredView {
    #[serde(flatten)]
    pub(super) user: UserView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    /// Absent where there were none, and where they are left to the finishing timer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objectives_reopened: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objectives_lost: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AddedUser))]
pub(crate) struct AddedView {
    #[serde(flatten)]
    pub(super) user: UserView,
    /// Whose address it is as well, and if access by it waits for a confirmation; absent where it is nobody else's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// What stands against somebody beside a leave date, in words.
pub(super) fn beside_leave_date(user: &User) -> Option<String> {
    let kind = user.grounds.beside_leave_date()?;
    let words = match kind {
        GroundKind::Hr => "HR still says inactive",
        GroundKind::Missing => "missing from the last snapshot",
        _ => "an admin has ended their access",
    };
    Some(words.to_owned())
}
