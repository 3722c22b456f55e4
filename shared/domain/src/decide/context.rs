//! What a decision is made on beside the user and the event: policy, rule, time zone, admins, breaker, clock.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::breaker::Breaker;
use crate::employee::HrRecord;
use crate::ids::{EmployeeId, HoldId, OrgId, RunId};
use crate::settings::Policy;
use crate::user::User;

/// A timer is armed at least this far ahead, so that none is ever created in the past: what
/// Scheduler does with a one-time date in the past is not documented, and it fires to the minute.
pub const FINISH_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How far ahead of our clock an event may be; beyond, it would make every later event stale.
pub const AHEAD_OF_CLOCK: TimeDelta = TimeDelta::minutes(10);

/// A day of the grace period.
pub const DAY: TimeDelta = TimeDelta::days(1);

/// How early a timer may fire: the clocks of two machines differ.
pub(super) const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

/// Whether the sync may touch an employee.
pub trait SyncRule: Sync {
    /// Decides on the merged record.
    ///
    /// # Errors
    /// The rule cannot be evaluated on this employee; the text is safe to show.
    fn includes(&self, employee_id: &EmployeeId, record: &HrRecord) -> Result<bool, String>;
}

/// The rule of an organisation that has none: everybody is in the sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl SyncRule for Everybody {
    fn includes(&self, _: &EmployeeId, _: &HrRecord) -> Result<bool, String> {
        Ok(true)
    }
}

/// When days begin in an organisation.
pub trait Zone: Sync {
    /// The first instant of a day; where midnight does not exist, the first that does.
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc>;
}

/// Days begin at midnight UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct Greenwich;

impl Zone for Greenwich {
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        date.and_time(chrono::NaiveTime::MIN).and_utc()
    }
}

/// What a decision needs to know beside the user and the event.
pub struct Context<'a> {
    /// Whose user it is.
    pub org: &'a OrgId,
    /// Settings and epoch, read consistently with the user.
    pub policy: &'a Policy,
    /// Whom the sync may touch.
    pub rule: &'a dyn SyncRule,
    /// When days begin.
    pub zone: &'a dyn Zone,
    /// The admins who have access.
    pub admins: &'a BTreeSet<EmployeeId>,
    /// The breaker of the user's source, where one was read.
    pub breaker: Option<&'a Breaker>,
    /// What the breaker has said of this person.
    pub gate: &'a Gate,
    /// How long a day of the grace period lasts: [`DAY`], unless a staging stack says otherwise. Days of
    /// the calendar, such as a leave date's, are not touched by it.
    pub day: TimeDelta,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What the breaker has said of a person: read it off a [`super::Decision::counted`], ask, and decide again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// They may go, or nobody has asked.
    Open {
        /// The run that a schedule belongs to.
        run: Option<RunId>,
    },
    /// They are held.
    Held {
        /// The hold that they have joined.
        hold: HoldId,
        /// The hold's version with which they joined.
        seq: u64,
    },
}

impl Gate {
    /// Nobody has asked.
    pub const OPEN: Self = Self::Open { run: None };
}

/// Whether the organisation would be left without an admin.
pub(super) fn is_last_admin(user: &User, ctx: &Context<'_>) -> bool {
    user.is_acting_admin() && !ctx.admins.iter().any(|admin| *admin != user.employee_id)
}
