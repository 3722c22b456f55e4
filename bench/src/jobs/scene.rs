//! A stage of one side, and the function that does jobs on it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use offramp_local::signer::rfc3339;
use serde_json::{Value, json};

use super::job::{Group, Job, Many};
use super::sample::Sample;
use crate::Result;
use crate::cores::Cores;
use crate::front::{Certificate, Front};
use crate::process::Running;
use crate::programs::Programs;
use crate::stage::{GRACE, Hr, PAGE, Source, Stage, employee};

/// An instance looks at the pulse of a source again after a minute.
const MINUTE: Duration = Duration::from_secs(61);
/// A slow build on a busy machine finishes five thousand too, instead of leaving some to the next request.
const PATIENCE: Duration = Duration::from_secs(300);
/// Invocations that a job may take before something is wrong.
const INVOCATIONS: usize = 100;

/// Who does jobs: a build of ours, or one of the peers.
pub(crate) struct Side {
    /// In the tables.
    pub(crate) name: String,
    pub(crate) programs: Programs,
    /// The programs that do what comes before a job; without, it is the handlers that are linked in.
    pub(crate) setup: Option<BTreeMap<String, PathBuf>>,
    /// The peer's program that is measured instead of the function's.
    pub(crate) peer: Option<&'static str>,
}

/// One side's stage. What it has of each kind is used up by the jobs.
pub(crate) struct Scene {
    stage: Stage,
    front: Front,
    running: Running,
    sources: Vec<Source>,
    timers: Vec<Value>,
    /// The five thousand of this round, and what was said of them.
    many: u32,
    said: Value,
    /// When time enough has passed.
    ready: Instant,
}

impl Scene {
    /// A stage for so many jobs of a group, or so much of one that the jobs can be done once time has passed.
    pub(crate) async fn new(side: &Side, group: Group, jobs: usize, cores: &Cores) -> Result<Self> {
        // One more, that does not count.
        let jobs = u32::try_from(jobs)? + 1;
        let mut stage = match &side.setup {
            Some(programs) => Stage::served_by(programs, group == Group::Terminate).await?,
            None => Stage::new(ago(group)).await?,
        };
        let (mut sources, mut timers) = (Vec::new(), Vec::new());
        let mut wait = Duration::ZERO;
        match group {
            // The first of the crowd never leaves.
            Group::Event => stage.crowd(jobs + 1).await?,
            Group::Minute => {
                sources = stage.sources(jobs).await?;
                wait = MINUTE;
            }
            Group::Terminate => {
                timers = stage.leaving(jobs).await?;
                wait = side.setup.as_ref().map_or(Duration::ZERO, |_| GRACE);
            }
            Group::Digest(admins) => {
                stage.admins(admins).await?;
                stage.crowd(jobs + 1).await?;
            }
            Group::Snapshot(people) => stage.everybody(people).await?,
            Group::Many => {}
        }

        let function = stage.function(group.function())?;
        let timeout = function.timeout;
        let mut environment = stage.stack.environment(function);
        // Of its own: a program may read it again whenever it connects.
        let pem = format!("{}-{group:?}.pem", side.name);
        let certificate = Certificate::new(&side.programs.folder.join(pem))?;
        let front = Front::before(&mut environment, &certificate).await?;
        let name = side.peer.unwrap_or(group.function());
        let program = side.programs.program(name, &environment);
        let mut program = program.ok_or("it was not built")?;
        program.timeout = timeout.max(PATIENCE);
        let mut scene = Self {
            running: program.start(cores).await?,
            stage,
            front,
            sources,
            timers,
            many: 0,
            said: Value::Null,
            ready: Instant::now(),
        };
        scene.hear().await?;
        scene.ready = Instant::now() + wait;
        Ok(scene)
    }

    /// The instance hears of each source that it will hear of again a minute later.
    async fn hear(&mut self) -> Result<()> {
        for place in 0..self.sources.len() {
            let event = self.sources[place].says(Hr::Again, 0)?;
            let (answer, _) = self.running.invoke(event).await?;
            expect(&answer, "unchanged", 1)?;
        }
        Ok(())
    }

    /// Waits until the jobs can be done, and does one that does not count: connections are made, code has run.
    pub(crate) async fn begin(&mut self, group: Group) -> Result<()> {
        tokio::time::sleep_until(self.ready.into()).await;
        let first = match group {
            Group::Event | Group::Many => Job::Event(Hr::Unchanged),
            Group::Minute => Job::Minute(Hr::Unchanged),
            Group::Terminate => Job::Terminate,
            Group::Digest(admins) => Job::Digest(admins),
            Group::Snapshot(people) => Job::Snapshot(people),
        };
        self.sample(first, Duration::ZERO).await.map(drop)
    }

    /// Does a job, each answer of AWS held so long, and looks whether it was done.
    pub(crate) async fn sample(&mut self, job: Job, hold: Duration) -> Result<Sample> {
        match job {
            Job::Event(hr) => {
                let event = self.stage.delivery(hr)?;
                self.say(event, hold, (word(hr), 1)).await
            }
            Job::Minute(hr) => {
                let mut source = self.sources.pop().ok_or("no source is left")?;
                let event = source.says(hr, 1)?;
                self.say(event, hold, (word(hr), 1)).await
            }
            Job::Many(many) => {
                let event = self.five_thousand(many)?;
                let word = match many {
                    Many::Created => "created",
                    Many::Again | Many::Unchanged => "unchanged",
                };
                self.say(event, hold, (word, PAGE as u64)).await
            }
            Job::Terminate => self.terminate(hold).await,
            Job::Digest(admins) => self.digest(admins, hold).await,
            Job::Snapshot(people) => self.snapshot(people, hold).await,
        }
    }

    async fn say(&mut self, event: Value, hold: Duration, wanted: (&str, u64)) -> Result<Sample> {
        let (answer, sample) = self.measured(event, hold).await?;
        expect(&answer, wanted.0, wanted.1)?;
        Ok(sample)
    }

    /// Whatever a timer leaves to another one is done as well.
    async fn terminate(&mut self, hold: Duration) -> Result<Sample> {
        let mut timer = self.timers.pop().ok_or("nobody is left to deactivate")?;
        let person = timer["employee_id"].as_str();
        let person = person.ok_or("a timer says whom it is about")?.to_owned();
        let mut all = Sample::default();
        // Those of the others, which were armed before.
        self.stage.timers("terminate")?;
        for _ in 0..INVOCATIONS {
            all += self.measured(timer, hold).await?.1;
            if self.stage.is_gone(&person).await? {
                return Ok(all);
            }
            let armed = self.stage.timers("terminate")?.into_iter();
            let mut own = armed.filter(|one| one["employee_id"] == person.as_str());
            timer = own.next().ok_or("the deactivation was not finished")?;
        }
        Err("the deactivation has no end".into())
    }

    async fn digest(&mut self, admins: u32, hold: Duration) -> Result<Sample> {
        let timer = self.stage.digest().await?;
        self.stage.stack.cloud().ses().clear();
        let (_, sample) = self.measured(timer, hold).await?;
        let mails = self.stage.stack.cloud().ses().messages().len();
        if u32::try_from(mails)? == admins {
            Ok(sample)
        } else {
            Err(format!("{mails} of {admins} admins were mailed").into())
        }
    }

    /// With each step that is left to another invocation.
    async fn snapshot(&mut self, people: u32, hold: Duration) -> Result<Sample> {
        let (id, mut timer) = self.stage.snapshot(people).await?;
        let mut all = Sample::default();
        for _ in 0..INVOCATIONS {
            all += self.measured(timer.clone(), hold).await?.1;
            let state = self.stage.state(&id).await?;
            match state.as_str() {
                "applied" => return Ok(all),
                "applying" => {}
                _ => return Err(format!("the snapshot is {state}").into()),
            }
            timer = self.stage.timers("apply")?.pop().unwrap_or(timer);
        }
        Err("the snapshot has no end".into())
    }

    fn five_thousand(&mut self, many: Many) -> Result<Value> {
        let id = match many {
            Many::Created => {
                self.many += 1;
                "join"
            }
            Many::Again | Many::Unchanged => "newer",
        };
        if many != Many::Again {
            let at = rfc3339(Utc::now());
            let block = format!("B{}", self.many);
            let event = |number| {
                let id = format!("{id}-{number}");
                json!({ "id": id, "occurred_at": at, "employee": employee(&block, number) })
            };
            let events: Vec<Value> = (0..u32::try_from(PAGE)?).map(event).collect();
            self.said = json!({ "events": events });
        }
        self.stage.source().handed_over(&self.said)
    }

    /// One invocation: its answer, and what it took.
    async fn measured(&mut self, event: Value, hold: Duration) -> Result<(Value, Sample)> {
        self.front.hold(hold);
        // What came before is not the job's.
        drop((self.front.calls(), self.stage.stack.cost()));
        let before = self.running.busy()?;
        let (answer, took) = self.running.invoke(event).await?;
        let busy = self.running.busy()?.saturating_sub(before);
        let (calls, cost) = (self.front.calls(), self.stage.stack.cost());
        self.front.hold(Duration::ZERO);
        Ok((answer, Sample::of(took, busy, cost, calls)))
    }

    pub(crate) async fn end(self) -> Result<()> {
        drop(self.running);
        Ok(self.stage.stack.shutdown().await?)
    }
}

/// How long ago a stage of the past is.
fn ago(group: Group) -> TimeDelta {
    match group {
        // Three days of grace have ended five minutes ago.
        Group::Terminate => TimeDelta::hours(72) + TimeDelta::minutes(5),
        // A minute passes before each digest, a second before each snapshot.
        Group::Digest(_) => TimeDelta::hours(4),
        Group::Snapshot(_) => TimeDelta::minutes(4),
        Group::Event | Group::Minute | Group::Many => TimeDelta::zero(),
    }
}

/// The outcome that an event has.
fn word(hr: Hr) -> &'static str {
    match hr {
        Hr::Again | Hr::Unchanged => "unchanged",
        Hr::Renamed => "updated",
        Hr::Leaves => "scheduled",
    }
}

/// A delivery's answer must count so many of an outcome.
fn expect(answer: &Value, word: &str, count: u64) -> Result<()> {
    let body = answer["body"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if answer["statusCode"] == 200 && body["summary"][word] == count {
        return Ok(());
    }
    let mut text = answer.to_string();
    text.truncate(text.floor_char_boundary(1_000));
    Err(format!("not {count} {word}: {text}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_what_the_job_was_to_do() {
        let answer = |status: u16, summary: Value| {
            let body = json!({ "results": [], "summary": summary }).to_string();
            json!({ "statusCode": status, "body": body })
        };
        let said =
            |answer: &Value| expect(answer, "unchanged", 2).map_err(|error| error.to_string());
        assert_eq!(said(&answer(200, json!({ "unchanged": 2 }))), Ok(()));
        for wrong in [
            answer(200, json!({ "unchanged": 1, "stale": 1 })),
            answer(200, json!({})),
            answer(503, json!({ "unchanged": 2 })),
            json!({ "statusCode": 200 }),
            Value::Null,
        ] {
            let refused = said(&wrong).unwrap_err();
            assert!(refused.starts_with("not 2 unchanged"), "{refused}");
        }
    }
}
