//! What the first invocation would pay for, done while the function starts.
//!
//! The first call of an AWS service resolves a name, connects, shakes hands for TLS and touches code and memory for the
//! first time: two milliseconds of a whole processor, twenty of the share of one that 128 MB of memory buy. While it
//! starts, a function has a whole processor, whatever its memory, for up to ten seconds. So each makes the calls here
//! between building its clients and asking for its first invocation, after which Lambda may freeze it at any moment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>,
//! <https://medium.com/@hichaelmart/shave-99-93-off-your-lambda-bill-with-this-one-weird-trick-33c0acebb2ea>.
//! The time is billed like any other:
//! <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>.
//!
//! A connection may lie frozen for minutes until then, with provisioned concurrency for hours, and be dead when it is
//! used, as between any two invocations. `hyper_util` sends a request again by another connection where an idle one was
//! closed before the request was written (`retry_canceled_requests`); where the end came later, the SDK takes the error
//! of the connection for a transient one, and makes its second attempt (`TransientErrorClassifier`).
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

/// A start waits no longer: names, TLS and an answer take a tenth of it within a region.
const LONGEST: Duration = Duration::from_millis(300);

/// Makes the calls, unless the environment says `PRIME=off`. That they fail, or take more than 0.3 s, is logged and no
/// more: whether AWS can be reached is for the first invocation to find out, which can say so to whoever asked.
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

/// Makes a call a bare `GET`, which is no operation of the service: both speak by `POST` (KMS' JSON 1.1), or by other
/// paths (SES' REST). It leaves a connection in the pool and does nothing else, whatever the answer; there is no call of
/// these services that a function may make and that has no effect. Where a service closes the connection after such an
/// answer, the first invocation connects anew, as it would have without.
pub(crate) fn connection_only(request: &mut HttpRequest) {
    // «GET» is a method.
    let _ = request.set_method("GET");
    for header in ["content-type", "content-length", "x-amz-target"] {
        request.headers_mut().remove(header);
    }
    *request.body_mut() = SdkBody::empty();
}

/// A refusal came by a connection, and so is what was asked for.
pub(crate) fn connected<T, E: ProvideErrorMetadata>(
    service: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), Fault> {
    match answer {
        Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => Ok(()),
        Err(error) => Err(fault(service, "connect", &error)),
    }
}
