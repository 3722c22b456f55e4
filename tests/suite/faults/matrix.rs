//! Flow × call × mode. A flow runs once without faults, and the world is copied before each step; each case takes up such
//! a copy, so that it costs no more than what comes after its fault.

use aws_stand_ins::Mode;
use futures_util::FutureExt;
use serde_json::Value;

use super::flow::{Flow, reads};
use crate::stepwise::end::{Whole, told_alike};
use crate::stepwise::{Called, Fault, Image, Town};

/// The SDK tries a call so often.
const ATTEMPTS: u32 = 3;

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
    before: Vec<Image>,
    calls: Vec<Vec<Called>>,
    end: Ended,
}

/// How a flow ended.
struct Ended {
    whole: Whole,
    /// Holds, runs and the window.
    breaker: Vec<String>,
}

/// Runs a flow with every fault; panics with all that ended otherwise than without.
pub(super) async fn check(flow: Flow) {
    let mut town = Town::founded().await;
    let plain = Plain::of(&mut town, &flow).await;
    assert!(
        plain.end.whole.wrong.is_empty(),
        "{:#?}",
        plain.end.whole.wrong
    );
    let cases = cases(&plain.calls);
    let count = cases.len();
    assert!(count > 0, "it calls nothing");
    let mut wrong = Vec::new();
    for case in &cases {
        town.back_to(&plain.before[case.step]);
        town.fault = Some(case.fault.clone());
        let run = std::panic::AssertUnwindSafe(run(&mut town, &flow, &plain, case));
        let what = match run.catch_unwind().await {
            Ok(None) => continue,
            Ok(Some(what)) => what,
            Err(_) => "it panicked".to_owned(),
        };
        let (fault, trace) = (&case.fault, &town.trace);
        wrong.push(format!(
            "step {} call {}, {fault:?}: {what}\n{trace:#?}",
            case.step, case.index
        ));
    }
    println!("{count} cases");
    let shown: Vec<&String> = wrong.iter().take(3).collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} cases ended otherwise:\n{shown:#?}",
        wrong.len()
    );
}

impl Plain {
    async fn of(town: &mut Town, flow: &Flow) -> Self {
        for step in &flow.setup {
            step.play(town).await;
        }
        let (mut before, mut calls) = (Vec::new(), Vec::new());
        for step in &flow.steps {
            let image = town.image();
            // Each instance forgets what it has seen, as in each case.
            town.back_to(&image);
            before.push(image);
            step.play(town).await;
            calls.push(std::mem::take(&mut town.calls));
        }
        let end = Ended::of(town, flow).await;
        Self { before, calls, end }
    }
}

impl Ended {
    async fn of(town: &mut Town, flow: &Flow) -> Self {
        town.settle().await;
        let mut whole = town.end(true).await;
        for person in whole.end.people.values_mut() {
            person.hr = undated(&person.hr);
        }
        let breaker = match flow.breaker {
            true => breaker(town).await,
            false => Vec::new(),
        };
        Self { whole, breaker }
    }

    /// How it differs from the end without a fault, if it does.
    fn differs_from(&self, plain: &Self, may_mail_twice: bool) -> Option<String> {
        let (one, other) = (&self.whole, &plain.whole);
        if !one.wrong.is_empty() {
            return Some(format!("{:#?}", one.wrong));
        }
        for (id, person) in &other.end.people {
            let found = one.end.people.get(id);
            if found != Some(person) {
                return Some(format!("{id} is {found:?}\nnot {person:?}"));
            }
        }
        if one.end != other.end {
            return Some(format!("{:?}\nnot {:?}", one.end, other.end));
        }
        for (id, history) in &other.histories {
            if one.merged(id) != other.merged(id) {
                let one = &one.histories[id];
                return Some(format!("{id} has the history {one:#?}\nnot {history:#?}"));
            }
        }
        let (mut told, mut wanted) = (one.told.clone(), other.told.clone());
        if may_mail_twice {
            told.dedup();
            wanted.dedup();
        }
        if !told_alike(&told, &wanted) {
            return Some(format!("told {told:#?}\nnot {wanted:#?}"));
        }
        let (one, other) = (&self.breaker, &plain.breaker);
        (one != other).then(|| format!("{one:#?}\nnot {other:#?}"))
    }
}

fn cases(steps: &[Vec<Called>]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (step, calls) in steps.iter().enumerate() {
        for (index, called) in calls.iter().enumerate() {
            // A scatter over the shards of an index: each query is like the others, so the first and the last will do.
            let is_query = |at: usize| calls.get(at).is_some_and(|call| call.operation == "Query");
            if is_query(index) && is_query(index.wrapping_sub(1)) && is_query(index + 1) {
                continue;
            }
            let skip = calls[..index].iter().filter(|one| *one == called).count();
            // Messages go at once: while one is settled, another may have been accepted.
            let is_mail = |call: &Called| call.service == "sesv2";
            let mailing = calls[..=index].iter().any(is_mail)
                && (is_mail(called) || called.operation == "UpdateItem");
            for (mode, times) in modes(called, index, skip == 0) {
                cases.push(Case {
                    step,
                    index,
                    fault: Fault {
                        called: called.clone(),
                        mode,
                        times,
                        skip,
                    },
                    may_mail_twice: match mode {
                        Mode::AfterCommit => is_mail(called),
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

/// What happens to a call. Unless all is wanted: throttling, conflicts and an answer that stays lost are told from an error
/// in one place for each operation, so the first call of an operation will do; and to die before a call is to die after the
/// last one that wrote, or to fail in it. The SDK tells silence from an error; `stack` is where time passes.
fn modes(called: &Called, index: usize, first_in_step: bool) -> Vec<(Mode, u32)> {
    let first = first_in_step || all();
    let writes = called.service != "kms"
        && !matches!(
            called.operation.as_str(),
            "Query" | "BatchGetItem" | "GetItem"
        );
    let mut modes = vec![(Mode::Error, ATTEMPTS)];
    if first {
        modes.push((Mode::Throttle, ATTEMPTS));
    }
    if index == 0 || all() {
        modes.push((Mode::KillBefore, 1));
    }
    // A read whose answer is lost has not happened.
    if writes {
        modes.push((Mode::AfterCommit, 1));
        modes.push((Mode::KillAfter, 1));
    }
    if writes && called.service != "sesv2" {
        // A schedule that is said to stand, and does not, is missed later.
        if first || called.service == "scheduler" {
            modes.push((Mode::Conflict, 1));
        }
        if first {
            modes.push((Mode::AfterCommit, ATTEMPTS));
        }
    }
    modes
}

/// Runs one case; what is wrong with it.
async fn run(town: &mut Town, flow: &Flow, plain: &Plain, case: &Case) -> Option<String> {
    for step in &flow.steps[case.step..] {
        step.play(town).await;
    }
    if let Some(left) = town.fault.take()
        && left.times == case.fault.times
    {
        return Some("the fault hit nothing".to_owned());
    }
    let end = Ended::of(town, flow).await;
    end.differs_from(&plain.end, case.may_mail_twice)
}

/// HR says it later where it had to say something else again.
fn undated(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["at", "missing"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), undated(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Holds with those whom they keep, runs with those whom they moved, and who has a place in the breaker's window.
async fn breaker(town: &mut Town) -> Vec<String> {
    let mut told = Vec::new();
    for (of, id, route, parameter) in [
        ("holds", "hold_id", "GET /holds/{id}", "id"),
        ("runs", "run_id", "GET /runs/{run}", "run"),
    ] {
        let all = reads(town, &format!("GET /{of}"), &[]).await;
        for one in all[of].as_array().unwrap() {
            let name = one[id].as_str().unwrap();
            let shown = reads(town, route, &[(parameter, name)]).await;
            let mut people: Vec<String> = shown["users"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["employee_id"].to_string())
                .collect();
            people.sort();
            let undone = !one["undone_at"].is_null();
            let fields = ["rule", "kind", "state", "people", "left"].map(|name| &one[name]);
            told.push(format!("{of} {fields:?} {undone} of {people:?}"));
        }
    }
    for data in town.breakers() {
        let window = data["window"].as_str().unwrap_or_default();
        let mut who: Vec<&str> = (0..window.len() / 18)
            .map(|place| &window[place * 18..place * 18 + 10])
            .collect();
        who.sort_unstable();
        let open = data.get("hold").is_some_and(|hold| *hold != Value::Null);
        told.push(format!("window {who:?}, open {open}"));
    }
    told
}
