//! One invocation of `functions/apply` in a process of its own, as on Lambda: its memory is nobody else's.

use std::io::Write;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lambda_runtime::{Context, LambdaEvent};
use offramp_aws::{Config, Function as _};
use offramp_domain::{OrgId, SnapshotId, SourceId, Timer};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::functions::Host;
use crate::say::say;
use crate::stack::{Stack, StackConfig};
use crate::{Error, acme, functions, usage};

/// The command that a child is started with; nobody types it.
pub(crate) const COMMAND: &str = "bench-apply";
/// Variables of a child, beside those of the function: its event, the stack's time, its deadline in milliseconds.
const EVENT: &str = "BENCH_EVENT";
const NOW: &str = "BENCH_NOW";
const DEADLINE: &str = "BENCH_DEADLINE";

/// What a child says of itself; memory in bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Used {
    /// Resident before the invocation, with clients built.
    pub(super) rest: u64,
    /// The most that was ever resident (`VmHWM`).
    pub(super) peak: u64,
    /// Seconds of a processor.
    pub(super) busy: f64,
}

/// Runs one invocation in a child.
pub(super) async fn spawn(
    stack: &Stack,
    config: &StackConfig,
    snapshot: &str,
) -> Result<Used, Error> {
    let deployment = stack.deployment();
    let mut functions = deployment.functions.iter();
    let function = functions
        .find(|function| function.crate_name == "apply")
        .ok_or_else(|| Error::Template("there is no function apply".into()))?;
    let host = Host {
        endpoints: stack.cloud().endpoints(),
        access_key: "bench".to_owned(),
        attempt_timeout: config.attempt_timeout,
    };
    let environment = functions::environment(deployment, function, &host);
    let timer = Timer::Snapshot {
        org: OrgId::new(acme::ORG).map_err(|error| Error::document("org", error))?,
        source: SourceId::new(acme::SOURCE).map_err(|error| Error::document("source", error))?,
        snapshot: SnapshotId::new(snapshot).map_err(|error| Error::document("snapshot", error))?,
        due: stack.now(),
    };
    let event = serde_json::to_string(&timer).map_err(|error| Error::document("event", error))?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let deadline = (since.unwrap_or_default() + function.timeout).as_millis();
    let this = std::env::current_exe().map_err(Error::file("/proc/self/exe"))?;
    let output = Command::new(&this)
        .arg(COMMAND)
        .env_clear()
        .envs(environment)
        .env(EVENT, event)
        .env(NOW, stack.now().to_rfc3339())
        .env(DEADLINE, deadline.to_string())
        .output()
        .await
        .map_err(Error::file(&this))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::document("the process that applies", said));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::document("the process that applies", error))
}

/// The child: one invocation, then what it has used.
///
/// # Errors
/// What the function answers, or an environment that is not a child's.
pub(crate) async fn run(out: &mut dyn Write) -> Result<(), Error> {
    let failed = |reason: String| Error::Function {
        function: "Apply".into(),
        reason,
    };
    let get = |name: &str| {
        std::env::var(name).map_err(|_| Error::Usage(format!("{COMMAND} is for `bench` alone")))
    };
    let now: DateTime<Utc> = get(NOW)?
        .parse()
        .map_err(|error| Error::document(NOW, error))?;
    let deadline = get(DEADLINE)?
        .parse()
        .map_err(|error| Error::document(DEADLINE, error))?;
    let event = serde_json::from_str(&get(EVENT)?);
    let event = event.map_err(|error| Error::document(EVENT, error))?;
    let config = Config::from_env().map_err(|error| failed(error.to_string()))?;
    let clock = offramp_app::Clock::from_fn(move || now);
    let state = apply::State::new(&config, clock).map_err(|error| failed(error.to_string()))?;
    let rest = usage::memory("self", "VmRSS")?;
    let mut context = Context::default();
    context.deadline = deadline;
    let done = Box::pin(state.handle(LambdaEvent::new(event, context))).await;
    done.map_err(|error| failed(error.to_string()))?;
    let used = Used {
        rest,
        peak: usage::memory("self", "VmHWM")?,
        busy: usage::busy("self")?.as_secs_f64(),
    };
    let text = serde_json::to_string(&used).map_err(|error| Error::document("figures", error))?;
    say(out, &text);
    Ok(())
}
