//! What a source has of its own in place of the organisation's settings.

use serde::{Deserialize, Serialize};

use super::{Behaviour, DeactivationSync, Policy};
use crate::ids::SourceId;

/// The grace period of a source, where it is another than the organisation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceSync {
    /// Whether a deactivation has a grace period; `None` if the organisation's settings say it.
    #[serde(default)]
    pub behaviour: Option<Behaviour>,
    /// The length of the grace period in days, 1 to 3; `None` if the organisation's settings say it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 3))]
    pub delay_days: Option<u8>,
}

impl SourceSync {
    /// True if the source has nothing of its own.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// True if the delay is in its range.
    #[must_use]
    pub fn is_in_range(&self) -> bool {
        self.delay_days.is_none_or(|days| (1..=3).contains(&days))
    }
}

impl Policy {
    /// The deactivation sync for what a source says; `None` for what an admin or a list of leavers says, which the
    /// organisation's settings decide.
    #[must_use]
    pub fn sync_of(&self, source: Option<&SourceId>) -> DeactivationSync {
        let sync = self.settings.deactivation_sync;
        let own = source.map_or_else(SourceSync::default, |source| self.own_sync(source));
        DeactivationSync {
            behaviour: own.behaviour.unwrap_or(sync.behaviour),
            delay_days: own.delay_days.unwrap_or(sync.delay_days),
            ..sync
        }
    }

    /// What the source has of its own.
    #[must_use]
    pub fn own_sync(&self, source: &SourceId) -> SourceSync {
        self.sources.get(source).copied().unwrap_or_default()
    }

    /// The policy after an admin's change of a source.
    #[must_use]
    pub fn with_source(&self, source: SourceId, own: SourceSync) -> Self {
        let mut sources = self.sources.clone();
        match own.is_none() {
            true => sources.remove(&source),
            false => sources.insert(source, own),
        };
        Self {
            sources,
            version: self.version + 1,
            ..self.clone()
        }
    }
}
