//! More words that flows are told in.

use aws_stand_ins::{InvokeError, ScheduleView};
use chrono::{DateTime, Utc};
use offramp_local::signer::fill_now;
use serde_json::{Value, json};

use crate::World;

/// The seed's first admin.
pub const ADA: &str = "ada.okafor@acme.example";
/// The seed's second admin.
pub const OTTO: &str = "otto.brandt@acme.example";
/// A member with three cards, one of them frozen.
pub const LENA: &str = "E-1007";

impl World {
    /// A token of somebody in the seeded organisation.
    #[must_use]
    pub fn token_of(&self, subject: &str) -> String {
        self.stack.token_for(subject, crate::ORG, &[]).unwrap()
    }

    /// Delivers a file of `events/hr/`, as of now; the results.
    pub async fn deliver_file(&self, text: &str) -> Vec<Value> {
        let mut body: Value = serde_json::from_str(text).unwrap();
        fill_now(&mut body, self.now());
        self.outcomes(body["events"].clone()).await
    }

    /// Delivers events; the results of a 200.
    pub async fn outcomes(&self, events: Value) -> Vec<Value> {
        let reply = self.deliver(events).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["results"].as_array().unwrap().clone()
    }

    /// HR creates active people, who have a name, and an address at this domain.
    pub async fn hire(&self, ids: &[String]) {
        let events: Vec<_> = ids.iter().map(|id| self.joins(id)).collect();
        let results = self.outcomes(json!(events)).await;
        assert!(results.iter().all(|one| one["outcome"] == "created"));
    }

    fn joins(&self, id: &str) -> Value {
        let email = format!("{}@acme.example", id.to_lowercase());
        crate::event(
            self.now(),
            id,
            "active",
            json!({ "name": format!("Person {id}"), "email": email }),
        )
    }

    /// HR calls all of these inactive, in one request.
    pub async fn dismiss(&self, ids: &[String]) -> Vec<Value> {
        let leaves = |id: &String| crate::event(self.now(), id, "inactive", json!({}));
        let events: Vec<_> = ids.iter().map(leaves).collect();
        self.outcomes(json!(events)).await
    }

    /// Hands out a card; its id.
    pub async fn add_card(&self, owner: &str) -> String {
        let card = json!({ "label": "Test", "kind": "virtual", "last4": "0001" });
        let reply = self.post(&format!("/users/{owner}/cards"), card).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["card_id"].as_str().unwrap().to_owned()
    }

    /// Asks for a change of the settings that needs a confirmation; the question.
    pub async fn question(&self, patch: &Value) -> Value {
        let asked = self.admin("PATCH", "/settings").json(patch);
        asked.refused(409, "confirmation_required").await
    }

    /// Makes a change of the settings that needs a confirmation, with it; the answer.
    pub async fn confirm(&self, patch: &Value) -> Value {
        let question = self.question(patch).await;
        self.settle(patch, &question).await
    }

    /// Sends the same change with the question's confirmation.
    pub async fn settle(&self, patch: &Value, question: &Value) -> Value {
        let patch = confirmed(patch, &question["confirmation"]);
        self.admin("PATCH", "/settings").json(&patch).ok().await
    }

    /// Raises the safeguards, so that many may leave; the mail about it has gone when this returns.
    pub async fn let_many_go(&self) {
        let most = json!({ "safeguards": { "max_users": 1_000, "max_percent": 100 } });
        self.confirm(&most).await;
        self.minutes(3).await;
    }

    /// The entries of a user's history, newest first.
    pub async fn history(&self, id: &str) -> Vec<Value> {
        let history = self.get(&format!("/users/{id}/history")).await;
        history["entries"].as_array().unwrap().clone()
    }

    /// How often something happened to a user.
    pub async fn times(&self, id: &str, what: &str) -> usize {
        let history = self.history(id).await;
        history.iter().filter(|entry| entry["what"] == what).count()
    }

    /// The ids of the users that a query finds.
    pub async fn find(&self, query: &str) -> Vec<String> {
        let found = self.get(&format!("/users{query}")).await;
        let found = found["users"].as_array().unwrap();
        let id = |user: &Value| user["employee_id"].as_str().unwrap().to_owned();
        found.iter().map(id).collect()
    }

    /// The schedules that stand for a user, of one kind (`deactivate`, `finish`).
    #[must_use]
    pub fn timers(&self, id: &str, kind: &str) -> Vec<ScheduleView> {
        let mut timers = self.stack.cloud().scheduler().schedules();
        timers.retain(|timer| {
            let input = input(timer);
            input["employee_id"] == id && input["kind"] == kind
        });
        timers
    }

    /// Fires a timer by hand, whether or not it still stands.
    pub async fn fire(&self, timer: &ScheduleView) -> Result<Value, InvokeError> {
        let functions = &self.stack.deployment().functions;
        let function = functions.iter().find(|one| one.arn == timer.target);
        let input = input(timer);
        let lambda = self.stack.cloud().lambda();
        lambda.invoke(&function.unwrap().name, input).await
    }

    /// Nobody but the admins has ever been mailed, and each message has one addressee.
    pub fn only_admins_were_mailed(&self) {
        for mail in self.mails() {
            assert!(mail.to == [ADA] || mail.to == [OTTO], "{:?}", mail.to);
        }
    }
}

/// What a schedule hands to its function.
#[must_use]
pub fn input(timer: &ScheduleView) -> Value {
    serde_json::from_str(timer.input.as_deref().unwrap_or_default()).unwrap()
}

/// A patch with its confirmation.
#[must_use]
pub fn confirmed(patch: &Value, confirmation: &Value) -> Value {
    let mut patch = patch.clone();
    patch["confirmation"] = confirmation.clone();
    patch
}

/// Ids with a prefix, numbered from 1.
#[must_use]
pub fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{prefix}-{n:04}")).collect()
}

/// An instant as answers write it.
#[must_use]
pub fn zulu(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}
