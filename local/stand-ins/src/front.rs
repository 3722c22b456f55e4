use serde_json::json;

use crate::calls::{Call, Outcome};
use crate::dynamodb;
use crate::faults::{Mode, Service, can_conflict};
use crate::kms;
use crate::lag;
use crate::scheduler;
use crate::ses;
use crate::shared::Shared;
use crate::wire::{Answer, Reply, Request};

/// Which of the four ports a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Dynamodb,
    Scheduler,
    Ses,
    Kms,
}

/// Logs the call, lets a fault hit it, and otherwise has the service answer it.
pub(crate) async fn handle(shared: &Shared, surface: Surface, request: Request) -> Reply {
    let operation = operation(surface, &request);
    let service = service(shared, surface, &operation, &request);
    let fault = shared.faults.take(service, &operation);
    let handle = shared.faults.log().begin(Call {
        service,
        operation: operation.clone(),
        at: shared.clock.now(),
        outcome: Outcome::Pending,
        fault,
        trace_id: request.header("x-amzn-trace-id").map(str::to_owned),
        request_bytes: request.body.len(),
        response_bytes: 0,
    });
    let reply = match fault {
        None => Reply::Answer(work(shared, surface, &operation, &request).await),
        Some(Mode::Error) => Reply::Answer(internal_error(surface)),
        Some(Mode::Throttle) => Reply::Answer(throttled(surface)),
        Some(Mode::Conflict) => Reply::Answer(conflict(service, surface, &operation, &request)),
        Some(Mode::Timeout | Mode::KillBefore) => Reply::Never,
        Some(Mode::AfterCommit) => {
            work(shared, surface, &operation, &request).await;
            Reply::Drop
        }
        Some(Mode::KillAfter) => {
            work(shared, surface, &operation, &request).await;
            Reply::Never
        }
    };
    let (outcome, bytes) = match &reply {
        Reply::Answer(answer) => (Outcome::Status(answer.status.as_u16()), answer.body.len()),
        Reply::Never => (Outcome::Unanswered, 0),
        Reply::Drop => (Outcome::Dropped, 0),
    };
    shared.faults.log().finish(handle, outcome, bytes);
    if matches!(fault, Some(Mode::KillBefore | Mode::KillAfter)) {
        shared.kill();
    }
    reply
}

fn operation(surface: Surface, request: &Request) -> String {
    let operation = match surface {
        Surface::Dynamodb | Surface::Kms => request.target_operation(),
        Surface::Scheduler => scheduler::operation(request),
        Surface::Ses => ses::operation(request),
    };
    operation.unwrap_or("Unknown").to_owned()
}

fn service(shared: &Shared, surface: Surface, operation: &str, request: &Request) -> Service {
    match surface {
        Surface::Dynamodb => match shared.config.issuer_matcher {
            Some(is_issuer) if is_issuer(operation, &request.body) => Service::Issuer,
            _ => Service::Dynamodb,
        },
        Surface::Scheduler => Service::Scheduler,
        Surface::Ses => Service::Ses,
        Surface::Kms => Service::Kms,
    }
}

async fn work(shared: &Shared, surface: Surface, operation: &str, request: &Request) -> Answer {
    if surface == Surface::Dynamodb {
        return lag::forward(shared, operation, request).await;
    }
    // Signatures are not checked, but that there is one is: AWS turns an unsigned request away.
    if !request
        .header("authorization")
        .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "))
    {
        return unsigned(surface);
    }
    match surface {
        Surface::Scheduler => scheduler::handle(shared, operation, request),
        Surface::Ses => ses::handle(shared, operation, request),
        Surface::Kms | Surface::Dynamodb => kms::handle(shared, operation, request),
    }
}

fn error(surface: Surface, status: u16, code: &'static str, message: &str) -> Answer {
    match surface {
        Surface::Dynamodb => dynamodb::error(status, code, message),
        Surface::Kms => kms::error(status, code, message),
        Surface::Scheduler => Answer::rest_error(status, code, &json!({"Message": message})),
        Surface::Ses => Answer::rest_error(status, code, &json!({"message": message})),
    }
}

fn internal_error(surface: Surface) -> Answer {
    let code = match surface {
        Surface::Dynamodb => "InternalServerError",
        Surface::Scheduler => "InternalServerException",
        Surface::Ses => "InternalServiceErrorException",
        Surface::Kms => "KMSInternalException",
    };
    error(
        surface,
        500,
        code,
        "An injected fault: the service failed internally",
    )
}

fn throttled(surface: Surface) -> Answer {
    let (status, code) = match surface {
        Surface::Dynamodb => (400, "ProvisionedThroughputExceededException"),
        Surface::Scheduler => (429, "ThrottlingException"),
        Surface::Ses => (429, "TooManyRequestsException"),
        Surface::Kms => (400, "ThrottlingException"),
    };
    error(surface, status, code, "An injected fault: Rate exceeded")
}

fn conflict(service: Service, surface: Surface, operation: &str, request: &Request) -> Answer {
    match surface {
        _ if !can_conflict(service, operation) => throttled(surface),
        Surface::Dynamodb => dynamodb::conflict(operation, &request.body),
        Surface::Scheduler => error(
            surface,
            409,
            "ConflictException",
            "An injected fault: the resource is being changed",
        ),
        Surface::Ses | Surface::Kms => throttled(surface),
    }
}

fn unsigned(surface: Surface) -> Answer {
    error(
        surface,
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )
}
