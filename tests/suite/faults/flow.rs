//! What the outside world does, and how it insists: HR and admins send a request again until it is answered.

use std::time::Duration;

use chrono::{DateTime, Utc};
use offramp_local::client::Reply;
use offramp_tests::{ORG, SOURCE, World, event};
use serde_json::{Value, json};

/// How often a request is sent, and how long after the last: three tries are within one minute, as a digest wants it.
const TRIES: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// A story that the system is told.
#[derive(Clone, Default)]
pub(super) struct Flow {
    pub(super) name: &'static str,
    /// What happens before, without faults.
    pub(super) setup: Vec<Step>,
    pub(super) steps: Vec<Step>,
    /// Whose end is looked at.
    pub(super) people: Vec<&'static str>,
    /// The steps whose calls are hit, unless all is wanted; none named are all of them. A digest is a digest.
    pub(super) faults_in: Vec<usize>,
    /// What is told must be the same, but it may come in more mails.
    pub(super) mails_may_split: bool,
}

/// One thing that the outside world does.
#[derive(Clone)]
pub(super) enum Step {
    /// HR says something of people: id, status, other fields.
    Hr(Vec<(&'static str, &'static str, Value)>),
    /// An admin's request; any 2xx is an answer.
    Admin {
        method: &'static str,
        path: String,
        body: Value,
    },
    /// A change of the settings that needs no confirmation.
    Settings(Value),
    /// A change of the settings that does.
    Confirmed(Value),
    /// A new card, with an `Idempotency-Key`.
    Card {
        owner: &'static str,
        last4: &'static str,
    },
    /// A card of the seed goes to somebody else.
    Reassign {
        last4: &'static str,
        to: &'static str,
    },
    /// A card of the seed is frozen.
    Freeze { last4: &'static str },
    /// Time passes.
    Minutes(u64),
    /// Much time passes; `sweep` runs once, at the end.
    Hours(u64),
}

impl Step {
    pub(super) fn hr(id: &'static str, status: &'static str) -> Self {
        Self::Hr(vec![(id, status, json!({}))])
    }

    pub(super) fn post(path: String) -> Self {
        Self::Admin {
            method: "POST",
            path,
            body: json!({}),
        }
    }

    pub(super) fn delete(path: String) -> Self {
        Self::Admin {
            method: "DELETE",
            path,
            body: Value::Null,
        }
    }

    /// Does it, again and again until it is answered.
    pub(super) async fn play(&self, world: &World, cards: &Cards) {
        match self {
            Self::Hr(people) => deliver(world, people).await,
            Self::Admin { method, path, body } => {
                wanted(&insist(world, method, path, body, None).await);
            }
            Self::Settings(patch) => {
                wanted(&insist(world, "PATCH", "/settings", patch, None).await);
            }
            Self::Confirmed(patch) => confirmed(world, patch).await,
            Self::Card { owner, last4 } => {
                let path = format!("/users/{owner}/cards");
                let card = json!({ "label": "New", "kind": "virtual", "last4": last4 });
                wanted(&insist(world, "POST", &path, &card, Some(last4)).await);
            }
            Self::Reassign { last4, to } => {
                let path = format!("/cards/{}/reassign", cards.id(last4));
                wanted(&insist(world, "POST", &path, &json!({ "to": to }), None).await);
            }
            Self::Freeze { last4 } => {
                let path = format!("/cards/{}/status", cards.id(last4));
                let frozen = json!({ "status": "frozen" });
                wanted(&insist(world, "PUT", &path, &frozen, None).await);
            }
            Self::Minutes(minutes) => world.minutes(*minutes).await,
            Self::Hours(hours) => world.hours(*hours).await,
        }
    }
}

/// The ids of the seed's cards by their last four digits.
#[derive(Clone, Default)]
pub(super) struct Cards(Vec<(String, String)>);

impl Cards {
    /// Those of some people.
    pub(super) async fn of(world: &World, people: &[&str]) -> Self {
        let mut cards = Vec::new();
        for id in people {
            let listed = world.get(&format!("/users/{id}/cards")).await;
            for card in listed["cards"].as_array().unwrap() {
                let text = |name: &str| card[name].as_str().unwrap().to_owned();
                cards.push((text("last4"), text("card_id")));
            }
        }
        Self(cards)
    }

    fn id(&self, last4: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == last4);
        found.map(|(_, id)| id.as_str()).unwrap()
    }
}

/// HR sends the same events, signed anew, until it is answered.
async fn deliver(world: &World, people: &[(&str, &str, Value)]) {
    let when: DateTime<Utc> = world.now();
    let events: Vec<Value> = people
        .iter()
        .map(|(id, status, fields)| event(when, id, status, fields.clone()))
        .collect();
    let body = json!({ "events": events });
    for _ in 0..TRIES {
        let secret = world.stack.webhook_secret().unwrap();
        let call = world
            .client
            .deliver(ORG, SOURCE, secret, world.now(), &body)
            .unwrap();
        let reply = call.reply().await.unwrap();
        if reply.status < 500 {
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(
                reply.body["results"].as_array().unwrap().len(),
                people.len()
            );
            return;
        }
        world.advance(AGAIN_AFTER).await;
    }
    panic!("HR gave up");
}

/// An admin sends the same request until it is answered.
async fn insist(world: &World, method: &str, path: &str, body: &Value, key: Option<&str>) -> Reply {
    for _ in 0..TRIES {
        let path = world.path(path);
        let call = match method {
            "POST" => world.client.post(path, body),
            "PUT" => world.client.put(path, body),
            "PATCH" => world.client.patch(path, body),
            _ => world.client.delete(path),
        };
        let call = match key {
            Some(key) => call.header("idempotency-key", key),
            None => call,
        };
        let reply = call.token(&world.token).reply().await.unwrap();
        if reply.status < 500 {
            return reply;
        }
        world.advance(AGAIN_AFTER).await;
    }
    panic!("the admin gave up on {method} {path}");
}

async fn confirmed(world: &World, patch: &Value) {
    let question = insist(world, "PATCH", "/settings", patch, None).await;
    assert_eq!(question.status, 409, "{}", question.body);
    let mut patch = patch.clone();
    patch["confirmation"] = question.body["confirmation"].clone();
    wanted(&insist(world, "PATCH", "/settings", &patch, None).await);
}

fn wanted(reply: &Reply) {
    assert!(
        (200..300).contains(&reply.status),
        "{}: {}",
        reply.status,
        reply.body
    );
}
