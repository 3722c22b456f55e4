//! The common part of the functions. Each is built once, opens its connections, and takes one event after the other.

use std::future::Future;
use std::sync::Arc;

use lambda_runtime::{LambdaEvent, run, service_fn};
use offramp_app::{Clock, Error, Fault};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Clients, Config, ConfigError, Telemetry, diagnostic, log, prime};

/// A Lambda function. Its program is [`serve`]; the local stack calls the same methods in its own process.
pub trait Function: Sized + Send + Sync + 'static {
    /// The payload that starts an invocation.
    type Event: DeserializeOwned + Send + 'static;
    /// The answer of an invocation.
    type Answer: Serialize + Send;

    /// Builds the function on its own clients. No connection is opened yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the environment lacks something.
    fn new(config: &Config, clock: Clock) -> Result<Self, ConfigError> {
        Self::over(config, &Clients::new(&config.aws)?, clock)
    }

    /// Like [`Self::new`], with the caller's clients.
    ///
    /// # Errors
    /// As [`Self::new`].
    fn over(config: &Config, clients: &Clients, clock: Clock) -> Result<Self, ConfigError>;

    /// Opens the connections before the first invocation. To the table, it reads a key that does not exist.
    ///
    /// # Errors
    /// A fault of AWS. The function starts all the same.
    fn prime(&self) -> impl Future<Output = Result<(), Fault>>;

    /// Does the work of one invocation.
    ///
    /// # Errors
    /// An error ends the invocation. Lambda repeats an asynchronous invocation twice, and then hands it to the
    /// on-failure queue.
    fn handle(
        &self,
        event: LambdaEvent<Self::Event>,
    ) -> impl Future<Output = Result<Self::Answer, Error>>;

    /// The HTTP status of an answer, for the log; `None` if the answer has none.
    fn status(_answer: &Self::Answer) -> Option<i64> {
        None
    }
}

/// The `main` of a function: builds it once, and lends it to each invocation.
///
/// # Errors
/// A [`ConfigError`], or an error of Lambda's runtime API.
pub async fn serve<F: Function>() -> Result<(), lambda_runtime::Error> {
    log::init();
    let config = Config::from_env()?;
    let function = Arc::new(F::new(&config, Clock::system())?);
    prime(&config, function.prime()).await;
    run(service_fn(move |event| {
        let (function, telemetry) = (Arc::clone(&function), config.telemetry.clone());
        async move {
            let answer = invoke(&*function, &telemetry, event).await;
            answer.map_err(diagnostic)
        }
    }))
    .await
}

/// Runs one invocation, with its line in the log and its metrics.
///
/// # Errors
/// That of [`Function::handle`].
pub async fn invoke<F: Function>(
    function: &F,
    telemetry: &Telemetry,
    event: LambdaEvent<F::Event>,
) -> Result<F::Answer, Error> {
    let id = event.context.request_id.clone();
    let work = Box::pin(function.handle(event));
    telemetry.invocation(&id, F::status, work).await
}
