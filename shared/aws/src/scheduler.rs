//! Timers on EventBridge Scheduler.
//!
//! Names are of 1–64 characters of `[0-9a-zA-Z-_.]`, so they are hashes; a one-time schedule is
//! precise to 60 s; `ConflictException` means that it stands already, which is what we want; with
//! `ActionAfterCompletion: DELETE` it is gone after its target was invoked or its retries were used
//! up. Invocation of Lambda is asynchronous: a failing handler is retried by Lambda, not from here.
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

/// Tries to hand a timer to Lambda before it becomes a dead letter.
const DELIVERIES: i32 = 20;
/// How long those tries may go on, in seconds: six hours.
const DELIVERY_SECONDS: i32 = 21_600;

/// Timers of this deployment.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: Client,
    config: TimerConfig,
}

impl Scheduler {
    /// Timers in that group, to those targets.
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
