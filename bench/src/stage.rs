//! A stack with the people that a job needs, and the events of that job.

mod people;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aws_stand_ins::{Clock, ScheduleView};
use chrono::{DateTime, TimeDelta, Utc};
use offramp_local::client::Client;
use offramp_local::signer::rfc3339;
use offramp_local::template::Function;
use offramp_local::{Stack, StackConfig, acme};
use serde_json::{Value, json};

use crate::Result;
pub(crate) use people::{PAGE, employee};
pub(crate) use sources::{Hr, Source};

/// Somebody of the seed, who has cards.
const SOMEBODY: &str = "E-1007";
/// Cards that each of the crowd has who is about to leave.
const CARDS: u32 = 2;
/// Long enough for a database that shares its core with all else.
const PATIENT: Duration = Duration::from_secs(10);
/// The shortest day of the grace period that a function takes, in seconds.
const SHORT_DAY: u32 = 120;

/// A grace period of one short day, and a second.
pub(crate) const GRACE: Duration = Duration::from_secs(SHORT_DAY as u64 + 1);

/// A stack, asked as HR and as an admin.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    client: Client,
    token: String,
    hris: Source,
    /// Names of the schedules that were seen.
    seen: BTreeSet<String>,
    /// The timer of the last digest.
    digest: Option<Value>,
    turn: u32,
    /// Whether what comes before a job is done by programs, which have the machine's clock.
    by_programs: bool,
}

impl Stage {
    /// A stack whose clock stands still, so long ago: the functions that are measured have the machine's. What comes
    /// before a job is done by the handlers that are linked in.
    pub(crate) async fn new(ago: TimeDelta) -> Result<Self> {
        let stack = Stack::start(config(ago)?).await?;
        Self::of(stack, false).await
    }

    /// A stack of the present, where programs of another build do everything, so that what is stored and armed is
    /// theirs. With short days a grace period takes two minutes.
    pub(crate) async fn served_by(
        programs: &BTreeMap<String, PathBuf>,
        short_days: bool,
    ) -> Result<Self> {
        let mut config = config(TimeDelta::zero())?;
        config.seed = false;
        if short_days {
            let day = ("StagingDaySeconds".to_owned(), SHORT_DAY.to_string());
            config.parameters.extend([day]);
        }
        let stack = Stack::start(config).await?;
        stack.run_programs(programs, &[]);
        stack.seed().await?;
        let stage = Self::of(stack, true).await?;
        if short_days {
            stage
                .set(json!({ "deactivation_sync": { "delay_days": 1 } }))
                .await?;
        }
        Ok(stage)
    }

    async fn of(stack: Stack, by_programs: bool) -> Result<Self> {
        let secret = stack.webhook_secret().ok_or("a secret")?.to_owned();
        let stage = Self {
            client: Client::new(stack.url())?,
            token: stack.admin_token()?,
            hris: Source::new(acme::SOURCE, secret, SOMEBODY),
            stack,
            seen: BTreeSet::new(),
            digest: None,
            turn: 0,
            by_programs,
        };
        // However many leave, the breaker holds nobody.
        let safeguards = json!({ "max_users": 1_000_000, "max_percent": 100 });
        stage.set(json!({ "safeguards": safeguards })).await?;
        Ok(stage)
    }

    /// The deployed function of a folder.
    pub(crate) fn function(&self, name: &str) -> Result<&Function> {
        let functions = &self.stack.deployment().functions;
        let found = functions.iter().find(|one| one.crate_name == name);
        found.ok_or_else(|| format!("there is no function {name}").into())
    }

    /// What the schedules hand over that stand for a function and did not when this was last asked.
    pub(crate) fn timers(&mut self, function: &str) -> Result<Vec<Value>> {
        let target = self.function(function)?.arn.clone();
        let schedules = self.stack.cloud().scheduler().schedules();
        let new: Vec<ScheduleView> = schedules
            .into_iter()
            .filter(|one| one.target == target && self.seen.insert(one.name.clone()))
            .collect();
        let inputs = new.into_iter().filter_map(|one| one.input);
        let inputs = inputs.map(|input| serde_json::from_str(&input));
        Ok(inputs.collect::<std::result::Result<_, _>>()?)
    }

    /// The crowd leaves, with cards; the timers that end their grace periods. On a stage of the past they have come by
    /// the machine's clock, and else they come when a grace period of short days is over.
    pub(crate) async fn leaving(&mut self, people: u32) -> Result<Vec<Value>> {
        self.crowd(people).await?;
        let card = json!({ "label": "Travel", "kind": "virtual", "last4": "0001" });
        for number in 0..people {
            let path = format!("/v1/orgs/{}/users/{}/cards", acme::ORG, person(number));
            for _ in 0..CARDS {
                let made = self.client.post(&path, &card).token(&self.token);
                made.ok().await?;
            }
        }
        let at = rfc3339(self.now());
        let leave = |number| leaver(&at, &person(number));
        self.say((0..people).map(leave).collect()).await?;
        self.timers("terminate")
    }

    /// A digest that is due: somebody of the crowd leaves, and every admin is to be told.
    pub(crate) async fn digest(&mut self) -> Result<Value> {
        if !self.by_programs {
            self.stack.advance(Duration::from_secs(60)).await?;
        }
        self.turn += 1;
        let leaver = leaver(&rfc3339(self.now()), &person(self.turn));
        self.say(vec![leaver]).await?;
        // Of two leavers in a minute only the first arms one; it is for all that was not mailed.
        let newest = self.timers("notify")?.pop();
        self.digest = newest.or(self.digest.take());
        let timer = self.digest.clone();
        timer.ok_or_else(|| "nobody is to be told of a leaver".into())
    }

    /// What API Gateway hands over for a delivery of HR that was signed just now.
    pub(crate) fn delivery(&mut self, job: Hr) -> Result<Value> {
        self.turn += 1;
        let person = match job {
            Hr::Leaves => person(self.turn),
            _ => SOMEBODY.to_owned(),
        };
        self.hris.delivery(job, &person, self.turn)
    }

    /// What API Gateway hands over when an admin looks at somebody.
    pub(crate) fn look(&self) -> Result<Value> {
        sample(include_str!("../../events/lambda/admin.json"))
    }

    /// What EventBridge hands over every few minutes.
    pub(crate) fn sweep(&self) -> Result<Value> {
        sample(include_str!("../../events/lambda/sweep.json"))
    }

    /// The time of who does what comes before a job.
    fn now(&self) -> DateTime<Utc> {
        if self.by_programs {
            Utc::now()
        } else {
            self.stack.now()
        }
    }

    async fn set(&self, settings: Value) -> Result<()> {
        Ok(self
            .client
            .settings(acme::ORG, &self.token, settings)
            .await?)
    }

    /// HR says something to the stack itself; every event must be taken.
    async fn say(&self, events: Vec<Value>) -> Result<()> {
        self.say_as(&self.hris, events).await
    }

    async fn say_as(&self, source: &Source, events: Vec<Value>) -> Result<()> {
        let delivery = json!({ "events": events });
        let (name, secret) = (source.name(), source.secret());
        let now = self.now();
        let call = self
            .client
            .deliver(acme::ORG, name, secret, now, &delivery)?;
        let answer = call.ok().await?;
        match answer["summary"]["rejected"].as_u64() {
            None | Some(0) => Ok(()),
            Some(_) => Err(format!("an event is rejected: {answer}").into()),
        }
    }
}

fn config(ago: TimeDelta) -> Result<StackConfig> {
    let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).ok_or("a time")? - ago;
    Ok(StackConfig {
        clock: Clock::frozen(now),
        metered: true,
        attempt_timeout: PATIENT,
        ..StackConfig::default()
    })
}

fn person(number: u32) -> String {
    format!("P-{number}")
}

fn leaver(at: &str, person: &str) -> Value {
    let employee = json!({ "employee_id": person, "status": "inactive" });
    json!({ "occurred_at": at, "employee": employee })
}

fn sample(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}
