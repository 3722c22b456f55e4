//! Ends that move: an admin postpones one, a leave date is reminded of before it comes, and one is taken back before the
//! first card.

use serde_json::json;

use super::LEAVER;
use super::flow::{Flow, Step};
use super::matrix::check;

#[tokio::test]
async fn an_end_that_an_admin_postpones() {
    check(Flow {
        setup: vec![Step::hr(LEAVER, "inactive"), Step::Minutes(3)],
        steps: vec![
            Step::to_user(
                "PUT /users/{id}/due",
                LEAVER,
                json!({ "due_at": "2026-03-06T17:00:00Z", "reason": "She gives back the car." }),
            ),
            Step::Minutes(6),
            // What was announced first has passed, and the new end is due to the second.
            Step::Minutes(104 * 60 - 9),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn a_leave_date_that_is_reminded_of_and_comes() {
    check(Flow {
        setup: vec![Step::Settings(
            json!({ "reminders": { "before_leave_days": [1] } }),
        )],
        steps: vec![
            Step::to_user(
                "PUT /users/{id}/leave-date",
                LEAVER,
                json!({ "leave_date": "2026-03-05" }),
            ),
            // To the second of the reminder; then the mail.
            Step::Minutes(39 * 60),
            Step::Minutes(6),
            // To the second that the date begins; then the mail.
            Step::Minutes(24 * 60 - 6),
            Step::Minutes(6),
        ],
        ..Flow::default()
    })
    .await;
}

#[tokio::test]
async fn an_end_that_a_change_of_policy_takes_back_before_the_first_card() {
    check(Flow {
        setup: vec![
            Step::hr(LEAVER, "inactive"),
            Step::Minutes(72 * 60 - 1),
            Step::DyingAfterItsCommit,
        ],
        steps: vec![
            // Nobody is scheduled any more, so nothing is asked.
            Step::Settings(json!({ "deactivation_sync": { "enabled": false } })),
            Step::Minutes(10),
        ],
        ..Flow::default()
    })
    .await;
}
