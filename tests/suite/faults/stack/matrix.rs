//! Flow × call × mode. A flow runs once without faults, and its folder is copied before each step; each case takes
//! up such a copy, so that it costs no more than what comes after its fault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_stand_ins::{Call, Fault, Mode, Service};
use offramp_tests::World;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use super::end::End;
use super::flow::Flow;

/// Worlds at once, of all flows together.
static AT_ONCE: Semaphore = Semaphore::const_new(4);
/// The SDK tries a call so often.
const ATTEMPTS: u32 = 3;
/// How long the functions wait for a call that is meant to time out, and for any other: a busy machine must not look like a fault.
const SHORT: Duration = Duration::from_millis(500);
pub(crate) const LONG: Duration = Duration::from_secs(5);
/// How long the last of a stack may take to go.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);

/// A folder that goes with its last holder.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(what: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("offramp-faults-{}-{number}-{what}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A copy, once the last of the stack that lived in it has gone: its database takes its log along when it closes.
    pub(crate) async fn copy(&self, what: &str) -> Self {
        let log = self.0.join("dynamodb.sqlite-wal");
        let closed = async {
            while log.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(CLOSED_WITHIN, closed).await.unwrap();
        let copy = Self::new(what);
        copied(&self.0, &copy.0);
        copy
    }

    /// A world that lives in it.
    pub(crate) async fn world(&self, attempt_timeout: Duration) -> World {
        World::with(|config| {
            config.data = Some(self.0.clone());
            config.attempt_timeout = attempt_timeout;
        })
        .await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever is left is in the folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The right to have one more world.
pub(crate) async fn permit() -> SemaphorePermit<'static> {
    AT_ONCE.acquire().await.unwrap()
}

/// The seed, made once for all who hold it.
pub(crate) async fn seed() -> Arc<Folder> {
    static SEED: Mutex<Weak<Folder>> = Mutex::const_new(Weak::new());
    let mut seed = SEED.lock().await;
    if let Some(made) = seed.upgrade() {
        return made;
    }
    let made = Arc::new(Folder::new("seed"));
    let world = made.world(LONG).await;
    world.stack.shutdown().await.unwrap();
    *seed = Arc::downgrade(&made);
    made
}

/// What goes wrong in one case.
#[derive(Debug, Clone)]
struct Case {
    step: usize,
    /// Its number among the calls of its step.
    index: usize,
    fault: Fault,
    /// SES may have accepted a message and nobody knows.
    may_mail_twice: bool,
}

/// Where a flow is before each step, what each step calls, and how all ends.
struct Plain {
    before: Vec<Folder>,
    calls: Vec<Vec<Call>>,
    end: End,
}

/// Runs a flow with every fault; panics with all that ended otherwise than without.
pub(super) async fn check(flow: Flow) {
    let flow = Arc::new(flow);
    let plain = Arc::new(Plain::of(&flow).await);
    let cases = cases(&flow, &plain);
    let count = cases.len();
    let mut running = JoinSet::new();
    for case in cases {
        let (flow, plain) = (Arc::clone(&flow), Arc::clone(&plain));
        running.spawn(async move {
            let _permit = permit().await;
            run(&flow, &plain, &case).await
        });
    }
    let mut wrong = Vec::new();
    while let Some(done) = running.join_next().await {
        match done {
            Ok(Ok(())) => {}
            Ok(Err(text)) => wrong.push(text),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    wrong.sort();
    assert!(count > 0, "{} calls nothing", flow.name);
    assert!(
        wrong.is_empty(),
        "{} of {count} cases of {} ended otherwise:\n{}",
        wrong.len(),
        flow.name,
        wrong.join("\n")
    );
}

impl Plain {
    async fn of(flow: &Flow) -> Self {
        let _permit = permit().await;
        let folder = seed().await.copy(flow.name).await;
        let (mut before, mut calls) = (Vec::new(), Vec::new());
        for step in &flow.steps {
            before.push(folder.copy(flow.name).await);
            let world = folder.world(LONG).await;
            step.play(&world).await;
            calls.push(world.stack.cloud().faults().calls());
            world.stack.shutdown().await.unwrap();
        }
        let world = folder.world(LONG).await;
        let end = End::of(&world, &flow.people).await;
        world.hours(2).await;
        assert_eq!(End::of(&world, &flow.people).await, end, "it was not over");
        world.end().await;
        Self { before, calls, end }
    }
}

fn cases(flow: &Flow, plain: &Plain) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut operations = BTreeSet::new();
    for (step, calls) in plain.calls.iter().enumerate() {
        if !all() && !flow.faults_in.contains(&step) {
            continue;
        }
        for (index, call) in calls.iter().enumerate() {
            // A scatter over the shards of an index: each query is like the others, so the first and the last will do.
            let is_query = |at: usize| calls.get(at).is_some_and(|call| call.operation == "Query");
            if is_query(index) && is_query(index.wrapping_sub(1)) && is_query(index + 1) {
                continue;
            }
            let same =
                |other: &&Call| other.service == call.service && other.operation == call.operation;
            let skip = calls[..index].iter().filter(same).count();
            // Messages go at once: while one is settled, another may have been accepted.
            let is_mail = |call: &Call| call.service == Service::Ses;
            let mailing = calls[..=index].iter().any(is_mail)
                && (is_mail(call) || call.operation == "UpdateItem");
            let place = Place {
                first_in_flow: operations.insert((call.service as u8, &call.operation)),
                first_in_step: skip == 0,
                opening: index == 0,
            };
            for (mode, times) in modes(call, place) {
                cases.push(Case {
                    step,
                    index,
                    fault: Fault {
                        service: call.service,
                        operation: Some(call.operation.clone()),
                        mode,
                        times,
                        skip: u32::try_from(skip).unwrap(),
                    },
                    may_mail_twice: match mode {
                        Mode::AfterCommit => is_mail(call),
                        Mode::KillBefore | Mode::KillAfter => mailing,
                        _ => false,
                    },
                });
            }
        }
    }
    cases
}

/// Whether every fault is wanted in every call, and not only those that can end differently.
fn all() -> bool {
    std::env::var("OFFRAMP_FAULTS").is_ok_and(|wanted| wanted == "all")
}

/// Where a call is made.
struct Place {
    /// No call before it in its flow is of its operation.
    first_in_flow: bool,
    /// The same in its step.
    first_in_step: bool,
    /// It is the first of its step.
    opening: bool,
}

/// What happens to a call. Unless all is wanted: throttling, silence and conflicts are told from an error in one place
/// for each operation, so the first call of an operation will do, and so for an answer that stays lost; and to die
/// before a call is to die after the last one that wrote, or to fail in it.
fn modes(call: &Call, place: Place) -> Vec<(Mode, u32)> {
    let first = place.first_in_step || all();
    let writes = call.service != Service::Kms
        && !matches!(
            call.operation.as_str(),
            "Query" | "BatchGetItem" | "GetItem"
        );
    let mut modes = vec![(Mode::Error, ATTEMPTS)];
    if place.first_in_flow || all() {
        modes.push((Mode::Throttle, ATTEMPTS));
    }
    if place.first_in_flow || all() {
        modes.push((Mode::Timeout, ATTEMPTS));
    }
    if place.opening || all() {
        modes.push((Mode::KillBefore, 1));
    }
    // A read whose answer is lost has not happened.
    if writes {
        modes.push((Mode::AfterCommit, 1));
        modes.push((Mode::KillAfter, 1));
    }
    if writes && call.service != Service::Ses {
        // A schedule that is said to stand, and does not, is missed later.
        if first || call.service == Service::Scheduler {
            modes.push((Mode::Conflict, 1));
        }
        if first {
            modes.push((Mode::AfterCommit, ATTEMPTS));
        }
    }
    modes
}

async fn run(flow: &Flow, plain: &Plain, case: &Case) -> Result<(), String> {
    let folder = plain.before[case.step].copy(flow.name).await;
    let timeout = if case.fault.mode == Mode::Timeout {
        SHORT
    } else {
        LONG
    };
    let world = folder.world(timeout).await;
    world.stack.cloud().faults().inject(case.fault.clone());
    for step in &flow.steps[case.step..] {
        step.play(&world).await;
    }
    let unused = world.stack.cloud().faults().pending();
    world.stack.cloud().faults().clear();
    let mut end = End::of(&world, &flow.people).await;
    for _ in 0..2 {
        if end == plain.end {
            break;
        }
        // Lambda's retries, the sweep, and the mail that tells of what the sweep did.
        world.hours(2).await;
        end = End::of(&world, &flow.people).await;
    }
    if case.may_mail_twice && end != plain.end {
        end = end.without_one_duplicate(&world.mails());
    }
    let hit = unused
        .first()
        .is_none_or(|left| left.times < case.fault.times);
    world.stack.shutdown().await.unwrap();
    let what = format!(
        "step {} call {} {:?} {} {:?}×{}",
        case.step,
        case.index,
        case.fault.service,
        case.fault.operation.as_deref().unwrap_or_default(),
        case.fault.mode,
        case.fault.times
    );
    if !hit {
        return Err(format!("{what}: the fault hit nothing"));
    }
    if end == plain.end {
        return Ok(());
    }
    Err(format!("{what}: {}", difference(&end, &plain.end)))
}

fn difference(end: &End, wanted: &End) -> String {
    let mut text = String::new();
    for (id, person) in &wanted.people {
        if end.people.get(id) != Some(person) {
            text += &format!("\n    {id}: {:?}\n    not {person:?}", end.people.get(id));
        }
    }
    if end.mails != wanted.mails {
        text += &format!("\n    mails {:#?}\n    not {:#?}", end.mails, wanted.mails);
    }
    if end.work != wanted.work {
        text += &format!("\n    work {:?}\n    not {:?}", end.work, wanted.work);
    }
    if end.lost != wanted.lost {
        text += &format!("\n    lost {:?}", end.lost);
    }
    text
}
