//! Timers as EventBridge Scheduler schedules.
//!
//! A schedule's name has 1 to 64 characters of `[0-9a-zA-Z-_.]`, so the name of a timer contains a hash. A one-time
//! schedule is precise to 60 seconds. `ConflictException` means that the timer is armed already, which counts as
//! success. With `ActionAfterCompletion: DELETE` a schedule is deleted once its target was invoked or its retries are
//! used up. What becomes of a one-time schedule in the past is not documented, so none is made: a timer that is due within
//! a minute fires a minute from the present (`fires_at`), however long ago its due instant was computed. Scheduler invokes Lambda asynchronously: Lambda, not Scheduler, retries a handler that fails.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use chrono::{DateTime, TimeDelta, Utc};
use offramp_app::ports::Timers;
use offramp_app::{Clock, Fault};
use offramp_domain::Timer;

use crate::config::TimerConfig;
use crate::fault::fault;

/// How often Scheduler tries to pass a timer to Lambda before the timer goes to the dead-letter queue.
const DELIVERIES: i32 = 20;
/// How long Scheduler goes on trying, in seconds: six hours.
const DELIVERY_SECONDS: i32 = 21_600;

/// How far ahead of the present a schedule fires at least. Scheduler is precise to a minute.
const NEAREST: TimeDelta = TimeDelta::seconds(60);

/// The timers of this stack.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
    config: TimerConfig,
    clock: Clock,
}

impl Scheduler {
    /// Arms timers in the schedule group and for the targets of `config`.
    #[must_use]
    pub fn new(client: Client, config: TimerConfig, clock: Clock) -> Self {
        Self {
            client,
            config,
            clock,
        }
    }

    fn target(&self, timer: &Timer) -> Result<Target, Fault> {
        let (arn, variable) = match timer {
            Timer::Deactivate { .. }
            | Timer::Finish { .. }
            | Timer::Leave { .. }
            | Timer::Remind { .. } => (&self.config.terminate_arn, "TERMINATE_ARN"),
            Timer::Digest { .. } => (&self.config.notify_arn, "NOTIFY_ARN"),
            Timer::Tidy { .. } | Timer::Answer { .. } | Timer::Snapshot { .. } => {
                (&self.config.apply_arn, "APPLY_ARN")
            }
        };
        let arn = arn
            .as_ref()
            .ok_or_else(|| permanent(format!("{variable} is not set")))?;
        Target::builder()
            .arn(arn)
            .role_arn(&self.config.role_arn)
            .input(input(timer)?)
            .dead_letter_config(
                DeadLetterConfig::builder()
                    .arn(&self.config.dead_letter_arn)
                    .build(),
            )
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(DELIVERIES)
                    .maximum_event_age_in_seconds(DELIVERY_SECONDS)
                    .build(),
            )
            .build()
            .map_err(|error| permanent(error.to_string()))
    }
}

impl Timers for Scheduler {
    async fn arm(&self, timer: &Timer) -> Result<(), Fault> {
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(|error| permanent(error.to_string()))?;
        let at = fires_at(timer.due(), self.clock.now());
        let sent = self
            .client
            .create_schedule()
            .group_name(&self.config.group)
            .name(timer.name())
            .schedule_expression(format!("at({})", at.format("%Y-%m-%dT%H:%M:%S")))
            .schedule_expression_timezone("UTC")
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(self.target(timer)?)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conflict_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(fault("scheduler", "CreateSchedule", &error)),
        }
    }

    async fn disarm(&self, timer: &Timer) -> Result<(), Fault> {
        let sent = self
            .client
            .delete_schedule()
            .group_name(&self.config.group)
            .name(timer.name())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(fault("scheduler", "DeleteSchedule", &error)),
        }
    }
}

/// When the schedule of a timer fires: when the timer is due, but at least [`NEAREST`] after the present. The timer's
/// payload and name keep the instant at which it is due, since that is the state that it was armed for.
fn fires_at(due: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    due.max(now + NEAREST)
}

/// The payload of a timer, without a `<`. Scheduler fills context attributes such as `<aws.scheduler.attempt-number>` into
/// the input of a target, and an employee id may read like one. In JSON a `<` stands in texts alone, where `\u003c` is the
/// same character.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
fn input(timer: &Timer) -> Result<String, Fault> {
    let json = serde_json::to_string(timer).map_err(|error| permanent(error.to_string()))?;
    Ok(json.replace('<', r"\u003c"))
}

fn permanent(message: String) -> Fault {
    Fault {
        service: "scheduler",
        operation: "CreateSchedule",
        message,
        retryable: false,
    }
}

#[cfg(test)]
mod tests {
    use offramp_domain::{EmployeeId, Generation, OrgId};

    use super::*;

    #[test]
    fn no_timer_is_armed_in_the_past_whenever_its_instant_was_computed() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (due, now, fires) in [
            // A quarter of an hour of work lies between the computation and the arming.
            (
                "2026-03-02T09:02:00Z",
                "2026-03-02T09:15:00Z",
                "2026-03-02T09:16:00Z",
            ),
            // Due in this very second, or just missed.
            (
                "2026-03-02T09:02:00Z",
                "2026-03-02T09:02:00Z",
                "2026-03-02T09:03:00Z",
            ),
            (
                "2026-03-02T09:02:00Z",
                "2026-03-02T09:01:59Z",
                "2026-03-02T09:02:59Z",
            ),
            // A deactivation that an import brings is years old.
            (
                "2021-01-01T00:00:00Z",
                "2026-03-02T09:00:00Z",
                "2026-03-02T09:01:00Z",
            ),
            // The usual case: the timer's own instant, to the second.
            (
                "2026-03-02T09:02:00Z",
                "2026-03-02T09:01:00Z",
                "2026-03-02T09:02:00Z",
            ),
            (
                "2026-03-05T09:00:15Z",
                "2026-03-02T09:00:15Z",
                "2026-03-05T09:00:15Z",
            ),
        ] {
            assert_eq!(
                fires_at(at(due), at(now)),
                at(fires),
                "{due} armed at {now}"
            );
        }
    }

    #[test]
    fn no_employee_id_is_filled_in_by_scheduler() {
        let timer = Timer::Deactivate {
            org: OrgId::new("acme").unwrap(),
            employee_id: EmployeeId::new(r#"E-<aws.scheduler.attempt-number>\u003c"<"#).unwrap(),
            source: None,
            generation: Generation(7),
            due: DateTime::UNIX_EPOCH,
        };
        let input = input(&timer).unwrap();
        assert!(!input.contains('<'), "{input}");
        assert_eq!(serde_json::from_str::<Timer>(&input).unwrap(), timer);
    }
}
