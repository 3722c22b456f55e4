//! What the outside world does, and how it insists: HR and admins send a request again until it is answered.

use std::time::Duration;

use aws_stand_ins::{Mode, Service};
use chrono::{DateTime, Utc};
use offramp_tests::{Answer, World, event};
use serde_json::{Value, json};

use super::stories::inject;
use crate::snapshots::{complete, open, page, seeded};

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
    /// The steps in which an admin's request waits for what the stream hands over.
    pub(super) waits_in: Vec<usize>,
    /// What is told must be the same, but it may come in more mails.
    pub(super) mails_may_split: bool,
    /// Calls are throttled, too. A few flows make every call that there is.
    pub(super) throttles: bool,
    /// Holds, runs and the window are looked at as well; and of calls with the same neighbours one is hit, since the
    /// partitions of a roster are alike.
    pub(super) snapshot: bool,
}

/// One thing that the outside world does.
#[derive(Clone)]
pub(super) enum Step {
    /// HR says something of people: id, status, other fields.
    Hr(Vec<(&'static str, &'static str, Value)>),
    /// The same, on an instance that has verified an event of the source before.
    HrKnown(Vec<(&'static str, &'static str, Value)>),
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
    /// HR sends everybody as they are, but for a change, and says that this was all.
    Snapshot(fn(&mut Vec<Value>)),
    /// An admin lets those go whom the newest hold keeps, or keeps them.
    Answer { approve: bool },
    /// An admin takes the newest run back.
    Undo,
    /// Time passes.
    Minutes(u64),
    /// Much time passes; `sweep` runs once, at the end.
    Hours(u64),
    /// Time passes, and the process that makes the next commit dies after it.
    DyingAfterItsCommit(u64),
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

    pub(super) fn put(path: String, body: Value) -> Self {
        Self::Admin {
            method: "PUT",
            path,
            body,
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
            Self::HrKnown(people) => {
                deliver(world, &[(super::OTHERS[0], "active", json!({}))]).await;
                deliver(world, people).await;
            }
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
            Self::Snapshot(change) => snapshot(world, *change).await,
            Self::Answer { approve } => answer(world, *approve).await,
            Self::Undo => {
                let runs = insist(world, "GET", "/runs", &Value::Null, None).await.body;
                let run = runs["runs"][0]["run_id"].as_str().unwrap();
                let path = format!("/runs/{run}/undo");
                wanted(&insist(world, "POST", &path, &json!({}), None).await);
            }
            Self::Minutes(minutes) => world.minutes(*minutes).await,
            Self::Hours(hours) => world.hours(*hours).await,
            Self::DyingAfterItsCommit(minutes) => {
                let commit = "TransactWriteItems";
                inject(world, Service::Dynamodb, commit, Mode::KillAfter, 1, 0);
                world.minutes(*minutes).await;
                assert_eq!(world.stack.cloud().faults().pending(), []);
            }
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
            let path = format!("/users/{id}/cards");
            let listed = insist(world, "GET", &path, &Value::Null, None).await.body;
            // Somebody who is yet to come has none.
            for card in listed["cards"].as_array().into_iter().flatten() {
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
        let reply = world.deliver_body(body.clone()).await;
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

async fn snapshot(world: &World, change: fn(&mut Vec<Value>)) {
    let mut employees = seeded(world).await;
    change(&mut employees);
    let id = open(world, json!({})).await;
    assert_eq!(page(world, &id, 1, &employees).await.status, 200);
    assert_eq!(complete(world, &id, 1, false).await.status, 202);
}

/// An admin answers what they have read, again and again. A second answer finds the hold closed by the first.
async fn answer(world: &World, approve: bool) {
    let holds = insist(world, "GET", "/holds", &Value::Null, None)
        .await
        .body;
    let hold = &holds["holds"][0];
    let verdict = if approve { "approve" } else { "reject" };
    let path = format!("/holds/{}/{verdict}", hold["hold_id"].as_str().unwrap());
    let version = hold["version"].as_u64().unwrap();
    for tries in 0..TRIES {
        let reply = world.post_if(&path, version, json!({})).await;
        if reply.status == 409 && tries > 0 {
            assert_eq!(reply.body["code"], "hold_closed", "{}", reply.body);
            return;
        }
        if reply.status < 500 {
            return wanted(&reply);
        }
        world.advance(AGAIN_AFTER).await;
    }
    panic!("the admin gave up on {path}");
}

/// An admin sends the same request until it is answered.
async fn insist(
    world: &World,
    method: &str,
    path: &str,
    body: &Value,
    key: Option<&str>,
) -> Answer {
    for _ in 0..TRIES {
        let ask = world.admin(method, path);
        let ask = match body {
            Value::Null => ask,
            body => ask.json(body),
        };
        let ask = match key {
            Some(key) => ask.header("idempotency-key", key),
            None => ask,
        };
        let reply = ask.send().await;
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

fn wanted(reply: &Answer) {
    assert!(
        (200..300).contains(&reply.status),
        "{}: {}",
        reply.status,
        reply.body
    );
}
