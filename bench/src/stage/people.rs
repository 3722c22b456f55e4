//! Many people: a crowd, more admins, snapshots of everybody.

use std::time::Duration;

use offramp_local::client::Call;
use offramp_local::signer::{Signed, rfc3339};
use offramp_local::{acme, seed};
use serde_json::{Value, json};

use super::{Stage, person};
use crate::Result;

/// Employees in a delivery and on a page of a snapshot: as many as each takes.
pub(crate) const PAGE: usize = 5_000;

impl Stage {
    /// Puts so many people there, `P-0` and on, with a name, an address and a team.
    pub(crate) async fn crowd(&self, people: u32) -> Result<()> {
        let employees = (0..people).map(|number| {
            json!({
                "employee_id": person(number),
                "status": "active",
                "name": format!("Robin Sample {number}"),
                "email": format!("robin.{number}@{}.example", acme::ORG),
                "team": "Ledger",
            })
        });
        self.join(employees.collect()).await
    }

    /// Makes so many admins in all: those of the seed, and more.
    pub(crate) async fn admins(&self, admins: u32) -> Result<()> {
        let seeded = u32::try_from(acme::ADMINS.len())?;
        let more: Vec<Value> = (seeded..admins)
            .map(|number| employee("A", number))
            .collect();
        self.join(more.clone()).await?;
        for one in more {
            let id = one["employee_id"].as_str().unwrap_or_default();
            let path = format!("/v1/orgs/{}/users/{id}/role", acme::ORG);
            let role = json!({ "role": "admin" });
            let appoint = self.client.put(path, &role).token(&self.token);
            appoint.ok().await?;
        }
        Ok(())
    }

    /// Puts so many people there in all, the seed's 25 among them: those of [`Self::snapshot`].
    pub(crate) async fn everybody(&self, people: u32) -> Result<()> {
        let seeded = u32::try_from(seeded()?.len())?;
        self.join(
            (seeded..people)
                .map(|number| employee("S", number))
                .collect(),
        )
        .await
    }

    /// A snapshot of so many people, the seed's among them, that changes nothing: its name, and what the timer hands
    /// over by which it is to be applied.
    pub(crate) async fn snapshot(&mut self, people: u32) -> Result<(String, Value)> {
        if !self.by_programs {
            self.stack.advance(Duration::from_secs(1)).await?;
        }
        let mut employees = seeded()?;
        let more = u32::try_from(employees.len())?..people;
        employees.extend(more.map(|number| employee("S", number)));

        let open = json!({ "source": acme::SOURCE, "expected_employees": employees.len() });
        let opened = self.signed(self.client.post(path(""), &open), &open)?;
        let opened = opened.ok().await?;
        let id = opened["snapshot_id"].as_str();
        let id = id.ok_or("a snapshot has a name")?.to_owned();
        let mut pages = 0;
        for employees in employees.chunks(PAGE) {
            pages += 1;
            let page = json!({ "snapshot_id": id, "page": pages, "employees": employees });
            let put = self
                .client
                .put(path(&format!("/{id}/pages/{pages}")), &page);
            self.signed(put, &page)?.ok().await?;
        }
        let all = json!({ "snapshot_id": id, "pages": pages });
        let complete = self.client.post(path(&format!("/{id}/complete")), &all);
        self.signed(complete, &all)?.ok().await?;
        let timer = self.timers("apply")?.pop();
        let timer = timer.ok_or("no timer stands for a snapshot that is complete")?;
        Ok((id, timer))
    }

    /// What has become of a snapshot: `applying`, `applied` …
    pub(crate) async fn state(&self, snapshot: &str) -> Result<String> {
        let get = self.client.get(path(&format!("/{snapshot}")));
        let view = self.sign(get, b"")?.ok().await?;
        let state = view["state"].as_str().ok_or("a snapshot has a state")?;
        Ok(state.to_owned())
    }

    /// Whether somebody is deactivated and each of their cards is cancelled.
    pub(crate) async fn is_gone(&self, person: &str) -> Result<bool> {
        let path = format!("/v1/orgs/{}/users/{person}", acme::ORG);
        let user = self.client.get(&path).token(&self.token).ok().await?;
        let cards = self.client.get(format!("{path}/cards"));
        let cards = cards.token(&self.token).ok().await?;
        let cards = cards["cards"]
            .as_array()
            .ok_or("there is a list of cards")?;
        let cancelled = cards.iter().all(|card| card["status"] == "cancelled");
        Ok(user["status"] == "deactivated" && cancelled && !cards.is_empty())
    }

    async fn join(&self, employees: Vec<Value>) -> Result<()> {
        let at = rfc3339(self.now());
        for part in employees.chunks(PAGE) {
            let event = |employee| json!({ "occurred_at": at, "employee": employee });
            self.say(part.iter().map(event).collect()).await?;
        }
        Ok(())
    }

    fn signed<'c>(&self, call: Call<'c>, body: &Value) -> Result<Call<'c>> {
        self.sign(call, body.to_string().as_bytes())
    }

    fn sign<'c>(&self, call: Call<'c>, body: &[u8]) -> Result<Call<'c>> {
        let signed = Signed::new(self.hris.secret(), self.now(), body)?;
        let headers = signed.headers().into_iter();
        Ok(headers.fold(call, |call, (name, value)| call.header(name, value)))
    }
}

/// Somebody with a name, an address, a team, a department, a cost centre and a start date.
pub(crate) fn employee(prefix: &str, number: u32) -> Value {
    json!({
        "employee_id": format!("{prefix}-{number:07}"),
        "status": "active",
        "name": format!("Robin Sample {number}"),
        "email": format!("{}.{number}@{}.example", prefix.to_lowercase(), acme::ORG),
        "team": format!("Team {}", number % 400),
        "department": format!("Department {}", number % 40),
        "cost_centre": format!("{:04}", number % 900),
        "start_date": format!("20{:02}-{:02}-01", number % 25, number % 12 + 1),
    })
}

/// The people of the seed, as HR delivers them.
fn seeded() -> Result<Vec<Value>> {
    let delivered: Value = serde_json::from_str(seed::PEOPLE)?;
    let events = delivered["events"].as_array().into_iter().flatten();
    Ok(events.map(|event| event["employee"].clone()).collect())
}

fn path(of: &str) -> String {
    format!(
        "/v1/orgs/{}/sources/{}/snapshots{of}",
        acme::ORG,
        acme::SOURCE
    )
}
