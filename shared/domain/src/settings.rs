//! What an organisation has decided about its sync.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::ids::{Epoch, RunId};
use crate::lifecycle::Schedule;

/// An organisation's settings, as `GET /settings` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Settings {
    /// What the sync does with those whom HR calls inactive.
    pub deactivation_sync: DeactivationSync,
    /// What happens to those who are missing from a snapshot.
    pub on_missing: OnMissing,
    /// When the sync brings back somebody who was deleted by hand.
    pub restore_deleted_on: RestoreDeletedOn,
    /// Whose leave dates count.
    pub leave_dates: LeaveDates,
    /// Who is invited by mail.
    pub invitations: Invitations,
    /// What becomes of a leaver's open objectives.
    pub objectives: Objectives,
    /// IANA name of the time zone in which days begin and dates are written.
    pub time_zone: String,
    /// The limits of the breaker.
    pub safeguards: Safeguards,
}

/// What the sync does with those whom HR calls inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeactivationSync {
    /// Off: nobody is deactivated by the sync.
    pub enabled: bool,
    /// At once, or after the grace period.
    pub behaviour: Behaviour,
    /// Length of the grace period in days of 24 hours: 1, 2 or 3.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 3))]
    pub delay_days: u8,
}

/// Whether there is a grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Behaviour {
    /// Access goes at once, the cards after the grace period.
    Delayed,
    /// Access and cards go at once.
    Immediate,
}

/// What happens to those who are missing from a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum OnMissing {
    /// As if HR had called them inactive.
    Deactivate,
    /// An admin is asked.
    Hold,
    /// Nothing.
    Ignore,
}

/// When the sync brings back somebody who was deleted by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RestoreDeletedOn {
    /// Whenever their record changes and says active.
    AnyChange,
    /// When HR's word changes from inactive or missing to active.
    Reactivation,
    /// Only by hand.
    Never,
}

/// Whose leave dates count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LeaveDates {
    /// Those that an admin set.
    Manual,
    /// HR's as well.
    All,
    /// None.
    Ignore,
}

/// Who is invited by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Invitations {
    /// Those who come back.
    Restored,
    /// New people as well.
    All,
    /// Nobody.
    None,
}

/// What becomes of a leaver's open objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ObjectivesOfLeavers))]
pub enum Objectives {
    /// They are completed.
    Complete,
    /// They are deleted.
    Delete,
    /// They stay.
    Keep,
}

/// The limits of the breaker: whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Safeguards {
    /// People.
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub max_users: u32,
    /// Per cent of the source's active people, 1 to 100.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 100))]
    pub max_percent: u8,
    /// Length of the rolling window, in hours.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 720))]
    pub window_hours: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deactivation_sync: DeactivationSync {
                enabled: true,
                behaviour: Behaviour::Delayed,
                delay_days: 3,
            },
            on_missing: OnMissing::Deactivate,
            restore_deleted_on: RestoreDeletedOn::AnyChange,
            leave_dates: LeaveDates::Manual,
            invitations: Invitations::Restored,
            objectives: Objectives::Complete,
            time_zone: "Etc/UTC".to_owned(),
            safeguards: Safeguards {
                max_users: 50,
                max_percent: 20,
                window_hours: 24,
            },
        }
    }
}

impl Settings {
    /// The ranges that types cannot say. Whether the time zone exists is for who knows the zones.
    ///
    /// # Errors
    /// JSON pointer and rule of every setting that is out of range.
    pub fn check(&self) -> Result<(), Vec<(&'static str, &'static str)>> {
        let mut wrong = Vec::new();
        if !(1..=3).contains(&self.deactivation_sync.delay_days) {
            wrong.push(("/deactivation_sync/delay_days", "must be 1, 2 or 3"));
        }
        if self.safeguards.max_users == 0 {
            wrong.push(("/safeguards/max_users", "must be at least 1"));
        }
        if !(1..=100).contains(&self.safeguards.max_percent) {
            wrong.push(("/safeguards/max_percent", "must be 1 to 100"));
        }
        if !(1..=720).contains(&self.safeguards.window_hours) {
            wrong.push(("/safeguards/window_hours", "must be 1 to 720"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Whether `next` turns the deactivation sync off.
    #[must_use]
    pub fn turns_off(&self, next: &Self) -> bool {
        self.deactivation_sync.enabled && !next.deactivation_sync.enabled
    }

    /// Whether `next` raises a safeguard: more people, a larger share, or a shorter memory.
    #[must_use]
    pub fn loosens_safeguards(&self, next: &Self) -> bool {
        let (now, next) = (self.safeguards, next.safeguards);
        next.max_users > now.max_users
            || next.max_percent > now.max_percent
            || next.window_hours < now.window_hours
    }
}

/// Settings with what the machine keeps beside them; read consistently for every decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Policy {
    /// The settings.
    pub settings: Settings,
    /// Counts the times that the deactivation sync was turned off.
    pub epoch: Epoch,
    /// Counts changes; the `ETag` of the settings. 0 where nobody has ever set anything.
    pub version: u64,
    /// Whom the sync may touch.
    #[serde(default)]
    pub rules: SyncRules,
    /// Runs that were taken back, the newest last; at most [`UNDONE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<Undone>,
}

/// Undone runs that are remembered. What is stored of their people has long caught up when the oldest is forgotten.
pub const UNDONE: usize = 100;

/// A run that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Undone {
    /// Which.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
}

impl Undone {
    /// The actor that is recorded for people whom the undoing of this run reactivates.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let (subject, employee_id) = match &self.by {
            Some(Actor::Admin {
                subject,
                employee_id,
            }) => (Some(subject.clone()), employee_id.clone()),
            _ => (None, None),
        };
        Actor::RunUndone {
            run: self.run.clone(),
            subject,
            employee_id,
        }
    }
}

/// Whom the sync may touch, as an admin wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SyncRules {
    /// A CEL expression over `employee`; false takes the employee out of the sync.
    pub active: String,
    /// Counts changes; the `ETag` of the rules.
    pub version: u64,
}

impl Default for SyncRules {
    /// Everybody.
    fn default() -> Self {
        Self {
            active: "true".to_owned(),
            version: 0,
        }
    }
}

impl Policy {
    /// The policy after an admin's change: a new version, and a new epoch where the sync was turned off.
    #[must_use]
    pub fn with(&self, settings: Settings) -> Self {
        let epoch = if self.settings.turns_off(&settings) {
            self.epoch.next()
        } else {
            self.epoch
        };
        Self {
            settings,
            epoch,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The policy after an admin took a run back.
    #[must_use]
    pub fn without_run(&self, run: RunId, by: Actor, at: DateTime<Utc>) -> Self {
        let mut undone = self.undone.clone();
        let by = Some(by);
        undone.push(Undone { run, at, by });
        let old = undone.len().saturating_sub(UNDONE);
        undone.drain(..old);
        Self {
            undone,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// When and by whom a run was taken back; `None` where it was not.
    #[must_use]
    pub fn undoing(&self, run: &RunId) -> Option<&Undone> {
        self.undone.iter().find(|undone| undone.run == *run)
    }

    /// Whether a run was taken back.
    #[must_use]
    pub fn is_undone(&self, run: &RunId) -> bool {
        self.undoing(run).is_some()
    }

    /// Whether a schedule was ended by the policy: the sync was turned off since, or its run was taken
    /// back. Whoever is scheduled so *is* active.
    #[must_use]
    pub fn ends(&self, schedule: &Schedule) -> bool {
        let off = schedule.cause.is_sync() && schedule.epoch < self.epoch;
        off || schedule.run.as_ref().is_some_and(|run| self.is_undone(run))
    }

    /// The policy after an admin's change of the rules. It is one item with the settings, so that
    /// both are read consistently; each counts versions of its own.
    #[must_use]
    pub fn with_rules(&self, active: String) -> Self {
        let rules = SyncRules {
            active,
            version: self.rules.version + 1,
        };
        Self {
            rules,
            version: self.version + 1,
            ..self.clone()
        }
    }
}
