//! `bench releases`: the functions of an earlier commit and these ones serve one table while requests come in, as they
//! do when CloudFormation replaces the code of one function after the other, and when it rolls back.
//!
//! Each function is swapped while the traffic goes on, and after each swap the whole life of several people is lived
//! again. No request may be lost, nobody may end otherwise than they should, and no message may end in a dead letter.
//! Then the stored form changes, one function after the other, and back.

mod traffic;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_stand_ins::QueuedMessage;
use chrono::{DateTime, TimeDelta, Utc};
use offramp_local::client::Client;
use offramp_local::{Stack, StackConfig, acme};
use serde_json::{Value, json};

use crate::Result;
use crate::jobs::against;
use crate::programs::FUNCTIONS;
use crate::tree::Tree;
use traffic::Traffic;

/// The shortest day of the grace period that a function takes, in seconds.
const SHORT_DAY: u64 = 120;
/// Long enough for a database that shares its cores with all else.
const PATIENT: Duration = Duration::from_secs(10);

/// How long what has begun in the code before may still run.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(10);

/// Which commit to stand beside, and whether the programs of this build are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Releases {
    pub(crate) against: String,
    pub(crate) built: bool,
}

/// What a function runs from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Then,
    /// With the stored form.
    Now(&'static str),
}

/// The swaps, in their order: each is a function by its place among [`FUNCTIONS`], and what it runs from then on.
fn swaps() -> Vec<(usize, Code)> {
    let all = || 0..FUNCTIONS.len();
    let now = Code::Now("1");
    // A deployment, its rollback in the same order, so that each mixture is also met the other way round, and a
    // deployment in another order.
    let mut swaps: Vec<(usize, Code)> = all().map(|one| (one, now)).collect();
    swaps.extend(all().map(|one| (one, Code::Then)));
    swaps.extend(all().rev().map(|one| (one, now)));
    // The form: forth, back, forth.
    for form in ["2", "1", "2"] {
        swaps.extend(all().map(|one| (one, Code::Now(form))));
    }
    swaps
}

/// Runs both releases on one table; says whether nothing was lost.
///
/// # Errors
/// Whatever was lost, or keeps the programs from being built.
pub(crate) fn prove(asked: &Releases) -> Result<bool> {
    let tree = Tree::own(None)?;
    let then = against::build(&tree, &asked.against)?;
    if !asked.built {
        tree.build(&FUNCTIONS)?;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(&then.programs, &tree.programs(), &then.name))
}

async fn serve(then: &std::path::Path, now: &std::path::Path, name: &str) -> Result<bool> {
    let begun = Instant::now();
    let programs = |folder: &std::path::Path| -> BTreeMap<String, PathBuf> {
        let named = FUNCTIONS.map(|name| (name.to_owned(), folder.join(name)));
        named.into()
    };
    let (then, now) = (programs(then), programs(now));
    let parameters = [
        ("StagingDaySeconds".to_owned(), SHORT_DAY.to_string()),
        ("StoredForm".to_owned(), "1".to_owned()),
    ];
    let stack = Stack::start(StackConfig {
        seed: false,
        attempt_timeout: PATIENT,
        parameters: parameters.into(),
        ..StackConfig::default()
    })
    .await?;
    stack.run_programs(&then, &[]);
    stack.seed().await?;
    let client = Client::new(stack.url())?;
    let token = stack.admin_token()?;
    let settings = json!({
        "deactivation_sync": { "delay_days": 1 },
        "safeguards": { "max_users": 1_000_000, "max_percent": 100 },
    });
    client.settings(acme::ORG, &token, settings).await?;

    let secret = stack.webhook_secret().ok_or("a secret")?.to_owned();
    let traffic = Traffic::new(client, token, secret).await?;
    let traffic = std::sync::Arc::new(traffic);
    traffic.crowd(2_000).await?;
    traffic.lives(&stack).await?;
    let mut reads_the_stream = Utc::now();
    for (place, code) in swaps() {
        let function = FUNCTIONS[place];
        if function == "terminate" && code != Code::Then {
            reads_the_stream = Utc::now() + IN_FLIGHT;
        }
        let (from, form) = match code {
            Code::Then => (&then, None),
            Code::Now(form) => (&now, Some(("STORED_FORM", form))),
        };
        let one = from.get(function).cloned().ok_or("a program")?;
        // While requests are on their way: what has begun ends in the code in which it began.
        let lives = tokio::spawn({
            let traffic = std::sync::Arc::clone(&traffic);
            async move { traffic.round().await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        stack.run_programs(
            &BTreeMap::from([(function.to_owned(), one)]),
            form.as_slice(),
        );
        lives.await??;
        traffic.lives(&stack).await?;
        eprintln!(
            "{function} is {code:?}: {} lives, {} requests",
            traffic.lived(),
            traffic.asked()
        );
    }
    let left = traffic
        .settle(Duration::from_secs(2 * SHORT_DAY + 60))
        .await?;
    let dead = stack.cloud().queues();
    let (handed_on, dead): (Vec<_>, Vec<_>) = dead
        .iter()
        .partition(|letter| is_of_the_stream(letter, reads_the_stream));
    if !dead.is_empty() {
        return Err(format!("{} messages ended in a dead letter: {dead:?}", dead.len()).into());
    }
    eprintln!(
        "{} batches of the stream were handed to code that does not know it; its timers did the work",
        handed_on.len()
    );
    eprintln!(
        "beside {name}: {} swaps, {} lives, {} requests, {left} grace periods ended; nothing was lost, in {} s",
        swaps().len(),
        traffic.lived(),
        traffic.asked(),
        begun.elapsed().as_secs()
    );
    stack.shutdown().await?;
    Ok(true)
}

/// True for a batch of the stream that came before `terminate` last became these functions. The functions of `cee8be8` do
/// not know the stream: CloudFormation makes the mapping after the new code, but in a rollback it removes the mapping
/// after the old code is back. The work of such a batch is done by the timers that were armed for it.
fn is_of_the_stream(letter: &QueuedMessage, before: DateTime<Utc>) -> bool {
    let batch: Value = serde_json::from_str(&letter.body).unwrap_or_default();
    let came = batch["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"].as_str();
    let came = came.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    came.is_some_and(|at| at < before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_meets_every_other_in_both_releases() {
        let mut code = [Code::Then; FUNCTIONS.len()];
        let mut met = std::collections::BTreeSet::new();
        for (place, next) in swaps() {
            code[place] = next;
            for one in 0..code.len() {
                for other in 0..code.len() {
                    if code[one] == Code::Then && code[other] != Code::Then {
                        met.insert((one, other));
                    }
                }
            }
        }
        let pairs = FUNCTIONS.len() * (FUNCTIONS.len() - 1);
        assert_eq!(met.len(), pairs, "{met:?}");
        assert!(code.iter().all(|code| *code == Code::Now("2")));
    }
}
