//! An HR system with many people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use offramp_domain::{Arrival, EmployeeId, Field, HrEvent, HrStatus};
use serde_json::{Value, json};

use super::path;
use crate::client::{Call, Client};
use crate::meter::{Cost, Meter};
use crate::signer::Signed;
use crate::stack::Stack;
use crate::{Error, acme, seed};

/// Employees on a page: as many as it takes.
const PAGE: usize = 5_000;

/// Somebody: their number, and how often their name changed.
#[derive(Debug, Clone, Copy)]
struct Person {
    number: u32,
    renamed: u32,
}

/// How many change, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    renamed: u32,
    new: u32,
    missing: u32,
}

impl Changes {
    /// A third of each kind.
    pub(super) fn mixed(all: u32) -> Self {
        let third = all / 3;
        Self {
            renamed: all - 2 * third,
            new: third,
            missing: third,
        }
    }

    pub(super) fn renamed(renamed: u32) -> Self {
        Self {
            renamed,
            ..Self::default()
        }
    }

    pub(super) fn new(new: u32) -> Self {
        Self {
            new,
            ..Self::default()
        }
    }

    pub(super) fn missing(missing: u32) -> Self {
        Self {
            missing,
            ..Self::default()
        }
    }
}

/// Everybody whom HR knows, beside the seed's people.
#[derive(Debug)]
pub(super) struct Crowd {
    people: Vec<Person>,
    next: u32,
}

impl Crowd {
    /// So many with the seed's 25.
    pub(super) fn new(all: u32) -> Self {
        let next = all.saturating_sub(25);
        let people = (0..next).map(|number| Person { number, renamed: 0 });
        Self {
            people: people.collect(),
            next,
        }
    }

    /// Changes some: those who go are spread over all.
    pub(super) fn change(&mut self, changes: Changes) {
        let leave = usize::try_from(changes.missing).unwrap_or_default();
        if let Some(every) = self.people.len().checked_div(leave) {
            let mut place = 0;
            let mut left = leave;
            self.people.retain(|_| {
                place += 1;
                let goes = place % every == 0 && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
        let renamed = usize::try_from(changes.renamed).unwrap_or_default();
        for person in self.people.iter_mut().take(renamed) {
            person.renamed += 1;
        }
        for _ in 0..changes.new {
            self.people.push(Person {
                number: self.next,
                renamed: 0,
            });
            self.next += 1;
        }
    }

    /// What HR has said of each.
    pub(super) fn events(&self, at: DateTime<Utc>) -> impl Iterator<Item = HrEvent> {
        self.people.iter().filter_map(move |person| {
            Some(HrEvent {
                id: None,
                occurred_at: at,
                employee_id: EmployeeId::new(person.id()).ok()?,
                status: HrStatus::Active,
                fields: person
                    .fields()
                    .into_iter()
                    .map(|(field, value)| (field, Some(value)))
                    .collect(),
                unread: Vec::new(),
                arrival: Arrival::default(),
            })
        })
    }
}

impl Person {
    fn id(self) -> String {
        format!("P-{:07}", self.number)
    }

    fn fields(self) -> BTreeMap<Field, String> {
        let Self { number, renamed } = self;
        BTreeMap::from([
            (Field::Name, format!("Robin Sample {number} {renamed}")),
            (Field::Email, format!("robin.{number}@acme.example")),
            (Field::Team, format!("Team {}", number % 400)),
            (Field::Department, format!("Department {}", number % 40)),
            (Field::CostCentre, format!("{:04}", number % 900)),
            (
                Field::StartDate,
                format!("20{:02}-{:02}-01", number % 25, number % 12 + 1),
            ),
        ])
    }

    fn employee(self) -> Value {
        let mut employee = json!({ "employee_id": self.id(), "status": "active" });
        for (field, value) in self.fields() {
            employee[field.as_str()] = value.into();
        }
        employee
    }
}

/// Speaks to a stack as the seed's source and its first admin.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    secret: String,
    token: String,
    now: DateTime<Utc>,
    /// The seed's people, as they were delivered.
    seeded: Vec<Value>,
}

impl Sender {
    pub(super) fn new(stack: &Stack) -> Result<Self, Error> {
        let delivered: Value = serde_json::from_str(seed::PEOPLE)
            .map_err(|error| Error::document("everyone.json", error))?;
        let events = delivered["events"].as_array().into_iter().flatten();
        Ok(Self {
            client: Client::new(stack.url())?,
            secret: stack.webhook_secret().unwrap_or_default().to_owned(),
            token: stack.admin_token()?,
            now: stack.now(),
            seeded: events.map(|event| event["employee"].clone()).collect(),
        })
    }

    /// Changes settings, and confirms what is asked.
    pub(super) async fn settings(&self, patch: Value) -> Result<(), Error> {
        self.client.settings(acme::ORG, &self.token, patch).await
    }

    /// Sends a whole snapshot, and gives its name.
    pub(super) async fn send(&self, crowd: &Crowd) -> Result<String, Error> {
        let open = json!({ "source": acme::SOURCE });
        let opened = self.signed(self.client.post(path(""), &open), &open)?;
        let opened = opened.ok().await?;
        let id = opened["snapshot_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut pages = 0;
        // The first page has the seed's people as well.
        let first = crowd.people.len().min(PAGE - self.seeded.len());
        let (first, rest) = crowd.people.split_at(first);
        for people in std::iter::once(first).chain(rest.chunks(PAGE)) {
            pages += 1;
            let mut employees: Vec<Value> = people.iter().map(|one| one.employee()).collect();
            if pages == 1 {
                employees.extend(self.seeded.iter().cloned());
            }
            let page = json!({ "snapshot_id": id, "page": pages, "employees": employees });
            let put = self
                .client
                .put(path(&format!("/{id}/pages/{pages}")), &page);
            self.signed(put, &page)?.ok().await?;
        }
        let all = json!({ "snapshot_id": id, "pages": pages });
        let complete = self.client.post(path(&format!("/{id}/complete")), &all);
        self.signed(complete, &all)?.ok().await?;
        Ok(id)
    }

    /// What has become of a snapshot.
    pub(super) async fn state(&self, snapshot: &str) -> Result<Value, Error> {
        let get = self.client.get(path(&format!("/{snapshot}")));
        self.sign(get, b"")?.ok().await
    }

    /// What [`Self::state`] costs.
    pub(super) async fn cost_of_a_look(
        &self,
        meter: &Meter,
        snapshot: &str,
    ) -> Result<Cost, Error> {
        meter.take();
        self.state(snapshot).await?;
        Ok(meter.take())
    }

    fn signed<'c>(&self, call: Call<'c>, body: &Value) -> Result<Call<'c>, Error> {
        self.sign(call, body.to_string().as_bytes())
    }

    fn sign<'c>(&self, call: Call<'c>, body: &[u8]) -> Result<Call<'c>, Error> {
        let signed = Signed::new(&self.secret, self.now, body)?;
        let headers = signed.headers().into_iter();
        Ok(headers.fold(call, |call, (name, value)| call.header(name, value)))
    }
}
