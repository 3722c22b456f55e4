//! What the outside world does, and how it insists: HR sends a request again until it is answered.

use std::time::Duration;

use offramp_tests::{World, event};
use serde_json::json;

/// How often a request is sent, and how long after the last: three tries are within one minute, as a digest wants it.
const TRIES: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// A story that the system is told.
pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) steps: Vec<Step>,
    /// Whose end is looked at.
    pub(super) people: Vec<&'static str>,
    /// The steps whose calls are hit, unless all is wanted. A digest is a digest.
    pub(super) faults_in: Vec<usize>,
}

/// One thing that the outside world does.
pub(super) enum Step {
    /// HR says the status of somebody.
    Hr(&'static str, &'static str),
    /// Time passes.
    Minutes(u64),
}

impl Step {
    /// Does it, again and again until it is answered.
    pub(super) async fn play(&self, world: &World) {
        match self {
            Self::Hr(id, status) => deliver(world, id, status).await,
            Self::Minutes(minutes) => world.minutes(*minutes).await,
        }
    }
}

/// HR sends the same event, signed anew, until it is answered.
async fn deliver(world: &World, id: &str, status: &str) {
    let body = json!({ "events": [event(world.now(), id, status, json!({}))] });
    for _ in 0..TRIES {
        let reply = world.deliver_body(body.clone()).await;
        if reply.status < 500 {
            assert_eq!(reply.status, 200, "{}", reply.body);
            return;
        }
        world.advance(AGAIN_AFTER).await;
    }
    panic!("HR gave up");
}
