//! The stored form of a user. It keeps the fields of the releases before grounds, so that functions of both releases
//! serve one table while CloudFormation swaps them one by one.
//!
//! `lifecycle` and `leave.acted` follow from the grounds. The field `grounds` is written only where the other fields do
//! not say the same. An older release ignores it, and drops it when it writes the user. The grounds are then those that
//! follow from the other fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LookAlike, User};
use crate::breaker::Counted;
use crate::digest::NoticeKey;
use crate::employee::{Field, HrRecord, HrStatus};
use crate::grounds::{Ground, GroundKind, GroundState, Grounds, IgnoredBy, LeaveGround};
use crate::hold::Held;
use crate::ids::{EmployeeId, Generation, Login};
use crate::lifecycle::{Leave, Lifecycle, Origin, Pending, Reopening, Role, Whose};

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    employee_id: Cow<'a, EmployeeId>,
    origin: Cow<'a, Origin>,
    #[serde(default)]
    profile: Cow<'a, BTreeMap<Field, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hr: Option<Cow<'a, HrRecord>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    awaits_base: bool,
    role: Role,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    auditor: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Cow<'a, Login>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_changed: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_address: Option<Cow<'a, str>>,
    lifecycle: Lifecycle,
    generation: Generation,
    #[serde(default, skip_serializing_if = "is_none")]
    pending: Cow<'a, Pending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopening: Option<Reopening>,
    #[serde(default, skip_serializing_if = "StoredLeave::is_none")]
    leave: StoredLeave,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Cow<'a, Held>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_alike: Option<Cow<'a, LookAlike>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<Cow<'a, NoticeKey>>,
    #[serde(default)]
    active_cards: u32,
    version: u64,
    rev: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grounds: Option<Cow<'a, Grounds>>,
}

/// The leave date with its plan, and the date that has acted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct StoredLeave {
    #[serde(flatten)]
    leave: Leave,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acted: Option<NaiveDate>,
}

impl StoredLeave {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn is_none(pending: &Pending) -> bool {
    *pending == Pending::default()
}

impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (role, auditor) = self.role.stored();
        let mut stored = Stored {
            employee_id: Cow::Borrowed(&self.employee_id),
            origin: Cow::Borrowed(&self.origin),
            profile: Cow::Borrowed(&self.profile),
            hr: self.hr.as_ref().map(Cow::Borrowed),
            awaits_base: self.awaits_base,
            role,
            auditor,
            login: self.bound.as_ref().map(Cow::Borrowed),
            address_changed: self.address_changed,
            confirmed_address: self.confirmed_address.as_deref().map(Cow::Borrowed),
            lifecycle: self.lifecycle(),
            generation: self.generation,
            pending: Cow::Borrowed(&self.pending),
            reopening: self.reopening,
            leave: StoredLeave {
                leave: self.leave.clone(),
                acted: self
                    .grounds
                    .get(GroundKind::LeaveDate)
                    .and_then(|ground| ground.date)
                    .map(|date| date.date),
            },
            held: self.held,
            hold: self.hold.as_ref().map(Cow::Borrowed),
            look_alike: self.look_alike.as_ref().map(Cow::Borrowed),
            notice: self.notice.as_ref().map(Cow::Borrowed),
            active_cards: self.active_cards,
            version: self.version,
            rev: self.rev,
            grounds: None,
        };
        if stored.implied() != self.grounds {
            stored.grounds = Some(Cow::Borrowed(&self.grounds));
        }
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut stored = Stored::deserialize(deserializer)?;
        let grounds = match stored.grounds.take() {
            Some(grounds) => grounds.into_owned(),
            None => stored.implied(),
        };
        Ok(Self {
            employee_id: stored.employee_id.into_owned(),
            origin: stored.origin.into_owned(),
            profile: stored.profile.into_owned(),
            hr: stored.hr.map(Cow::into_owned),
            awaits_base: stored.awaits_base,
            role: Role::of_stored(stored.role, stored.auditor),
            bound: stored.login.map(Cow::into_owned),
            address_changed: stored.address_changed,
            confirmed_address: stored.confirmed_address.map(Cow::into_owned),
            grounds,
            generation: stored.generation,
            pending: stored.pending.into_owned(),
            reopening: stored.reopening,
            leave: stored.leave.leave,
            held: stored.held,
            hold: stored.hold.map(Cow::into_owned),
            look_alike: stored.look_alike.map(Cow::into_owned),
            notice: stored.notice.map(Cow::into_owned),
            active_cards: stored.active_cards,
            version: stored.version,
            rev: stored.rev,
        })
    }
}

impl Stored<'_> {
    /// The grounds that follow from the other fields. HR's word against somebody who is here was held, or else had no
    /// effect; against anybody else it is in force.
    fn implied(&self) -> Grounds {
        let mut grounds = Grounds::default();
        let here = matches!(self.lifecycle, Lifecycle::Active);
        let of_hr = |kind| matches!(kind, GroundKind::Hr | GroundKind::Missing);
        let stopped = match self.hold.as_ref().map(|held| held.what) {
            Some(Counted::Departure(cause) | Counted::LastAdmin(cause)) => {
                Some(GroundKind::from(cause))
            }
            _ => None,
        };
        let (epoch, due_at) = match &self.lifecycle {
            Lifecycle::Scheduled(schedule) => (schedule.epoch, Some(schedule.due_at)),
            Lifecycle::Active | Lifecycle::Deactivated(_) | Lifecycle::Deleted { .. } => {
                (crate::ids::Epoch::default(), None)
            }
        };
        let mut add = |kind: GroundKind, since, date| {
            let state = match here {
                false => GroundState::InForce,
                true if stopped == Some(kind) => GroundState::Held,
                // HR may have changed from missing to inactive, or back, while the safeguard held the word.
                true if stopped.is_some_and(of_hr) && of_hr(kind) => GroundState::Held,
                true if self.held && stopped.is_none() => GroundState::Held,
                true if kind == GroundKind::LeaveDate => GroundState::Overridden,
                true => GroundState::Ignored,
            };
            let ground = Ground {
                epoch,
                due_at: (!here).then(|| due_at.unwrap_or(since)),
                date,
                why: (state == GroundState::Ignored).then_some(IgnoredBy::Unknown),
                ..Ground::idle(state, since)
            };
            grounds.set(kind, ground);
        };
        if let Some(record) = &self.hr {
            if record.status() == HrStatus::Inactive {
                add(GroundKind::Hr, record.status_at(), None);
            }
            if let Some(at) = record.missing_since() {
                add(GroundKind::Missing, at, None);
            }
        }
        if let Some(date) = self.leave.acted {
            let by = match self.leave.leave.by_hand {
                Some(_) => Whose::Admin,
                None => Whose::Hr,
            };
            let begun = date.and_time(chrono::NaiveTime::MIN).and_utc();
            add(GroundKind::LeaveDate, begun, Some(LeaveGround { date, by }));
        }
        let date = grounds
            .get(GroundKind::LeaveDate)
            .and_then(|ground| ground.date);
        match &self.lifecycle {
            Lifecycle::Active => {}
            Lifecycle::Scheduled(schedule) => {
                let kind = GroundKind::from(schedule.cause);
                grounds.set(
                    kind,
                    Ground {
                        run: schedule.run.clone(),
                        date: date.filter(|_| kind == GroundKind::LeaveDate),
                        ..Ground::in_force(schedule.at, schedule.due_at, schedule.epoch)
                    },
                );
                if let Some(until) = schedule.waits_until {
                    grounds.wait(until);
                }
            }
            Lifecycle::Deactivated(end) => {
                let kind = GroundKind::from(end.cause);
                if !grounds.counts(kind) {
                    grounds.set(
                        kind,
                        Ground::in_force(end.at, end.at, crate::ids::Epoch::default()),
                    );
                }
                grounds.end(end.clone());
            }
            Lifecycle::Deleted { at } => {
                let first = crate::ids::Epoch::default();
                grounds.set(GroundKind::Deleted, Ground::in_force(*at, *at, first));
                grounds.end(crate::lifecycle::Deactivation {
                    cause: crate::lifecycle::Cause::Admin,
                    at: *at,
                    policy: None,
                });
            }
        }
        grounds
    }
}
