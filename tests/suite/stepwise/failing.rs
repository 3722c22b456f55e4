//! A call that goes wrong, as `local/stand-ins` has it go wrong.

use aws_stand_ins::Mode;
use serde_json::{Value, json};

use super::calls::{Answer, Call};
use super::{Town, Who};

/// The operation of a call, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Called {
    /// The host that stands for the service, or `issuer`.
    pub(crate) service: String,
    pub(crate) operation: String,
}

impl Called {
    fn of(call: &Call) -> Self {
        let service = match call.is_the_issuers() {
            true => "issuer",
            false => &call.service,
        };
        Self {
            service: service.to_owned(),
            operation: call.operation.clone(),
        }
    }
}

/// What goes wrong: the calls of one kind, so many of them, after so many that go well.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) called: Called,
    pub(crate) mode: Mode,
    pub(crate) times: u32,
    pub(crate) skip: usize,
}

/// What a caller meets.
pub(super) enum Meets {
    /// An answer, or none at all.
    Answered,
    /// Its own end.
    Death,
}

impl Town {
    /// Answers the call that waits longest, or has it go wrong.
    pub(super) fn meet(&mut self, who: Who) -> Meets {
        let called = self.wire.peek(who, Called::of);
        self.calls.push(called.clone());
        match self.goes_wrong(&called) {
            None => self.work(who, true),
            Some(Mode::AfterCommit) => {
                let (call, _) = self.worked(who);
                call.answered(internal_error(&called.service));
            }
            Some(Mode::KillBefore) => return Meets::Death,
            Some(Mode::KillAfter) => {
                self.work(who, false);
                return Meets::Death;
            }
            Some(mode) => {
                let call = self.wire.next(who).unwrap();
                let answer = match mode {
                    Mode::Throttle => throttled(&called.service),
                    Mode::Conflict => conflict(&call, &called.service),
                    Mode::Timeout => panic!("no time passes here"),
                    _ => internal_error(&called.service),
                };
                call.answered(answer);
            }
        }
        Meets::Answered
    }

    fn goes_wrong(&mut self, called: &Called) -> Option<Mode> {
        let fault = self.fault.as_mut()?;
        if fault.called != *called {
            return None;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        let mode = fault.mode;
        if fault.times == 0 {
            self.fault = None;
        }
        Some(mode)
    }
}

/// The errors of the services. DynamoDB and KMS have the type in the body; the other two read it there as well.
fn error(status: u16, code: &str) -> Answer {
    let text = "An injected fault";
    let body = json!({ "__type": code, "message": text, "Message": text });
    (status, body.to_string())
}

fn internal_error(service: &str) -> Answer {
    let code = match service {
        "scheduler" => "InternalServerException",
        "sesv2" => "InternalServiceErrorException",
        "kms" => "KMSInternalException",
        _ => "InternalServerError",
    };
    error(500, code)
}

fn throttled(service: &str) -> Answer {
    match service {
        "scheduler" => error(429, "ThrottlingException"),
        "sesv2" => error(429, "TooManyRequestsException"),
        "kms" => error(400, "ThrottlingException"),
        _ => error(400, "ProvisionedThroughputExceededException"),
    }
}

/// Somebody else was faster.
fn conflict(call: &Call, service: &str) -> Answer {
    match (service, call.operation.as_str()) {
        ("scheduler", _) => error(409, "ConflictException"),
        ("dynamodb", "TransactWriteItems") => {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            let items = body["TransactItems"].as_array().unwrap();
            let reasons: Vec<Value> = items
                .iter()
                .map(|_| json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }))
                .collect();
            let codes = vec!["TransactionConflict"; items.len()].join(", ");
            let text = format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            );
            let body = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "message": text, "Message": text, "CancellationReasons": reasons,
            });
            (400, body.to_string())
        }
        ("dynamodb" | "issuer", "PutItem" | "UpdateItem" | "DeleteItem") => {
            error(400, "TransactionConflictException")
        }
        (service, _) => throttled(service),
    }
}
