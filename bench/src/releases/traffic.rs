//! Requests that come in while functions are swapped, and what must become of each.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::future::try_join_all;
use offramp_local::client::{Call, Client};
use offramp_local::signer::{Signed, rfc3339};
use offramp_local::{Stack, acme};
use serde_json::{Value, json};

use crate::Result;

/// How many people live at once.
const SIDE_BY_SIDE: u32 = 4;
/// The source of the snapshots. The traffic's people are another's, since a snapshot speaks of everybody.
const LISTS: &str = "lists";
/// How long work that was handed on may take.
const SOON: Duration = Duration::from_secs(30);

/// Who asks, and who is on their way out.
pub(super) struct Traffic {
    client: Client,
    token: String,
    secret: String,
    lists: String,
    lived: AtomicU32,
    asked: AtomicU32,
    /// How many snapshots were sent, and the last one.
    snapshots: AtomicU32,
    snapshot: tokio::sync::Mutex<Option<String>>,
    leaving: Mutex<BTreeSet<String>>,
}

impl Traffic {
    pub(super) async fn new(client: Client, token: String, secret: String) -> Result<Self> {
        let path = format!("/v1/orgs/{}/sources", acme::ORG);
        let made = client
            .post(&path, &json!({ "source": LISTS }))
            .token(&token);
        let made = made.ok().await?;
        let lists = made["secret"].as_str().ok_or("a secret")?.to_owned();
        let activate = json!({ "state": "active" });
        let patch = client.patch(format!("{path}/{LISTS}"), &activate);
        patch.token(&token).ok().await?;
        Ok(Self {
            client,
            token,
            secret,
            lists,
            lived: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            snapshots: AtomicU32::new(0),
            snapshot: tokio::sync::Mutex::default(),
            leaving: Mutex::default(),
        })
    }

    /// How many lives were lived.
    pub(super) fn lived(&self) -> u32 {
        self.lived.load(Ordering::Relaxed)
    }

    /// How many requests were made.
    pub(super) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Puts people there who stay, so that the breaker holds nobody who leaves.
    pub(super) async fn crowd(&self, people: u32) -> Result<()> {
        let events = (0..people).map(|number| {
            let employee = json!({ "employee_id": format!("P-{number}"), "status": "active" });
            json!({ "occurred_at": rfc3339(Utc::now()), "employee": employee })
        });
        self.deliver(json!({ "events": events.collect::<Vec<_>>() }))
            .await
    }

    /// A round, a snapshot where none is under way, and a sweep.
    pub(super) async fn lives(&self, stack: &Stack) -> Result<()> {
        let sweep = serde_json::from_str(include_str!("../../../events/lambda/sweep.json"))?;
        let functions = &stack.deployment().functions;
        let named = functions.iter().find(|one| one.crate_name == "sweep");
        let name = &named.ok_or("there is a sweep")?.name;
        let lambda = stack.cloud().lambda();
        let swept = async { Ok::<_, crate::Error>(lambda.invoke(name, sweep).await.map(drop)?) };
        tokio::try_join!(self.round(), self.snapshot(), swept)?;
        Ok(())
    }

    /// Several people live side by side.
    pub(super) async fn round(&self) -> Result<()> {
        let from = self.lived.fetch_add(SIDE_BY_SIDE, Ordering::Relaxed);
        let lives = (from..from + SIDE_BY_SIDE).map(|number| self.life(number));
        try_join_all(lives).await?;
        Ok(())
    }

    /// One person, from their first day: HR, admins, and a grace period that is left to run.
    async fn life(&self, number: u32) -> Result<()> {
        let id = format!("R-{number}");
        self.hr(
            &id,
            json!({ "status": "active", "name": format!("Robin {number}"), "team": "Ledger",
            "email": format!("robin.{number}@acme.example") }),
        )
        .await?;
        self.is(&id, "active").await?;
        for _ in 0..2 {
            let card = json!({ "label": "Travel", "kind": "virtual", "last4": "0001" });
            self.admin(self.client.post(user(&id, "/cards"), &card))
                .await?;
        }
        self.hr(&id, json!({ "status": "inactive" })).await?;
        self.is(&id, "deactivation_scheduled").await?;
        self.hr(&id, json!({ "status": "active", "team": "Treasury" }))
            .await?;
        self.is(&id, "active").await?;
        match number % 4 {
            0 => {
                self.admin(self.client.delete(user(&id, ""))).await?;
                self.becomes(&id, "deleted").await?;
                self.hr(&id, json!({ "status": "active", "team": "Payroll" }))
                    .await?;
                self.is(&id, "active").await?;
            }
            1 => {
                let now = self.client.post(user(&id, "/deactivate-now"), &json!({}));
                self.admin(now).await?;
                self.becomes(&id, "deactivated").await?;
                self.admin(self.client.post(user(&id, "/restore"), &json!({})))
                    .await?;
                self.is(&id, "active").await?;
            }
            2 => {
                let today = Utc::now().date_naive().to_string();
                let date = self
                    .client
                    .put(user(&id, "/leave-date"), &json!({ "leave_date": today }));
                self.admin(date).await?;
                self.becomes(&id, "deactivation_scheduled").await?;
                let none = self
                    .client
                    .put(user(&id, "/leave-date"), &json!({ "leave_date": null }));
                self.admin(none).await?;
                self.is(&id, "active").await?;
            }
            _ => {}
        }
        self.hr(&id, json!({ "status": "inactive" })).await?;
        self.is(&id, "deactivation_scheduled").await?;
        self.lock().insert(id);
        Ok(())
    }

    /// Waits until everybody who was leaving is gone, with every card; says how many they are.
    pub(super) async fn settle(&self, patience: Duration) -> Result<usize> {
        let leaving = self.lock().clone();
        let until = Instant::now() + patience;
        for id in &leaving {
            while !self.is_gone(id).await? {
                if Instant::now() > until {
                    return Err(format!("{id} is still here: {}", self.look(id).await?).into());
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        while !self.is_applied().await? {
            if Instant::now() > until {
                return Err("the last snapshot is not applied".into());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(leaving.len())
    }

    async fn is_gone(&self, id: &str) -> Result<bool> {
        if self.look(id).await?["status"] != "deactivated" {
            return Ok(false);
        }
        let cards = self.admin(self.client.get(user(id, "/cards"))).await?;
        let cards = cards["cards"].as_array().ok_or("there is a list")?.clone();
        Ok(!cards.is_empty() && cards.iter().all(|card| card["status"] == "cancelled"))
    }

    async fn is(&self, id: &str, status: &str) -> Result<()> {
        let found = self.look(id).await?;
        let access = if status == "active" {
            "granted"
        } else {
            "revoked"
        };
        if found["status"] == status && found["access"] == access {
            return Ok(());
        }
        Err(format!("{id} is not {status}: {found}").into())
    }

    /// As [`Self::is`], for what another function may have been asked to do.
    async fn becomes(&self, id: &str, status: &str) -> Result<()> {
        let until = Instant::now() + SOON;
        while self.look(id).await?["status"] != status && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.is(id, status).await
    }

    async fn look(&self, id: &str) -> Result<Value> {
        self.admin(self.client.get(user(id, ""))).await
    }

    async fn admin(&self, call: Call<'_>) -> Result<Value> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(call.token(&self.token).ok().await?)
    }

    /// HR says something of one person, and it is taken.
    async fn hr(&self, id: &str, mut employee: Value) -> Result<()> {
        employee["employee_id"] = id.into();
        let event = json!({ "occurred_at": rfc3339(Utc::now()), "employee": employee });
        self.deliver(json!({ "events": [event] })).await
    }

    async fn deliver(&self, delivery: Value) -> Result<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (org, source, secret) = (acme::ORG, acme::SOURCE, &self.secret);
        let call = self
            .client
            .deliver(org, source, secret, Utc::now(), &delivery)?;
        let answer = call.ok().await?;
        match answer["summary"]["rejected"].as_u64() {
            None | Some(0) => Ok(()),
            Some(_) => Err(format!("an event is rejected: {answer}").into()),
        }
    }

    /// A snapshot of a few people, each of whom changes, if the last one is applied: its timer stands two minutes ahead.
    async fn snapshot(&self) -> Result<()> {
        if !self.is_applied().await? {
            return Ok(());
        }
        let turn = self.snapshots.fetch_add(1, Ordering::Relaxed) + 1;
        let employees: Vec<Value> = (0..5)
            .map(|number| {
                json!({ "employee_id": format!("L-{number}"), "status": "active",
                    "name": format!("Sam {number}"), "team": format!("Team {turn}") })
            })
            .collect();
        let open = json!({ "source": LISTS, "expected_employees": employees.len() });
        let opened = self
            .signed(self.client.post(snapshots(""), &open), &open)
            .await?;
        let id = opened["snapshot_id"].as_str().ok_or("a name")?.to_owned();
        let page = json!({ "snapshot_id": id, "page": 1, "employees": employees });
        let put = self.client.put(snapshots(&format!("/{id}/pages/1")), &page);
        self.signed(put, &page).await?;
        let all = json!({ "snapshot_id": id, "pages": 1 });
        let complete = self
            .client
            .post(snapshots(&format!("/{id}/complete")), &all);
        self.signed(complete, &all).await?;
        *self.snapshot.lock().await = Some(id);
        Ok(())
    }

    /// Whether the last snapshot is applied, to everybody.
    async fn is_applied(&self) -> Result<bool> {
        let Some(id) = self.snapshot.lock().await.clone() else {
            return Ok(true);
        };
        let found = self.client.get(snapshots(&format!("/{id}")));
        let found = self.signed(found, &Value::Null).await?;
        match found["state"].as_str() {
            Some("applied") => {}
            Some("complete" | "applying") => return Ok(false),
            _ => return Err(format!("the snapshot is not applied: {found}").into()),
        }
        let team = format!("Team {}", self.snapshots.load(Ordering::Relaxed));
        for number in 0..5 {
            let found = self.look(&format!("L-{number}")).await?;
            if found["team"] != team {
                return Err(format!("the snapshot left somebody out: {found}").into());
            }
        }
        Ok(true)
    }

    async fn signed(&self, call: Call<'_>, body: &Value) -> Result<Value> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let signed = Signed::new(&self.lists, Utc::now(), body.as_bytes())?;
        let call = signed
            .headers()
            .into_iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        Ok(call.ok().await?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.leaving
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn snapshots(rest: &str) -> String {
    format!("/v1/orgs/{}/sources/{LISTS}/snapshots{rest}", acme::ORG)
}

fn user(id: &str, rest: &str) -> String {
    format!("/v1/orgs/{}/users/{id}{rest}", acme::ORG)
}
