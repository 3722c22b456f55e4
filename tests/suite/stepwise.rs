//! A world in one thread, in which each call of AWS is a step: the functions' own entries on the production adapters,
//! over the embedded DynamoDB. The test says whose call is answered next, and whether the caller lives to see the
//! answer. Nothing waits: the clock is moved, and an invocation waits at its next call for as long as the test likes.

pub(crate) mod arbitrary;
mod calls;
pub(crate) mod end;
mod failing;
mod functions;
mod requests;
mod services;
mod settle;

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use offramp_app::Clock;
use offramp_local::template::{Deployment, Names, Template};
use serde_json::Value;

pub(crate) use calls::Who;
use calls::{Answer, Call, Wire};
use failing::Meets;
pub(crate) use failing::{Called, Fault};
pub(crate) use functions::Done;
use functions::Functions;
pub(crate) use requests::{ADA, MEMBERS, NEWCOMER, OTTO, Reply};
use services::{Mail, Schedule, Services};

/// A Monday.
const MORNING: i64 = 1_772_442_000;

/// What starts an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The function, by its crate.
    pub(crate) function: &'static str,
    pub(crate) payload: Value,
    /// True where the caller waits for no other function.
    pub(crate) hurried: bool,
}

/// A message of a queue: a record of the stream, or a timer that has fired.
#[derive(Debug, Clone)]
struct Queued {
    message: Message,
    at: DateTime<Utc>,
    /// How many attempts have failed.
    failed: u32,
}

/// An invocation between two of its calls.
pub(crate) struct Invocation {
    pub(crate) who: Who,
    future: LocalBoxFuture<'static, Done>,
}

/// Where an invocation has come to.
#[derive(Debug)]
pub(crate) enum At {
    /// It waits for the answer to a call.
    Call,
    /// It has ended.
    End(Done),
}

/// How an invocation is cut off: before the nth call (from 0) does its work, or after it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) call: usize,
    pub(crate) after: bool,
}

/// All that stands, to begin from again.
#[derive(Clone)]
pub(crate) struct Image {
    items: Arc<ItemsFile>,
    schedules: std::collections::BTreeMap<String, Schedule>,
    mails: Vec<Mail>,
    queue: Vec<Queued>,
    records: Vec<Value>,
    cancelled: Vec<String>,
    now: i64,
    pub(crate) secret: String,
}

/// A file that goes with its last holder.
struct ItemsFile(PathBuf);

impl Drop for ItemsFile {
    fn drop(&mut self) {
        // Whatever is left is in the folder for temporary things.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The world.
pub(crate) struct Town {
    pub(crate) deployment: Deployment,
    services: Services,
    functions: Functions,
    wire: Wire,
    clock: Arc<AtomicI64>,
    queue: Vec<Queued>,
    secret: String,
    invocations: Who,
    /// The cuts of the invocations to come, in their order; none of those after the last.
    cuts: std::collections::VecDeque<Option<Cut>>,
    /// Invocations that were cut, by function.
    pub(crate) cut: Vec<&'static str>,
    /// Every invocation so far, with when it began and how it was cut off.
    pub(crate) trace: Vec<String>,
    /// Every answer so far: whose, whether the call only read, and what it was.
    pub(crate) heard: Vec<(Who, bool, Value)>,
    /// Every call so far.
    pub(crate) calls: Vec<Called>,
    /// What is still to go wrong.
    pub(crate) fault: Option<Fault>,
}

impl Town {
    /// Without anybody.
    pub(crate) fn empty() -> Self {
        let template = Template::workspace().unwrap();
        let mut names = Names::local("offramp");
        for key in template.resolve(&names).unwrap().keys {
            names.references.insert(key.logical_id, "key".to_owned());
        }
        let deployment = template.resolve(&names).unwrap();
        let clock = Arc::new(AtomicI64::new(MORNING));
        let wire = Wire::default();
        let now = Arc::clone(&clock);
        let app = Clock::from_fn(move || instant(now.load(Ordering::SeqCst)));
        Self {
            services: Services::new(&deployment.table.create),
            functions: Functions::new(&deployment, &wire, app),
            deployment,
            wire,
            clock,
            queue: Vec::new(),
            secret: String::new(),
            invocations: 0,
            cuts: std::collections::VecDeque::new(),
            cut: Vec::new(),
            trace: Vec::new(),
            heard: Vec::new(),
            calls: Vec::new(),
            fault: None,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        instant(self.clock.load(Ordering::SeqCst))
    }

    /// How many invocations there have been.
    pub(crate) fn invocations(&self) -> usize {
        self.invocations
    }

    /// Moves the clock, and nothing else.
    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.fetch_add(time.num_seconds(), Ordering::SeqCst);
    }

    fn set_now(&self, at: DateTime<Utc>) {
        self.clock.store(at.timestamp(), Ordering::SeqCst);
    }

    /// Copies all that stands.
    pub(crate) fn image(&self) -> Image {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("offramp-stepwise-{}-{number}", std::process::id());
        let file = std::env::temp_dir().join(name);
        self.services.save(&file);
        Image {
            items: Arc::new(ItemsFile(file)),
            schedules: self.services.schedules.clone(),
            mails: self.services.mails.clone(),
            queue: self.queue.clone(),
            records: self.services.records.clone(),
            cancelled: self.services.cancelled.clone(),
            now: self.clock.load(Ordering::SeqCst),
            secret: self.secret.clone(),
        }
    }

    /// Goes back to what stood.
    pub(crate) fn back_to(&mut self, image: &Image) {
        self.services.restore(&image.items.0);
        self.services.schedules = image.schedules.clone();
        self.services.mails = image.mails.clone();
        self.services.records = image.records.clone();
        self.services.cancelled = image.cancelled.clone();
        self.queue = image.queue.clone();
        self.secret.clone_from(&image.secret);
        self.clock.store(image.now, Ordering::SeqCst);
        self.functions.start_anew();
        self.cuts.clear();
        self.cut.clear();
        self.trace.clear();
        self.heard.clear();
        self.calls.clear();
        self.fault = None;
    }

    /// Cuts the invocations to come.
    pub(crate) fn cut_off(&mut self, cuts: impl IntoIterator<Item = Option<Cut>>) {
        self.cuts = cuts.into_iter().collect();
    }

    /// Begins an invocation, up to its first call.
    pub(crate) async fn begin(&mut self, message: &Message) -> (Invocation, At) {
        self.invocations += 1;
        let who = self.invocations;
        let (function, payload) = (message.function, message.payload.clone());
        let id = format!("invocation-{who}");
        let future = self.functions.begin(function, payload, id, message.hurried);
        let mut invocation = Invocation { who, future };
        let at = self.run(&mut invocation).await;
        (invocation, at)
    }

    /// Answers the call that an invocation waits for, and lets it run up to the next.
    pub(crate) async fn step(&mut self, invocation: &mut Invocation) -> At {
        self.work(invocation.who, true);
        self.run(invocation).await
    }

    /// Does the work of the call that waits longest; the caller hears of it or not.
    fn work(&mut self, who: Who, heard: bool) {
        let (call, answer) = self.worked(who);
        if heard {
            call.answered(answer);
        }
    }

    fn worked(&mut self, who: Who) -> (Call, Answer) {
        let call = self.wire.next(who).unwrap();
        let answer = self.services.answer(&call);
        let body = serde_json::from_str(&answer.1).unwrap_or_default();
        self.heard.push((who, call.reads(), body));
        (call, answer)
    }

    async fn run(&self, invocation: &mut Invocation) -> At {
        let who = invocation.who;
        poll_fn(|context| {
            self.wire.runs(who);
            match Pin::new(&mut invocation.future).poll(context) {
                Poll::Ready(done) => {
                    self.wire.forget(who);
                    Poll::Ready(At::End(done))
                }
                Poll::Pending if self.wire.has(who) => Poll::Ready(At::Call),
                // It pauses after a conflict.
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The process of an invocation ends.
    pub(crate) fn die(&self, invocation: Invocation) {
        self.wire.forget(invocation.who);
        drop(invocation);
    }

    /// Runs an invocation to its end; `None` where it was cut off.
    pub(crate) async fn invoke(&mut self, message: &Message) -> Option<Done> {
        let cut = self.cuts.pop_front().flatten();
        let payload = &message.payload;
        let (route, kind) = (&payload["routeKey"], &payload["kind"]);
        let started = format!("{} {} {route} {kind}", self.now(), message.function);
        self.trace.push(started);
        let (mut invocation, mut at) = self.begin(message).await;
        for call in 0.. {
            if let At::End(done) = at {
                return Some(done);
            }
            if let Some(cut) = cut.filter(|cut| cut.call == call) {
                if cut.after {
                    self.work(invocation.who, false);
                }
                self.cut.push(message.function);
                let last = self.trace.last_mut().unwrap();
                *last += &format!(", {cut:?}");
                self.die(invocation);
                return None;
            }
            match self.meet(invocation.who) {
                Meets::Answered => at = self.run(&mut invocation).await,
                Meets::Death => {
                    self.die(invocation);
                    return None;
                }
            }
        }
        None
    }

    /// Runs what the test reads with, and answers each of its calls.
    pub(crate) async fn reads<T>(&mut self, work: impl Future<Output = T>) -> T {
        let who = 0;
        let mut work = std::pin::pin!(work);
        loop {
            self.wire.runs(who);
            let done = poll_fn(|context| {
                self.wire.runs(who);
                match work.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if self.wire.has(who) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            match done {
                Some(done) => return done,
                None => self.work(who, true),
            }
        }
    }
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}
