use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ScheduleView;
use crate::timers::Key;

/// The members of `CreateSchedule` and `UpdateSchedule`, but for the name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Definition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_name: Option<String>,
    pub(crate) schedule_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule_expression_timezone: Option<String>,
    /// Seconds of the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) target: Option<Target>,
    pub(crate) flexible_time_window: Option<FlexibleTimeWindow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action_after_completion: Option<String>,
}

/// What a schedule invokes. Members for targets that the stand-in does not know are refused, not ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) arn: Option<String>,
    pub(crate) role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RetryPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_event_age_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_retry_attempts: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeadLetterConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FlexibleTimeWindow {
    pub(crate) mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_window_in_minutes: Option<i64>,
}

/// When a schedule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Timing {
    At(DateTime<Utc>),
    Every(Duration),
}

/// A definition that was checked: what firing needs of it is no longer optional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) timing: Timing,
    pub(crate) expression: String,
    pub(crate) target_arn: String,
    pub(crate) max_age: Duration,
    pub(crate) max_retries: u32,
    pub(crate) end: Option<DateTime<Utc>>,
    pub(crate) first: DateTime<Utc>,
    pub(crate) enabled: bool,
    pub(crate) delete_after: bool,
}

/// A schedule that stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) name: String,
    pub(crate) group: String,
    /// Tells a schedule from a later one of the same name.
    pub(crate) version: Uuid,
    pub(crate) definition: Definition,
    pub(crate) checked: Checked,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    /// When it is due next; `None` once it has fired for the last time.
    pub(crate) next: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(crate) armed: Option<Key>,
}

impl Schedule {
    pub(crate) fn is_enabled(&self) -> bool {
        self.checked.enabled
    }

    pub(crate) fn is_recurring(&self) -> bool {
        matches!(self.checked.timing, Timing::Every(_))
    }

    pub(crate) fn state(&self) -> &'static str {
        if self.checked.enabled {
            "ENABLED"
        } else {
            "DISABLED"
        }
    }

    pub(crate) fn view(&self) -> ScheduleView {
        ScheduleView {
            name: self.name.clone(),
            group: self.group.clone(),
            expression: self.checked.expression.clone(),
            target: self.checked.target_arn.clone(),
            input: self
                .definition
                .target
                .as_ref()
                .and_then(|target| target.input.clone()),
            next: self.next.filter(|_| self.checked.enabled),
        }
    }
}

/// A group of schedules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) client_token: Option<String>,
    pub(crate) created: DateTime<Utc>,
}

impl Group {
    pub(crate) fn new(client_token: Option<String>, created: DateTime<Utc>) -> Self {
        Self {
            client_token,
            created,
        }
    }
}
