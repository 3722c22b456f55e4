//! Which invocation makes its next call.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::scenes::Scene;
use crate::stepwise::end::{End, Whole};
use crate::stepwise::{At, Done, Invocation, Message, Town, Who};

/// Schedules of two interruptions that are tried of each pair, unless all are.
const SAMPLE: usize = 2;
/// Triples of a scene, and schedules of each: 2,001 in three scenes.
const TRIPLES: usize = 667;
const OF_EACH: usize = 23;

/// Turns: who goes on for how many calls (or to the end).
type Turns = Vec<(usize, Option<usize>)>;

/// Tries every pair that `wanted` names, an event with itself too.
pub(super) async fn pairs(mut scene: Scene, wanted: impl Fn(&str, &str) -> bool) {
    let named: Vec<&str> = scene.flows.iter().map(|(name, _)| *name).collect();
    println!(
        "{} flows in the scene `{}`: {named:?}",
        named.len(),
        scene.name
    );
    let all = number("OFFRAMP_SWITCHES", 1) >= 2;
    let only = std::env::var("OFFRAMP_FLOWS").ok();
    let only: Option<Vec<&str>> = only.as_ref().map(|names| names.split(',').collect());
    let (mut tried, mut alike, mut wrong) = (0, 0, Vec::new());
    for one in 0..scene.flows.len() {
        for other in one..scene.flows.len() {
            let names = [scene.flows[one].0, scene.flows[other].0];
            let asked = only
                .iter()
                .all(|only| names.iter().all(|name| only.contains(name)));
            if !asked || !wanted(names[0], names[1]) {
                continue;
            }
            let flows = [one, other].map(|at| scene.flows[at].1.clone());
            let mut case = Case::new(&mut scene, &names, &flows).await;
            case.interrupt_once().await;
            case.policy_is_heeded().await;
            match all {
                true => case.interrupt_twice().await,
                false => case.interrupt_twice_sometimes(SAMPLE).await,
            }
            tried += case.tried;
            alike += case.alike;
            wrong.append(&mut case.wrong);
        }
    }
    println!("{alike} of these could not be told from the one before");
    report(scene.name, tried, &wrong);
}

/// Tries random schedules of random triples.
pub(super) async fn triples(mut scene: Scene, salt: u64) {
    let seed = number("PROPTEST_RNG_SEED", 2_026);
    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(salt));
    let most = number("OFFRAMP_TRIPLES", 0) as usize / 3;
    let most = if most == 0 { TRIPLES } else { most };
    let (mut tried, mut wrong) = (0, Vec::new());
    while tried < most {
        let three = [(); 3].map(|()| random.usize(..scene.flows.len()));
        let names = three.map(|at| scene.flows[at].0);
        let flows = three.map(|at| scene.flows[at].1.clone());
        let mut case = Case::new(&mut scene, &names, &flows).await;
        for _ in 0..OF_EACH.min(most - tried) {
            let turns =
                (0..random.usize(2..9)).map(|_| (random.usize(..3), Some(random.usize(1..8))));
            let turns = turns.collect();
            case.play(&turns).await;
        }
        tried += case.tried;
        wrong.append(&mut case.wrong);
    }
    report(scene.name, tried, &wrong);
}

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

fn report(scene: &str, tried: usize, wrong: &[String]) {
    println!("{tried} schedules in the scene `{scene}`");
    let shown: Vec<&String> = wrong.iter().take(12).collect();
    assert!(
        tried > 0 && wrong.is_empty(),
        "{} of {tried} ended otherwise: {shown:#?}",
        wrong.len()
    );
}

/// Some messages at once.
struct Case<'s> {
    scene: &'s mut Scene,
    names: Vec<&'static str>,
    flows: Vec<Message>,
    /// How it ends one after the other.
    serial: Vec<End>,
    /// The states right after the invocations whose ends are known to be right: the rest follows from the state alone.
    known: BTreeSet<String>,
    /// What each hears in each of those orders.
    heard: Vec<Vec<Heard>>,
    tried: usize,
    /// Those of them that nobody can tell from another.
    alike: usize,
    /// Whether a card had been touched by the end of the last schedule's first turn.
    touched: bool,
    wrong: Vec<String>,
}

impl<'s> Case<'s> {
    async fn new(scene: &'s mut Scene, names: &[&'static str], flows: &[Message]) -> Self {
        let mut case = Self {
            scene,
            names: names.to_vec(),
            flows: flows.to_vec(),
            serial: Vec::new(),
            known: BTreeSet::new(),
            heard: Vec::new(),
            tried: 0,
            alike: 0,
            touched: false,
            wrong: Vec::new(),
        };
        for order in orders(flows.len()) {
            let turns: Turns = order.iter().map(|who| (*who, None)).collect();
            let (whole, heard) = case.end_of(&turns, true).await;
            case.heard.push(heard);
            let whole = whole.unwrap();
            case.note(&turns, &whole.wrong);
            case.serial.push(whole.end);
        }
        case
    }

    /// Each is interrupted after each of its calls by the other, which runs to its end. Where the call was a read, and hears
    /// after the other what it heard before, nobody can tell this schedule from the one before it.
    async fn interrupt_once(&mut self) {
        for first in 0..2 {
            let alone = self.heard[first][first].clone();
            let mut before = self.heard[1 - first][first].clone();
            for calls in 1..=alone.len() {
                if like(&alone, &before, calls - 1) {
                    self.tried += 1;
                    self.alike += 1;
                    continue;
                }
                let turns = vec![(first, Some(calls)), (1 - first, None)];
                before = self.play(&turns).await.swap_remove(first);
            }
        }
    }

    /// A change of policy that is over before the last look, and so before the first card, counts for what a timer has decided, even where the
    /// timer had read the policy before: all ends as if the change had come first.
    async fn policy_is_heeded(&mut self) {
        let is_timer = |name: &&str| *name == "grace timer";
        let ends = |name: &str| matches!(name, "sync off" | "undo");
        let Some(timer) = self.names.iter().position(is_timer) else {
            return;
        };
        let other = 1 - timer;
        if !ends(self.names[other]) || self.scene.name != "grace" {
            return;
        }
        let alone = self.heard[timer][timer].clone();
        let mut ends = Vec::new();
        for calls in 1..alone.len() {
            let turns = vec![(timer, Some(calls)), (other, None)];
            self.up_to_the_end(&turns).await;
            if self.touched {
                break;
            }
            let town = &mut self.scene.town;
            town.settle_quietly().await;
            ends.push((turns, town.end(false).await.end));
        }
        // The last look reads people and policy in one call; what comes after it is for the next to see.
        let reads = |(_, answer): &(bool, Value)| !answer["Responses"].is_null();
        let look = alone[..ends.len()].iter().rposition(reads).unwrap();
        assert!(look > 2, "nothing is read after the commit");
        ends.truncate(look);
        let wanted = self.serial[other].clone();
        for (turns, end) in ends.iter().filter(|(_, end)| *end != wanted) {
            let wrong = difference(end, std::slice::from_ref(&wanted));
            self.note(turns, &[format!("the policy was not heeded: {wrong}")]);
        }
        self.tried += ends.len();
    }

    /// And the other is interrupted after each of its calls in turn; but for schedules that nobody can tell from one
    /// in which either was interrupted a call earlier.
    async fn interrupt_twice(&mut self) {
        for first in 0..2 {
            let other = 1 - first;
            let own = self.heard[first][first].clone();
            let mut earlier: BTreeMap<usize, Rc<Vec<Heard>>> = BTreeMap::new();
            for calls in 1..own.len() {
                let turns = vec![(first, Some(calls)), (other, None)];
                let others = self.up_to_the_end(&turns).await.swap_remove(other);
                let mut row: BTreeMap<usize, Rc<Vec<Heard>>> = BTreeMap::new();
                for count in 1..others.len() {
                    let above = earlier
                        .get(&count)
                        .filter(|one| like(&own, &one[first], calls - 1));
                    let before = row.get(&(count - 1));
                    let before = before.filter(|one| like(&others, &one[other], count - 1));
                    let heard = match above.or(before) {
                        Some(known) => {
                            self.tried += 1;
                            self.alike += 1;
                            Rc::clone(known)
                        }
                        None => {
                            let turns =
                                vec![(first, Some(calls)), (other, Some(count)), (first, None)];
                            Rc::new(self.play(&turns).await)
                        }
                    };
                    row.insert(count, heard);
                }
                earlier = row;
            }
        }
    }

    /// A fixed sample of these.
    async fn interrupt_twice_sometimes(&mut self, most: usize) {
        let mut random = fastrand::Rng::with_seed(2_026);
        for _ in 0..most {
            let first = random.usize(..2);
            let mut some = |who: usize| Some(random.usize(1..self.heard[who][who].len().max(2)));
            let turns = vec![
                (first, some(first)),
                (1 - first, some(1 - first)),
                (first, None),
            ];
            self.play(&turns).await;
        }
    }

    /// Plays a schedule; what each has heard.
    async fn play(&mut self, turns: &Turns) -> Vec<Heard> {
        let (whole, heard) = self.end_of(turns, false).await;
        self.tried += 1;
        if let Some(whole) = whole {
            let mut wrong = whole.wrong;
            if !self.serial.contains(&whole.end) {
                wrong.push(difference(&whole.end, &self.serial));
            }
            self.note(turns, &wrong);
        }
        heard
    }

    fn note(&mut self, turns: &Turns, wrong: &[String]) {
        if wrong.is_empty() {
            return;
        }
        let said = turns.iter().map(|(who, calls)| match calls {
            Some(calls) => format!("{calls} calls of `{}`", self.names[*who]),
            None => format!("`{}` to its end", self.names[*who]),
        });
        let said: Vec<String> = said.collect();
        self.wrong.push(format!(
            "{}: {}: {}",
            self.scene.name,
            said.join(", "),
            wrong.join("; ")
        ));
    }

    /// How a schedule ends, unless its end is known to be right; and what each has heard.
    async fn end_of(&mut self, turns: &Turns, anyway: bool) -> (Option<Whole>, Vec<Heard>) {
        let heard = self.up_to_the_end(turns).await;
        let town = &mut self.scene.town;
        if !self.known.insert(town.state()) && !anyway {
            return (None, heard);
        }
        town.settle_quietly().await;
        (Some(town.end(false).await), heard)
    }

    /// Runs all as a schedule says, and sends again what has failed.
    async fn up_to_the_end(&mut self, turns: &Turns) -> Vec<Heard> {
        let town = &mut self.scene.town;
        town.back_to(&self.scene.image);
        let mut running: Vec<Running> = self.flows.iter().map(|_| Running::No).collect();
        let mut whose = vec![0; running.len()];
        let rest = (0..running.len()).map(|who| (who, None));
        for (turn, (who, calls)) in turns.iter().copied().chain(rest).enumerate() {
            if turn == 1 {
                self.touched = town.a_card_is_touched();
            }
            for _ in 0..calls.unwrap_or(usize::MAX) {
                if !running[who]
                    .next(town, &self.flows[who], &mut whose[who])
                    .await
                {
                    break;
                }
            }
        }
        let of = |who: &Who| -> Heard {
            let own = town.heard.iter().filter(|(other, ..)| other == who);
            own.map(|(_, reads, answer)| (*reads, answer.clone()))
                .collect()
        };
        let heard = whose.iter().map(of).collect();
        // Whatever failed is sent again: by HR, by an admin, by Lambda.
        for (who, one) in running.into_iter().enumerate() {
            let Running::Ended(done) = one else { continue };
            if failed(&done) {
                let again = town.invoke(&self.flows[who]).await.unwrap();
                assert!(
                    !failed(&again),
                    "{}: {done:?}, then {again:?}",
                    self.names[who]
                );
            }
        }
        heard
    }
}

/// The answers to an invocation: whether the call only read, and what was said.
type Heard = Vec<(bool, Value)>;

/// Whether the nth call of an invocation only reads, and hears the same in two schedules.
fn like(alone: &Heard, before: &Heard, nth: usize) -> bool {
    alone.get(nth).is_some_and(|(reads, _)| *reads) && alone.get(nth) == before.get(nth)
}

/// A message on its way.
enum Running {
    No,
    Yes(Invocation),
    Ended(Done),
}

impl Running {
    /// Goes up to its next call, or answers the one that it waits for; false where it has ended.
    async fn next(&mut self, town: &mut Town, message: &Message, whose: &mut Who) -> bool {
        let at = match self {
            Self::Ended(_) => return false,
            Self::No => {
                let (invocation, at) = town.begin(message).await;
                *whose = invocation.who;
                *self = Self::Yes(invocation);
                match at {
                    At::Call => {
                        let Self::Yes(invocation) = self else {
                            return false;
                        };
                        town.step(invocation).await
                    }
                    end => end,
                }
            }
            Self::Yes(invocation) => town.step(invocation).await,
        };
        if let At::End(done) = at {
            *self = Self::Ended(done);
        }
        true
    }
}

fn failed(done: &Done) -> bool {
    match done {
        Err(_) => true,
        Ok(answer) => {
            let failures = answer["batchItemFailures"].as_array();
            answer["statusCode"]
                .as_u64()
                .is_some_and(|status| status >= 500)
                || failures.is_some_and(|all| !all.is_empty())
        }
    }
}

/// Every order of so many; of two, first the one in which the first is first.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for place in (0..=order.len()).rev() {
            let mut order = order.clone();
            order.insert(place, count - 1);
            all.push(order);
        }
    }
    all
}

/// What differs from the serial end that is nearest.
fn difference(end: &End, serial: &[End]) -> String {
    let lines = |end: &End| -> BTreeMap<String, String> {
        let people = end
            .people
            .iter()
            .map(|(id, person)| (id.clone(), format!("{person:?}")));
        let rest = [
            ("held".to_owned(), format!("{:?}", end.held)),
            ("settings".to_owned(), end.settings.clone()),
        ];
        people.chain(rest).collect()
    };
    let own = lines(end);
    let differ = |other: &End| -> Vec<String> {
        let other = lines(other);
        let unlike = own
            .iter()
            .filter(|(key, line)| other.get(*key) != Some(*line));
        unlike
            .map(|(key, line)| format!("\n  {key}: {line}\n  not {}", other[key]))
            .collect()
    };
    let nearest = serial.iter().map(differ).min_by_key(Vec::len);
    nearest.unwrap_or_default().join("")
}
