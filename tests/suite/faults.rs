//! Each AWS call of each flow in turn fails, conflicts, times out, loses its answer, or takes the process with it.
//! After the retries that the outside world makes, all must be as if nothing had happened.

pub(crate) mod end;
mod flow;
pub(crate) mod matrix;
mod moved;
mod races;
mod snapshots;
mod stories;

use flow::{Flow, Step};
use matrix::check;
use serde_json::json;

/// A leaver with three cards, one of them frozen.
const LEAVER: &str = "E-1007";
/// Two more with cards.
const OTHERS: [&str; 2] = ["E-1012", "E-1018"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_at_the_end_of_the_grace_period() {
    check(Flow {
        name: "grace",
        throttles: true,
        people: vec![LEAVER],
        steps: vec![
            Step::hr(LEAVER, "inactive"),
            Step::Minutes(6),
            // To the second that it is due; then the mail.
            Step::Minutes(72 * 60 - 6),
            Step::Minutes(6),
        ],
        faults_in: vec![0, 1, 2],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_of_a_source_that_the_instance_knows() {
    check(Flow {
        name: "known",
        people: vec![LEAVER],
        steps: vec![
            Step::HrKnown(vec![(LEAVER, "inactive", json!({}))]),
            Step::Minutes(6),
        ],
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_who_goes_at_once() {
    check(Flow {
        name: "immediate",
        throttles: true,
        setup: vec![Step::Settings(
            json!({ "deactivation_sync": { "behaviour": "immediate" } }),
        )],
        people: vec![LEAVER],
        steps: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(6)],
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reactivation_before_the_digest() {
    check(Flow {
        name: "reactivated-early",
        people: vec![LEAVER],
        steps: vec![
            Step::hr(LEAVER, "inactive"),
            Step::hr(LEAVER, "active"),
            Step::Hours(73),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reactivation_after_the_digest() {
    check(Flow {
        name: "reactivated-late",
        setup: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(6)],
        people: vec![LEAVER],
        steps: vec![Step::hr(LEAVER, "active"), Step::Hours(73)],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deactivate_now() {
    check(Flow {
        name: "now",
        people: vec![LEAVER],
        steps: vec![
            Step::post(format!("/users/{LEAVER}/deactivate-now")),
            Step::Minutes(6),
        ],
        waits_in: vec![0],
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deactivate_now_in_the_grace_period() {
    check(Flow {
        name: "now-in-grace",
        setup: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(6)],
        people: vec![LEAVER],
        steps: vec![
            Step::post(format!("/users/{LEAVER}/deactivate-now")),
            Step::Hours(73),
        ],
        waits_in: vec![0],
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_and_restored_by_hand() {
    check(Flow {
        name: "deleted",
        people: vec![LEAVER],
        steps: vec![
            Step::delete(format!("/users/{LEAVER}")),
            Step::Minutes(6),
            Step::post(format!("/users/{LEAVER}/restore")),
            Step::Minutes(6),
        ],
        waits_in: vec![0],
        faults_in: vec![0, 2],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_by_hand_and_restored_by_a_change_in_hr() {
    check(Flow {
        name: "mutation",
        setup: vec![Step::delete(format!("/users/{LEAVER}")), Step::Minutes(6)],
        people: vec![LEAVER],
        steps: vec![
            Step::Hr(vec![(LEAVER, "active", json!({ "team": "Elsewhere" }))]),
            Step::Minutes(6),
        ],
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sync_is_turned_off_and_on_again() {
    check(Flow {
        name: "sync-off",
        throttles: true,
        setup: vec![
            Step::Hr(
                std::iter::once(LEAVER)
                    .chain(OTHERS)
                    .map(|id| (id, "inactive", json!({})))
                    .collect(),
            ),
            Step::Minutes(6),
        ],
        people: vec![LEAVER, OTHERS[0], OTHERS[1]],
        steps: vec![
            Step::Confirmed(json!({ "deactivation_sync": { "enabled": false } })),
            Step::Minutes(6),
            Step::Settings(json!({ "deactivation_sync": { "enabled": true } })),
            Step::Hours(73),
        ],
        faults_in: vec![0, 2],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_leavers_and_a_bad_record_in_one_request() {
    check(Flow {
        name: "batch",
        people: vec![LEAVER, OTHERS[0], OTHERS[1]],
        steps: vec![
            Step::Hr(vec![
                (LEAVER, "inactive", json!({})),
                ("E-1010", "inactive", json!({ "start_date": "yesterday" })),
                (OTHERS[0], "inactive", json!({})),
                (OTHERS[1], "inactive", json!({})),
            ]),
            Step::Minutes(6),
            Step::Hours(72),
        ],
        // Who is taken up a minute later is told of in a mail of their own.
        mails_may_split: true,
        faults_in: vec![0],
        ..Flow::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_by_hand() {
    check(Flow {
        name: "cards",
        throttles: true,
        people: vec!["E-1004", "E-1006"],
        steps: vec![
            Step::Card {
                owner: "E-1006",
                last4: "6107",
            },
            Step::Reassign {
                last4: "1044",
                to: "E-1006",
            },
            Step::Freeze { last4: "1045" },
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}
