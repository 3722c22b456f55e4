//! A stack with the people that a job needs, and the events of that job.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_stand_ins::{Clock, ScheduleView};
use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::{EmployeeId, Field, HrEvent, HrStatus};
use offramp_local::client::Client;
use offramp_local::signer::{Signed, rfc3339};
use offramp_local::template::Function;
use offramp_local::{Stack, StackConfig, acme, seed};
use serde_json::{Value, json};

use crate::Result;

/// Somebody of the seed, who has cards.
const SOMEBODY: &str = "E-1007";
/// Cards that each of the crowd has who is about to leave.
const CARDS: u32 = 2;
/// Long enough for a database that shares its core with all else.
const PATIENT: Duration = Duration::from_secs(10);

/// A stack, asked as HR and as an admin.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    client: Client,
    token: String,
    secret: String,
    seen: BTreeSet<String>,
    turn: u32,
}

impl Stage {
    /// A stack whose clock stands still, so long ago: the functions that are measured have the machine's.
    pub(crate) async fn new(ago: TimeDelta) -> Result<Self> {
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).ok_or("a time")? - ago;
        let stack = Stack::start(StackConfig {
            clock: Clock::frozen(now),
            metered: true,
            attempt_timeout: PATIENT,
            ..StackConfig::default()
        })
        .await?;
        let stage = Self {
            client: Client::new(stack.url())?,
            token: stack.admin_token()?,
            secret: stack.webhook_secret().ok_or("a secret")?.to_owned(),
            stack,
            seen: BTreeSet::new(),
            turn: 0,
        };
        // However many leave, the breaker holds nobody.
        let safeguards = json!({ "max_users": 1_000_000, "max_percent": 100 });
        let loose = json!({ "safeguards": safeguards });
        stage
            .client
            .settings(acme::ORG, &stage.token, loose)
            .await?;
        Ok(stage)
    }

    /// The deployed function of a folder.
    pub(crate) fn function(&self, name: &str) -> Result<&Function> {
        let functions = &self.stack.deployment().functions;
        let found = functions.iter().find(|one| one.crate_name == name);
        found.ok_or_else(|| format!("there is no function {name}").into())
    }

    /// Puts so many people there, `P-0` and on.
    pub(crate) fn crowd(&self, people: u32) -> Result<()> {
        let now = self.stack.now();
        let people = (0..people).map(|number| HrEvent {
            id: None,
            occurred_at: now,
            employee_id: EmployeeId::new(person(number)).unwrap_or_else(|_| unreachable!()),
            status: HrStatus::Active,
            fields: BTreeMap::from([
                (Field::Name, Some(format!("Robin Sample {number}"))),
                (
                    Field::Email,
                    Some(format!("robin.{number}@{}.example", acme::ORG)),
                ),
                (Field::Team, Some("Ledger".to_owned())),
            ]),
        });
        self.stack.settle(people)?;
        Ok(())
    }

    /// The crowd leaves, with cards; the timers that end their grace periods, which have come by the machine's clock.
    pub(crate) async fn leaving(&mut self, people: u32) -> Result<Vec<Value>> {
        self.crowd(people)?;
        let card = json!({ "label": "Travel", "kind": "virtual", "last4": "0001" });
        for number in 0..people {
            let path = format!("/v1/orgs/{}/users/{}/cards", acme::ORG, person(number));
            for _ in 0..CARDS {
                let made = self.client.post(&path, &card).token(&self.token);
                made.ok().await?;
            }
        }
        let at = rfc3339(self.stack.now());
        let leave = |number| {
            let employee = json!({ "employee_id": person(number), "status": "inactive" });
            json!({ "occurred_at": at, "employee": employee })
        };
        let events: Vec<Value> = (0..people).map(leave).collect();
        self.hr(json!({ "events": events })).await?;
        Ok(self.timers("terminate")?.collect())
    }

    /// A digest that is due: somebody of the crowd leaves, and every admin is to be told.
    pub(crate) async fn digest(&mut self) -> Result<Value> {
        self.stack.advance(Duration::from_secs(60)).await?;
        self.turn += 1;
        let at = rfc3339(self.stack.now());
        let employee = json!({ "employee_id": person(self.turn), "status": "inactive" });
        self.hr(json!({ "events": [{ "occurred_at": at, "employee": employee }] }))
            .await?;
        let timer = self.timers("notify")?.next();
        timer.ok_or_else(|| "nobody is to be told of a leaver".into())
    }

    /// A snapshot of the seed's people that is to be applied, and changes nothing.
    pub(crate) async fn snapshot(&mut self) -> Result<Value> {
        let of = |path: &str| {
            format!(
                "/v1/orgs/{}/sources/{}/snapshots{path}",
                acme::ORG,
                acme::SOURCE
            )
        };
        self.stack.advance(Duration::from_secs(1)).await?;
        let delivered: Value = serde_json::from_str(seed::PEOPLE)?;
        let events = delivered["events"].as_array().into_iter().flatten();
        let people: Vec<&Value> = events.map(|event| &event["employee"]).collect();

        let open = json!({ "expected_employees": people.len() });
        let opened = self.signed(self.client.post(of(""), &open), &open)?;
        let id = opened.ok().await?["snapshot_id"].clone();
        let text = id.as_str().ok_or("a snapshot has a name")?;
        let page = json!({ "snapshot_id": id, "page": 1, "employees": people });
        let put = self.client.put(of(&format!("/{text}/pages/1")), &page);
        self.signed(put, &page)?.ok().await?;
        let all = json!({ "snapshot_id": id, "pages": 1 });
        let complete = self.client.post(of(&format!("/{text}/complete")), &all);
        self.signed(complete, &all)?.ok().await?;
        Ok(json!({
            "kind": "snapshot", "org": acme::ORG, "source": acme::SOURCE, "snapshot": id,
            "due": rfc3339(self.stack.now()),
        }))
    }

    /// What API Gateway hands over for a delivery of HR that was signed just now.
    pub(crate) fn delivery(&mut self, job: Hr) -> Result<Value> {
        self.turn += 1;
        let number = self.turn;
        let employee = match job {
            Hr::Renamed => {
                json!({ "employee_id": SOMEBODY, "status": "active", "name": format!("Lena Lindqvist {number}") })
            }
            Hr::Unchanged => json!({ "employee_id": SOMEBODY, "status": "active" }),
            Hr::Leaves => json!({ "employee_id": person(number), "status": "inactive" }),
        };
        let event = json!({ "id": format!("evt-{number}"), "occurred_at": rfc3339(Utc::now()), "employee": employee });
        let body = json!({ "events": [event] }).to_string();
        let signed = Signed::new(&self.secret, Utc::now(), body.as_bytes())?;
        let mut event = sample(include_str!("../../events/lambda/hr-sync.json"))?;
        for (name, value) in signed.headers() {
            event["headers"][name] = value.into();
        }
        event["body"] = body.into();
        Ok(event)
    }

    /// What API Gateway hands over when an admin looks at somebody.
    pub(crate) fn look(&self) -> Result<Value> {
        sample(include_str!("../../events/lambda/admin.json"))
    }

    /// What EventBridge hands over every few minutes.
    pub(crate) fn sweep(&self) -> Result<Value> {
        sample(include_str!("../../events/lambda/sweep.json"))
    }

    /// HR says something to the stack itself.
    async fn hr(&self, delivery: Value) -> Result<()> {
        let now = self.stack.now();
        let call = self
            .client
            .deliver(acme::ORG, acme::SOURCE, &self.secret, now, &delivery)?;
        call.ok().await?;
        Ok(())
    }

    fn signed<'c>(
        &self,
        call: offramp_local::client::Call<'c>,
        body: &Value,
    ) -> Result<offramp_local::client::Call<'c>> {
        let signed = Signed::new(&self.secret, self.stack.now(), body.to_string().as_bytes())?;
        let headers = signed.headers().into_iter();
        Ok(headers.fold(call, |call, (name, value)| call.header(name, value)))
    }

    /// What the schedules hand over that stand for a function and did not when this was last asked.
    fn timers(&mut self, function: &str) -> Result<impl Iterator<Item = Value> + use<>> {
        let target = self.function(function)?.arn.clone();
        let schedules = self.stack.cloud().scheduler().schedules();
        let new: Vec<ScheduleView> = schedules
            .into_iter()
            .filter(|one| one.target == target && self.seen.insert(one.name.clone()))
            .collect();
        let inputs = new.into_iter().filter_map(|one| one.input);
        Ok(inputs.filter_map(|input| serde_json::from_str(&input).ok()))
    }
}

/// What HR says in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hr {
    Renamed,
    Unchanged,
    Leaves,
}

fn person(number: u32) -> String {
    format!("P-{number}")
}

fn sample(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}
