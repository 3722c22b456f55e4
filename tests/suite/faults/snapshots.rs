//! Snapshots, and what admins answer to what they trip: the same end whatever fails.

use serde_json::{Value, json};

use super::flow::{Flow, Step};
use super::matrix::check;
use super::{LEAVER, OTHERS};
use crate::snapshots::employee;

/// Somebody who gets another name, and somebody who is new.
const RENAMED: &str = "E-1020";
const NEW: &str = "N-1";

fn without(employees: &mut Vec<Value>, gone: &[&str]) {
    employees.retain(|one| !gone.contains(&one["employee_id"].as_str().unwrap()));
}

/// One is missing, one inactive, one has another name, one is new.
fn some_change(employees: &mut Vec<Value>) {
    without(employees, &[LEAVER]);
    for one in employees.iter_mut() {
        if one["employee_id"] == OTHERS[0] {
            one["status"] = json!("inactive");
        } else if one["employee_id"] == RENAMED {
            one["name"] = json!("Another Name");
        }
    }
    employees.push(employee(NEW, "active"));
}

/// Three are missing.
fn three_go(employees: &mut Vec<Value>) {
    without(employees, &[LEAVER, OTHERS[0], OTHERS[1]]);
}

fn at_most_one() -> Step {
    Step::Settings(json!({ "safeguards": { "max_users": 1 } }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_applied() {
    check(Flow {
        name: "snapshot",
        throttles: true,
        people: vec![LEAVER, OTHERS[0], RENAMED, NEW],
        steps: vec![
            Step::Snapshot(some_change),
            Step::Minutes(3),
            Step::Minutes(6),
        ],
        faults_in: vec![1],
        // Who is taken up a minute later is told of in a mail of their own.
        mails_may_split: true,
        snapshot: true,
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_held_and_approved() {
    check(Flow {
        name: "approved",
        setup: vec![at_most_one()],
        people: vec![LEAVER, OTHERS[0], OTHERS[1]],
        steps: vec![
            Step::Snapshot(three_go),
            Step::Minutes(3),
            Step::Answer { approve: true },
            Step::Minutes(6),
        ],
        faults_in: vec![1, 2],
        mails_may_split: true,
        snapshot: true,
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_rejected() {
    check(Flow {
        name: "rejected",
        setup: vec![at_most_one(), Step::Snapshot(three_go), Step::Minutes(3)],
        people: vec![LEAVER, OTHERS[0], OTHERS[1]],
        steps: vec![Step::Answer { approve: false }, Step::Minutes(6)],
        faults_in: vec![0],
        mails_may_split: true,
        snapshot: true,
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_undone() {
    check(Flow {
        name: "undone",
        setup: vec![Step::Snapshot(three_go), Step::Minutes(6)],
        people: vec![LEAVER, OTHERS[0], OTHERS[1]],
        steps: vec![Step::Undo, Step::Minutes(6)],
        faults_in: vec![0],
        mails_may_split: true,
        snapshot: true,
        ..Flow::default()
    })
    .await;
}

/// The last admin is held by themselves, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_admin_is_held_once() {
    check(Flow {
        name: "last-admin",
        setup: vec![Step::Admin {
            method: "PUT",
            path: "/users/E-1002/role".to_owned(),
            body: json!({ "role": "member" }),
        }],
        people: vec!["E-1001"],
        steps: vec![
            Step::Snapshot(|employees| without(employees, &["E-1001"])),
            Step::Minutes(3),
            Step::Minutes(6),
        ],
        faults_in: vec![1],
        mails_may_split: true,
        snapshot: true,
        ..Flow::default()
    })
    .await;
}
