//! What a leave date means.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// What a leave date means that an admin sets. HR's native events, and all that is stored, name the first day without
/// access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LeaveDateIs {
    /// The first day without access.
    #[default]
    FirstDayOut,
    /// The last day with access.
    LastDayIn,
}

impl LeaveDateIs {
    #[expect(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    pub(super) fn is_first_day_out(&self) -> bool {
        *self == Self::FirstDayOut
    }

    /// The first day without access, by the date that an admin says. The last day of the year 9999 stays as it is.
    #[must_use]
    pub fn first_day_out(self, said: NaiveDate) -> NaiveDate {
        match self {
            Self::FirstDayOut => said,
            // A timer's year has four digits, and 9999-12-31 is some HR systems' word for *no date*.
            Self::LastDayIn => {
                let next = said.succ_opt();
                next.filter(|day| day.year() < 10_000).unwrap_or(said)
            }
        }
    }

    /// The date that an admin would say for a first day without access.
    #[must_use]
    pub fn said(self, first_day_out: NaiveDate) -> NaiveDate {
        match self {
            Self::FirstDayOut => first_day_out,
            Self::LastDayIn => first_day_out.pred_opt().unwrap_or(first_day_out),
        }
    }
}
