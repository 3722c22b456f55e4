//! Timers as EventBridge Scheduler schedules.
//!
//! A schedule's name has 1 to 64 characters of `[0-9a-zA-Z-_.]`, so the name of a timer contains a hash. A one-time
//! schedule is precise to 60 seconds. `ConflictException` means that the timer is armed already, which counts as
//! success. With `ActionAfterCompletion: DELETE` a schedule is deleted once its target was invoked or its retries are
//! used up. Scheduler invokes Lambda asynchronously: Lambda, not Scheduler, retries a handler that fails.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, Target,
};
use offramp_app::Fault;
use offramp_app::ports::Timers;
use offramp_domain::Timer;

use crate::config::TimerConfig;
use crate::fault::fault;

/// How often Scheduler tries to pass a timer to Lambda before the timer goes to the dead-letter queue.
const DELIVERIES: i32 = 20;
/// How long Scheduler goes on trying, in seconds: six hours.
const DELIVERY_SECONDS: i32 = 21_600;

/// The timers of this stack.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
    config: TimerConfig,
}

impl Scheduler {
    /// Arms timers in the schedule group and for the targets of `config`.
    #[must_use]
    pub fn new(client: Client, config: TimerConfig) -> Self {
        Self { client, config }
    }

    fn target(&self, timer: &Timer) -> Result<Target, Fault> {
        let (arn, variable) = match timer {
            Timer::Deactivate { .. } | Timer::Finish { .. } | Timer::Leave { .. } => {
                (&self.config.terminate_arn, "TERMINATE_ARN")
            }
            Timer::Digest { .. } => (&self.config.notify_arn, "NOTIFY_ARN"),
            Timer::Tidy { .. } | Timer::Answer { .. } | Timer::Snapshot { .. } => {
                (&self.config.apply_arn, "APPLY_ARN")
            }
        };
        let arn = arn
            .as_ref()
            .ok_or_else(|| permanent(format!("{variable} is not set")))?;
        let input = serde_json::to_string(timer).map_err(|error| permanent(error.to_string()))?;
        Target::builder()
            .arn(arn)
            .role_arn(&self.config.role_arn)
            .input(input)
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
        let sent = self
            .client
            .create_schedule()
            .group_name(&self.config.group)
            .name(timer.name())
            .schedule_expression(format!("at({})", timer.due().format("%Y-%m-%dT%H:%M:%S")))
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

fn permanent(message: String) -> Fault {
    Fault {
        service: "scheduler",
        operation: "CreateSchedule",
        message,
        retryable: false,
    }
}
