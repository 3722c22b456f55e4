//! What an applied snapshot says of people of whom it says nothing otherwise, and what waits for it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use offramp_domain::snapshot::EVENTS_WAIT;
use offramp_domain::{
    Breaker, Field, MOST_REJECTED, PersonHash, RunId, Snapshot, SnapshotId, SourceId, Watermark,
};
use proptest::prelude::*;

use crate::world::{employee, instant, start};

const PEOPLE: usize = 4;

/// What the model knows of one person: the newest instants of snapshots that had a record of them.
type Known = (Option<DateTime<Utc>>, BTreeMap<Field, DateTime<Utc>>);

fn person(number: usize) -> PersonHash {
    PersonHash::of(&employee(&format!("E-{number}")))
}

/// A snapshot: the fields that each of its records has, and the people whose records are rejected.
fn snapshots() -> impl Strategy<Value = Vec<(BTreeSet<Field>, BTreeSet<usize>)>> {
    let fields = prop::collection::btree_set(prop::sample::select(Field::ALL), 0..4);
    let rejected = prop::collection::btree_set(0..PEOPLE, 0..3);
    prop::collection::vec((fields, rejected), 1..8)
}

proptest! {
    #![proptest_config(crate::stories::config())]

    #[test]
    fn a_snapshot_marks_everybody_but_those_whose_records_it_rejected(snapshots in snapshots()) {
        let mut mark = Watermark::default();
        let mut known: [Known; PEOPLE] = Default::default();
        for (minute, (fields, rejected)) in (0..).zip(&snapshots) {
            let at = instant(minute);
            let others = rejected.iter().copied().map(person).collect();
            mark = mark.after_all_but(&others, at, fields.iter().copied()).unwrap();
            for (number, known) in known.iter_mut().enumerate() {
                if !rejected.contains(&number) {
                    known.0 = Some(at);
                    known.1.extend(fields.iter().map(|field| (*field, at)));
                }
            }
            for (number, (at, fields)) in known.iter().enumerate() {
                let of = mark.of(&employee(&format!("E-{number}")));
                prop_assert_eq!((of.at, &of.fields), (*at, fields));
            }
        }
        let stored = serde_json::to_string(&mark).unwrap();
        prop_assert_eq!(serde_json::from_str::<Watermark>(&stored).unwrap(), mark);
    }
}

#[test]
fn for_a_person_who_is_rejected_again_and_again_the_mark_before_all_of_it_counts() {
    let read = Watermark::default().after(instant(0), [Field::Name]);
    let mut mark = read.clone();
    for minute in 1..30 {
        // One is rejected each time, and each time another one.
        let rejected = [person(0), person(minute)].into();
        mark = mark
            .after_all_but(&rejected, instant(minute as i64), [Field::Team])
            .unwrap();
        assert_eq!(*mark.of(&employee("E-0")), read);
        assert_eq!(mark.of(&employee("E-x")).at, Some(instant(minute as i64)));
    }
    // As soon as there is a record of theirs with all of it, it is as for everybody.
    let both = [Field::Name, Field::Team];
    let all = mark
        .after_all_but(&BTreeSet::new(), instant(40), both)
        .unwrap();
    assert_eq!(*all.of(&employee("E-0")), all);
    assert_eq!(all, Watermark::default().after(instant(40), both));
}

#[test]
fn however_many_were_rejected_once_the_next_snapshots_leave_their_marks() {
    let many = |from: usize| (from..from + MOST_REJECTED).map(person).collect();
    let both = [Field::Name, Field::Team];
    let read = Watermark::default().after(instant(0), both);
    let mark = read.after_all_but(&many(0), instant(1), both).unwrap();
    // No record has a team any more, so of these the team is known as of the first one.
    let none = BTreeSet::new();
    let mark = mark
        .after_all_but(&none, instant(2), [Field::Name])
        .unwrap();
    let team = |mark: &Watermark, id: &str| mark.of(&employee(id)).fields[&Field::Team];
    assert_eq!(
        (team(&mark, "E-0"), team(&mark, "E-x")),
        (instant(0), instant(1))
    );
    // As many others: there is room for these only.
    let others = many(MOST_REJECTED);
    let mark = mark
        .after_all_but(&others, instant(3), [Field::Name])
        .unwrap();
    assert_eq!(mark.of(&employee("E-0")).at, Some(instant(3)));
    assert_eq!(
        (team(&mark, "E-0"), team(&mark, "E-x")),
        (instant(0), instant(0))
    );
    let other = format!("E-{MOST_REJECTED}");
    assert_eq!(mark.of(&employee(&other)).at, Some(instant(2)));
    assert_eq!(team(&mark, &other), instant(1));
}

#[test]
fn of_too_many_earlier_marks_the_oldest_counts_for_longer_and_no_mark_becomes_newer() {
    let mut mark = Watermark::default().after(instant(0), [Field::Name]);
    let mut rejected = BTreeSet::new();
    for minute in 1..30 {
        rejected.insert(person(minute));
        mark = mark
            .after_all_but(&rejected, instant(minute as i64), [Field::Name])
            .unwrap();
    }
    for minute in 1..30 {
        let own = instant(minute as i64 - 1);
        let of = mark.of(&employee(&format!("E-{minute}")));
        assert!(of.at <= Some(own), "{minute}");
        assert!(of.fields.get(&Field::Name) <= Some(&own));
        if minute > 22 {
            assert_eq!(of.at, Some(own), "the newest are exact");
        }
    }
}

fn snapshot() -> Snapshot {
    let id = SnapshotId::new("snap_1").unwrap();
    let (source, run) = (SourceId::new("hris").unwrap(), RunId::new("run_1").unwrap());
    Snapshot::open(id, source, run, instant(0), None, start())
}

#[test]
fn an_older_event_waits_for_an_hour_at_most() {
    let pending = snapshot().pending(start()).unwrap();
    let end = start() + EVENTS_WAIT;
    let second = TimeDelta::seconds(1);
    for (at, now, waits) in [
        (instant(0) - second, start(), true),
        (instant(0) - second, end - second, true),
        (instant(0) - second, end, false),
        (instant(0), start(), false),
        (instant(1), start(), false),
    ] {
        assert_eq!(pending.delays(at, now), waits, "{at} {now}");
    }
    let rehearsal = Snapshot {
        dry_run: true,
        ..snapshot()
    };
    assert_eq!(rehearsal.pending(start()), None);
}

#[test]
fn a_snapshot_leaves_a_mark_only_if_older_events_have_waited_for_it_all_the_time() {
    let (done, now) = (snapshot().uncompared(), start());
    let waiting = Breaker {
        pending: done.pending(now),
        ..Breaker::default()
    };
    let marked = |done: &Snapshot, breaker: &Breaker, minutes| {
        let mark = done.mark(breaker, now + TimeDelta::minutes(minutes));
        mark.map(|mark| mark.at)
    };
    assert_eq!(marked(&done, &waiting, 58), Some(Some(instant(0))));
    assert_eq!(marked(&done, &waiting, 59), None, "too late");
    assert_eq!(marked(&done, &Breaker::default(), 0), None);
    let mut another = snapshot();
    another.snapshot = SnapshotId::new("snap_2").unwrap();
    assert_eq!(marked(&another, &waiting, 0), None, "they wait for another");
    // Where it rejected too many, the mark stays as it is.
    let mut rejects = done.clone();
    rejects.rejected = (0..=MOST_REJECTED).map(person).collect();
    assert_eq!(marked(&rejects, &waiting, 0), Some(None));

    // It is compared again, but not for ever.
    let again = done.comparing_again().unwrap();
    assert_eq!(again.comparing_again().unwrap().comparing_again(), None);
}
