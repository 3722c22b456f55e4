//! What a history is made of.

use proptest::prelude::*;

use crate::stepwise::{Cut, MEMBERS, OTTO};

/// Whom histories are about: an admin and two members. A third member and an admin stay as they are, unless a policy
/// or a snapshot is about everybody.
pub(super) const PEOPLE: [&str; 3] = [OTTO, MEMBERS[0], MEMBERS[1]];

/// A history, and where its invocations are cut off.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) steps: Vec<Step>,
    pub(super) cuts: Vec<Option<Cut>>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// HR says something of a moment that is some minutes past: so words come late, and out of order.
    Word {
        whom: usize,
        active: bool,
        /// A leave date in so many days, or none any more.
        date: Option<Option<i64>>,
        minutes_ago: i64,
    },
    /// A request of HR's comes once more, byte for byte.
    Again(usize),
    /// HR sends everybody as they are, but for these.
    Snapshot {
        but: Vec<(usize, Absence)>,
    },
    ByHand {
        what: ByHand,
        whom: usize,
    },
    /// A list of leavers, in so many days.
    List {
        whom: Vec<usize>,
        days: i64,
    },
    Policy(Policy),
    /// An admin answers the newest hold.
    Answer {
        approve: bool,
    },
    /// An admin undoes the newest run.
    Undo,
    /// Time passes, and what falls due fires.
    Wait {
        hours: i64,
    },
    /// An armed timer comes now; it comes at its time as well.
    Early(usize),
    /// What the stream has for `terminate` waits until the next time passes.
    StreamIsLate,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Absence {
    Missing,
    Inactive,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ByHand {
    Now,
    Delete,
    Restore,
    Date(Option<i64>),
    Card,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Policy {
    Sync(bool),
    Immediate(bool),
    OnMissing(&'static str),
    LeaveDates(&'static str),
    RestoreDeletedOn(&'static str),
    MaxUsers(u32),
}

fn days() -> impl Strategy<Value = i64> {
    -1..6_i64
}

fn whom() -> impl Strategy<Value = usize> {
    0..PEOPLE.len()
}

fn steps() -> impl Strategy<Value = Step> {
    let word = (
        whom(),
        prop::bool::weighted(0.4),
        prop::option::weighted(0.25, prop::option::weighted(0.7, days())),
        prop_oneof![3 => Just(0), 1 => 1..90_i64],
    );
    let absence = prop_oneof![Just(Absence::Missing), Just(Absence::Inactive)];
    let by_hand = prop_oneof![
        3 => Just(ByHand::Now),
        2 => Just(ByHand::Delete),
        4 => Just(ByHand::Restore),
        3 => prop::option::weighted(0.7, days()).prop_map(ByHand::Date),
        1 => Just(ByHand::Card),
    ];
    let one_of = |words: &[&'static str]| prop::sample::select(words.to_vec());
    let policy = prop_oneof![
        3 => any::<bool>().prop_map(Policy::Sync),
        1 => any::<bool>().prop_map(Policy::Immediate),
        1 => one_of(&["deactivate", "hold", "ignore"]).prop_map(Policy::OnMissing),
        2 => one_of(&["all", "manual", "ignore"]).prop_map(Policy::LeaveDates),
        1 => one_of(&["any_change", "reactivation", "never"]).prop_map(Policy::RestoreDeletedOn),
        2 => prop::sample::select(vec![1, 50]).prop_map(Policy::MaxUsers),
    ];
    prop_oneof![
        9 => word.prop_map(|(whom, active, date, minutes_ago)| Step::Word { whom, active, date, minutes_ago }),
        2 => any::<usize>().prop_map(Step::Again),
        3 => prop::collection::vec((whom(), absence), 0..3).prop_map(|but| Step::Snapshot { but }),
        7 => (by_hand, whom()).prop_map(|(what, whom)| Step::ByHand { what, whom }),
        1 => (prop::collection::vec(whom(), 1..3), days()).prop_map(|(whom, days)| Step::List { whom, days }),
        4 => policy.prop_map(Step::Policy),
        2 => any::<bool>().prop_map(|approve| Step::Answer { approve }),
        1 => Just(Step::Undo),
        5 => prop_oneof![Just(1), 10..80_i64].prop_map(|hours| Step::Wait { hours }),
        2 => any::<usize>().prop_map(Step::Early),
        2 => Just(Step::StreamIsLate),
    ]
}

pub(super) fn stories() -> impl Strategy<Value = Story> {
    let cut = (0..14_usize, any::<bool>()).prop_map(|(call, after)| Cut { call, after });
    let cuts = prop::collection::vec(prop::option::weighted(0.35, cut), 0..40);
    (prop::collection::vec(steps(), 1..9), cuts).prop_map(|(steps, cuts)| Story { steps, cuts })
}
