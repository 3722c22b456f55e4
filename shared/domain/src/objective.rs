//! Objectives. A leaver's objectives are closed, and are opened again when the leaver returns.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{EmployeeId, Generation, ObjectiveId};
use crate::settings::Objectives;

/// Whether an objective is still to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ObjectiveStatus {
    /// The objective is still to be reached.
    Open,
    /// The objective is reached or closed.
    Complete,
}

/// The result of the owner's return for an objective that a deactivation had closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The objective is open again.
    Reopened,
    /// An admin deleted the objective in the meantime, so it stays deleted.
    Lost,
}

/// How a deactivation or deletion closed an objective. Only open objectives are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The generation of the deactivation.
    pub by: Generation,
    /// The state in which the closing left the objective.
    pub left: Left,
    /// The generation that the owner's return ended, and the result for this objective; `None` until a return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Generation, Fate)>,
}

/// The state in which a closing leaves an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The objective is complete.
    Complete,
    /// The objective is a tombstone, which no list shows.
    Tombstone,
}

/// An objective of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The id that Offramp gave the objective.
    pub objective_id: ObjectiveId,
    /// The goal, as an admin wrote it.
    pub title: String,
    /// Whether the objective is still to be reached.
    pub status: ObjectiveStatus,
    /// The employee who is to reach it.
    pub owner: EmployeeId,
    /// When the objective was created.
    pub created_at: DateTime<Utc>,
    /// True for a tombstone. No list shows it, but it can be opened again, or be counted as lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The last closing by a deactivation; `None` if no closing applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// Counts writes. Each write is conditional on it.
    pub rev: u64,
}

impl Objective {
    /// True if a dashboard shows the objective while its owner is active.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.deleted && self.status == ObjectiveStatus::Open
    }

    /// True if a deactivation up to `generation` closed the objective, and no return has dealt with it yet. Earlier
    /// generations count too: a deletion may follow a deactivation, and the next deactivation may cut a return short.
    #[must_use]
    pub fn awaits(&self, generation: Generation) -> bool {
        self.closing
            .is_some_and(|closing| closing.ended.is_none() && closing.by <= generation)
    }

    /// The result of the return that ended `generation`; `None` if that return has not dealt with the objective.
    #[must_use]
    pub fn fate(&self, generation: Generation) -> Option<Fate> {
        let (of, fate) = self.closing?.ended?;
        (of == generation).then_some(fate)
    }

    /// The objective after its owner's deactivation, as the settings say; `None` if nothing is to be closed.
    #[must_use]
    pub fn closed(&self, how: Objectives, by: Generation) -> Option<Self> {
        let left = match how {
            _ if !self.is_open() => return None,
            Objectives::Keep => return None,
            Objectives::Complete => Left::Complete,
            Objectives::Delete => Left::Tombstone,
        };
        let mut after = self.clone();
        match left {
            Left::Complete => after.status = ObjectiveStatus::Complete,
            Left::Tombstone => after.deleted = true,
        }
        after.closing = Some(Closing {
            by,
            left,
            ended: None,
        });
        after.rev += 1;
        Some(after)
    }

    /// The objective after its owner's return. `generation` is the one that the return ended. An objective that an
    /// admin deleted after the closing stays deleted. `None` if no closing awaits this return.
    #[must_use]
    pub fn reopened(&self, generation: Generation) -> Option<Self> {
        let closing = self.closing.filter(|_| self.awaits(generation))?;
        let mut after = self.clone();
        let fate = if self.deleted && closing.left == Left::Complete {
            Fate::Lost
        } else {
            after.deleted = false;
            after.status = ObjectiveStatus::Open;
            Fate::Reopened
        };
        after.closing = Some(Closing {
            ended: Some((generation, fate)),
            ..closing
        });
        after.rev += 1;
        Some(after)
    }

    /// The objective with the status that an admin sets; `None` if it has that status already. The change also forgets
    /// the closing, so a return of the owner does not alter the status.
    #[must_use]
    pub fn with_status(&self, status: ObjectiveStatus) -> Option<Self> {
        (self.status != status).then(|| Self {
            status,
            closing: None,
            rev: self.rev + 1,
            ..self.clone()
        })
    }

    /// The tombstone that an admin's deletion leaves, so that the owner's return can count the objective as lost.
    /// `None` if no return is to come: then the objective is deleted.
    #[must_use]
    pub fn tombstone(&self) -> Option<Self> {
        let waits = self.closing.is_some_and(|closing| closing.ended.is_none());
        waits.then(|| Self {
            deleted: true,
            rev: self.rev + 1,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Generation = Generation(5);

    fn open() -> Objective {
        Objective {
            objective_id: ObjectiveId::new("obj_1").unwrap(),
            title: "Ship it".to_owned(),
            status: ObjectiveStatus::Open,
            owner: EmployeeId::new("E-7").unwrap(),
            created_at: DateTime::UNIX_EPOCH,
            deleted: false,
            closing: None,
            rev: 1,
        }
    }

    #[test]
    fn what_was_closed_comes_back_once() {
        for how in [Objectives::Complete, Objectives::Delete] {
            let closed = open().closed(how, FIVE).unwrap();
            assert!(!closed.is_open() && closed.awaits(FIVE) && !closed.awaits(Generation(4)));
            assert_eq!(closed.closed(how, Generation(6)), None, "only what is open");
            let back = closed.reopened(FIVE).unwrap();
            assert!(back.is_open() && !back.awaits(FIVE));
            assert_eq!(back.fate(FIVE), Some(Fate::Reopened));
            assert_eq!(back.reopened(Generation(9)), None);
            // The next deactivation closes it again.
            let again = back.closed(how, Generation(7)).unwrap();
            assert!(again.awaits(Generation(7)) && again.fate(FIVE).is_none());
        }
        assert_eq!(open().closed(Objectives::Keep, FIVE), None);
    }

    #[test]
    fn an_admin_who_deleted_one_meanwhile_wins() {
        let closed = open().closed(Objectives::Complete, FIVE).unwrap();
        let lost = closed.tombstone().unwrap().reopened(FIVE).unwrap();
        assert!(lost.deleted && lost.fate(FIVE) == Some(Fate::Lost));
        assert_eq!(open().tombstone(), None, "nothing is to be kept");
    }

    #[test]
    fn an_admins_status_ends_what_a_closing_had_to_say() {
        let closed = open().closed(Objectives::Complete, FIVE).unwrap();
        assert_eq!(closed.with_status(ObjectiveStatus::Complete), None);
        let by_hand = closed.with_status(ObjectiveStatus::Open).unwrap();
        assert!(by_hand.is_open() && !by_hand.awaits(FIVE));
    }
}
