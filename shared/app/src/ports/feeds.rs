//! Days that come round every year.

use std::future::Future;

use chrono::NaiveDate;
use offramp_domain::{EmployeeId, OrgId};

use crate::Fault;

/// What is celebrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A birthday.
    Birthday,
    /// The day on which somebody started here.
    Start,
}

/// The indexes of birthdays and first days.
pub trait Celebrations: Send + Sync {
    /// Everybody of that month and day, whatever the year; those who are deactivated or deleted are
    /// not in the index. Eventually consistent: read the user to be sure.
    fn on_day(
        &self,
        org: &OrgId,
        occasion: Occasion,
        day: NaiveDate,
    ) -> impl Future<Output = Result<Vec<EmployeeId>, Fault>> + Send;
}
