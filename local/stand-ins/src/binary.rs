//! Functions as Lambda runs them: compiled, each invocation in a process that speaks the Runtime API.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::lambda::{FunctionError, Handler, InvocationContext};
use crate::runtime_api::{Outcome, RuntimeApi};
use crate::sync::lock;

/// How many lines of its log are kept.
const KEPT: usize = 10_000;

/// A function's program. Its [`Handler`] starts a process where none is idle, as Lambda starts an environment; a process
/// that has answered waits for the next invocation, and one that exits, or whose invocation is cut off, is replaced.
/// Clones are the same.
#[derive(Clone)]
pub struct Binary(Arc<Program>);

struct Program {
    path: PathBuf,
    environment: BTreeMap<String, String>,
    idle: Mutex<Vec<Process>>,
    running: Mutex<Vec<u32>>,
    started: Mutex<usize>,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Binary {
    /// A program, and the environment that the template gives its function. Lambda's own variables are added; of this
    /// process's nothing is handed on.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, environment: BTreeMap<String, String>) -> Self {
        Self(Arc::new(Program {
            path: path.into(),
            environment,
            idle: Mutex::default(),
            running: Mutex::default(),
            started: Mutex::default(),
            log: Arc::default(),
        }))
    }

    /// The code of a [`crate::Function`]. To drop its future kills the process, as Lambda does at the time-out.
    #[must_use]
    pub fn handler(&self) -> Handler {
        let program = Arc::clone(&self.0);
        Arc::new(move |payload, context| {
            let program = Arc::clone(&program);
            Box::pin(async move { program.invoke(payload, context).await })
        })
    }

    /// How many processes were started so far.
    #[must_use]
    pub fn started(&self) -> usize {
        *lock(&self.0.started)
    }

    /// The processes that an invocation runs in, by their id.
    #[must_use]
    pub fn running(&self) -> Vec<u32> {
        lock(&self.0.running).clone()
    }

    /// The latest 10,000 lines that processes wrote to their standard output and error: what CloudWatch Logs would have.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        lock(&self.0.log).iter().cloned().collect()
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Binary").field(&self.0.path).finish()
    }
}

impl Program {
    async fn invoke(&self, payload: Value, context: InvocationContext) -> Outcome {
        let idle = lock(&self.idle).pop();
        let mut process = match idle {
            Some(process) => process,
            None => self.start().await?,
        };
        let _running = Running::note(&self.running, process.id);
        let (outcome, alive) = process.invoke(payload, context).await;
        if alive {
            lock(&self.idle).push(process);
        }
        outcome
    }

    async fn start(&self) -> Result<Process, FunctionError> {
        let failed = |reason: String| FunctionError::new("Runtime.InvalidEntrypoint", reason);
        let api = RuntimeApi::start()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let mut child = Command::new(&self.path)
            .env_clear()
            .envs(lambda_environment(api.address()))
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{}: {error}", self.path.display())))?;
        *lock(&self.started) += 1;
        let streams = [
            child.stdout.take().map(|out| keep(out, &self.log)),
            child.stderr.take().map(|err| keep(err, &self.log)),
        ];
        let id = child.id();
        let child = Arc::new(Mutex::new(child));
        Ok(Process {
            id,
            ended: watch(Arc::clone(&child), streams),
            child,
            api,
        })
    }
}

/// One environment. It is killed when it is dropped.
struct Process {
    id: u32,
    child: Arc<Mutex<Child>>,
    ended: oneshot::Receiver<Option<ExitStatus>>,
    api: RuntimeApi,
}

impl Process {
    /// The outcome, and whether the process can take another invocation.
    async fn invoke(&mut self, payload: Value, context: InvocationContext) -> (Outcome, bool) {
        let request_id = context.request_id.clone();
        let outcome = self.api.offer(payload, context);
        tokio::select! {
            biased;
            Ok(outcome) = outcome => (outcome, true),
            status = &mut self.ended => {
                let error = self.api.init_error();
                let exited = || exit_error(&request_id, status.ok().flatten());
                (Err(error.unwrap_or_else(exited)), false)
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = lock(&self.child).kill();
    }
}

/// Waits, in a thread, for the end of a process: its streams end with it, and only then is it held for waiting, so that
/// it can be killed until then.
fn watch(
    child: Arc<Mutex<Child>>,
    streams: [Option<thread::JoinHandle<()>>; 2],
) -> oneshot::Receiver<Option<ExitStatus>> {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        for stream in streams.into_iter().flatten() {
            // A reader that panicked has ended too.
            let _ = stream.join();
        }
        let status = lock(&child).wait();
        // Nobody listens to the end of an environment that was let go.
        let _ = ended.send(status.ok());
    });
    end
}

/// Notes that an invocation runs in a process, for as long as it does.
struct Running<'a>(&'a Mutex<Vec<u32>>, u32);

impl<'a> Running<'a> {
    fn note(running: &'a Mutex<Vec<u32>>, id: u32) -> Self {
        lock(running).push(id);
        Self(running, id)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(self.0).retain(|id| *id != self.1);
    }
}

/// What Lambda sets in each environment of a custom runtime, as far as a program can use it here:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
fn lambda_environment(api: &str) -> [(&'static str, &str); 9] {
    [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "function"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("_HANDLER", "bootstrap"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        ("TZ", ":UTC"),
    ]
}

/// What Lambda answers for a process that ended in the middle of its work: after a panic in a program that was built
/// with `panic = "abort"`, after `exit`, or out of memory.
/// <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html>
fn exit_error(request_id: &str, status: Option<ExitStatus>) -> FunctionError {
    let how = match status {
        Some(status) if !status.success() => format!("with error: {}", ended(status)),
        _ => "without providing a reason".to_owned(),
    };
    FunctionError::new(
        "Runtime.ExitError",
        format!("RequestId: {request_id} Error: Runtime exited {how}"),
    )
}

/// How a process ended, in the words that Lambda has for it.
fn ended(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit status {code}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        let name = match status.signal() {
            Some(6) => "aborted",
            Some(9) => "killed",
            Some(11) => "segmentation fault",
            Some(15) => "terminated",
            _ => return status.to_string(),
        };
        format!("signal: {name}")
    }
    #[cfg(not(unix))]
    status.to_string()
}

/// Keeps, in a thread, what a process writes, line by line.
fn keep(
    stream: impl Read + Send + 'static,
    log: &Arc<Mutex<VecDeque<String>>>,
) -> thread::JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = lock(&log);
            if log.len() == KEPT {
                log.pop_front();
            }
            log.push_back(line);
        }
    })
}
