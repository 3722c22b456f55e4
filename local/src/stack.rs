//! One whole system in this process: functions, API, database and the AWS services between them.

pub(crate) mod core;
mod expiry;
mod metrics;
mod programs;
mod provision;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_stand_ins::{Clock, Cloud, CloudConfig};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::core::{Core, stand_in};
use crate::database::LocalDatabase;
use crate::functions::{self, Host, Wire};
use crate::gateway;
use crate::identity::Identity;
use crate::image::Image;
use crate::local_api;
use crate::meter::{Cost, Meter};
use crate::seed;
use crate::store::{External, Store};
use crate::template::{Deployment, Function, Names, Template};
use crate::{Error, files};
use metrics::MetricLines;
use provision::{identity, listen, provision, register};

/// The port that `serve` takes unless told otherwise.
pub const USUAL_PORT: u16 = 8787;
/// How long open connections may take to end when the stack stops.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// How a stack starts.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// The port of the API on 127.0.0.1; 0 is any free one.
    pub port: u16,
    /// Take any free port where `port` is taken, instead of failing.
    pub any_port_instead: bool,
    /// The folder that keeps everything over a restart; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// The time that the whole stack lives in.
    pub clock: Clock,
    /// Whether to make the organisation `acme` with its people and cards.
    pub seed: bool,
    /// Whether the people of the seed are counted at once, as the sweep does within minutes of a first delivery: from then
    /// on a percentage of them is known to the breaker.
    pub counted: bool,
    /// A copy of another stack's stored state to begin with, instead of the seed. Only for stacks that keep nothing, in
    /// the embedded DynamoDB.
    pub image: Option<Arc<Image>>,
    /// Values for parameters of the template, over those of a local stack ([`Names::local`]).
    pub parameters: BTreeMap<String, String>,
    /// How long the functions wait for one attempt of an AWS call: short, so that injected timeouts do not hold a test up.
    pub attempt_timeout: Duration,
    /// The address of a DynamoDB to keep the items in, such as Amazon's DynamoDB Local; `None` is the embedded one. It
    /// must keep apart what different access keys store. Only for stacks that keep nothing.
    pub dynamodb: Option<String>,
    /// Whether the capacity units of DynamoDB's calls are counted.
    pub metered: bool,
}

impl Default for StackConfig {
    /// In memory, on any port, in wall time, with the seed.
    fn default() -> Self {
        Self {
            port: 0,
            any_port_instead: false,
            data: None,
            clock: Clock::running(),
            seed: true,
            counted: true,
            image: None,
            parameters: BTreeMap::new(),
            attempt_timeout: Duration::from_millis(500),
            dynamodb: None,
            metered: false,
        }
    }
}

/// A running system. It stops when it is dropped; [`Stack::shutdown`] also waits for that and saves.
///
/// Several stacks can run side by side in one process.
pub struct Stack {
    pub(crate) core: Arc<Core>,
    gateway_task: JoinHandle<()>,
    database_task: JoinHandle<()>,
    expiry_task: JoinHandle<()>,
    stop_gateway: watch::Sender<bool>,
    stop_database: watch::Sender<bool>,
    stopped: bool,
    /// Held on the data folder: two stacks on one would ruin it.
    lock: Option<File>,
}

impl Stack {
    /// Starts everything, and returns when the API answers and the seed, if wanted, is there.
    ///
    /// # Errors
    /// Whatever keeps it from starting: a taken port, an unreadable folder, a template that asks for what is not here.
    pub async fn start(config: StackConfig) -> Result<Self, Error> {
        Self::start_wired(config, functions::wire).await
    }

    /// As [`Self::start`], with functions of the caller's own: for testing what surrounds them.
    pub(crate) async fn start_wired(config: StackConfig, wire: Wire) -> Result<Self, Error> {
        let template = Template::workspace()?;
        let mut names = Names::local("offramp");
        names.parameters.extend(config.parameters.clone());
        let lock = config.data.as_deref().map(files::lock_folder).transpose()?;
        let (listener, url) = listen(config.port, config.any_port_instead).await?;

        let table = template.resolve(&names)?.table;
        let table_name = table.name.clone();
        let access_key = uuid::Uuid::new_v4().simple().to_string();
        let image = config.image.as_deref();
        let store = match (&config.dynamodb, &config.data, image) {
            (None, None, Some(image)) => {
                Store::Embedded(LocalDatabase::copy_of(&image.items, table)?)
            }
            (Some(url), _, None) => {
                Store::External(External::create(url, &access_key, &names.region, table).await?)
            }
            (None, data, None) => Store::Embedded(LocalDatabase::open(data.as_deref(), table)?),
            (_, _, Some(_)) => {
                let reason = "a copy is kept nowhere, and in no other DynamoDB";
                return Err(Error::Database(reason.into()));
            }
        };
        let (stop_gateway, gateway_stop) = watch::channel(false);
        let (stop_database, database_stop) = watch::channel(false);
        let (mut upstream, database_task) = store.serve(database_stop.clone()).await?;
        let meter = Meter::default();
        if config.metered {
            upstream = meter.clone().serve(upstream, database_stop).await?;
        }
        let cloud = Cloud::start(CloudConfig {
            data_dir: config.data.as_ref().map(|folder| folder.join("aws")),
            dynamodb_upstream: Some(upstream),
            table: table_name,
            access_key: access_key.clone(),
            region: names.region.clone(),
            account: names.account.clone(),
            issuer_matcher: Some(functions::is_issuer_call),
            keys: image.map(|image| image.keys.clone()).unwrap_or_default(),
            ..CloudConfig::new(config.clock.clone())
        })
        .await
        .map_err(stand_in)?;
        let deployment = provision(&template, names, &cloud)?;
        let metrics = MetricLines::default();
        let host = Host {
            endpoints: cloud.endpoints(),
            access_key,
            attempt_timeout: config.attempt_timeout,
        };
        register(
            &deployment,
            &cloud,
            &host,
            &config.clock,
            wire,
            &metrics.sink(),
        )?;

        let core = Arc::new(Core {
            identity: Arc::new(identity(&deployment, config.data.as_deref())?),
            cloud,
            url,
            store,
            meter,
            deployment,
            metrics,
            host,
            seeded: OnceLock::new(),
        });
        let gateway = Arc::new(core.gateway()?);
        let router = local_api::router(Arc::clone(&core)).merge(gateway::router(gateway));
        let gateway_task = tokio::spawn(serve(listener, router, gateway_stop));
        let expiry_task = tokio::spawn(expiry::by_and_by(Arc::clone(&core)));
        let stack = Self {
            core,
            gateway_task,
            database_task,
            expiry_task,
            stop_gateway,
            stop_database,
            stopped: false,
            lock,
        };
        stack.core.cloud.run();
        let seeded = match image {
            Some(image) => image.seeded.clone(),
            None if config.seed => {
                let data = config.data.as_deref();
                Some(seed::run(&stack.core, data, config.counted).await?)
            }
            None => None,
        };
        if let Some(seeded) = seeded {
            // Set once, here.
            let _ = stack.core.seeded.set(seeded);
        }
        Ok(stack)
    }

    /// The API's address, such as `http://127.0.0.1:8787`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.core.url
    }

    /// The AWS stand-ins: their mails, schedules, queues, faults and log of calls.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.core.cloud
    }

    /// What the template made.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.core.deployment
    }

    /// The lines of metrics that the functions have told, in their order: the last thousands.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.core.metrics.all()
    }

    /// What the calls of DynamoDB have cost since the last time that this was asked; nothing in a stack that is not
    /// [`StackConfig::metered`].
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.core.meter.take()
    }

    /// The environment of a function: what the template gives it, what Lambda adds, and where the AWS services are here.
    #[must_use]
    pub fn environment(&self, function: &Function) -> BTreeMap<String, String> {
        functions::environment(&self.core.deployment, function, &self.core.host)
    }

    /// The issuer of the stack's tokens.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.core.identity
    }

    /// A token of the seed's first admin.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn admin_token(&self) -> Result<String, Error> {
        self.core.admin_token()
    }

    /// A token for any subject, in any organisation, with any roles in the role claim.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn token_for(&self, subject: &str, org: &str, roles: &[&str]) -> Result<String, Error> {
        self.core.token(subject, Some(org), roles)
    }

    /// A token of the identity that may do all until an organisation has its first admin.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn bootstrap_token(&self, org: &str) -> Result<String, Error> {
        self.core.bootstrap_token(org)
    }

    /// The secret that the seed's source signs with; `None` without a seed.
    #[must_use]
    pub fn webhook_secret(&self) -> Option<&str> {
        self.core
            .seeded
            .get()
            .map(|seeded| seeded.webhook_secret.as_str())
    }

    /// Invokes a function and waits for its answer, as `aws lambda invoke` does. It is named by its crate, and an alias may
    /// follow: `admin`, `admin:operator`.
    ///
    /// # Errors
    /// [`Error::Function`]: there is none of that name, or it failed.
    pub async fn invoke(
        &self,
        function: &str,
        payload: serde_json::Value,
    ) -> Result<serde_json::Value, Error> {
        self.core.invoke(function, payload).await
    }

    /// The stack's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.core.cloud.clock().now()
    }

    /// Moves the clock ahead. What falls due on the way has fired, in order, when this returns; expired items are gone.
    ///
    /// # Errors
    /// [`Error::StandIn`].
    pub async fn advance(&self, by: Duration) -> Result<DateTime<Utc>, Error> {
        self.core.advance(by).await
    }

    /// Moves the clock to an instant that is not past, otherwise as [`Self::advance`].
    ///
    /// # Errors
    /// [`Error::StandIn`].
    pub async fn set_now(&self, at: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
        self.core.set_now(at).await
    }

    /// Stops: no new requests, running invocations are cut off, everything is saved, all tasks have ended.
    ///
    /// # Errors
    /// [`Error::StandIn`] where the state could not be saved.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        self.stop_gateway.send_replace(true);
        self.expiry_task.abort();
        // Its connections may be those of a function that waits for a stand-in: those are cut off with the functions.
        let _ = tokio::time::timeout(CLOSE_WITHIN, &mut self.gateway_task).await;
        let saved = self.core.cloud.shutdown().await.map_err(stand_in);
        self.stop_database.send_replace(true);
        let _ = tokio::time::timeout(CLOSE_WITHIN, &mut self.database_task).await;
        self.stopped = true;
        saved
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stack")
            .field("url", &self.core.url)
            .finish_non_exhaustive()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.stop_gateway.send_replace(true);
        self.stop_database.send_replace(true);
        self.expiry_task.abort();
        self.gateway_task.abort();
        self.database_task.abort();
        let runtime = tokio::runtime::Handle::try_current();
        if let Some(runtime) = runtime.ok().filter(|_| !self.stopped) {
            let (cloud, lock) = (self.core.cloud.clone(), self.lock.take());
            runtime.spawn(async move {
                let saved = cloud.shutdown().await;
                drop(lock);
                saved
            });
        }
    }
}

async fn serve(listener: TcpListener, router: axum::Router, mut stop: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "the API stopped");
    }
}

#[cfg(test)]
mod tests;
