//! Each function by itself, against the embedded database: its size, its start, and what its jobs take and call.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use offramp_local::Cost;
use serde_json::Value;

use crate::Result;
use crate::cores::Cores;
use crate::front::{Certificate, Front};
use crate::options::Options;
use crate::programs::{FUNCTIONS, Programs};
use crate::stage::{Hr, Stage};
use crate::stats::{Times, ms};

/// Starts of each job.
const STARTS: usize = 20;
/// Invocations of each job before those that count, and those.
const BEFORE: usize = 5;
const COUNTED: usize = 100;
/// Of applying a snapshot, which is a job of a hundred calls and more.
const FEW: usize = 30;
/// The people of a snapshot: those of the seed.
const PEOPLE: u32 = 25;

/// What a function is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Hr(Hr),
    Look,
    Deactivate,
    Digest,
    Sweep,
    Snapshot,
}

const JOBS: [(&str, &str, Job); 8] = [
    ("hr-sync", "another name", Job::Hr(Hr::Renamed)),
    ("hr-sync", "nothing new", Job::Hr(Hr::Unchanged)),
    ("hr-sync", "somebody leaves", Job::Hr(Hr::Leaves)),
    ("admin", "a look at somebody", Job::Look),
    (
        "terminate",
        "a grace period ends, two cards",
        Job::Deactivate,
    ),
    ("notify", "a digest to the admins", Job::Digest),
    ("sweep", "nothing is overdue", Job::Sweep),
    ("apply", "a snapshot of 25, nothing new", Job::Snapshot),
];

/// A function as it is uploaded.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    pub(crate) function: &'static str,
    pub(crate) bytes: u64,
    pub(crate) zipped: u64,
}

/// What a job takes.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) function: &'static str,
    pub(crate) what: &'static str,
    pub(crate) job: Job,
    /// Milliseconds from its start to the question for the first invocation, and to the first answer: medians.
    pub(crate) init: f64,
    pub(crate) first: f64,
    /// Milliseconds of a warm invocation.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Seconds of a processor that a thousand of them take.
    pub(crate) busy: f64,
    /// Bytes resident after them, and the most that ever were.
    pub(crate) resident: u64,
    pub(crate) peak: u64,
    /// Calls of AWS in one of them, by service and operation, on the average.
    pub(crate) calls: BTreeMap<String, f64>,
    /// Units of DynamoDB in one of them.
    pub(crate) read: f64,
    pub(crate) write: f64,
    pub(crate) index: f64,
}

/// Sizes and jobs.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    pub(crate) sizes: Vec<Size>,
    pub(crate) rows: Vec<Row>,
}

impl Functions {
    /// The row of a job.
    pub(crate) fn row(&self, job: Job) -> Option<&Row> {
        self.rows.iter().find(|row| row.job == job)
    }
}

/// Measures all of them, one after the other.
///
/// # Errors
/// A program that does not start, or does not do its job.
pub(crate) async fn measure(
    programs: &Programs,
    cores: &Cores,
    options: Options,
) -> Result<Functions> {
    let size = |function| {
        let (bytes, zipped) = programs.size(function)?;
        Ok(Size {
            function,
            bytes,
            zipped,
        })
    };
    let sizes = FUNCTIONS.into_iter().map(size).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for (function, what, job) in JOBS {
        eprintln!("{function}: {what}");
        let counted = if job == Job::Snapshot { FEW } else { COUNTED };
        let mut bench = Bench::new(job, STARTS + BEFORE + counted).await?;
        let row = bench
            .row(programs, cores, options, (function, what, counted))
            .await?;
        bench.stage.stack.shutdown().await?;
        rows.push(row);
    }
    Ok(Functions { sizes, rows })
}

struct Bench {
    stage: Stage,
    job: Job,
    timers: Vec<Value>,
}

impl Bench {
    /// A stage on which a job can be done so many times.
    async fn new(job: Job, times: usize) -> Result<Self> {
        let times = u32::try_from(times)? + 1;
        let ago = match job {
            // Three days of grace have ended five minutes ago.
            Job::Deactivate => TimeDelta::hours(72) + TimeDelta::minutes(5),
            // A minute passes before each digest.
            Job::Digest => TimeDelta::hours(4),
            // A second passes before each snapshot.
            Job::Snapshot => TimeDelta::minutes(4),
            _ => TimeDelta::zero(),
        };
        let mut stage = Stage::new(ago).await?;
        let mut timers = Vec::new();
        match job {
            Job::Deactivate => timers = stage.leaving(times).await?,
            Job::Hr(Hr::Leaves) | Job::Digest => stage.crowd(times + 1).await?,
            _ => {}
        }
        Ok(Self { stage, job, timers })
    }

    /// The next event, and everything that must be there before.
    async fn event(&mut self) -> Result<Value> {
        Ok(match self.job {
            Job::Hr(what) => self.stage.delivery(what)?,
            Job::Look => self.stage.look()?,
            Job::Sweep => self.stage.sweep()?,
            Job::Deactivate => self.timers.pop().ok_or("nobody is left to deactivate")?,
            Job::Digest => self.stage.digest().await?,
            Job::Snapshot => self.stage.snapshot(PEOPLE).await?.1,
        })
    }

    async fn row(
        &mut self,
        programs: &Programs,
        cores: &Cores,
        options: Options,
        (function, what, counted): (&'static str, &'static str, usize),
    ) -> Result<Row> {
        let certificate = Certificate::new(&programs.folder.join("certificate.pem"))?;
        let mut environment = self.stage.stack.environment(self.stage.function(function)?);
        let front = Front::before(&mut environment, &certificate).await?;
        let program = programs.program(function, &environment);
        let program = program.ok_or("it was not built")?;

        let (mut init, mut first) = (Times::default(), Times::default());
        for _ in 0..options.rounds(STARTS) {
            let event = self.event().await?;
            let mut running = program.start(cores).await?;
            init.push(running.init);
            running.ask(event).await?;
            first.push(running.began.elapsed());
        }

        let mut running = program.start(cores).await?;
        for _ in 0..BEFORE {
            let event = self.event().await?;
            running.ask(event).await?;
        }
        let mut warm = Times::default();
        let mut busy = Duration::ZERO;
        let mut calls = BTreeMap::<String, u32>::new();
        let mut cost = Cost::default();
        let counted = options.rounds(counted);
        for _ in 0..counted {
            let event = self.event().await?;
            // What getting ready has called is not the job's.
            drop((front.counts(), self.stage.stack.cost()));
            let before = running.busy()?;
            warm.push(running.ask(event).await?);
            busy += running.busy()? - before;
            cost += self.stage.stack.cost();
            for (call, count) in front.counts() {
                *calls.entry(call).or_default() += count;
            }
        }
        // A float says numbers of this size exactly.
        let each = |all: f64| all / counted as f64;
        Ok(Row {
            function,
            what,
            job: self.job,
            init: init.p50(),
            first: first.p50(),
            p50: warm.p50(),
            p99: warm.p99(),
            busy: each(ms(busy)),
            resident: running.memory("VmRSS")?,
            peak: running.memory("VmHWM")?,
            calls: calls
                .into_iter()
                .map(|(call, count)| (call, each(f64::from(count))))
                .collect(),
            read: each(cost.read),
            write: each(cost.write),
            index: each(cost.index),
        })
    }
}
