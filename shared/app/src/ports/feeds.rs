//! Birthdays and work anniversaries.

use std::future::Future;

use chrono::NaiveDate;
use offramp_domain::{EmployeeId, OrgId};

use crate::Fault;

/// A yearly occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A birthday.
    Birthday,
    /// The day on which an employee started to work here.
    Start,
}

/// The indexes of birthdays and first days.
pub trait Celebrations: Send + Sync {
    /// The users with this month and day, whatever the year. Deactivated and deleted users are not in the index. The
    /// index is eventually consistent, so the caller reads a user before it relies on it.
    fn on_day(
        &self,
        org: &OrgId,
        occasion: Occasion,
        day: NaiveDate,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}
