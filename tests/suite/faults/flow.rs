//! What the outside world does, and how it insists: HR and admins send a request again until it is answered.

use aws_stand_ins::Mode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::stepwise::end::everybody;
use crate::stepwise::{Called, Fault, Message, Reply, Town};

/// A story that the system is told.
#[derive(Clone, Default)]
pub(super) struct Flow {
    /// What happens before, without faults.
    pub(super) setup: Vec<Step>,
    pub(super) steps: Vec<Step>,
    /// Holds, runs and the window are looked at as well.
    pub(super) breaker: bool,
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
        route: &'static str,
        parameters: Vec<(&'static str, &'static str)>,
        body: Value,
    },
    /// A change of the settings, with its confirmation if it needs one. The stream is late.
    Settings(Value),
    /// A new card, with an `Idempotency-Key`.
    Card(&'static str),
    /// One of somebody's cards goes to somebody else.
    Reassign {
        from: &'static str,
        to: &'static str,
    },
    /// One of somebody's cards is frozen.
    Freeze(&'static str),
    /// HR sends everybody as they are, but for a change, and says that this was all.
    Snapshot(fn(&mut Vec<Value>)),
    /// An admin lets those go whom the newest hold keeps, or keeps them.
    Answer { approve: bool },
    /// An admin takes the newest run back.
    Undo,
    /// Time passes.
    Minutes(i64),
    /// A minute passes. The process that makes the next commit dies after it, and the stream is late.
    DyingAfterItsCommit,
}

impl Step {
    pub(super) fn hr(id: &'static str, status: &'static str) -> Self {
        Self::Hr(vec![(id, status, json!({}))])
    }

    pub(super) fn to_user(route: &'static str, id: &'static str, body: Value) -> Self {
        Self::Admin {
            route,
            parameters: vec![("id", id)],
            body,
        }
    }

    /// Does it, again and again until it is answered.
    pub(super) async fn play(&self, town: &mut Town) {
        match self {
            Self::Hr(people) => deliver(town, people).await,
            Self::HrKnown(people) => {
                deliver(town, &[("E-1", "active", json!({}))]).await;
                town.pass(TimeDelta::seconds(1));
                deliver(town, people).await;
            }
            Self::Admin {
                route,
                parameters,
                body,
            } => {
                let message = town.admin(route, parameters, body);
                town.done(&message).await;
            }
            Self::Settings(patch) => {
                let question = town.admin("PATCH /settings", &[], patch);
                let reply = town.ask_only(&question).await;
                let mut patch = patch.clone();
                if reply.status == 409 {
                    patch["confirmation"] = reply.body["confirmation"].clone();
                    let answer = town.admin("PATCH /settings", &[], &patch);
                    town.done_only(&answer).await;
                } else {
                    wanted(&reply);
                }
            }
            Self::Card(owner) => {
                let card = json!({ "label": "New", "kind": "virtual", "last4": "0009" });
                let mut message = town.admin("POST /users/{id}/cards", &[("id", owner)], &card);
                message.payload["headers"]["idempotency-key"] = json!("new");
                town.done(&message).await;
            }
            Self::Reassign { from, to } => {
                let card = card_of(town, from).await;
                let to = json!({ "to": to });
                let message = town.admin("POST /cards/{card}/reassign", &[("card", &card)], &to);
                town.done(&message).await;
            }
            Self::Freeze(owner) => {
                let card = card_of(town, owner).await;
                let frozen = json!({ "status": "frozen" });
                let message = town.admin("PUT /cards/{card}/status", &[("card", &card)], &frozen);
                town.done(&message).await;
            }
            Self::Snapshot(change) => snapshot(town, *change).await,
            Self::Answer { approve } => answer(town, *approve).await,
            Self::Undo => {
                let runs = reads(town, "GET /runs", &[]).await;
                let run = runs["runs"][0]["run_id"].as_str().unwrap();
                let undo = town.admin("POST /runs/{run}/undo", &[("run", run)], &json!({}));
                town.done(&undo).await;
            }
            Self::Minutes(minutes) => town.wait(TimeDelta::minutes(*minutes)).await,
            Self::DyingAfterItsCommit => {
                town.fault = Some(Fault {
                    called: Called {
                        service: "dynamodb".to_owned(),
                        operation: "TransactWriteItems".to_owned(),
                    },
                    mode: Mode::KillAfter,
                    times: 1,
                    skip: 0,
                });
                town.pass(TimeDelta::minutes(1));
                town.fire_once().await;
                assert!(town.fault.is_none());
            }
        }
    }
}

/// HR sends the same events until it is answered.
async fn deliver(town: &mut Town, people: &[(&str, &str, Value)]) {
    let events: Vec<Value> = people
        .iter()
        .map(|(id, status, fields)| town.says(id, status, fields.clone()))
        .collect();
    let message = town.events(&events);
    let reply = town.ask(&message).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.body["results"].as_array().unwrap().len(),
        people.len()
    );
}

async fn snapshot(town: &mut Town, change: fn(&mut Vec<Value>)) {
    let mut employees = everybody()
        .map(|id| json!({ "employee_id": id, "status": "active" }))
        .collect();
    change(&mut employees);
    let open = town.hr("POST /snapshots", &[], &json!({ "source": "hris" }));
    let opened = town.done(&open).await;
    let id = opened["snapshot_id"].as_str().unwrap();
    let page = json!({ "snapshot_id": id, "page": 1, "employees": employees });
    let page = town.hr(
        "PUT /snapshots/{id}/pages/{n}",
        &[("id", id), ("n", "1")],
        &page,
    );
    town.done(&page).await;
    let all = json!({ "snapshot_id": id, "pages": 1, "dry_run": false });
    let all = town.hr("POST /snapshots/{id}/complete", &[("id", id)], &all);
    town.done(&all).await;
}

/// An admin answers what they have read, again and again. A second answer finds the hold closed by the first.
async fn answer(town: &mut Town, approve: bool) {
    let mut holds = reads(town, "GET /holds", &[]).await;
    if holds["holds"][0].is_null() {
        // The snapshot's timer was lost, so that it is the sweep's.
        town.wait(TimeDelta::minutes(6)).await;
        holds = reads(town, "GET /holds", &[]).await;
    }
    let message = town.answer(&holds["holds"][0], approve);
    let before = town.invocations();
    let reply = town.ask(&message).await;
    let asked_again = town.invocations() > before + 1;
    if !(asked_again && reply.status == 409 && reply.body["code"] == "hold_closed") {
        wanted(&reply);
    }
}

/// What an admin reads.
pub(super) async fn reads(town: &mut Town, route: &str, parameters: &[(&str, &str)]) -> Value {
    let message: Message = town.admin(route, parameters, &Value::Null);
    town.done_only(&message).await
}

async fn card_of(town: &mut Town, owner: &str) -> String {
    let cards = reads(town, "GET /users/{id}/cards", &[("id", owner)]).await;
    let cards = cards["cards"].as_array().unwrap();
    let mut active: Vec<&Value> = cards
        .iter()
        .filter(|card| card["status"] == "active")
        .collect();
    active.sort_by_key(|card| card["last4"].to_string());
    active[0]["card_id"].as_str().unwrap().to_owned()
}

fn wanted(reply: &Reply) {
    assert!((200..300).contains(&reply.status), "{reply:?}");
}
