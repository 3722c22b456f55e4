//! What the breaker has said of a snapshot.

use serde::{Deserialize, Serialize};

use crate::decide::Gate;
use crate::ids::{HoldId, RunId};

/// The breaker's answer to a snapshot. It is the same for all people of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Said {
    /// The hold, and the roll number in it, of people that the snapshot calls inactive or would restore. Missing people
    /// are in this hold too, unless they have a hold of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<(HoldId, u64)>,
    /// The hold, and the roll number in it, of missing people, if the setting `on_missing` is `hold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<(HoldId, u64)>,
    /// The hold, and the roll number in it, of people whose accounts the snapshot would give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<(HoldId, u64)>,
    /// The hold, and the roll number in it, of unknown people who look like somebody who is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<(HoldId, u64)>,
}

/// The people that the breaker is asked about with one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Leavers.
    Leaving,
    /// Missing people, if the setting `on_missing` is `hold`.
    Missing,
    /// People who return.
    Returning,
    /// Unknown people who look like somebody who is here.
    Alike,
}

impl Said {
    /// The gate for one person of a group.
    #[must_use]
    pub fn gate(&self, run: &RunId, group: Group) -> Gate {
        let hold = match group {
            Group::Leaving => &self.hold,
            Group::Missing => &self.missing,
            Group::Returning => &self.returns,
            Group::Alike => &self.alike,
        };
        match hold {
            Some((hold, seq)) => Gate::Held {
                hold: hold.clone(),
                seq: *seq,
            },
            None => Gate::Open {
                run: Some(run.clone()),
            },
        }
    }
}
