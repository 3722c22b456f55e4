//! Each AWS call of each flow in turn fails, conflicts, times out, loses its answer, or takes the process with it.
//! After the retries that the outside world makes, all must be as if nothing had happened.

mod flow;
mod matrix;
mod moved;
mod races;
mod snapshots;
pub(crate) mod stack;
mod stories;

use flow::{Flow, Step};
use matrix::check;
use serde_json::{Value, json};

use crate::stepwise::{ADA, MEMBERS, OTTO};

/// A leaver with two cards.
const LEAVER: &str = MEMBERS[0];
/// Two more with cards.
const OTHERS: [&str; 2] = [MEMBERS[1], MEMBERS[2]];

#[tokio::test]
async fn a_leaver_at_the_end_of_the_grace_period() {
    check(Flow {
        steps: vec![
            Step::hr(LEAVER, "inactive"),
            Step::Minutes(6),
            // To the second that it is due; then the mail.
            Step::Minutes(72 * 60 - 6),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_leaver_of_a_source_that_the_instance_knows() {
    check(Flow {
        steps: vec![
            Step::HrKnown(vec![(LEAVER, "inactive", json!({}))]),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn an_address_that_changes_hands_and_is_confirmed() {
    let desk = || json!({ "email": "desk@acme.example" });
    check(Flow {
        setup: vec![Step::Hr(vec![(LEAVER, "active", desk())])],
        steps: vec![
            Step::Hr(vec![(
                LEAVER,
                "active",
                json!({ "email": "other@acme.example" }),
            )]),
            Step::Hr(vec![(OTHERS[0], "active", desk())]),
            Step::to_user("POST /users/{id}/confirm-address", OTHERS[0], Value::Null),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn an_invitation_above_the_limit_and_one_by_hand() {
    let new = |id| (id, "active", json!({ "email": "new@acme.example" }));
    check(Flow {
        setup: vec![
            Step::Settings(json!({ "invitations": "all", "safeguards": { "max_invitations": 1 } })),
            Step::Minutes(6),
        ],
        steps: vec![
            Step::Hr(vec![new("N-1"), new("N-2")]),
            Step::Minutes(6),
            Step::to_user("POST /users/{id}/invite", "N-2", Value::Null),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_leaver_who_goes_at_once() {
    check(Flow {
        setup: vec![Step::Settings(
            json!({ "deactivation_sync": { "behaviour": "immediate" } }),
        )],
        steps: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(6)],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_reactivation_before_the_digest() {
    check(Flow {
        steps: vec![
            Step::hr(LEAVER, "inactive"),
            Step::hr(LEAVER, "active"),
            Step::Minutes(73 * 60),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_reactivation_after_the_digest() {
    check(Flow {
        setup: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(3)],
        steps: vec![Step::hr(LEAVER, "active"), Step::Minutes(73 * 60)],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn deactivate_now() {
    check(Flow {
        steps: vec![
            Step::to_user("POST /users/{id}/deactivate-now", LEAVER, json!({})),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn deactivate_now_in_the_grace_period() {
    check(Flow {
        setup: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(3)],
        steps: vec![
            Step::to_user("POST /users/{id}/deactivate-now", LEAVER, json!({})),
            Step::Minutes(73 * 60),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn deleted_and_restored_by_hand() {
    check(Flow {
        steps: vec![
            Step::to_user("DELETE /users/{id}", LEAVER, Value::Null),
            Step::Minutes(6),
            Step::to_user("POST /users/{id}/restore", LEAVER, json!({})),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn deleted_by_hand_and_restored_by_a_change_in_hr() {
    check(Flow {
        setup: vec![
            Step::to_user("DELETE /users/{id}", LEAVER, Value::Null),
            Step::Minutes(3),
        ],
        steps: vec![
            Step::Hr(vec![(LEAVER, "active", json!({ "team": "Elsewhere" }))]),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn an_appointment_and_its_end() {
    let role = |role| Step::to_user("PUT /users/{id}/role", LEAVER, json!({ "role": role }));
    check(Flow {
        steps: vec![
            role("admin"),
            Step::Minutes(6),
            role("member"),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn the_sync_is_turned_off_and_on_again() {
    check(Flow {
        setup: vec![
            Step::Hr(
                std::iter::once(LEAVER)
                    .chain(OTHERS)
                    .map(|id| (id, "inactive", json!({})))
                    .collect(),
            ),
            Step::Minutes(3),
        ],
        steps: vec![
            Step::Settings(json!({ "deactivation_sync": { "enabled": false } })),
            Step::Minutes(6),
            Step::Settings(json!({ "deactivation_sync": { "enabled": true } })),
            Step::Minutes(73 * 60),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn three_leavers_and_a_bad_record_in_one_request() {
    check(Flow {
        steps: vec![
            Step::Hr(vec![
                (LEAVER, "inactive", json!({})),
                (OTTO, "inactive", json!({ "start_date": "yesterday" })),
                (OTHERS[0], "inactive", json!({})),
                (OTHERS[1], "inactive", json!({})),
            ]),
            Step::Minutes(6),
            Step::Minutes(72 * 60),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn cards_by_hand() {
    check(Flow {
        steps: vec![
            Step::Card(OTHERS[0]),
            Step::Reassign {
                from: LEAVER,
                to: OTHERS[0],
            },
            Step::Freeze(LEAVER),
            Step::Minutes(3),
        ],
        ..Flow::default()
    })
    .await;
}

/// The last admin's date comes: they are held by themselves, once, and have access all the time.
#[tokio::test]
async fn a_date_of_the_last_admin() {
    check(Flow {
        setup: vec![
            Step::Settings(json!({ "leave_dates": "all" })),
            Step::to_user("PUT /users/{id}/role", OTTO, json!({ "role": "member" })),
            Step::Hr(vec![(ADA, "active", json!({ "leave_date": "2026-03-03" }))]),
        ],
        steps: vec![Step::Minutes(15 * 60), Step::Minutes(6), Step::Minutes(6)],
        breaker: true,
    })
    .await;
}
