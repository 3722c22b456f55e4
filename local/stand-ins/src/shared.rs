use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::config::CloudConfig;
use crate::error::Error;
use crate::faults::Faults;
use crate::kms::Keys;
use crate::lag::Lag;
use crate::lambda::Registry;
use crate::persist::{File, Store};
use crate::ses::Mailbox;
use crate::streams::{Reading, Streams};
use crate::sync::lock;
use crate::timers::Timers;

/// What all services share. No lock in here is held across an `.await`, but for those of Tokio.
pub(crate) struct Shared {
    pub(crate) config: CloudConfig,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) timers: Mutex<Timers>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) mailbox: Mutex<Mailbox>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) streams: Mutex<Streams>,
    /// Held while the table's stream is read.
    pub(crate) reading: tokio::sync::Mutex<Reading>,
    /// Held while what indexes are seen as is used.
    pub(crate) lag: tokio::sync::Mutex<Option<Lag>>,
    writes: AtomicU64,
    pub(crate) store: Store,
    pub(crate) dynamodb: reqwest::Client,
    /// Held while what falls due is fired.
    pub(crate) driving: tokio::sync::Mutex<()>,
    /// Asynchronous invocations that the background task has running.
    pub(crate) in_flight: watch::Sender<usize>,
    /// Rung when something was scheduled.
    pub(crate) scheduled: Notify,
    /// Counts the deaths of the calling process.
    pub(crate) deaths: watch::Sender<u64>,
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn load(config: CloudConfig) -> Result<Arc<Self>, Error> {
        let store = Store::open(config.data_dir.clone())?;
        let clock = config.clock.clone();
        if let Some(base) = store.load(File::Clock)? {
            clock.restore(base);
        }
        let timers = match store.load(File::Timers)? {
            Some(saved) => Timers::restore(saved),
            None => Timers::default(),
        };
        let dynamodb = reqwest::Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            // Shorter than servers keep an idle connection, so that a call never falls on one that is being closed.
            .pool_idle_timeout(Duration::from_secs(10))
            .build()
            .map_err(Error::Client)?;
        Ok(Arc::new(Self {
            clock,
            faults: Faults::default(),
            timers: Mutex::new(timers),
            registry: Mutex::default(),
            mailbox: Mutex::new(Mailbox::restore(
                store.load(File::Mails)?.unwrap_or_default(),
            )),
            keys: Mutex::new(
                store
                    .load(File::Keys)?
                    .unwrap_or_else(|| config.keys.clone()),
            ),
            streams: Mutex::new(Streams::restore(
                store.load(File::Streams)?.unwrap_or_default(),
            )),
            reading: tokio::sync::Mutex::default(),
            lag: tokio::sync::Mutex::default(),
            writes: AtomicU64::new(0),
            store,
            dynamodb,
            driving: tokio::sync::Mutex::new(()),
            in_flight: watch::Sender::new(0),
            scheduled: Notify::new(),
            deaths: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            config,
        }))
    }

    /// Notes that the timers changed: they are saved, and the background task looks at them again.
    pub(crate) fn timers_changed(&self) {
        self.store.mark(File::Timers);
        self.scheduled.notify_one();
    }

    /// How often the table was written.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Notes that the table was written: the follower of its stream looks again.
    pub(crate) fn written(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.scheduled.notify_one();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Returns once the stand-ins are to stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// The calling process dies: every running invocation is aborted.
    pub(crate) fn kill(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    /// The JSON of one file of the data directory.
    pub(crate) fn snapshot(&self, file: File) -> Result<Vec<u8>, serde_json::Error> {
        match file {
            File::Clock => serde_json::to_vec(&self.clock.base()),
            File::Timers => serde_json::to_vec(&lock(&self.timers).saved()),
            File::Mails => serde_json::to_vec(lock(&self.mailbox).messages()),
            File::Keys => serde_json::to_vec(&*lock(&self.keys)),
            File::Streams => serde_json::to_vec(&lock(&self.streams).position()),
        }
    }
}
