//! Figures are what was done, or what would be: of requests and snapshots of arbitrary organisations, tried first and then
//! done.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stepwise::arbitrary::holds_for;
use crate::stepwise::{ADA, MEMBERS, NEWCOMER, OTTO, Town};

/// Organisations of each of the tests; `PROPTEST_CASES` says another number.
const CASES: u32 = 120;

/// Whom a request may be about.
const PEOPLE: [&str; 6] = [ADA, OTTO, MEMBERS[0], MEMBERS[1], MEMBERS[2], NEWCOMER];

/// What the organisation has been through before.
#[derive(Debug, Clone)]
enum Past {
    Said(usize, bool),
    Appointed(usize),
    Now(usize),
    Deleted(usize),
    Rule,
    Settings(&'static str),
    Answered(bool),
    Passed(i64),
}

#[derive(Debug, Clone)]
struct Tried {
    past: Vec<Past>,
    /// Status by person, in the order of the request. Who is not in it is missing from a snapshot.
    says: Vec<(usize, bool)>,
}

fn past() -> impl Strategy<Value = Past> {
    let person = 0..PEOPLE.len();
    let settings = prop_oneof![
        Just(r#"{"safeguards":{"max_users":1}}"#),
        Just(r#"{"safeguards":{"max_users":2}}"#),
        Just(r#"{"safeguards":{"max_returns":1}}"#),
        Just(r#"{"on_missing":"hold"}"#),
        Just(r#"{"on_missing":"ignore"}"#),
        Just(r#"{"deactivation_sync":{"behaviour":"immediate"}}"#),
        Just(r#"{"deactivation_sync":{"enabled":false}}"#),
        Just(r#"{"restore_deleted_on":"reactivation"}"#),
        Just(r#"{"access_during_grace":"kept"}"#),
    ];
    prop_oneof![
        4 => (person.clone(), any::<bool>()).prop_map(|(whom, active)| Past::Said(whom, active)),
        2 => person.clone().prop_map(Past::Appointed),
        1 => person.clone().prop_map(Past::Now),
        1 => person.prop_map(Past::Deleted),
        1 => Just(Past::Rule),
        4 => settings.prop_map(Past::Settings),
        1 => any::<bool>().prop_map(Past::Answered),
        1 => prop_oneof![Just(1_i64), Just(80)].prop_map(Past::Passed),
    ]
}

fn tried() -> impl Strategy<Value = Tried> {
    let says = prop::collection::vec((0..PEOPLE.len(), prop::bool::weighted(0.35)), 1..8);
    (prop::collection::vec(past(), 0..6), says).prop_map(|(past, says)| Tried { past, says })
}

async fn by_hand(town: &mut Town, route: &str, parameters: &[(&str, &str)], body: Value) -> Value {
    let message = town.admin(route, parameters, &body);
    town.ask(&message).await.body
}

/// What an admin reads who has access still: there is always one.
async fn looked(town: &mut Town, route: &str, parameters: &[(&str, &str)]) -> Value {
    for name in ["ada", "otto", "lena", "marc", "nina"] {
        let mut message = town.admin(route, parameters, &Value::Null);
        if let Some((_, cursor)) = parameters.iter().find(|(name, _)| *name == "cursor") {
            message.payload["rawQueryString"] = json!(format!("cursor={cursor}"));
            message.payload["queryStringParameters"] = json!({ "cursor": cursor });
        }
        let claims = &mut message.payload["requestContext"]["authorizer"]["jwt"]["claims"];
        for claim in claims.as_object_mut().unwrap().values_mut() {
            if claim == "ada@acme.example" {
                *claim = json!(format!("{name}@acme.example"));
            }
        }
        let reply = town.ask_only(&message).await;
        if reply.status != 403 {
            return reply.body;
        }
    }
    panic!("no admin has access")
}

async fn lived(town: &mut Town, past: &[Past]) {
    for one in past {
        town.pass(TimeDelta::seconds(1));
        match one {
            Past::Said(whom, active) => {
                let status = if *active { "active" } else { "inactive" };
                let event = town.says(PEOPLE[*whom], status, json!({ "name": "Somebody" }));
                let message = town.events(&[event]);
                town.ask(&message).await;
            }
            Past::Appointed(whom) => {
                let role = json!({ "role": "admin" });
                let id = [("id", PEOPLE[*whom])];
                by_hand(town, "PUT /users/{id}/role", &id, role).await;
            }
            Past::Now(whom) => {
                let id = [("id", PEOPLE[*whom])];
                by_hand(town, "POST /users/{id}/deactivate-now", &id, json!({})).await;
            }
            Past::Deleted(whom) => {
                let id = [("id", PEOPLE[*whom])];
                by_hand(town, "DELETE /users/{id}", &id, Value::Null).await;
            }
            Past::Rule => {
                let rule = json!({ "active": "employee.birthday != '01-01' || employee.employee_id != 'E-4'" });
                let asked = by_hand(town, "PUT /sync-rules", &[], rule.clone()).await;
                if let Some(confirmation) = asked["confirmation"].as_str() {
                    let mut rule = rule;
                    rule["confirmation"] = json!(confirmation);
                    by_hand(town, "PUT /sync-rules", &[], rule).await;
                }
            }
            Past::Settings(patch) => {
                let patch = serde_json::from_str(patch).unwrap();
                let message = town.confirmed(&patch).await;
                town.ask(&message).await;
            }
            Past::Answered(approve) => {
                let holds = by_hand(town, "GET /holds", &[], Value::Null).await;
                let holds = holds["holds"].as_array().cloned().unwrap_or_default();
                if let Some(hold) = holds.iter().find(|hold| hold["state"] == "open") {
                    let message = town.answer(hold, *approve);
                    town.ask(&message).await;
                }
            }
            Past::Passed(hours) => town.wait(TimeDelta::hours(*hours)).await,
        }
    }
    town.pass(TimeDelta::seconds(1));
}

/// The statuses of everybody.
async fn statuses(town: &mut Town) -> BTreeMap<&'static str, String> {
    let (users, policy) = town.users(&PEOPLE).await;
    let status = |id: &str| {
        let user = users.iter().find(|user| user.employee_id.as_str() == id)?;
        Some(json!(user.as_of(&policy).status()).as_str()?.to_owned())
    };
    let status = |id| status(id).unwrap_or_else(|| "unknown".to_owned());
    PEOPLE.map(|id| (id, status(id))).into()
}

fn counted(results: &[Value]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for result in results {
        *counts
            .entry(result["outcome"].as_str().unwrap())
            .or_default() += 1;
    }
    json!(counts)
}

/// Instants and the names of holds aside.
fn same(result: &Value) -> Value {
    json!([
        result["employee_id"],
        result["outcome"],
        result["due_at"],
        result["reason"]
    ])
}

/// Whom the newest run says it moved, and how many; nobody without a run.
async fn ran(town: &mut Town, run: &Value) -> (u64, BTreeSet<String>) {
    let Some(run) = run.as_str() else {
        return (0, BTreeSet::new());
    };
    let mut page = looked(town, "GET /runs/{run}", &[("run", run)]).await;
    let people = page["people"].as_u64().unwrap();
    let mut ids = BTreeSet::new();
    loop {
        let users = page["users"].as_array().unwrap().iter();
        ids.extend(users.map(|user| user["employee_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            return (people, ids);
        };
        let next = [("run", run), ("cursor", next)];
        page = looked(town, "GET /runs/{run}", &next).await;
    }
}

async fn events(town: &mut Town, tried: &Tried) -> Result<(), String> {
    lived(town, &tried.past).await;
    let events: Vec<Value> = tried
        .says
        .iter()
        .map(|(whom, active)| {
            let status = if *active { "active" } else { "inactive" };
            town.says(PEOPLE[*whom], status, json!({}))
        })
        .collect();
    let before = statuses(town).await;
    let dry = town.hr(
        "POST /events",
        &[],
        &json!({ "events": events, "dry_run": true }),
    );
    let dry = town.ask(&dry).await.body;
    let after = statuses(town).await;
    if before != after {
        return Err(format!("the dry run moved {before:?} to {after:?}"));
    }
    let real = town.hr("POST /events", &[], &json!({ "events": events }));
    let real = town.ask_only(&real).await.body;
    let results = |answer: &Value| answer["results"].as_array().unwrap().clone();
    let (would, did) = (results(&dry), results(&real));
    let (would_be, was): (Vec<Value>, Vec<Value>) = (
        would.iter().map(same).collect(),
        did.iter().map(same).collect(),
    );
    if would_be != was || dry["summary"] != real["summary"] {
        return Err(format!("would {dry:#}\ndid {real:#}"));
    }
    if counted(&did) != real["summary"] {
        return Err(format!("the summary is not what was counted: {real:#}"));
    }
    let after = statuses(town).await;
    // Whom one row ends and the next brings back was not moved.
    let moves = ["scheduled", "deactivated"];
    let moved: BTreeSet<String> = did
        .iter()
        .filter(|one| moves.contains(&one["outcome"].as_str().unwrap()))
        .map(|one| one["employee_id"].as_str().unwrap().to_owned())
        .filter(|id| after[id.as_str()] != "active")
        .collect();
    let (people, mut of_run) = ran(town, &real["run_id"]).await;
    if u64::try_from(of_run.len()).unwrap() != people {
        return Err(format!("{people} people, but {of_run:?}"));
    }
    // A run that gives accounts back counts who came back as well.
    of_run.retain(|id| after[id.as_str()] != "active");
    if of_run != moved {
        return Err(format!(
            "the run has {of_run:?}, moved were {moved:?}: {real:#}"
        ));
    }
    Ok(())
}

/// How long a snapshot has to be applied.
const UPLOADED: TimeDelta = TimeDelta::minutes(3);

async fn uploaded(town: &mut Town, employees: &[Value], dry_run: bool) -> Value {
    let open = town.hr(
        "POST /snapshots",
        &[],
        &json!({ "source": "hris", "expected_employees": employees.len() }),
    );
    let opened = town.done_only(&open).await;
    let id = opened["snapshot_id"].as_str().unwrap().to_owned();
    let page = json!({ "snapshot_id": id, "page": 1, "employees": employees });
    let page = town.hr(
        "PUT /snapshots/{id}/pages/{n}",
        &[("id", &id), ("n", "1")],
        &page,
    );
    town.done_only(&page).await;
    let all = json!({ "snapshot_id": id, "pages": 1, "dry_run": dry_run });
    let all = town.hr("POST /snapshots/{id}/complete", &[("id", &id)], &all);
    town.done_only(&all).await;
    town.wait(UPLOADED).await;
    let shown = town.hr("GET /snapshots/{id}", &[("id", &id)], &Value::Null);
    town.done_only(&shown).await
}

async fn snapshot(town: &mut Town, tried: &Tried) -> Result<(), String> {
    lived(town, &tried.past).await;
    let said: BTreeMap<usize, bool> = tried.says.iter().copied().collect();
    let employees: Vec<Value> = said
        .iter()
        .map(|(whom, active)| {
            let status = if *active { "active" } else { "inactive" };
            json!({ "employee_id": PEOPLE[*whom], "status": status })
        })
        .collect();
    let before = statuses(town).await;
    let image = town.image();
    let dry = uploaded(town, &employees, true).await;
    let tried = statuses(town).await;
    if before != tried {
        // Time has passed. Without the dry run, the same has become of everybody.
        town.back_to(&image);
        town.wait(UPLOADED).await;
        let without = statuses(town).await;
        return match without == tried {
            true => Ok(()),
            false => Err(format!("the dry run moved {without:?} to {tried:?}")),
        };
    }
    let real = uploaded(town, &employees, false).await;
    if dry["summary"] != real["summary"] {
        return Err(format!("would {dry:#}\ndid {real:#}"));
    }
    let count = |word: &str| real["summary"][word].as_u64().unwrap_or_default();
    let after = statuses(town).await;
    let ended: BTreeSet<String> = after
        .iter()
        .filter(|(id, status)| before[*id] == "active" && *status != "active")
        .map(|(id, _)| (*id).to_owned())
        .collect();
    let counted = count("scheduled") + count("deactivated");
    if u64::try_from(ended.len()).unwrap() != counted {
        return Err(format!("{ended:?} have left: {real:#}"));
    }
    let holds = real["holds"].as_array().map_or(0, Vec::len);
    if count("held") > 0 && (real["state"] != "held" || holds == 0) {
        return Err(format!("somebody is held: {real:#}"));
    }
    let (people, mut of_run) = ran(town, &real["run_id"]).await;
    if u64::try_from(of_run.len()).unwrap() != people {
        return Err(format!("{people} people, but {of_run:?}"));
    }
    of_run.retain(|id| after[id.as_str()] != "active");
    if of_run != ended {
        return Err(format!(
            "the run has {of_run:?}, left have {ended:?}: {real:#}"
        ));
    }
    Ok(())
}

fn all(salt: u64, what: impl AsyncFn(&mut Town, &Tried) -> Result<(), String>) {
    holds_for((CASES, salt), tried(), async |town, _, tried| {
        what(town, tried).await
    });
}

#[test]
fn a_request_does_what_its_dry_run_says_and_says_what_it_did() {
    all(0, events);
}

#[test]
fn a_snapshot_does_what_its_dry_run_says_and_says_what_it_did() {
    all(1, snapshot);
}
