//! The settings of an organisation, and the policy that contains them.

mod escalation;
mod grace;
mod leave_date;
mod of_source;
mod reminders;
mod safeguards;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::ids::{Email, Epoch, RunId, SourceId};

pub use grace::{AccessDuringGrace, DelayCounts, MOST_HOLIDAYS, Weekday};
pub use leave_date::LeaveDateIs;
pub use of_source::SourceSync;
pub use reminders::{MOST_REMINDERS, Reminders};
pub use safeguards::Safeguards;

/// An organisation's settings, as `GET /settings` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Settings {
    /// What the sync does with people that HR calls inactive.
    pub deactivation_sync: DeactivationSync,
    /// What the sync does with people who are missing from a snapshot.
    pub on_missing: OnMissing,
    /// When the sync restores a user that an admin deleted.
    pub restore_deleted_on: RestoreDeletedOn,
    /// Which leave dates count.
    pub leave_dates: LeaveDates,
    /// Which people are invited by mail.
    pub invitations: Invitations,
    /// What happens to a leaver's open objectives.
    pub objectives: Objectives,
    /// The IANA name of the time zone in which days begin and dates are written.
    pub time_zone: String,
    /// The limits of the breaker.
    pub safeguards: Safeguards,
    // Releases before the following settings refuse them, so they are stored only where they differ from the default.
    /// Whether people whom HR calls inactive, or misses, keep access until the end of the grace period. A change is for
    /// later grace periods.
    #[serde(default, skip_serializing_if = "AccessDuringGrace::is_revoked")]
    pub access_during_grace: AccessDuringGrace,
    /// What the leave dates mean that admins set and lists bring. A change is for later dates: those that are set keep the
    /// day on which access ends.
    #[serde(default, skip_serializing_if = "LeaveDateIs::is_first_day_out")]
    pub leave_date_is: LeaveDateIs,
    /// How the days of a grace period are counted. A change is for later grace periods.
    #[serde(default, skip_serializing_if = "grace::is_days")]
    pub delay_counts: DelayCounts,
    /// The days of the week that are no working days; not all seven.
    #[serde(default = "grace::weekend", skip_serializing_if = "grace::is_weekend")]
    #[cfg_attr(feature = "schema", schema(max_items = 6))]
    pub weekend: BTreeSet<Weekday>,
    /// The other dates that are no working days, in the organisation's time zone.
    #[serde(
        default,
        deserialize_with = "grace::dates",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    #[cfg_attr(feature = "schema", schema(max_items = 200))]
    pub holidays: BTreeSet<NaiveDate>,
    /// When the admins and the manager are reminded of a leave date that lies ahead.
    #[serde(default, skip_serializing_if = "Reminders::is_none")]
    pub reminders: Reminders,
    /// The address that is mailed, beside the admins, about a hold that has waited `escalate_after_hours`; null for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Email>,
    /// How long a hold waits for an answer before the address in `escalation` is mailed, in hours.
    #[serde(
        default = "escalation::after_hours",
        skip_serializing_if = "escalation::is_after_hours"
    )]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 720))]
    pub escalate_after_hours: u16,
}

/// What the sync does with people that HR calls inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeactivationSync {
    /// If false, the sync deactivates nobody.
    pub enabled: bool,
    /// Whether a deactivation has a grace period.
    pub behaviour: Behaviour,
    /// The length of the grace period in days of 24 hours: 1, 2 or 3. `delay_counts` says which days count.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 3))]
    pub delay_days: u8,
}

/// Whether a deactivation has a grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Behaviour {
    /// Access ends as `access_during_grace` says, the cards are cancelled after the grace period.
    Delayed,
    /// Access ends and the cards are cancelled at once.
    Immediate,
}

/// What the sync does with people who are missing from a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum OnMissing {
    /// The sync deactivates them, as if HR had called them inactive.
    Deactivate,
    /// A hold keeps them until an admin answers.
    Hold,
    /// The sync does nothing.
    Ignore,
}

/// When the sync restores a user that an admin deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum RestoreDeletedOn {
    /// When the HR record changes and says active.
    AnyChange,
    /// When HR's statement changes from inactive or missing to active.
    Reactivation,
    /// Never. Only an admin restores the user.
    Never,
}

/// Which leave dates count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LeaveDates {
    /// Only dates that an admin set.
    Manual,
    /// Dates that an admin set, and HR's dates.
    All,
    /// No dates.
    Ignore,
}

/// Which people are invited by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Invitations {
    /// Users who return after they had lost their account.
    Restored,
    /// Returning users and new users.
    All,
    /// Nobody.
    None,
}

/// What happens to a leaver's open objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ObjectivesOfLeavers))]
pub enum Objectives {
    /// They are marked complete.
    Complete,
    /// They are deleted.
    Delete,
    /// They stay open.
    Keep,
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
            safeguards: Safeguards::default(),
            access_during_grace: AccessDuringGrace::Revoked,
            leave_date_is: LeaveDateIs::FirstDayOut,
            delay_counts: DelayCounts::Days,
            weekend: grace::weekend(),
            holidays: BTreeSet::new(),
            reminders: Reminders::default(),
            escalation: None,
            escalate_after_hours: escalation::after_hours(),
        }
    }
}

impl Settings {
    /// Checks the ranges that types cannot express. It does not check that the time zone exists.
    ///
    /// # Errors
    /// The JSON pointer and the rule of each setting that is out of range.
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
        if self.safeguards.max_returns == 0 {
            wrong.push(("/safeguards/max_returns", "must be at least 1"));
        }
        if self.safeguards.max_invitations == 0 {
            wrong.push(("/safeguards/max_invitations", "must be at least 1"));
        }
        wrong.extend(self.check_days());
        wrong.extend(self.check_reminders());
        wrong.extend(self.check_escalation());
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// True if `next` turns the deactivation sync off.
    #[must_use]
    pub fn turns_off(&self, next: &Self) -> bool {
        self.deactivation_sync.enabled && !next.deactivation_sync.enabled
    }

    /// True if `next` loosens a safeguard: more people, more returns, more invitations, a larger share, a shorter window, or more people
    /// whom one admin may let go alone.
    #[must_use]
    pub fn loosens_safeguards(&self, next: &Self) -> bool {
        self.safeguards.loosens(next.safeguards)
    }
}

/// The settings, with the epoch, the sync rule and the undone runs. Every decision reads the policy consistently.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Policy {
    /// The settings.
    pub settings: Settings,
    /// How often the deactivation sync was turned off.
    pub epoch: Epoch,
    /// Counts changes. It is the `ETag` of the settings. 0 if nothing was ever changed.
    pub version: u64,
    /// The rule that says which employees the sync may change.
    #[serde(default)]
    pub rules: SyncRules,
    /// The undone runs, the newest last; at most [`UNDONE`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<Undone>,
    /// The sources that have a grace period of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<SourceId, SourceSync>,
    /// How often the setting `on_missing` was changed to `ignore`.
    #[serde(default, skip_serializing_if = "Epoch::is_first")]
    pub missing_epoch: Epoch,
}

/// How many undone runs are kept. When the oldest is dropped, the stored users of that run have long been rewritten.
pub const UNDONE: usize = 100;

/// A run that an admin undid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Undone {
    /// The id of the run.
    pub run: RunId,
    /// When it was undone.
    pub at: DateTime<Utc>,
    /// The actor who undid it; `None` if none was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
}

impl Undone {
    /// The actor in the history of each user that the undoing reactivates.
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

/// The rule that says which employees the sync may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SyncRules {
    /// A CEL expression over `employee`. If it is false, the sync leaves the employee out.
    pub active: String,
    /// Counts changes. It is the `ETag` of the rule.
    pub version: u64,
}

impl Default for SyncRules {
    /// The rule that includes every employee.
    fn default() -> Self {
        Self {
            active: "true".to_owned(),
            version: 0,
        }
    }
}

impl Policy {
    /// The policy after an admin's change of the settings: a new version, and a new epoch if the sync is turned off.
    #[must_use]
    pub fn with(&self, settings: Settings) -> Self {
        let epoch = if self.settings.turns_off(&settings) {
            self.epoch.next()
        } else {
            self.epoch
        };
        let ignores = |settings: &Settings| settings.on_missing == OnMissing::Ignore;
        let missing_epoch = if ignores(&settings) && !ignores(&self.settings) {
            self.missing_epoch.next()
        } else {
            self.missing_epoch
        };
        Self {
            settings,
            epoch,
            missing_epoch,
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The policy after an admin undid a run.
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

    /// The undoing of a run: when and by which actor. `None` if the run was not undone.
    #[must_use]
    pub fn undoing(&self, run: &RunId) -> Option<&Undone> {
        self.undone.iter().find(|undone| undone.run == *run)
    }

    /// True if the run was undone.
    #[must_use]
    pub fn is_undone(&self, run: &RunId) -> bool {
        self.undoing(run).is_some()
    }

    /// The policy after an admin's change of the rule. Settings and rule are one item, so both are read consistently.
    /// Each has a version of its own.
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
