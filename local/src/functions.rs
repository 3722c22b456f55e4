//! The functions' own handlers, run in this process as Lambda runs them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Clock, Endpoints, FunctionError, Handler, InvocationContext};
use lambda_runtime::{Context, LambdaEvent};
use offramp_aws::{Clients, Config, Offramp, Sink, invoke, keys};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::Error;
use crate::template::{Deployment, Function};

/// The sort key of every item of the card ledger ([`keys::ledger`]).
const LEDGER: &str = "L";

/// A function's environment variables.
pub(crate) type Environment = BTreeMap<String, String>;

/// Makes a function's handler from its environment; its metrics go to the sink.
pub(crate) type Wire = fn(&Function, &Environment, Clock, Sink) -> Result<Handler, Error>;

/// What a stack is to its functions.
pub(crate) struct Host {
    /// Where the AWS services are.
    pub(crate) endpoints: Endpoints,
    /// The access key that they sign with.
    pub(crate) access_key: String,
    /// How long one attempt of an AWS call may take.
    pub(crate) attempt_timeout: Duration,
}

/// The environment of a function: what the template gives it, what Lambda adds, and where the AWS services are here.
pub(crate) fn environment(
    deployment: &Deployment,
    function: &Function,
    host: &Host,
) -> Environment {
    let region = deployment
        .parameters
        .get("AWS::Region")
        .cloned()
        .unwrap_or_default();
    let attempt = host.attempt_timeout.as_millis().to_string();
    let endpoints = &host.endpoints;
    let mut environment = function.environment.clone();
    let local = [
        ("AWS_REGION", region.as_str()),
        ("AWS_DEFAULT_REGION", &region),
        ("AWS_ACCESS_KEY_ID", &host.access_key),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
        ("AWS_ENDPOINT_URL_SCHEDULER", &endpoints.scheduler),
        ("AWS_ENDPOINT_URL_SESV2", &endpoints.sesv2),
        ("AWS_ENDPOINT_URL_KMS", &endpoints.kms),
        ("SDK_ATTEMPT_TIMEOUT_MS", &attempt),
    ];
    environment.extend(local.map(|(name, value)| (name.to_owned(), value.to_owned())));
    environment
}

/// The event that an EventBridge rule of the template sends.
pub(crate) fn scheduled_event(deployment: &Deployment, rule: &str) -> Value {
    let parameter = |name: &str| deployment.parameters.get(name).cloned().unwrap_or_default();
    let (account, region) = (parameter("AWS::AccountId"), parameter("AWS::Region"));
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "resources": [format!("arn:aws:events:{region}:{account}:rule/{rule}")],
        "account": account,
        "region": region,
        "detail": {},
    })
}

/// What a function works with, for what the stack does in its place.
///
/// # Errors
/// [`Error::Function`] where its environment does not do.
pub(crate) fn offramp(
    function: &Function,
    environment: &Environment,
    clock: Clock,
) -> Result<Offramp, Error> {
    let failed = |error: offramp_aws::ConfigError| Error::Function {
        function: function.logical_id.clone(),
        reason: error.to_string(),
    };
    let config = Config::from_lookup(&|name| environment.get(name).cloned()).map_err(failed)?;
    let clients = Clients::new(&config.aws).map_err(failed)?;
    let clock = offramp_app::Clock::from_fn(move || clock.now());
    Ok(offramp_aws::offramp(&config, &clients, clock))
}

/// The handler of a function of this workspace.
///
/// # Errors
/// [`Error::Function`] where no crate of that name is linked in, or its environment does not do.
pub(crate) fn wire(
    function: &Function,
    environment: &Environment,
    clock: Clock,
    sink: Sink,
) -> Result<Handler, Error> {
    let failed = |reason: String| Error::Function {
        function: function.logical_id.clone(),
        reason,
    };
    let config = Config::from_lookup(&|name| environment.get(name).cloned());
    let mut config = config.map_err(|error| failed(error.to_string()))?;
    config.telemetry = config.telemetry.to(sink);
    let clock = offramp_app::Clock::from_fn(move || clock.now());
    Ok(match function.crate_name.as_str() {
        "admin" => lent::<admin::State>(&config, clock).map_err(failed)?,
        "apply" => lent::<apply::State>(&config, clock).map_err(failed)?,
        "hr-sync" => lent::<hr_sync::State>(&config, clock).map_err(failed)?,
        "notify" => lent::<notify::State>(&config, clock).map_err(failed)?,
        "sweep" => lent::<sweep::State>(&config, clock).map_err(failed)?,
        "terminate" => lent::<terminate::State>(&config, clock).map_err(failed)?,
        other => {
            let reason = format!("crate {other} is not linked into the local stack");
            return Err(failed(reason));
        }
    })
}

/// A function as the Lambda stand-in calls it: built once, JSON in, JSON or the error's text out.
///
/// Each invocation has a thread of its own, as it has a machine of its own at AWS: Lambda's runtime does not ask that a
/// handler can move between threads, so neither does this. When the stand-in drops the invocation, because it took too
/// long or the process is to die, the handler is dropped with it.
fn lent<F: offramp_aws::Function>(
    config: &Config,
    clock: offramp_app::Clock,
) -> Result<Handler, String> {
    let function = F::new(config, clock).map_err(|error| error.to_string())?;
    let (function, telemetry) = (Arc::new(function), config.telemetry.clone());
    Ok(Arc::new(move |payload, context| {
        let (function, telemetry) = (Arc::clone(&function), telemetry.clone());
        Box::pin(async move {
            let payload = serde_json::from_value(payload)
                .map_err(|error| format!("the event is not what the function takes: {error}"))
                .map_err(FunctionError::from)?;
            let event = LambdaEvent::new(payload, runtime_context(&context));
            let runtime = Handle::current();
            let (_alive, dropped) = oneshot::channel::<()>();
            let invocation = tokio::task::spawn_blocking(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        answer = invoke(&*function, &telemetry, event) => json_or_error(answer),
                        _ = dropped => Err("dropped".to_owned().into()),
                    }
                })
            });
            match invocation.await {
                Ok(reply) => reply,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => Err(error.to_string().into()),
                },
            }
        })
    }))
}

/// The answer, or the error as a function's own `main` reports it.
fn json_or_error<R: Serialize>(
    answer: Result<R, offramp_app::Error>,
) -> Result<Value, FunctionError> {
    let answer = answer.map_err(|error| {
        let diagnostic = offramp_aws::diagnostic(error);
        FunctionError::new(diagnostic.error_type, diagnostic.error_message)
    })?;
    let answer = serde_json::to_value(answer);
    answer.map_err(|error| format!("the answer is no JSON: {error}").into())
}

fn runtime_context(invocation: &InvocationContext) -> Context {
    let mut context = Context::default();
    context.request_id = invocation.request_id.clone();
    context.deadline = invocation.deadline_ms();
    context.invoked_function_arn = invocation.function_arn.clone();
    context.xray_trace_id = Some(invocation.xray_trace_id.clone());
    context
}

/// Whether a DynamoDB call is one of the card ledger, which stands for the card issuer: it writes one item, and the
/// ledger's items have a sort key of their own.
pub(crate) fn is_issuer_call(operation: &str, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Write {
        key: BTreeMap<String, Value>,
    }
    operation == "UpdateItem"
        && serde_json::from_slice::<Write>(body)
            .is_ok_and(|write| write.key.get(keys::SK) == Some(&json!({ "S": LEDGER })))
}

#[cfg(test)]
mod tests {
    use offramp_domain::{CardId, OrgId};

    use super::*;

    #[test]
    fn only_the_ledger_is_the_issuer() {
        let (org, card) = (OrgId::new("acme").unwrap(), CardId::new("card_1").unwrap());
        let body = |key: keys::Key| {
            let key = json!({ "pk": { "S": key.pk }, "sk": { "S": key.sk } });
            json!({ "TableName": "t", "Key": key, "UpdateExpression": "SET a = :a" }).to_string()
        };
        let ledger = body(keys::ledger(&org, &card));
        assert!(is_issuer_call("UpdateItem", ledger.as_bytes()));
        assert!(!is_issuer_call("GetItem", ledger.as_bytes()));
        let owner = body(keys::card_owner(&org, &card));
        assert!(!is_issuer_call("UpdateItem", owner.as_bytes()));
        assert!(!is_issuer_call("UpdateItem", b"{}"));
    }
}
