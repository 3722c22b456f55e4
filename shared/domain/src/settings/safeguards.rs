//! The limits of the safeguards.

use serde::{Deserialize, Serialize};

/// The limits of the breaker. It trips at the first limit that a run would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Safeguards {
    /// The most people of a source who may leave, or be restored, within the window.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub max_users: u32,
    /// The largest share of the source's active people who may leave within the window, in per cent.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 100))]
    pub max_percent: u8,
    /// The length of the rolling window, in hours.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 720))]
    pub window_hours: u16,
    /// The most people of a source whose accounts the sync may give back within the window. A share of the active
    /// people as large as `max_percent` may return in any case.
    // Releases before it refuse settings with it, so it is stored only where it differs from the default.
    #[serde(default = "max_returns", skip_serializing_if = "is_max_returns")]
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub max_returns: u32,
    /// The most invitations that an organisation sends within the window. Those that an admin asks for do not count.
    // As above: it is stored only where it differs from the default.
    #[serde(
        default = "max_invitations",
        skip_serializing_if = "is_max_invitations"
    )]
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub max_invitations: u32,
    /// An approval by which more people of a hold leave needs a second admin; `None` if one admin is enough.
    // As above: it is stored only where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub four_eyes_above: Option<u32>,
}

/// The default of [`Safeguards::max_returns`].
fn max_returns() -> u32 {
    50
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_max_returns(returns: &u32) -> bool {
    *returns == max_returns()
}

/// The default of [`Safeguards::max_invitations`].
fn max_invitations() -> u32 {
    200
}

#[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_max_invitations(invitations: &u32) -> bool {
    *invitations == max_invitations()
}

impl Default for Safeguards {
    fn default() -> Self {
        Self {
            max_users: 50,
            max_percent: 20,
            window_hours: 24,
            max_returns: max_returns(),
            max_invitations: max_invitations(),
            four_eyes_above: None,
        }
    }
}

impl Safeguards {
    /// True if `next` loosens one, as in [`super::Settings::loosens_safeguards`].
    pub(super) fn loosens(self, next: Self) -> bool {
        let now = self;
        next.max_users > now.max_users
            || next.max_percent > now.max_percent
            || next.window_hours < now.window_hours
            || next.max_returns > now.max_returns
            || next.max_invitations > now.max_invitations
            || now
                .four_eyes_above
                .is_some_and(|now| next.four_eyes_above.is_none_or(|next| next > now))
    }
}
