//! SDK errors as [`Fault`]s: what may be tried again, and what may not.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offramp_app::Fault;

/// Codes that mean «later» without a status of 5xx or 429: throttling, and others who write the same.
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

/// An SDK error of a service's call. The message names the code, never what was sent.
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
