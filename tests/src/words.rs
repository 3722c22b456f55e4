//! The words that flows are told in.

use aws_stand_ins::{Clock, InvokeError, ScheduleView};
use chrono::{DateTime, Utc};
use offramp_local::signer::fill_now;
use serde_json::{Value, json};

use crate::{Answer, World, at};

/// The seed's first admin.
pub const ADA: &str = "ada.okafor@acme.example";
/// The seed's second admin.
pub const OTTO: &str = "otto.brandt@acme.example";
/// Lena, a member in Sales with three cards, one of them frozen.
pub const LENA: &str = "E-1007";
/// Lena's address.
pub const LENA_MAIL: &str = "lena.lindqvist@acme.example";
/// The address of Marcus, E-1012, Lena's manager: no admin.
pub const MARCUS_MAIL: &str = "marcus.doyle@acme.example";

impl World {
    /// A world that begins at an instant.
    pub async fn start_at(instant: &str) -> Self {
        Self::with(|config| config.clock = Clock::frozen(at(instant))).await
    }

    /// Moves the clock to an instant; what falls due fires before it returns.
    pub async fn until(&self, instant: &str) {
        self.stack.set_now(at(instant)).await.unwrap();
    }

    /// Moves the clock until every digest of now has gone out.
    pub async fn mailed(&self) {
        self.minutes(4).await;
    }

    /// Moves the clock until every digest of now has gone out, and forgets all mails.
    pub async fn read(&self) {
        self.mailed().await;
        self.stack.cloud().ses().clear();
    }

    /// No mail tells anything but that somebody's or something's power changed.
    #[track_caller]
    pub fn only_power_was_told(&self) {
        for mail in self.mails() {
            assert_eq!(mail.subject, "Who may do what has changed", "{}", mail.text);
        }
    }

    /// The subjects of the mails to somebody.
    #[must_use]
    pub fn subjects(&self, address: &str) -> Vec<String> {
        let mails = self.mails_to(address, "");
        mails.into_iter().map(|mail| mail.subject).collect()
    }

    /// Deletes somebody by hand; their cards are gone when it answers.
    pub async fn remove(&self, id: &str) {
        let reply = self.delete(&format!("/users/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// Restores somebody by hand.
    pub async fn restore(&self, id: &str) -> Value {
        let path = format!("/users/{id}/restore");
        self.admin("POST", &path).json(&json!({})).ok().await
    }

    /// An admin sets, moves or removes a leave date.
    pub async fn leaves_on(&self, id: &str, date: Value) -> Value {
        let path = format!("/users/{id}/leave-date");
        let date = json!({ "leave_date": date });
        self.admin("PUT", &path).json(&date).ok().await
    }

    /// Saves a sync rule, whatever comes of it.
    pub async fn rule(&self, active: &str) -> Answer {
        self.put("/sync-rules", json!({ "active": active })).await
    }

    /// A status, and the access that goes with it.
    pub async fn state(&self, id: &str) -> (String, String) {
        (self.status(id).await, self.access(id).await)
    }

    /// The holds that nobody has answered yet.
    pub async fn open_holds(&self) -> Vec<Value> {
        let holds = self.get("/holds").await;
        let mut holds = holds["holds"].as_array().unwrap().clone();
        holds.retain(|hold| hold["state"] == "open");
        holds
    }

    /// The schedules of a kind that stand, by group and name, and when each fires.
    #[must_use]
    pub fn schedules(&self, kind: &str) -> Vec<(String, String, Option<DateTime<Utc>>)> {
        let word = format!("\"{kind}\"");
        let mut all = self.stack.cloud().scheduler().schedules();
        all.retain(|one| {
            let input = one.input.as_deref();
            input.is_some_and(|input| input.contains(&word))
        });
        all.into_iter()
            .map(|one| (one.group, one.name, one.next))
            .collect()
    }

    /// Deletes every schedule of a kind, as somebody with the console might.
    pub fn delete_schedules(&self, kind: &str) {
        let doomed = self.schedules(kind);
        assert!(!doomed.is_empty(), "no {kind} schedule stands");
        for (group, name, _) in doomed {
            assert!(self.stack.cloud().scheduler().delete(&group, &name));
        }
    }

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
        self.change(patch.clone()).await.1
    }

    /// The same; the question, and the answer.
    pub async fn change(&self, patch: Value) -> (Value, Value) {
        let question = self.question(&patch).await;
        let answer = self.settle(&patch, &question).await;
        (question, answer)
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

/// The strings of a list.
#[must_use]
pub fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// An instant as answers write it.
#[must_use]
pub fn zulu(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}
