//! The ports of `offramp_app` on DynamoDB, EventBridge Scheduler, SES v2 and KMS, and what a
//! function needs around them: configuration, deadlines, logs.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod clients;
pub mod config;
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
pub use kms::{Opener, Sealer};
pub use ledger::Ledger;
pub use prime::prime;
pub use scheduler::Scheduler;
pub use ses::Ses;
pub use table::Table;
pub use telemetry::{Sink, Telemetry};

use offramp_app::{Clock, Deadline, Env, Ports};

/// Time that a function keeps back to answer.
const TO_ANSWER: std::time::Duration = std::time::Duration::from_millis(1_500);

/// The adapters to AWS.
#[derive(Debug)]
pub enum Aws {}

impl Ports for Aws {
    type Store = Table;
    type Timers = Scheduler;
    type Issuer = ();
}

/// What every function works with, but `terminate`.
pub type Offramp = Env<Aws>;

/// The adapters to AWS, and to who issued the cards.
#[derive(Debug)]
pub enum WithIssuer {}

impl Ports for WithIssuer {
    type Store = Table;
    type Timers = Scheduler;
    type Issuer = Ledger;
}

/// What `terminate` works with.
pub type Terminating = Env<WithIssuer>;

/// The table and the scheduler, with the present of `clock`.
#[must_use]
pub fn offramp(config: &Config, clients: &Clients, clock: Clock) -> Offramp {
    with((), config, clients, clock)
}

/// The same, and the ledger.
#[must_use]
pub fn terminating(config: &Config, clients: &Clients, clock: Clock) -> Terminating {
    let ledger = Ledger::new(clients.dynamodb(), config.table.clone());
    with(ledger, config, clients, clock)
}

fn with<P>(issuer: P::Issuer, config: &Config, clients: &Clients, clock: Clock) -> Env<P>
where
    P: Ports<Store = Table, Timers = Scheduler>,
{
    Env {
        store: Table::new(clients.dynamodb(), config.table.clone()),
        timers: Scheduler::new(clients.scheduler(), config.timers.clone()),
        issuer,
        clock: clock.with_day(config.day),
        meter: config.telemetry.meter().clone(),
    }
}

/// By when an invocation must have done its work, so that there is time left to answer.
#[must_use]
pub fn deadline(context: &lambda_runtime::Context) -> Deadline {
    let left = context
        .deadline()
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    Deadline::after(left.saturating_sub(TO_ANSWER))
}

/// An error as Lambda records it: its type says whether a retry can help.
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
