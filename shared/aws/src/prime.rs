//! Priming: a function makes its first calls to AWS while it starts, so that the first invocation need not.
//!
//! The first call to an AWS service resolves a name, connects, performs the TLS handshake, and touches code and memory
//! for the first time. On a whole processor that takes 2 ms; on the share of a processor that comes with 128 MB of
//! memory it takes 20 ms. A starting function has a whole processor for up to ten seconds, whatever its memory. So each
//! function makes the calls here after it has built its clients and before it asks for its first invocation. After that
//! Lambda may freeze it at any moment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>,
//! <https://medium.com/@hichaelmart/shave-99-93-off-your-lambda-bill-with-this-one-weird-trick-33c0acebb2ea>.
//! The time is billed like any other:
//! <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>.
//!
//! A connection may be frozen for minutes before its use, with provisioned concurrency for hours, and may have been
//! closed by then. That can happen between any two invocations. If an idle connection was closed before the request was
//! written, `hyper_util` sends the request again on another connection (`retry_canceled_requests`). If it was closed
//! later, the SDK takes the error for a transient one and makes its second attempt (`TransientErrorClassifier`).
//! <https://docs.rs/hyper-util/latest/hyper_util/client/legacy/struct.Builder.html#method.retry_canceled_requests>,
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offramp_app::Fault;

use crate::config::Config;
use crate::fault::fault;

/// The longest time that priming may take. Within a region, name resolution, TLS and an answer take a tenth of it.
const LONGEST: Duration = Duration::from_millis(300);

/// Makes the calls, unless the environment says `PRIME=off`. If they fail, or take more than 0.3 seconds, that is
/// logged and nothing else happens. If AWS cannot be reached, the first invocation fails, and its caller gets the
/// error.
pub async fn prime(config: &Config, calls: impl Future<Output = Result<(), Fault>>) {
    if !config.prime {
        return;
    }
    match tokio::time::timeout(LONGEST, calls).await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::warn!(%error, "could not prime"),
        Err(_) => tracing::warn!("priming took too long"),
    }
}

/// Turns a call into a bare `GET`, which is no operation of either service: KMS uses `POST` (JSON 1.1), and SES uses
/// other paths (REST). The request leaves a connection in the pool and has no other effect, whatever the answer. These
/// services have no operation without effect that a function is allowed to call. If a service closes the connection
/// after such an answer, the first invocation connects again, as it would have without priming.
pub(crate) fn connection_only(request: &mut HttpRequest) {
    // Setting the method cannot fail: `GET` is a valid method.
    let _ = request.set_method("GET");
    for header in ["content-type", "content-length", "x-amz-target"] {
        request.headers_mut().remove(header);
    }
    *request.body_mut() = SdkBody::empty();
}

/// A service that refuses the request has been connected to, which is all that priming wants.
pub(crate) fn connected<T, E: ProvideErrorMetadata>(
    service: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), Fault> {
    match answer {
        Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => Ok(()),
        Err(error) => Err(fault(service, "connect", &error)),
    }
}
