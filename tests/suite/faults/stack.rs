//! The same on the whole local stack: over HTTP, with real connections, time limits and processes of Lambda's. One flow
//! makes nearly every call that there is; the others take the short way.

pub(crate) mod end;
mod flow;
pub(crate) mod matrix;

use flow::{Flow, Step};
use matrix::check;

/// A leaver with three cards, one of them frozen.
pub(super) const LEAVER: &str = "E-1007";
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_at_the_end_of_the_grace_period() {
    check(Flow {
        name: "grace",
        people: vec![LEAVER],
        steps: vec![
            Step::Hr(LEAVER, "inactive"),
            Step::Minutes(6),
            // To the second that it is due; then the mail.
            Step::Minutes(72 * 60 - 6),
            Step::Minutes(6),
        ],
        faults_in: vec![0, 1, 2],
    })
    .await;
}
