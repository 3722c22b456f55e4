use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

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

/// Trouble that lasts until it is taken back, and hits no single call: the body of `POST /_local/faults`, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LastingBody", into = "LastingBody")]
pub enum Lasting {
    /// What is written is seen in indexes only so many seconds later, on the clock. "Any global secondary index is updated
    /// asynchronously, using an eventually consistent model":
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>
    Lag(u64),
    /// No function gets anything from the table's stream. What was written meanwhile is delivered afterwards.
    StreamsOff,
}

/// `{"service":"dynamodb","mode":"lag","seconds":3}`, `{"service":"streams","mode":"off"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastingBody {
    service: String,
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
}

impl TryFrom<LastingBody> for Lasting {
    type Error = String;

    fn try_from(body: LastingBody) -> Result<Self, String> {
        match (body.service.as_str(), body.mode.as_str(), body.seconds) {
            ("dynamodb", "lag", Some(seconds)) => Ok(Self::Lag(seconds)),
            ("streams", "off", None) => Ok(Self::StreamsOff),
            _ => Err("`lag` is of `dynamodb` and has `seconds`, `off` is of `streams`".to_owned()),
        }
    }
}

impl From<Lasting> for LastingBody {
    fn from(lasting: Lasting) -> Self {
        let (service, mode, seconds) = match lasting {
            Lasting::Lag(seconds) => ("dynamodb", "lag", Some(seconds)),
            Lasting::StreamsOff => ("streams", "off", None),
        };
        Self {
            service: service.to_owned(),
            mode: mode.to_owned(),
            seconds,
        }
    }
}

/// The faults to come and the log of calls. Clones are the same.
#[derive(Clone, Default)]
pub struct Faults(Arc<State>);

#[derive(Default)]
struct State {
    pending: Mutex<Vec<Fault>>,
    lasting: Mutex<Vec<Lasting>>,
    calls: Mutex<CallLog>,
    /// Rung when something that lasts comes or goes.
    changed: Notify,
}

impl Faults {
    /// Adds a fault behind those that wait. The first that matches a call and has nothing to skip hits it.
    pub fn inject(&self, fault: Fault) {
        if fault.times > 0 {
            lock(&self.0.pending).push(fault);
        }
    }

    /// Begins what lasts; it takes the place of the last of its kind.
    pub fn begin(&self, lasting: Lasting) {
        let kind = std::mem::discriminant(&lasting);
        let mut all = lock(&self.0.lasting);
        all.retain(|other| std::mem::discriminant(other) != kind);
        all.push(lasting);
        drop(all);
        self.0.changed.notify_one();
    }

    /// Takes back all faults that have not hit, and ends what lasts.
    pub fn clear(&self) {
        lock(&self.0.pending).clear();
        lock(&self.0.lasting).clear();
        self.0.changed.notify_one();
    }

    /// What lasts.
    #[must_use]
    pub fn lasting(&self) -> Vec<Lasting> {
        lock(&self.0.lasting).clone()
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

    /// How far indexes lag behind.
    pub(crate) fn lag(&self) -> Option<Duration> {
        let lasting = lock(&self.0.lasting);
        lasting.iter().find_map(|one| match one {
            Lasting::Lag(seconds) => Some(Duration::from_secs(*seconds)),
            Lasting::StreamsOff => None,
        })
    }

    pub(crate) fn streams_are_off(&self) -> bool {
        lock(&self.0.lasting).contains(&Lasting::StreamsOff)
    }

    /// Returns once something that lasts has come or gone.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
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
