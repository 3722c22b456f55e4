//! The ports of `offramp_app` on DynamoDB, EventBridge Scheduler, SES v2 and KMS. The crate also has what each function
//! needs beside them: configuration, deadlines, logs and metrics.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod clients;
pub mod config;
pub mod function;
pub mod keys;
pub mod kms;
pub mod ledger;
pub mod log;
pub mod metrics;
pub mod prime;
pub mod scheduler;
pub mod ses;
pub mod table;
pub mod telemetry;

mod fault;

pub use clients::Clients;
pub use config::{Config, ConfigError};
pub use function::{Function, invoke, serve};
pub use kms::{Opener, Sealer};
pub use ledger::Ledger;
pub use prime::prime;
pub use scheduler::Scheduler;
pub use ses::Ses;
pub use table::Table;
pub use telemetry::{Sink, Telemetry};

use offramp_app::{Clock, Deadline, Env, Ports};

/// The time before Lambda's deadline that a function keeps for its answer.
const TO_ANSWER: std::time::Duration = std::time::Duration::from_millis(1_500);

/// The adapters to AWS.
#[derive(Debug)]
pub enum Aws {}

impl Ports for Aws {
    type Store = Table;
    type Timers = Scheduler;
    type Issuer = ();
}

/// The environment of every function but `terminate`: the adapters to AWS with a clock and a meter.
pub type Offramp = Env<Aws>;

/// The adapters to AWS, with a card issuer.
#[derive(Debug)]
pub enum WithIssuer {}

impl Ports for WithIssuer {
    type Store = Table;
    type Timers = Scheduler;
    type Issuer = Ledger;
}

/// The environment of `terminate`.
pub type Terminating = Env<WithIssuer>;

/// Builds the environment of a function. `clock` gives the present.
#[must_use]
pub fn offramp(config: &Config, clients: &Clients, clock: Clock) -> Offramp {
    with((), config, clients, clock)
}

/// Builds the environment of `terminate`, with the ledger as its issuer.
#[must_use]
pub fn terminating(config: &Config, clients: &Clients, clock: Clock) -> Terminating {
    let ledger = Ledger::new(clients.dynamodb(), config.table.clone());
    with(ledger, config, clients, clock)
}

fn with<P>(issuer: P::Issuer, config: &Config, clients: &Clients, clock: Clock) -> Env<P>
where
    P: Ports<Store = Table, Timers = Scheduler>,
{
    let clock = clock.with_day(config.day);
    Env {
        store: Table::new(clients.dynamodb(), config.table.clone(), config.form),
        timers: Scheduler::new(clients.scheduler(), config.timers.clone(), clock.clone()),
        issuer,
        clock,
        meter: config.telemetry.meter().clone(),
    }
}

/// The instant at which an invocation must stop its work, so that time is left for the answer.
#[must_use]
pub fn deadline(context: &lambda_runtime::Context) -> Deadline {
    let left = context
        .deadline()
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    Deadline::after(left.saturating_sub(TO_ANSWER))
}

/// An error as Lambda records it. Its type says whether a retry can help.
#[must_use]
pub fn diagnostic(error: offramp_app::Error) -> lambda_runtime::Diagnostic {
    let kind = if error.is_retryable() {
        "Retryable"
    } else {
        "Permanent"
    };
    lambda_runtime::Diagnostic {
        error_type: kind.to_owned(),
        error_message: error.to_string(),
    }
}
