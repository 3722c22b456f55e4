//! A function that runs: its process, and the Runtime API that it asks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use aws_stand_ins::{InvocationContext, RuntimeApi};
use offramp_local::usage;
use serde_json::Value;

use crate::Result;
use crate::cores::Cores;

/// How long a start may take before it counts as failed; and an invocation, unless something else is said.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program that Lambda could start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The name in the tables.
    pub(crate) name: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The folder to start it in: that of the function's code.
    pub(crate) folder: PathBuf,
    /// All of its environment but the Runtime API's address.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where what it says goes.
    pub(crate) log: PathBuf,
    /// How long an invocation may take: what it is told as its deadline.
    pub(crate) timeout: Duration,
}

/// A started program. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    api: RuntimeApi,
    program: Program,
    count: u32,
    /// When its start began.
    pub(crate) began: Instant,
    /// From then to its first question for an invocation.
    pub(crate) init: Duration,
}

impl Program {
    /// Starts it, and waits until it asks for its first invocation.
    pub(crate) async fn start(&self, cores: &Cores) -> Result<Running> {
        let api = RuntimeApi::start().await?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let (program, arguments) = self.command.split_first().ok_or("a program has a name")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let (began, child) = cores.spawn(command).await?;
        let mut running = Running {
            child,
            api,
            program: self.clone(),
            count: 0,
            began,
            init: Duration::ZERO,
        };
        let ready = tokio::time::timeout(PATIENCE, running.api.ready()).await;
        let ready = ready.map_err(|_| running.failed("it did not start"))?;
        running.init = ready - began;
        Ok(running)
    }
}

impl Running {
    /// Hands it an event; its answer, and how long that took.
    pub(crate) async fn invoke(&mut self, event: Value) -> Result<(Value, Duration)> {
        self.count += 1;
        let context = InvocationContext {
            request_id: format!("00000000-0000-4000-8000-{:012}", self.count),
            function_arn: format!(
                "arn:aws:lambda:eu-central-1:123456789012:function:{}",
                self.program.name
            ),
            deadline: SystemTime::now() + self.program.timeout,
            xray_trace_id: "Root=1-6920e1a0-0123456789abcdef01234567;Sampled=0".to_owned(),
        };
        let begun = Instant::now();
        let outcome = self.api.offer(event, context);
        let outcome = tokio::time::timeout(self.program.timeout, outcome).await;
        let took = begun.elapsed();
        match outcome {
            Ok(Ok(Ok(answer))) => Ok((answer, took)),
            Ok(Ok(Err(error))) => Err(self.failed(&error.to_string()).into()),
            Ok(Err(_)) | Err(_) => Err(self.failed("it did not answer").into()),
        }
    }

    /// As [`Self::invoke`]; an answer of HTTP must be the expected one.
    pub(crate) async fn ask(&mut self, event: Value) -> Result<Duration> {
        let (answer, took) = self.invoke(event).await?;
        match &answer["statusCode"] {
            Value::Null => Ok(took),
            status if status == 200 => Ok(took),
            _ => Err(self.failed(&answer.to_string()).into()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A line of its status, in bytes.
    pub(crate) fn memory(&self, line: &str) -> Result<u64> {
        Ok(usage::memory(&self.id().to_string(), line)?)
    }

    /// What all of its threads have run.
    pub(crate) fn busy(&self) -> Result<Duration> {
        Ok(usage::busy(&self.id().to_string())?)
    }

    fn failed(&self, what: &str) -> String {
        let log = fs::read_to_string(&self.program.log).unwrap_or_default();
        let mut last: Vec<_> = log.lines().rev().take(12).collect();
        last.reverse();
        let init = self.api.init_error();
        let init = init.map_or(String::new(), |error| format!(" ({error})"));
        format!("{}: {what}{init}\n{}", self.program.name, last.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be killed; it is waited for either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
