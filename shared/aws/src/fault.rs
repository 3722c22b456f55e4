//! SDK errors as [`Fault`]s, which say whether a retry can help.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offramp_app::Fault;

/// Codes of errors that a retry can clear although their status is neither 5xx nor 429: throttling, and conflicts of
/// concurrent writes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
const LATER: [&str; 14] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "LimitExceededException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "TransactionCanceledException",
    "KMSInternalException",
    "DependencyTimeoutException",
    "SendingPausedException",
    "RequestTimeout",
];

/// The fault for an SDK error. The message has the error's code, and nothing of the request.
pub(crate) fn fault<E>(
    service: &'static str,
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Fault
where
    E: ProvideErrorMetadata,
{
    let (message, retryable) = match error {
        SdkError::ConstructionFailure(_) => ("the request could not be built".to_owned(), false),
        SdkError::TimeoutError(_) => ("timed out".to_owned(), true),
        SdkError::DispatchFailure(_) => ("no connection".to_owned(), true),
        SdkError::ResponseError(_) => ("the answer could not be read".to_owned(), true),
        SdkError::ServiceError(context) => {
            let code = context.err().code().unwrap_or("unknown");
            let status = context.raw().status().as_u16();
            let retryable = status >= 500 || status == 429 || LATER.contains(&code);
            (format!("{code} ({status})"), retryable)
        }
        _ => ("failed".to_owned(), true),
    };
    Fault {
        service,
        operation,
        message,
        retryable,
    }
}
