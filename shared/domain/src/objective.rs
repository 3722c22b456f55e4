//! Objectives: what somebody is to reach. A leaver's are closed, and come back with their owner.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{EmployeeId, Generation, ObjectiveId};
use crate::settings::Objectives;

/// Whether an objective is still to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ObjectiveStatus {
    /// It is.
    Open,
    /// It is not.
    Complete,
}

/// What has become of an objective that a deactivation had closed, once its owner was back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is open again.
    Reopened,
    /// An admin had deleted it meanwhile, and an admin wins.
    Lost,
}

/// How a deactivation or deletion closed an open objective. It was open before: nothing else is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The generation of the deactivation.
    pub by: Generation,
    /// What it left: a tombstone, or an objective that is complete.
    pub left: Left,
    /// What the owner's return made of it, and which return: the deactivation that it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Generation, Fate)>,
}

/// What a closing leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// A complete objective.
    Complete,
    /// A tombstone, which no list shows.
    Tombstone,
}

/// An objective of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Ours.
    pub objective_id: ObjectiveId,
    /// What is to be reached.
    pub title: String,
    /// Whether it still is.
    pub status: ObjectiveStatus,
    /// Whose it is.
    pub owner: EmployeeId,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// A tombstone: hidden from everybody, kept so that it can come back, or be counted as lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// How a deactivation closed it, the last time that one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// Counts writes: what the next one is conditional on.
    pub rev: u64,
}

impl Objective {
    /// Whether dashboards show it, as long as its owner is here.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.deleted && self.status == ObjectiveStatus::Open
    }

    /// Whether a deactivation up to that generation has closed it, and no return has looked at it yet.
    /// Up to, since a deletion may follow a deactivation, and a return may be cut short by the next.
    #[must_use]
    pub fn awaits(&self, generation: Generation) -> bool {
        self.closing
            .is_some_and(|closing| closing.ended.is_none() && closing.by <= generation)
    }

    /// What the return that ended that generation has made of it.
    #[must_use]
    pub fn fate(&self, generation: Generation) -> Option<Fate> {
        let (of, fate) = self.closing?.ended?;
        (of == generation).then_some(fate)
    }

    /// Closed with its owner's deactivation, as the settings say; `None` where there is nothing to close.
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

    /// Open again, unless somebody has deleted what the closing left; `generation` is the one that
    /// the owner's return has ended.
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

    /// As an admin wants it; `None` where it is so already. Their word ends what a closing had to say.
    #[must_use]
    pub fn with_status(&self, status: ObjectiveStatus) -> Option<Self> {
        (self.status != status).then(|| Self {
            status,
            closing: None,
            rev: self.rev + 1,
            ..self.clone()
        })
    }

    /// The tombstone that an admin's deletion leaves, where the owner's return will have to say that
    /// it could not be brought back; `None` where nothing is to be kept.
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
            // The next deactivation begins anew.
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
