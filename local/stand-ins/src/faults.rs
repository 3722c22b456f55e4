use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::calls::{Call, CallLog};
use crate::sync::lock;

/// Which service a call or a fault belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// DynamoDB, but for the calls of [`Service::Issuer`].
    Dynamodb,
    /// EventBridge Scheduler.
    Scheduler,
    /// SES v2.
    #[serde(alias = "sesv2")]
    Ses,
    /// KMS.
    Kms,
    /// The DynamoDB calls that [`crate::CloudConfig::issuer_matcher`] picks.
    Issuer,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The service answers with its own internal error (500). Nothing was done.
    Error,
    /// The service takes the request and never answers. Nothing was done.
    Timeout,
    /// The service does the work, and the connection drops before the answer.
    AfterCommit,
    /// Somebody else was faster: `TransactionCanceledException` with a `TransactionConflict` per item for DynamoDB's
    /// transactions, `TransactionConflictException` for its single writes, `ConflictException` for Scheduler. Where
    /// the operation cannot conflict at AWS and was named, it is throttled; where no operation was named, it is let through.
    Conflict,
    /// The service's own throttling error. Nothing was done.
    Throttle,
    /// The calling process dies before the request is processed: no answer, and every running invocation is aborted.
    KillBefore,
    /// The calling process dies after the request was processed: no answer, and every running invocation is aborted.
    KillAfter,
}

/// A fault to come: the body of `POST /_local/faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The service that fails.
    pub service: Service,
    /// The operation that fails, such as `TransactWriteItems`; none, `""` and `"*"` are any.
    #[serde(default)]
    pub operation: Option<String>,
    /// How.
    pub mode: Mode,
    /// How many calls it hits; 1 unless said.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls it lets through first.
    #[serde(default)]
    pub skip: u32,
}

impl Fault {
    /// One fault in the next call of `operation` (`"*"` for any).
    #[must_use]
    pub fn once(service: Service, operation: &str, mode: Mode) -> Self {
        Self {
            service,
            operation: Some(operation.to_owned()),
            mode,
            times: 1,
            skip: 0,
        }
    }

    fn matches(&self, service: Service, operation: &str) -> bool {
        self.service == service
            && match self.named() {
                Some(named) => named == operation,
                None => self.mode != Mode::Conflict || can_conflict(service, operation),
            }
    }

    fn named(&self) -> Option<&str> {
        self.operation
            .as_deref()
            .filter(|operation| !operation.is_empty() && *operation != "*")
    }
}

/// The faults to come and the log of calls. Clones are the same.
#[derive(Clone, Default)]
pub struct Faults(Arc<State>);

#[derive(Default)]
struct State {
    pending: Mutex<Vec<Fault>>,
    calls: Mutex<CallLog>,
}

impl Faults {
    /// Adds a fault behind those that wait. The first that matches a call and has nothing to skip hits it.
    pub fn inject(&self, fault: Fault) {
        if fault.times > 0 {
            lock(&self.0.pending).push(fault);
        }
    }

    /// Takes back all faults that have not hit.
    pub fn clear(&self) {
        lock(&self.0.pending).clear();
    }

    /// The faults that have not hit, with what is left of `times` and `skip`.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        lock(&self.0.pending).clone()
    }

    /// Every call since the start or the last [`Self::reset_calls`], in order of arrival: the latest 250,000.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0.calls).list()
    }

    /// Empties the log of calls.
    pub fn reset_calls(&self) {
        lock(&self.0.calls).reset();
    }

    pub(crate) fn log(&self) -> std::sync::MutexGuard<'_, CallLog> {
        lock(&self.0.calls)
    }

    /// The mode that hits this call, if any; uses it up.
    pub(crate) fn take(&self, service: Service, operation: &str) -> Option<Mode> {
        let mut pending = lock(&self.0.pending);
        for index in 0..pending.len() {
            let fault = &mut pending[index];
            if !fault.matches(service, operation) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let mode = fault.mode;
            fault.times -= 1;
            if fault.times == 0 {
                pending.remove(index);
            }
            return Some(mode);
        }
        None
    }
}

/// Whether AWS knows a conflict error for the operation.
pub(crate) fn can_conflict(service: Service, operation: &str) -> bool {
    match service {
        Service::Dynamodb | Service::Issuer => matches!(
            operation,
            "TransactWriteItems" | "TransactGetItems" | "PutItem" | "UpdateItem" | "DeleteItem"
        ),
        Service::Scheduler => matches!(
            operation,
            "CreateSchedule"
                | "UpdateSchedule"
                | "DeleteSchedule"
                | "CreateScheduleGroup"
                | "DeleteScheduleGroup"
        ),
        Service::Ses | Service::Kms => true,
    }
}

fn once() -> u32 {
    1
}
