//! The context of a decision: policy, sync rule, time zone, admins, breaker and clock.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::change::whole_second;
use crate::breaker::Breaker;
use crate::employee::HrRecord;
use crate::ids::{EmployeeId, HoldId, OrgId, RunId, SourceId};
use crate::logins::Logins;
use crate::settings::Policy;
use crate::user::User;

/// A timer is armed at least this far ahead, so that none is created in the past. Scheduler's documentation does not
/// say what happens to a one-time schedule in the past, and Scheduler fires within the minute.
pub const FINISH_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How far ahead of the server's clock an event may be. An event further ahead would make every later event stale.
pub const AHEAD_OF_CLOCK: TimeDelta = TimeDelta::minutes(10);

/// The length of a day of the grace period.
pub const DAY: TimeDelta = TimeDelta::days(1);

/// How early a timer may fire, because the clocks of two machines differ.
pub(super) const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

/// The rule that says whether the sync may change an employee.
pub trait SyncRule: Sync {
    /// Evaluates the rule on the merged record. False leaves the employee out of the sync.
    ///
    /// # Errors
    /// The rule cannot be evaluated on this employee. The text is safe to show to a client.
    fn includes(&self, employee_id: &EmployeeId, record: &HrRecord) -> Result<bool, String>;
}

/// The rule of an organisation that has set none: it includes every employee.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everybody;

impl SyncRule for Everybody {
    fn includes(&self, _: &EmployeeId, _: &HrRecord) -> Result<bool, String> {
        Ok(true)
    }
}

/// The time zone of an organisation: when its days begin.
pub trait Zone: Sync {
    /// The first instant of a day. If a clock change skips midnight, the first instant after the gap.
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc>;

    /// The date at an instant.
    fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        // A zone is less than a day ahead of UTC, or behind it.
        let utc = at.date_naive();
        let near = [utc.succ_opt(), Some(utc)];
        let begun = |date: &NaiveDate| self.start_of_day(*date) <= at;
        let before = utc.pred_opt().unwrap_or(utc);
        near.into_iter().flatten().find(begun).unwrap_or(before)
    }
}

/// A zone in which days begin at midnight UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct Greenwich;

impl Zone for Greenwich {
    fn start_of_day(&self, date: NaiveDate) -> DateTime<Utc> {
        date.and_time(chrono::NaiveTime::MIN).and_utc()
    }
}

/// The facts that a decision uses beside the user and the event.
pub struct Context<'a> {
    /// The organisation of the user.
    pub org: &'a OrgId,
    /// The policy, read consistently with the user.
    pub policy: &'a Policy,
    /// The sync rule.
    pub rule: &'a dyn SyncRule,
    /// The time zone of the organisation.
    pub zone: &'a dyn Zone,
    /// The admins with access.
    pub admins: &'a BTreeSet<EmployeeId>,
    /// The logins that name admins and auditors.
    pub logins: &'a Logins,
    /// Somebody who is here, and whom this person looks like: by their id, or by HR's address for them. It counts while no
    /// user has the id.
    pub alike: Option<&'a EmployeeId>,
    /// The breaker of the user's source; `None` if it was not read.
    pub breaker: Option<&'a Breaker>,
    /// The breaker's answer for this person.
    pub gate: &'a Gate,
    /// True if the source of the event is only observed. Its words neither take nor give.
    pub observing: bool,
    /// The length of a day of the grace period: [`DAY`], unless a staging stack shortens it. Calendar days, such as a
    /// leave date's, keep their length.
    pub day: TimeDelta,
    /// The present.
    pub now: DateTime<Utc>,
}

impl Context<'_> {
    /// The facts for a timer that was due at `due`; `None` if it is early. A timer may fire a little early. It then
    /// counts as in time.
    pub(super) fn at_timer(&self, due: DateTime<Utc>) -> Option<Context<'_>> {
        (self.now + CLOCK_SKEW >= due).then(|| Context {
            now: self.now.max(due),
            ..*self
        })
    }

    /// When a grace period that begins at `begin` ends, to the second. `source` is the source that the word against the
    /// user comes from; `None` if an admin's word began it.
    pub(super) fn grace_end(
        &self,
        begin: DateTime<Utc>,
        source: Option<&SourceId>,
    ) -> DateTime<Utc> {
        let days = self.policy.sync_of(source).delay_days;
        let settings = &self.policy.settings;
        let days = settings.days_until(days, begin, |at| self.zone.day_of(at));
        whole_second(begin + self.day * days)
    }
}

/// The breaker's answer for a person. The caller reads [`super::Decision::counted`], asks the breaker, and decides
/// again with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// The person may go, or the breaker was not asked.
    Open {
        /// The run that admitted the person; `None` if the breaker was not asked.
        run: Option<RunId>,
    },
    /// The person is held.
    Held {
        /// The hold that the person joins.
        hold: HoldId,
        /// The roll number of the person, if nobody else joins first: the commit gives it.
        seq: u64,
    },
    /// A safeguard stopped the run, and the person was not asked about: nothing of theirs would have ended. What the run
    /// says of their status does not count all the same.
    Stopped,
}

impl Gate {
    /// The breaker was not asked.
    pub const OPEN: Self = Self::Open { run: None };
}

/// True if the organisation would have no admin with access without this user.
pub(super) fn is_last_admin(user: &User, ctx: &Context<'_>) -> bool {
    user.is_acting_admin() && !ctx.admins.iter().any(|admin| *admin != user.employee_id)
}
