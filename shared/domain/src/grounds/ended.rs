//! What a policy makes of the grounds of people who are not deactivated yet.

use super::{Ground, GroundKind, IgnoredBy};
use crate::ids::Epoch;
use crate::settings::{LeaveDates, Policy};

/// What a policy makes of a ground that it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// An admin undid the approval that let the ground through.
    Refused,
    /// The ground is not acted on any more.
    Ignored(IgnoredBy),
}

impl Policy {
    /// What the policy makes of a ground of a person who is not deactivated yet; `None` if the ground stands. Turning
    /// the sync off, undoing a run, and settings that ignore missing people or leave dates end a ground.
    #[must_use]
    pub fn ends(&self, kind: GroundKind, ground: &Ground) -> Option<EndedBy> {
        if !ground.counts() {
            return None;
        }
        if ground.run.as_ref().is_some_and(|run| self.is_undone(run)) {
            return Some(match ground.approved {
                true => EndedBy::Refused,
                false => EndedBy::Ignored(IgnoredBy::RunUndone),
            });
        }
        let by_hr = kind.is_of_hr(ground.date);
        let off = ground.epoch < self.epoch;
        let why = match (kind, self.settings.leave_dates) {
            (GroundKind::Hr | GroundKind::Missing, _) if off => IgnoredBy::SyncOff,
            (GroundKind::Missing, _) if ground.epoch < self.epoch_of(kind) => IgnoredBy::OnMissing,
            (GroundKind::LeaveDate, LeaveDates::Ignore) => IgnoredBy::LeaveDates,
            (GroundKind::LeaveDate, LeaveDates::Manual) if by_hr => IgnoredBy::LeaveDates,
            (GroundKind::LeaveDate, LeaveDates::All) if by_hr && off => IgnoredBy::SyncOff,
            _ => return None,
        };
        Some(EndedBy::Ignored(why))
    }

    /// The epoch for a new ground of a kind. It rises whenever the policy ends all such grounds of HR's.
    #[must_use]
    pub fn epoch_of(&self, kind: GroundKind) -> Epoch {
        match kind {
            GroundKind::Missing => self.epoch.plus(self.missing_epoch),
            _ => self.epoch,
        }
    }
}
