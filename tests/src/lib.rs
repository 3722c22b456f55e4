//! A world for flows: the whole stack with a frozen clock, the seeded organisation `acme`, and the
//! words that a flow is told in. Everything goes over HTTP, as a user of the product would do it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod ask;
mod documented;
pub mod golden;
mod table;
mod words;

use std::sync::Arc;
use std::time::Duration;

use aws_stand_ins::{Clock, Message};
use chrono::{DateTime, Utc};
use offramp_local::{Image, Stack, StackConfig};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub use ask::{Answer, Ask, Delivery};
pub use words::{ADA, LENA, LENA_MAIL, MARCUS_MAIL, OTTO, confirmed, input, numbered, texts, zulu};

/// The seeded organisation.
pub const ORG: &str = "acme";
/// Its source.
pub const SOURCE: &str = "hris";
/// When every world begins: a Monday.
pub const MORNING: &str = "2026-03-02T09:00:00Z";

/// A stack, and an HTTP client of it.
pub struct World {
    /// The stack.
    pub stack: Stack,
    /// The first admin's token.
    pub token: String,
    http: reqwest::Client,
}

impl World {
    /// A fresh stack in memory, with 25 people, two admins, and cards: a copy of the seed.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, started otherwise.
    pub async fn with(change: impl FnOnce(&mut StackConfig)) -> Self {
        let mut config = StackConfig {
            clock: Clock::frozen(at(MORNING)),
            // The flows say themselves when the sweep counts.
            counted: false,
            ..StackConfig::default()
        };
        // `tests/aws/dynamodb_local.py`: another DynamoDB than the embedded one, which is slower.
        let elsewhere = std::env::var("OFFRAMP_DYNAMODB_URL").ok();
        if elsewhere.is_some() {
            config.attempt_timeout = Duration::from_secs(3);
        }
        change(&mut config);
        // What outlives a stack is in its own folder.
        config.dynamodb = elsewhere.filter(|_| config.data.is_none());
        let as_usual = config.seed
            && !config.counted
            && config.data.is_none()
            && config.dynamodb.is_none()
            && config.parameters.is_empty()
            && config.clock.now() == at(MORNING);
        if as_usual {
            config.image = Some(seed().await);
        }
        Self::of(Stack::start(config).await.unwrap())
    }

    /// The world of a stack that runs.
    #[must_use]
    pub fn of(stack: Stack) -> Self {
        let token = stack.admin_token().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { stack, http, token }
    }

    /// The stack's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.stack.now()
    }

    /// Delivers events, signed, whatever comes of it.
    pub async fn deliver(&self, events: Value) -> Answer {
        self.deliver_body(json!({ "events": events })).await
    }

    /// Delivers a whole body, signed, whatever comes of it.
    pub async fn deliver_body(&self, body: Value) -> Answer {
        let delivery = Delivery::new(self.secret(), self.now(), body.to_string());
        self.hand_in(&delivery).send().await
    }

    /// HR says one thing, now; the one result. `fields` are fields of the employee beside id and status.
    pub async fn hr(&self, id: &str, status: &str, fields: Value) -> Value {
        self.hr_at(self.now(), id, status, fields).await
    }

    /// HR says one thing of some instant.
    pub async fn hr_at(&self, when: DateTime<Utc>, id: &str, status: &str, fields: Value) -> Value {
        let reply = self.deliver(json!([event(when, id, status, fields)])).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["results"][0].clone()
    }

    /// `GET` as the admin; the body of a 2xx.
    pub async fn get(&self, path: &str) -> Value {
        self.admin("GET", path).ok().await
    }

    /// `POST` as the admin, whatever comes of it.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.admin("POST", path).json(&body).send().await
    }

    /// `POST` as the admin with the version that was read, whatever comes of it.
    pub async fn post_if(&self, path: &str, version: u64, body: Value) -> Answer {
        let ask = self.admin("POST", path).json(&body);
        ask.if_match(version).send().await
    }

    /// `PATCH` as the admin, whatever comes of it.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.admin("PATCH", path).json(&body).send().await
    }

    /// `PUT` as the admin, whatever comes of it.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.admin("PUT", path).json(&body).send().await
    }

    /// `DELETE` as the admin, whatever comes of it.
    pub async fn delete(&self, path: &str) -> Answer {
        self.admin("DELETE", path).send().await
    }

    /// A path of the organisation.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("/v1/orgs/{ORG}{path}")
    }

    /// The settings are these now; for changes that need no confirmation.
    pub async fn set(&self, patch: Value) {
        let reply = self.patch("/settings", patch).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }

    /// A user.
    pub async fn user(&self, id: &str) -> Value {
        self.get(&format!("/users/{id}")).await
    }

    /// A user's status.
    pub async fn status(&self, id: &str) -> String {
        self.user(id).await["status"].as_str().unwrap().to_owned()
    }

    /// `granted` or `revoked`.
    pub async fn access(&self, id: &str) -> String {
        let access = self.get(&format!("/users/{id}/access")).await;
        access["access"].as_str().unwrap().to_owned()
    }

    /// The statuses of a user's cards.
    pub async fn cards(&self, id: &str) -> Vec<String> {
        let cards = self.get(&format!("/users/{id}/cards")).await;
        let cards = cards["cards"].as_array().unwrap();
        cards
            .iter()
            .map(|card| card["status"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many of a user's cards are not cancelled.
    pub async fn alive(&self, id: &str) -> usize {
        self.cards(id)
            .await
            .iter()
            .filter(|status| *status != "cancelled")
            .count()
    }

    /// Moves the clock; what falls due fires before it returns.
    pub async fn advance(&self, by: Duration) {
        self.stack.advance(by).await.unwrap();
    }

    /// Moves the clock by hours.
    pub async fn hours(&self, hours: u64) {
        self.advance(Duration::from_secs(hours * 3_600)).await;
    }

    /// Moves the clock by minutes.
    pub async fn minutes(&self, minutes: u64) {
        self.advance(Duration::from_secs(minutes * 60)).await;
    }

    /// The mails so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Message> {
        self.stack.cloud().ses().messages()
    }

    /// The mails to somebody whose subject contains a word.
    #[must_use]
    pub fn mails_to(&self, address: &str, subject: &str) -> Vec<Message> {
        let mut mails = self.mails();
        mails.retain(|mail| {
            mail.to.iter().any(|to| to == address) && mail.subject.contains(subject)
        });
        mails
    }

    /// Nothing was left undone: no dead letters, no failed invocation, no timer of a past moment.
    pub async fn end(self) {
        let cloud = self.stack.cloud();
        assert_eq!(
            cloud.queues().len(),
            0,
            "dead letters: {:?}",
            cloud.queues()
        );
        let failed: Vec<_> = cloud
            .lambda()
            .invocations()
            .into_iter()
            .filter(|one| one.outcome != aws_stand_ins::InvocationOutcome::Ok)
            .collect();
        assert!(failed.is_empty(), "failed invocations: {failed:?}");
        self.stack.shutdown().await.unwrap();
    }
}

/// The seed as of [`MORNING`], made once for all worlds of this process.
async fn seed() -> Arc<Image> {
    static SEED: OnceCell<Arc<Image>> = OnceCell::const_new();
    let made = SEED.get_or_init(|| async {
        let config = StackConfig {
            clock: Clock::frozen(at(MORNING)),
            counted: false,
            ..StackConfig::default()
        };
        let stack = Stack::start(config).await.unwrap();
        let image = stack.image().unwrap();
        stack.shutdown().await.unwrap();
        Arc::new(image)
    });
    Arc::clone(made.await)
}

/// One event.
#[must_use]
pub fn event(when: DateTime<Utc>, id: &str, status: &str, fields: Value) -> Value {
    let mut employee = json!({ "employee_id": id, "status": status });
    if let (Some(employee), Some(fields)) = (employee.as_object_mut(), fields.as_object()) {
        employee.extend(fields.clone());
    }
    json!({ "occurred_at": when, "employee": employee })
}

/// An instant.
#[must_use]
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
