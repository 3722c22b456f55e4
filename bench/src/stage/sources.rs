//! Sources, and what HR says of somebody through one.

use chrono::Utc;
use offramp_local::signer::{Signed, rfc3339};
use offramp_local::{acme, seed};
use serde_json::{Value, json};

use super::{Stage, sample};
use crate::Result;

/// What HR says in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hr {
    /// The very event that it has said before.
    Again,
    /// Nothing new, at a newer instant.
    Unchanged,
    Renamed,
    Leaves,
}

/// An HR system, and the one person of whom it says everything but that they leave.
#[derive(Clone)]
pub(crate) struct Source {
    name: String,
    secret: String,
    person: String,
    /// The last event about that person.
    said: Option<Value>,
}

impl Source {
    pub(super) fn new(name: &str, secret: String, person: &str) -> Self {
        Self {
            name: name.to_owned(),
            secret,
            person: person.to_owned(),
            said: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What API Gateway hands over for an event about its person, or about a leaver, signed just now.
    pub(crate) fn says(&mut self, job: Hr, number: u32) -> Result<Value> {
        let person = self.person.clone();
        self.delivery(job, &person, number)
    }

    pub(super) fn delivery(&mut self, job: Hr, person: &str, number: u32) -> Result<Value> {
        let employee = match job {
            Hr::Again => Value::Null,
            Hr::Renamed => {
                let name = format!("Lena Lindqvist {number}");
                json!({ "employee_id": person, "status": "active", "name": name })
            }
            Hr::Unchanged => json!({ "employee_id": person, "status": "active" }),
            Hr::Leaves => json!({ "employee_id": person, "status": "inactive" }),
        };
        let event = match job {
            Hr::Again => self.said.clone().ok_or("nothing was said before")?,
            _ => {
                let id = format!("evt-{number}");
                json!({ "id": id, "occurred_at": rfc3339(Utc::now()), "employee": employee })
            }
        };
        if job != Hr::Leaves {
            self.said = Some(event.clone());
        }
        self.handed_over(&json!({ "events": [event] }))
    }

    /// What API Gateway hands over for a delivery that was signed just now.
    pub(crate) fn handed_over(&self, delivery: &Value) -> Result<Value> {
        let body = delivery.to_string();
        let signed = Signed::new(&self.secret, Utc::now(), body.as_bytes())?;
        let mut event = sample(include_str!("../../../events/lambda/hr-sync.json"))?;
        for (name, value) in signed.headers() {
            event["headers"][name] = value.into();
        }
        let path = format!("/v1/orgs/{}/sources/{}/events", acme::ORG, self.name);
        event["rawPath"] = path.clone().into();
        event["requestContext"]["http"]["path"] = path.into();
        event["pathParameters"]["source"] = self.name.clone().into();
        event["body"] = body.into();
        Ok(event)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Source");
        debug.field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stage {
    /// The source of the seed.
    pub(crate) fn source(&self) -> &Source {
        &self.hris
    }

    /// So many active sources, each of which has spoken of somebody with all that the seed's people have.
    pub(crate) async fn sources(&self, count: u32) -> Result<Vec<Source>> {
        let path = format!("/v1/orgs/{}/sources", acme::ORG);
        let delivered: Value = serde_json::from_str(seed::PEOPLE)?;
        let somebody = delivered["events"].as_array().into_iter().flatten();
        let somebody = somebody.map(|event| &event["employee"]);
        let somebody = somebody
            .into_iter()
            .find(|one| one["employee_id"] == super::SOMEBODY);
        let somebody = somebody.ok_or("somebody is in the seed")?;
        let mut sources = Vec::new();
        for number in 0..count {
            let name = format!("hr-{number}");
            let made = self.client.post(&path, &json!({ "source": name }));
            let made = made.token(&self.token).ok().await?;
            let secret = made["secret"].as_str().ok_or("a new source has a secret")?;
            let activate = json!({ "state": "active" });
            let patch = self.client.patch(format!("{path}/{name}"), &activate);
            patch.token(&self.token).ok().await?;

            let person = format!("M-{number}");
            let mut source = Source::new(&name, secret.to_owned(), &person);
            let mut employee = somebody.clone();
            employee["employee_id"] = person.into();
            employee["email"] = format!("lena.{number}@{}.example", acme::ORG).into();
            let at = rfc3339(self.now());
            let event = json!({ "id": "join", "occurred_at": at, "employee": employee });
            self.say_as(&source, vec![event.clone()]).await?;
            source.said = Some(event);
            sources.push(source);
        }
        Ok(sources)
    }
}
