//! Snapshots, and what admins answer to what they trip: the same end whatever fails.

use serde_json::{Value, json};

use super::flow::{Flow, Step};
use super::matrix::check;
use super::{LEAVER, OTHERS};
use crate::stepwise::{ADA, NEWCOMER, OTTO};

fn without(employees: &mut Vec<Value>, gone: &[&str]) {
    employees.retain(|one| !gone.contains(&one["employee_id"].as_str().unwrap()));
}

/// One is missing, one inactive, one has another name, one is new.
fn some_change(employees: &mut Vec<Value>) {
    without(employees, &[LEAVER]);
    for one in employees.iter_mut() {
        if one["employee_id"] == OTHERS[0] {
            one["status"] = json!("inactive");
        } else if one["employee_id"] == OTHERS[1] {
            one["name"] = json!("Another Name");
        }
    }
    let (name, email) = ("New", "new@acme.example");
    let status = "active";
    employees
        .push(json!({ "employee_id": NEWCOMER, "name": name, "email": email, "status": status }));
}

/// Three are missing.
fn three_go(employees: &mut Vec<Value>) {
    without(employees, &[LEAVER, OTHERS[0], OTHERS[1]]);
}

fn at_most_one() -> Step {
    Step::Settings(json!({ "safeguards": { "max_users": 1 } }))
}

#[tokio::test]
async fn a_snapshot_is_applied() {
    check(Flow {
        steps: vec![
            Step::Snapshot(some_change),
            Step::Minutes(6),
            Step::Minutes(6),
        ],
        breaker: true,
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_is_held_and_approved() {
    check(Flow {
        setup: vec![at_most_one()],
        steps: vec![
            Step::Snapshot(three_go),
            Step::Minutes(6),
            Step::Answer { approve: true },
            Step::Minutes(6),
        ],
        breaker: true,
    })
    .await;
}

#[tokio::test]
async fn a_hold_is_rejected() {
    check(Flow {
        setup: vec![at_most_one(), Step::Snapshot(three_go), Step::Minutes(3)],
        steps: vec![Step::Answer { approve: false }, Step::Minutes(6)],
        breaker: true,
    })
    .await;
}

#[tokio::test]
async fn a_run_is_undone() {
    check(Flow {
        setup: vec![Step::Snapshot(three_go), Step::Minutes(3)],
        steps: vec![Step::Undo, Step::Minutes(6)],
        breaker: true,
    })
    .await;
}

/// The last admin is held by themselves, once.
#[tokio::test]
async fn the_last_admin_is_held_once() {
    check(Flow {
        setup: vec![Step::to_user(
            "PUT /users/{id}/role",
            OTTO,
            json!({ "role": "member" }),
        )],
        steps: vec![
            Step::Snapshot(|employees| without(employees, &[ADA])),
            Step::Minutes(6),
            Step::Minutes(6),
        ],
        breaker: true,
    })
    .await;
}
