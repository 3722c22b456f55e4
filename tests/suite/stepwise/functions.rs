//! The functions' own entries, on clients whose calls the test answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::LocalBoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use offramp_app::Clock;
use offramp_aws::{Clients, Config, Function, Offramp, Telemetry, diagnostic, invoke, offramp};
use offramp_local::template::Deployment;
use serde_json::Value;

use super::calls::Wire;

/// What an invocation ends with: its answer, or the type and text of its error.
pub(crate) type Done = Result<Value, String>;

/// Longer than any test, so that an invocation that waits for its turn is no fault.
const PATIENT_MS: &str = "3600000";
const TIME: Duration = Duration::from_secs(3_600);

/// The six functions.
pub(crate) struct Functions {
    configs: BTreeMap<String, Config>,
    clients: Clients,
    clock: Clock,
    admin: Arc<admin::State>,
    apply: Arc<apply::State>,
    notify: Arc<notify::State>,
    sweep: Arc<sweep::State>,
    terminate: Arc<terminate::State>,
    /// The one function that remembers; each instance takes one request at a time.
    hr_sync: Vec<Arc<hr_sync::State>>,
}

impl Functions {
    pub(crate) fn new(deployment: &Deployment, wire: &Wire, clock: Clock) -> Self {
        let configs: BTreeMap<String, Config> = deployment
            .functions
            .iter()
            .map(|function| (function.crate_name.clone(), config(&function.environment)))
            .collect();
        let clients = Clients::over(&configs["admin"].aws, wire.client());
        Self {
            admin: made(&configs["admin"], &clients, &clock),
            apply: made(&configs["apply"], &clients, &clock),
            notify: made(&configs["notify"], &clients, &clock),
            sweep: made(&configs["sweep"], &clients, &clock),
            terminate: made(&configs["terminate"], &clients, &clock),
            hr_sync: Vec::new(),
            configs,
            clients,
            clock,
        }
    }

    /// The name of the table.
    pub(crate) fn table(&self) -> &str {
        &self.configs["admin"].table
    }

    /// What a function works with, for what a test reads.
    pub(crate) fn offramp(&self) -> Offramp {
        offramp(&self.configs["sweep"], &self.clients, self.clock.clone())
    }

    /// Every instance forgets what it has seen.
    pub(crate) fn start_anew(&mut self) {
        self.hr_sync.clear();
    }

    /// Begins an invocation of a function, through an alias where one follows behind a colon. `hurried` is one whose caller's time is over, so that it waits for no other function.
    pub(crate) fn begin(
        &mut self,
        function: &str,
        payload: Value,
        request_id: String,
        hurried: bool,
    ) -> LocalBoxFuture<'static, Done> {
        let mut context = Context::default();
        context.invoked_function_arn =
            format!("arn:aws:lambda:eu-central-1:123456789012:function:{function}");
        let function = function.split(':').next().unwrap();
        let telemetry = self.configs[function].telemetry.clone();
        let until = SystemTime::now() + if hurried { Duration::ZERO } else { TIME };
        let until = until.duration_since(UNIX_EPOCH).unwrap().as_millis();
        context.deadline = u64::try_from(until).unwrap();
        context.request_id = request_id;
        match function {
            "admin" => begun(self.admin.clone(), telemetry, payload, context),
            "apply" => begun(self.apply.clone(), telemetry, payload, context),
            "notify" => begun(self.notify.clone(), telemetry, payload, context),
            "sweep" => begun(self.sweep.clone(), telemetry, payload, context),
            "terminate" => begun(self.terminate.clone(), telemetry, payload, context),
            "hr-sync" => begun(self.idle(), telemetry, payload, context),
            other => panic!("there is no function {other}"),
        }
    }

    /// An instance of `hr-sync` that has nothing to do.
    fn idle(&mut self) -> Arc<hr_sync::State> {
        let idle = self.hr_sync.iter().find(|one| Arc::strong_count(one) == 1);
        if let Some(idle) = idle {
            return Arc::clone(idle);
        }
        let new = made(&self.configs["hr-sync"], &self.clients, &self.clock);
        self.hr_sync.push(Arc::clone(&new));
        new
    }
}

fn made<F: Function>(config: &Config, clients: &Clients, clock: &Clock) -> Arc<F> {
    Arc::new(F::over(config, clients, clock.clone()).unwrap())
}

fn begun<F: Function>(
    function: Arc<F>,
    telemetry: Telemetry,
    payload: Value,
    context: Context,
) -> LocalBoxFuture<'static, Done> {
    Box::pin(async move {
        let payload = serde_json::from_value(payload).unwrap();
        let event = LambdaEvent::new(payload, context);
        let answer = invoke(&*function, &telemetry, event).await;
        let answer = answer.map_err(|error| {
            let error = diagnostic(error);
            format!("{}: {}", error.error_type, error.error_message)
        })?;
        Ok(serde_json::to_value(answer).unwrap())
    })
}

/// A function's configuration from its environment in the template.
fn config(environment: &BTreeMap<String, String>) -> Config {
    let lookup = |name: &str| {
        let fixed = match name {
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "local",
            "AWS_ENDPOINT_URL_DYNAMODB" => "http://dynamodb",
            "AWS_ENDPOINT_URL_SCHEDULER" => "http://scheduler",
            "AWS_ENDPOINT_URL_SESV2" => "http://sesv2",
            "AWS_ENDPOINT_URL_KMS" => "http://kms",
            "SDK_ATTEMPT_TIMEOUT_MS" => PATIENT_MS,
            _ => return environment.get(name).cloned(),
        };
        Some(fixed.to_owned())
    };
    Config::from_lookup(&lookup).unwrap()
}
