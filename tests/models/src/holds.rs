//! Holds: who asks, joins, is answered, joins again, is settled; and when a hold is closed.
//!
//! The steps are the transactions of `shared/app/src/engine`: a delivery asks the breaker, which names the open hold or
//! opens one; it writes its people; an admin reads a hold and answers what they have read; the answer is carried out one
//! person at a time, by the request or by its timer; the sweep takes up what was left and closes a hold that is empty.
//! Any process may die after any of its steps, and a timer may be lost. HR sends again what was not answered.
//!
//! [`Rules`] has the rules that the protocol rests on. With any of them as it once was, the search must find the fault
//! that it led to.

mod search;
mod transactions;

use stateright::{Model, Property};

use transactions::turn;

/// How many people there are. Bit `1 << n` of a set is the nth.
const PEOPLE: u8 = 3;

type Set = u8;

/// The rules that the protocol rests on; false is as it once was.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The number of people in a hold is given by the transaction that writes them. It was given before, and people whom
    /// the roll listed kept the number that they once had.
    numbered_when_written: bool,
    /// The roll is written with the people and the hold. It was written before both.
    roll_with_the_people: bool,
    /// The transaction that puts people into a hold checks that it is open.
    joins_only_what_is_open: bool,
    /// An answer is listed with the hold until it is carried out. Only its timer knew of it.
    answer_is_work: bool,
}

const RULES: Rules = Rules {
    numbered_when_written: true,
    roll_with_the_people: true,
    joins_only_what_is_open: true,
    answer_is_work: true,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// They have access.
    In,
    /// A hold keeps them, under a number.
    Held { hold: usize, seq: u8 },
    /// An admin has kept them.
    Kept,
    /// An admin has let them go.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Hold {
    closed: bool,
    version: u8,
    answered: u8,
    roll: Vec<(u8, Set)>,
    unfinished: Vec<Answer>,
}

/// An answer for the numbers above `from` and up to `until`: whom the run of an approval lists, or whom a rejection finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Answer {
    hold: usize,
    from: u8,
    until: u8,
    lets_go: bool,
}

/// A delivery on its way. HR sends it until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Delivery {
    people: Set,
    /// The hold that the breaker has named, and the number that it had given.
    asked: Option<(usize, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    people: [Place; PEOPLE as usize],
    /// Whom HR calls inactive.
    inactive: Set,
    holds: Vec<Hold>,
    deliveries: Vec<Delivery>,
    /// What the admin has read: hold, version, and whom.
    read: Option<(usize, u8, Set)>,
    /// Whom an admin has let go of those whom they had read.
    let_go: Set,
    /// Processes that carry out an answer, with those who are left to them.
    working: Vec<(Answer, Set)>,
    timers: Vec<Answer>,
    /// The sweep has found this hold empty at this version.
    empty: Option<(usize, u8)>,
    /// What may still happen of this: deliveries, words that are taken back, deaths, reads, and looks of the sweep at a
    /// hold that is empty.
    deliveries_left: u8,
    backs_left: u8,
    deaths_left: u8,
    reads_left: u8,
    looks_left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// HR calls some inactive.
    Says(Set),
    Asks(usize),
    Writes(usize),
    DeliveryDies(usize),
    /// HR calls somebody active again.
    Back(u8),
    Reads(usize),
    Answers {
        lets_go: bool,
    },
    /// Somebody's turn in an answer.
    Turn(usize, u8),
    Finishes(usize),
    WorkDies(usize),
    Fires(usize),
    TimerIsLost(usize),
    SweepArms(Answer),
    SweepLooks(usize),
    SweepCloses,
}

impl State {
    /// Whom the roll lists under numbers above `from` and up to `until` who are in the hold under that number.
    fn members(&self, hold: usize, from: u8, until: u8) -> Set {
        let mut all = 0;
        for (seq, set) in &self.holds[hold].roll {
            for person in 0..PEOPLE {
                let listed = set & (1 << person) != 0 && *seq > from && *seq <= until;
                let place = Place::Held { hold, seq: *seq };
                if listed && self.people[usize::from(person)] == place {
                    all |= 1 << person;
                }
            }
        }
        all
    }

    fn open(&self) -> Option<usize> {
        self.holds.iter().position(|hold| !hold.closed)
    }

    /// Whom of these the delivery would still stop: somebody who is out, kept, or in an open hold is not news.
    fn news(&self, people: Set) -> Set {
        let mut news = 0;
        for person in 0..PEOPLE {
            let bit = 1 << person;
            if people & bit & self.inactive != 0 && self.people[usize::from(person)] == Place::In {
                news |= bit;
            }
        }
        news
    }

    /// Whether an answer reaches somebody who is held under this number, now or later.
    fn is_reached(&self, hold: usize, seq: u8) -> bool {
        let of = &self.holds[hold];
        let covers = |one: &Answer| one.hold == hold && seq > one.from && seq <= one.until;
        (!of.closed && seq > of.answered)
            || of.unfinished.iter().any(covers)
            || self.timers.iter().any(covers)
            || self.working.iter().any(|(one, _)| covers(one))
    }
}

impl Model for Rules {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            people: [Place::In; PEOPLE as usize],
            inactive: 0,
            holds: Vec::new(),
            deliveries: Vec::new(),
            read: None,
            let_go: 0,
            working: Vec::new(),
            timers: Vec::new(),
            empty: None,
            deliveries_left: 3,
            backs_left: 1,
            deaths_left: 2,
            reads_left: reads(),
            looks_left: 1,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.deliveries_left > 0 {
            // One person, and a snapshot of two others.
            steps.extend([0b001, 0b110].map(Step::Says));
        }
        for (which, delivery) in state.deliveries.iter().enumerate() {
            steps.push(match delivery.asked {
                None => Step::Asks(which),
                Some(_) => Step::Writes(which),
            });
            if delivery.asked.is_some() && state.deaths_left > 0 {
                steps.push(Step::DeliveryDies(which));
            }
        }
        if state.backs_left > 0 && state.inactive != 0 {
            steps.extend((1..=2).map(Step::Back));
        }
        if state.reads_left > 0 {
            steps.extend(state.open().map(Step::Reads));
        }
        if state.read.is_some() {
            steps.extend([true, false].map(|lets_go| Step::Answers { lets_go }));
        }
        for (which, (_, left)) in state.working.iter().enumerate() {
            // They go in the order of their ids.
            match (0..PEOPLE).find(|person| left & (1 << person) != 0) {
                Some(person) => steps.push(Step::Turn(which, person)),
                None => steps.push(Step::Finishes(which)),
            }
            if state.deaths_left > 0 {
                steps.push(Step::WorkDies(which));
            }
        }
        for which in 0..state.timers.len() {
            steps.push(Step::Fires(which));
            if state.deaths_left > 0 {
                steps.push(Step::TimerIsLost(which));
            }
        }
        for (which, hold) in state.holds.iter().enumerate() {
            let idle = |one: &&Answer| {
                !state.timers.contains(one) && state.working.iter().all(|(other, _)| other != *one)
            };
            steps.extend(
                hold.unfinished
                    .iter()
                    .filter(idle)
                    .copied()
                    .map(Step::SweepArms),
            );
            let empty = state.members(which, hold.answered, u8::MAX) == 0;
            if !hold.closed && empty && state.looks_left > 0 {
                steps.push(Step::SweepLooks(which));
            }
        }
        if state.empty.is_some() {
            steps.push(Step::SweepCloses);
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Says(people) => {
                state.deliveries_left -= 1;
                state.inactive |= people;
                state.deliveries.push(Delivery {
                    people,
                    asked: None,
                });
            }
            Step::Asks(which) => self.ask(&mut state, which),
            Step::Writes(which) => self.write(&mut state, which),
            Step::DeliveryDies(which) => {
                state.deaths_left -= 1;
                state.deliveries[which].asked = None;
            }
            Step::Back(person) => {
                state.backs_left -= 1;
                // The snapshot that has them all again.
                for person in [person, 3 - person] {
                    state.inactive &= !(1 << person);
                    let place = &mut state.people[usize::from(person)];
                    if matches!(place, Place::Held { .. } | Place::Kept) {
                        *place = Place::In;
                    }
                }
            }
            Step::Reads(hold) => {
                state.reads_left -= 1;
                let version = state.holds[hold].version;
                let seen = state.members(hold, state.holds[hold].answered, version);
                state.read = Some((hold, version, seen));
            }
            Step::Answers { lets_go } => self.answer(&mut state, lets_go),
            Step::Turn(which, person) => turn(&mut state, which, person),
            Step::Finishes(which) => {
                let (answer, _) = state.working.remove(which);
                state.holds[answer.hold]
                    .unfinished
                    .retain(|one| *one != answer);
            }
            Step::WorkDies(which) => {
                state.deaths_left -= 1;
                state.working.remove(which);
            }
            Step::Fires(which) => {
                let answer = state.timers.remove(which);
                let people = state.members(answer.hold, answer.from, answer.until);
                state.working.push((answer, people));
            }
            Step::TimerIsLost(which) => {
                state.deaths_left -= 1;
                state.timers.remove(which);
            }
            Step::SweepArms(answer) => state.timers.push(answer),
            Step::SweepLooks(hold) => {
                state.looks_left -= 1;
                state.empty = Some((hold, state.holds[hold].version));
            }
            Step::SweepCloses => {
                let (hold, version) = state.empty.take()?;
                let of = &mut state.holds[hold];
                // On the condition of the version that was looked at.
                if !of.closed && of.version == version {
                    of.closed = true;
                    of.answered = of.version;
                    of.version += 1;
                }
            }
        }
        state.deliveries.sort_unstable();
        state.working.sort_unstable();
        state.timers.sort_unstable();
        state.timers.dedup();
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(UNSEEN, |_, state: &State| {
                (0..PEOPLE).all(|person| {
                    let gone = state.people[usize::from(person)] == Place::Gone;
                    !gone || state.let_go & (1 << person) != 0
                })
            }),
            Property::always(FORGOTTEN, |_, state: &State| {
                state.people.iter().all(|place| match place {
                    Place::Held { hold, seq } => state.is_reached(*hold, *seq),
                    _ => true,
                })
            }),
            Property::sometimes("an admin lets everybody go", |_, state: &State| {
                state.people.iter().all(|place| *place == Place::Gone)
            }),
            Property::sometimes("a hold is closed and another opened", |_, state: &State| {
                state.holds.len() > 1
            }),
        ]
    }
}

/// How often an admin reads: `OFFRAMP_READS=2` searches thirteen times as many states.
fn reads() -> u8 {
    let reads = std::env::var("OFFRAMP_READS").ok();
    reads.and_then(|reads| reads.parse().ok()).unwrap_or(1)
}

/// Nobody goes whom the admin who let them go could not read.
const UNSEEN: &str = "nobody goes unseen";
/// Nobody is in a hold that no answer reaches any more.
const FORGOTTEN: &str = "nobody is forgotten";
