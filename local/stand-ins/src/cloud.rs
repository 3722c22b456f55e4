use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{CloudConfig, Endpoints};
use crate::drive;
use crate::error::Error;
use crate::faults::Faults;
use crate::front::Surface;
use crate::http;
use crate::kms::Kms;
use crate::lambda::Lambda;
use crate::persist;
use crate::queues::QueuedMessage;
use crate::scheduler::Scheduler;
use crate::ses::Ses;
use crate::shared::Shared;
use crate::streams::StreamMapping;
use crate::sync::lock;
use crate::timers::Rule;

/// RFC 3339 has years of four digits, and timers look ahead.
const FIRST_YEAR_TOO_FAR: i32 = 9_999;

/// The AWS account on this machine. Clones are the same.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
    endpoints: Endpoints,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl Cloud {
    /// Opens a loopback port for each service and takes up what `data_dir` holds. Must be called within a Tokio runtime.
    ///
    /// Nothing fires by itself before [`Self::run`], so that functions can be registered first.
    ///
    /// # Errors
    /// When a port cannot be opened or the data directory cannot be read.
    pub async fn start(config: CloudConfig) -> Result<Self, Error> {
        let shared = Shared::load(config)?;
        let (dynamodb, dynamodb_task) = http::serve(&shared, Surface::Dynamodb).await?;
        let (scheduler, scheduler_task) = http::serve(&shared, Surface::Scheduler).await?;
        let (sesv2, ses_task) = http::serve(&shared, Surface::Ses).await?;
        let (kms, kms_task) = http::serve(&shared, Surface::Kms).await?;
        let saver = tokio::spawn(persist::keep(Arc::clone(&shared)));
        Ok(Self {
            shared,
            endpoints: Endpoints {
                dynamodb,
                scheduler,
                sesv2,
                kms,
            },
            tasks: Arc::new(Mutex::new(vec![
                dynamodb_task,
                scheduler_task,
                ses_task,
                kms_task,
                saver,
            ])),
        })
    }

    /// Begins to fire in real time what falls due, first of all what is overdue, and to deliver the stream. To be called
    /// once, when all functions are registered. A frozen clock has no real time: it is driven by [`Self::advance`] and
    /// [`Self::settle`] alone; the stream is delivered all the same, as what is written is written now.
    pub fn run(&self) {
        lock(&self.tasks).push(tokio::spawn(drive::background(Arc::clone(&self.shared))));
    }

    /// Delivers the table's stream to a function from now on. To be called before [`Self::run`].
    pub fn follow(&self, mapping: StreamMapping) {
        lock(&self.shared.streams).follow(mapping);
    }

    /// Notes that the table was written otherwise than through [`Endpoints::dynamodb`].
    pub fn written(&self) {
        self.shared.written();
    }

    /// Notes that the database itself is about to delete an item, whose time to live has ended: `key` is its key in
    /// DynamoDB's JSON. The stream's record of that deletion says so.
    pub fn expiring(&self, key: &Value) {
        lock(&self.shared.streams).expiring(key);
    }

    /// Takes [`Self::expiring`] back: the item was given more time.
    pub fn not_expiring(&self, key: &Value) {
        lock(&self.shared.streams).not_expiring(key);
    }

    /// The URLs of the services.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints.clone()
    }

    /// The clock of this cloud.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// The Lambda stand-in.
    #[must_use]
    pub fn lambda(&self) -> Lambda {
        Lambda(Arc::clone(&self.shared))
    }

    /// The EventBridge Scheduler stand-in.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler(Arc::clone(&self.shared))
    }

    /// The SES stand-in.
    #[must_use]
    pub fn ses(&self) -> Ses {
        Ses(Arc::clone(&self.shared))
    }

    /// The KMS stand-in.
    #[must_use]
    pub fn kms(&self) -> Kms {
        Kms(Arc::clone(&self.shared))
    }

    /// The faults to come and the log of calls.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// All that went to dead-letter and on-failure queues, in order.
    #[must_use]
    pub fn queues(&self) -> Vec<QueuedMessage> {
        lock(&self.shared.timers).queued.clone()
    }

    /// Invokes a function asynchronously every `period`, first one period from now: SAM's `Schedule` event. Rules are
    /// not kept over a restart. A period below a millisecond makes no rule.
    pub fn every(&self, period: Duration, function: &str, input: Value) {
        let now = self.shared.clock.now();
        let Some(first) = crate::timers::next_tick(now, period, now) else {
            return;
        };
        let mut timers = lock(&self.shared.timers);
        timers.rules.push(Rule {
            period,
            function: function.to_owned(),
            input,
        });
        let index = timers.rules.len() - 1;
        timers.arm_rule(index, first);
        drop(timers);
        self.shared.timers_changed();
    }

    /// Moves the clock ahead by `by` and returns where it then stands.
    ///
    /// All that falls due up to there fires in order of due time, the clock standing at each due instant; each invocation,
    /// and what it causes within the window, has ended before this returns. Concurrent calls come one after the other.
    /// Rules and `rate` schedules tick each time in a jump of an hour or less, and once, at its end, in a longer one. The
    /// jump goes on when the future is dropped. A handler must not call this: the jump waits for the handler.
    ///
    /// # Errors
    /// [`Error::TooFar`], and [`Error::Stopped`] while the stand-ins shut down.
    pub async fn advance(&self, by: Duration) -> Result<DateTime<Utc>, Error> {
        self.jump(move |now| {
            let by = TimeDelta::from_std(by).map_err(|_| Error::TooFar)?;
            now.checked_add_signed(by).ok_or(Error::TooFar)
        })
        .await
    }

    /// Moves the clock to `at`, otherwise as [`Self::advance`].
    ///
    /// # Errors
    /// [`Error::Backwards`] when the clock has passed `at`, [`Error::TooFar`], and [`Error::Stopped`] while the stand-ins shut down.
    pub async fn set_now(&self, at: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
        self.jump(move |_| Ok(at)).await
    }

    /// Runs all that is due now, and what that makes due now; waits also for what runs in the background.
    pub async fn settle(&self) {
        let shared = Arc::clone(&self.shared);
        // Fails only when the runtime stops.
        let _ = tokio::spawn(async move { drive::settle(&shared).await }).await;
    }

    /// Waits until the stream has delivered what was written by now, and runs nothing else.
    pub async fn delivered(&self) {
        let shared = Arc::clone(&self.shared);
        // Fails only when the runtime stops.
        let _ = tokio::spawn(async move { drive::deliver(&shared).await }).await;
    }

    /// Writes all that has changed to the data directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn flush(&self) -> Result<(), Error> {
        persist::flush(&self.shared).await
    }

    /// Closes the ports, aborts what runs (with a data directory it runs again after the next start), saves, and waits
    /// for all tasks to end.
    ///
    /// # Errors
    /// [`Error::Io`] when the state cannot be saved.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.shared.stopping.send_replace(true);
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks {
            // A task that panicked has ended too.
            let _ = task.await;
        }
        let _ = self
            .shared
            .in_flight
            .subscribe()
            .wait_for(|running| *running == 0)
            .await;
        let _driving = self.shared.driving.lock().await;
        self.flush().await
    }

    async fn jump(
        &self,
        target: impl FnOnce(DateTime<Utc>) -> Result<DateTime<Utc>, Error> + Send + 'static,
    ) -> Result<DateTime<Utc>, Error> {
        let shared = Arc::clone(&self.shared);
        let target = move |now| match target(now)? {
            at if at.year() < FIRST_YEAR_TOO_FAR => Ok(at),
            _ => Err(Error::TooFar),
        };
        tokio::spawn(async move { drive::advance(&shared, target).await })
            .await
            .map_err(|_| Error::Stopped)?
    }
}
