//! Arbitrary stories: deliveries in any order, twice, late and ahead of the clock; what admins do;
//! settings and rules; timers that fire never, once, twice, early or late.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use offramp_domain::settings::{
    AccessDuringGrace, Behaviour, Invitations, LeaveDates, Objectives, OnMissing, RestoreDeletedOn,
};
use offramp_domain::{Field, HrEvent, HrStatus, Role, SourceSync};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::stage::Stage;
use crate::world::{Days, day, employee, hr, instant};

pub(crate) fn config() -> ProptestConfig {
    cases(200)
}

/// So many cases, or as many as `PROPTEST_CASES` says. The histories are the same ones in every run, unless
/// `PROPTEST_RNG_SEED` gives another seed: a change is judged by its own histories and not by luck. A failure prints its
/// shortest history, and is kept in `tests/proptest-regressions`, so that the next run begins with it.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(2_026),
        seed => seed,
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None => cases,
    };
    ProptestConfig {
        cases,
        rng_seed,
        ..default
    }
}

pub(crate) const PEOPLE: [&str; 3] = ["E-1", "E-2", "E-3"];
pub(crate) const SOURCES: [&str; 2] = ["hris", "payroll"];
pub(crate) const RUNS: [&str; 2] = ["run_1", "run_2"];

/// How a word of HR's comes: with a run, or from a source that is only observed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) run: Option<usize>,
    pub(crate) observing: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// HR's `event`th statement arrives.
    Deliver {
        event: usize,
        other_source: bool,
        how: How,
    },
    /// A snapshot lacks somebody.
    Missing {
        whom: usize,
        minute: i64,
        how: How,
    },
    OnMissing(OnMissing),
    /// An admin undoes a run.
    Undo(usize),
    ByHand {
        what: ByHand,
        whom: usize,
        by: Option<usize>,
    },
    Enabled(bool),
    Delay(u8),
    Behaviour(Behaviour),
    /// A source has a grace period of its own, or none any more.
    Own {
        other_source: bool,
        own: SourceSync,
    },
    /// Whether access is kept during the grace period.
    Access(AccessDuringGrace),
    RestoreDeletedOn(RestoreDeletedOn),
    Except(Option<&'static str>),
    LeaveDates(LeaveDates),
    /// How many days before a leave date somebody is reminded of it.
    Reminders(BTreeSet<u16>),
    Days(Days),
    Objectives(Objectives),
    Invitations(Invitations),
    /// Any timer that was ever armed fires: at its time, or whenever it is now.
    Fire {
        timer: usize,
        in_time: bool,
    },
    Wait {
        seconds: i64,
    },
    Tidy(usize),
    CardAdded(usize),
    /// The issuer answers late: a card is cancelled, whatever has become of its owner.
    CardCancelled(usize),
    /// A batch of objectives is closed or opened again, the last or not.
    Objective {
        whom: usize,
        all: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ByHand {
    Add(Role),
    Now,
    Delete,
    Restore,
    Role(Role),
    LeaveDate(Option<NaiveDate>),
    Leave,
    /// So many hours later than now announced, or earlier.
    Postpone(i64),
}

/// A day around the start of the stories.
fn date() -> impl Strategy<Value = String> {
    (1..=12_u8).prop_map(|day| format!("2026-03-{day:02}"))
}

fn how() -> impl Strategy<Value = How> {
    let run = prop::option::weighted(0.3, 0..RUNS.len());
    (run, prop::bool::weighted(0.08)).prop_map(|(run, observing)| How { run, observing })
}

fn own() -> impl Strategy<Value = SourceSync> {
    let behaviour = vec![None, Some(Behaviour::Delayed), Some(Behaviour::Immediate)];
    let behaviour = prop::sample::select(behaviour);
    (behaviour, prop::option::of(1..=3_u8)).prop_map(|(behaviour, delay_days)| SourceSync {
        behaviour,
        delay_days,
    })
}

pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let whom = || 0..PEOPLE.len();
    let on_missing = vec![OnMissing::Deactivate, OnMissing::Hold, OnMissing::Ignore];
    let role = || prop::sample::select(vec![Role::Admin, Role::Member]);
    let by_hand = prop_oneof![
        1 => role().prop_map(ByHand::Add),
        2 => Just(ByHand::Now),
        2 => Just(ByHand::Delete),
        3 => Just(ByHand::Restore),
        3 => role().prop_map(ByHand::Role),
        5 => prop::option::weighted(0.8, date())
            .prop_map(|date| ByHand::LeaveDate(date.map(|date| day(&date)))),
        1 => Just(ByHand::Leave),
        3 => (-30..=300_i64).prop_map(ByHand::Postpone),
    ];
    let restore = [
        RestoreDeletedOn::AnyChange,
        RestoreDeletedOn::Reactivation,
        RestoreDeletedOn::Never,
    ];
    let dates = vec![
        LeaveDates::All,
        LeaveDates::All,
        LeaveDates::Manual,
        LeaveDates::Ignore,
    ];
    let days = vec![Days::Utc, Days::East, Days::Gap];
    let objectives = vec![Objectives::Complete, Objectives::Delete, Objectives::Keep];
    let invitations = vec![Invitations::Restored, Invitations::All, Invitations::None];
    let settings = prop_oneof![
        4 => prop::sample::select(dates).prop_map(Op::LeaveDates),
        2 => prop::sample::select(days).prop_map(Op::Days),
        1 => prop::sample::select(objectives).prop_map(Op::Objectives),
        1 => prop::sample::select(invitations).prop_map(Op::Invitations),
    ];
    prop_oneof![
        3 => settings,
        1 => (whom(), any::<bool>()).prop_map(|(whom, all)| Op::Objective { whom, all }),
        16 => (any::<usize>(), prop::bool::weighted(0.03), how())
            .prop_map(|(event, other_source, how)| Op::Deliver { event, other_source, how }),
        4 => (whom(), 0..12_i64, how())
            .prop_map(|(whom, minute, how)| Op::Missing { whom, minute, how }),
        1 => prop::sample::select(on_missing).prop_map(Op::OnMissing),
        1 => (0..RUNS.len()).prop_map(Op::Undo),
        9 => (by_hand, whom(), prop::option::weighted(0.8, whom()))
            .prop_map(|(what, whom, by)| Op::ByHand { what, whom, by }),
        2 => prop::bool::weighted(0.6).prop_map(Op::Enabled),
        1 => (1..=3_u8).prop_map(Op::Delay),
        1 => prop::sample::select(vec![Behaviour::Delayed, Behaviour::Delayed, Behaviour::Immediate])
            .prop_map(Op::Behaviour),
        2 => prop::sample::select(vec![AccessDuringGrace::Kept, AccessDuringGrace::Revoked])
            .prop_map(Op::Access),
        1 => (prop::bool::weighted(0.3), own())
            .prop_map(|(other_source, own)| Op::Own { other_source, own }),
        1 => prop::sample::select(restore.to_vec()).prop_map(Op::RestoreDeletedOn),
        1 => prop::sample::select(vec![None, None, Some("a"), Some("b")]).prop_map(Op::Except),
        6 => (any::<usize>(), prop::bool::weighted(0.8))
            .prop_map(|(timer, in_time)| Op::Fire { timer, in_time }),
        2 => (0..200_000_i64).prop_map(|seconds| Op::Wait { seconds }),
        2 => whom().prop_map(Op::Tidy),
        2 => whom().prop_map(Op::CardAdded),
        1 => whom().prop_map(Op::CardCancelled),
    ]
}

pub(crate) fn events(minutes: impl Strategy<Value = i64>) -> impl Strategy<Value = HrEvent> {
    let field = prop::sample::select(vec![Field::Name, Field::Team, Field::Department]);
    let value = prop::option::weighted(0.8, "[abc]");
    let fields = prop::collection::btree_map(field, value, 0..3);
    let leaves = prop::option::weighted(0.25, prop::option::weighted(0.8, date()));
    let status = (any::<bool>(), leaves);
    (minutes, 0..PEOPLE.len(), status, fields).prop_map(
        |(minute, whom, (active, leaves), mut fields)| {
            fields.extend(leaves.map(|date| (Field::LeaveDate, date)));
            HrEvent {
                id: None,
                occurred_at: instant(minute),
                employee_id: employee(PEOPLE[whom]),
                status: if active {
                    HrStatus::Active
                } else {
                    HrStatus::Inactive
                },
                fields,
                ..hr(0)
            }
        },
    )
}

/// What HR has to say, some of it at equal instants, some ahead of our clock, and a story.
pub(crate) fn stories() -> impl Strategy<Value = (Vec<HrEvent>, Vec<Op>)> {
    let ahead = 30 * 24 * 60 + 11_i64;
    let minutes = prop_oneof![30 => 0..12_i64, 1 => ahead..ahead + 3 * 24 * 60];
    (
        prop::collection::vec(events(minutes), 1..24),
        prop::collection::vec(ops(), 1..80),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(events, mut ops, dates, kept)| {
            // In half of them somebody is reminded, and on other days from the middle on.
            if dates != kept {
                ops.insert(ops.len() / 2, Op::Reminders([1, 3].into()));
                ops.insert(0, Op::Reminders([1, 2].into()));
            }
            // In half of them HR's dates count from the beginning, and in half of them access is kept.
            if dates {
                ops.insert(0, Op::LeaveDates(LeaveDates::All));
            }
            if kept {
                ops.insert(0, Op::Access(AccessDuringGrace::Kept));
            }
            (events, ops)
        })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_story_ends_as_the_model_says((events, ops) in stories()) {
        let mut stage = Stage::new();
        stage.play(&events, &ops);
        // Tidied, what is stored is what is settled, and every timer that is still about is a no-op
        // or the end of a grace period that stands.
        for id in stage.world.users.keys().cloned().collect::<Vec<_>>() {
            stage.act(|stage| stage.tidy(&id));
            prop_assert_eq!(&stage.world.users[&id], &stage.world.user(&id));
        }
        let mut timer = 0;
        while timer < stage.world.armed.len() {
            for _ in 0..2 {
                stage.act(|stage| stage.fire(timer, true));
            }
            timer += 1;
        }
        for (id, user) in &stage.world.users {
            prop_assert!(user.work_due().is_none(), "{} is left undone", id);
        }
    }

    /// One story, told with the deliveries in two orders: whatever else happened between them, HR's
    /// records end alike. A snapshot judges only who is known when it comes, so there is none.
    #[test]
    fn the_order_of_deliveries_never_changes_a_record(
        (events, order) in prop::collection::vec(events(Just(0)), 1..16).prop_flat_map(|mut events| {
            for (minute, event) in (0..).zip(&mut events) {
                event.occurred_at = instant(minute);
            }
            let order: Vec<usize> = (0..events.len()).collect();
            (Just(events), Just(order).prop_shuffle())
        }),
        ops in prop::collection::vec(ops(), 0..40),
    ) {
        let everybody = |op: &&Op| !matches!(op, Op::Except(_) | Op::Missing { .. } | Op::Deliver { other_source: true, .. });
        let ops: Vec<Op> = ops.iter().filter(everybody).cloned().collect();
        let shuffled: Vec<HrEvent> = order.iter().map(|at| events[*at].clone()).collect();
        let records = [&events, &shuffled].map(|events| {
            let mut stage = Stage::new();
            stage.play(events, &ops);
            for event in events {
                stage.act(|stage| stage.deliver("hris", event));
            }
            let users = stage.world.users.into_iter();
            users.filter_map(|(id, user)| Some((id, user.hr?))).collect::<BTreeMap<_, _>>()
        });
        prop_assert_eq!(&records[0], &records[1]);
    }
}

/// The stories come everywhere: each outcome, each way from one status to another, each refusal.
#[test]
fn the_stories_leave_nothing_out() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..900 {
        let (events, ops) = stories().new_tree(&mut runner).unwrap().current();
        let mut stage = Stage::new();
        stage.play(&events, &ops);
        seen.extend(stage.seen);
    }
    let words = [
        "Created",
        "Updated",
        "Unchanged",
        "Scheduled",
        "Deactivated",
        "Reactivated",
        "Restored",
        "Excluded",
        "Ignored",
        "Held",
    ];
    let refusals = [
        "NotFound",
        "OnSelf",
        "LastAdmin",
        "Exists",
        "Deleted",
        "NotScheduled",
    ];
    let no_ops = [
        "the user has changed since the timer was armed",
        "the timer is early",
        "no leave date is planned",
        "the leave date has changed since the timer was armed",
        "no reminder of the leave date is left",
        "the admins and the manager are reminded",
        "the leave date ends no access",
    ];
    assert!(seen.iter().any(|one| one.starts_with("EndOutOfRange")));
    let (active, scheduled) = ("Active", "DeactivationScheduled");
    let (deactivated, deleted) = ("Deactivated", "Deleted");
    let ways = [
        ("", active),
        ("", scheduled),
        ("", deactivated),
        (active, active),
        (active, scheduled),
        (active, deactivated),
        (active, deleted),
        (scheduled, active),
        (scheduled, scheduled),
        (scheduled, deactivated),
        (scheduled, deleted),
        (deactivated, active),
        (deactivated, deactivated),
        (deactivated, deleted),
        (deleted, active),
        (deleted, deleted),
    ];
    let ways = ways.map(|(from, to)| match from {
        "" => format!("None > {to}"),
        from => format!("Some({from}) > {to}"),
    });
    let kept = [
        "access ends in a grace period",
        "access is given back in a grace period",
    ];
    for word in words.into_iter().chain(refusals).chain(no_ops).chain(kept) {
        assert!(seen.contains(word), "never {word} in {seen:#?}");
    }
    for way in &ways {
        assert!(seen.contains(way), "never {way} in {seen:#?}");
    }
    let other: Vec<_> = seen
        .iter()
        .filter(|way| way.contains(" > ") && !ways.contains(way))
        .collect();
    assert!(other.is_empty(), "{other:?} should not be possible");
}
